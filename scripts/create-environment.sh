#!/bin/sh
# usage: create-environment.sh FOLDER REQUIREMENTS
# Creates or updates a virtual environment on the project's Python with exactly the locked packages.
set -eu
cd "$(dirname "$0")/.."
folder=$1
requirements=$2
version=$(cat .python-version)
uv=.tools/uv/bin/uv

# uv knows the interpreters on PATH and those it manages; pyenv's are off PATH unless its shims are on it.
python=$version
if ! "$uv" python find --quiet --no-python-downloads "$version" >/dev/null 2>&1; then
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        [ -x "$candidate" ] && python=$candidate
    done
fi

echo "Creating $folder from $requirements ..."
if ! "$uv" venv --quiet --allow-existing --no-project --python "$python" "$folder"; then
    cat >&2 <<MESSAGE
No Python $version was found, and uv could not download one (see above). Install it and run make again, for example
    pyenv install $version
    .tools/uv/bin/uv python install $version
MESSAGE
    exit 1
fi
"$uv" pip sync --quiet --require-hashes --python "$folder/bin/python" "$requirements"
