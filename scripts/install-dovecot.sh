#!/bin/sh
# Creates .tools/dovecot/start, which runs Dovecot in the foreground with the configuration file given to it, for the tests
# of mailboxes. Where Dovecot is not installed, Debian's packages are only unpacked: nothing is installed or started, and
# no root is needed where apt's lists are fresh. Without either, those tests are skipped.
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/.tools/dovecot

without() {
    rm -rf "$folder"
    mkdir -p "$folder"
    cat >&2 <<'MESSAGE'
The tests of mailboxes need Dovecot, from the packages dovecot-core and dovecot-imapd of Debian or Ubuntu, and are skipped:
it is not there. Install it in the way of your system, or run `sudo apt-get update` if apt only lacks its lists; then remove
.tools/dovecot and run make again.
MESSAGE
    exit 0
}

rm -rf "$folder"
mkdir -p "$folder"
if command -v dovecot >/dev/null 2>&1 && command -v doveconf >/dev/null 2>&1; then
    printf '#!/bin/sh\nexec %s -F -c "$1"\n' "$(command -v dovecot)" >"$folder/start"
    : >"$folder/paths.conf"
    chmod +x "$folder/start"
    exit 0
fi

command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || without
echo "Fetching Debian's packages of Dovecot ..."
if [ "$(id -u)" = 0 ]; then
    apt-get update --quiet=2 || without
fi
(cd "$folder" && apt-get download --quiet=2 --option APT::Sandbox::User="$(id -un)" dovecot-core dovecot-imapd) || without
for package in "$folder"/*.deb; do
    dpkg-deb --extract "$package" "$folder/root"
    rm "$package"
done

# Its libraries look for their modules at a place that is compiled in. It is made relative to the folder that a configuration
# calls base_dir, where whoever starts Dovecot puts a link to them.
libraries=$folder/root/usr/lib/dovecot
find "$libraries" -maxdepth 1 -type f -exec env LC_ALL=C sed -i \
    's#/usr/lib/dovecot/modules\x00#modules\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00#g' {} +
cat >"$folder/paths.conf" <<CONFIGURATION
libexec_dir = $libraries
mail_plugin_dir = $libraries/modules
login_plugin_dir = $libraries/modules/login
CONFIGURATION
# The server itself would look for doveconf where it is installed; called by doveconf, it has its configuration already.
cat >"$folder/start" <<PROGRAM
#!/bin/sh
LD_LIBRARY_PATH=$libraries:$libraries/modules/old-stats
export LD_LIBRARY_PATH
exec "$folder/root/usr/bin/doveconf" -c "\$1" -f service=master -m master -e \\
    "$folder/root/usr/sbin/dovecot" -F -c "\$1"
PROGRAM
ln -s "$libraries/modules" "$folder/modules"
chmod +x "$folder/start"
if missing=$(LD_LIBRARY_PATH=$libraries:$libraries/modules/old-stats ldd "$libraries/auth" "$libraries/imap" | grep 'not found'); then
    printf 'Dovecot lacks libraries of this system:\n%s\n' "$missing" >&2
    without
fi
