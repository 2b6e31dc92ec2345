#!/bin/sh
# Creates .tools/peer: the mail proxy that `make bench` compares with, as published on PyPI, in its own environment.
# The packages that its wheel leaves out come from its source archive of the same version, under .tools/peer/source.
set -eu
cd "$(dirname "$0")/.."
lock=requirements/peer.txt
scripts/create-environment.sh .tools/peer "$lock"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -n '/^genro-mail-proxy==/,/[^\\]$/p' "$lock" >"$scratch/peer.txt"
.tools/peer/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
    --no-build-isolation --require-hashes --requirement "$scratch/peer.txt" --dest "$scratch"
rm -rf .tools/peer/source
mkdir .tools/peer/source
for package in sql storage tools; do
    tar -xzf "$scratch"/genro_mail_proxy-*.tar.gz -C .tools/peer/source --strip-components=2 --wildcards "*/src/$package"
done
