#!/bin/sh
# Creates .tools/uv, a virtual environment that holds nothing but the pinned uv.
# Any Python >= 3.11 with its venv module will do; uv then finds or fetches the project's own Python.
set -eu
cd "$(dirname "$0")/.."

usable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

for python in ${PYTHON:-} python3 python3.13 python3.14 python3.12 python3.11 /usr/bin/python3 python; do
    if usable "$python"; then
        echo "Installing uv with $python ..."
        rm -rf .tools/uv
        "$python" -m venv .tools/uv
        .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --require-hashes --requirement requirements/uv.txt
        exit 0
    fi
done

cat >&2 <<'MESSAGE'
No usable Python was found. The project needs a Python >= 3.11 with its venv module to start from, for example
    Debian, Ubuntu:  sudo apt install python3 python3-venv
    Fedora:          sudo dnf install python3
    macOS:           brew install python
If it is installed under another name, say so:  make PYTHON=/path/to/python3
MESSAGE
exit 1
