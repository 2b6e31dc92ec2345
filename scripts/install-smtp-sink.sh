#!/bin/sh
# Creates .tools/postfix: Debian's smtp-sink, a mail server that takes everything and keeps nothing, for `make bench`.
# The package is only unpacked, so nothing is installed or started, and no root is needed where apt's lists are fresh.
set -eu
cd "$(dirname "$0")/.."
folder=.tools/postfix

explain() {
    cat >&2 <<'MESSAGE'
make bench needs Postfix's smtp-sink, which comes from the package `postfix` of Debian or Ubuntu, and it is not there.
Install it in the way of your system, for example with `sudo apt install postfix`, or, if apt only lacks its lists, run
    sudo apt-get update
and run make again.
MESSAGE
    exit 1
}

rm -rf "$folder"
mkdir -p "$folder"
for installed in $(command -v smtp-sink || true) /usr/sbin/smtp-sink /usr/local/sbin/smtp-sink /usr/libexec/postfix/smtp-sink; do
    if [ -x "$installed" ]; then
        ln -s "$installed" "$folder/smtp-sink"
        exit 0
    fi
done

command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || explain
echo "Fetching Debian's package postfix for smtp-sink ..."
if [ "$(id -u)" = 0 ]; then
    apt-get update --quiet=2 || explain
fi
(cd "$folder" && apt-get download --quiet=2 --option APT::Sandbox::User="$(id -un)" postfix) || explain
dpkg-deb --extract "$folder"/postfix_*.deb "$folder/root"
rm "$folder"/postfix_*.deb
libraries=$(dirname "$(find "$PWD/$folder/root" -name libpostfix-util.so)")
cat >"$folder/smtp-sink" <<PROGRAM
#!/bin/sh
LD_LIBRARY_PATH=$libraries exec "$PWD/$folder/root/usr/sbin/smtp-sink" "\$@"
PROGRAM
chmod +x "$folder/smtp-sink"
if missing=$(LD_LIBRARY_PATH=$libraries ldd "$folder/root/usr/sbin/smtp-sink" | grep 'not found'); then
    printf 'smtp-sink lacks libraries of this system:\n%s\n' "$missing" >&2
    explain
fi
