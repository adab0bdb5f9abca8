#!/bin/sh
# Make .steward/venv, the Python environment of the tests and linters, with what
# requirements-dev.txt pins. Installs Python with apt-get if there is none. Quick when all is there.
set -eu

cd "$(dirname "$0")/.."
repo=$(pwd -P)
venv=.steward/venv
stamp=$venv/bootstrap-stamp

fail() {
    echo "error: $*" >&2
    exit 1
}

# What the environment was made from; the path because scripts in it contain it.
fingerprint() {
    sha256sum <requirements-dev.txt
    echo "$repo"
    "$venv/bin/python" -V
}

if [ -e "$stamp" ] && [ "$(fingerprint 2>/dev/null)" = "$(cat "$stamp")" ]; then
    exit 0
fi

# Print a Python >= 3.11 that can make virtual environments.
find_python() {
    for name in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 \
        python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
}

# Show a command, then run it as root.
as_root() {
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "$why: have root run: $*"
        set -- sudo "$@"
    fi
    echo "$why; running: $*" >&2
    "$@" >&2
}

python=$(find_python)
if [ -z "$python" ]; then
    why="Python >= 3.11 with venv is needed"
    command -v apt-get >/dev/null ||
        fail "$why, and there is no apt-get to install it: install it and try again."
    as_root apt-get update || echo "apt-get update failed; trying to go on." >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes \
        --no-install-recommends python3 python3-venv || fail "$why, but apt-get could not install it."
    python=$(find_python)
    [ -n "$python" ] || fail "$why, but this system's is older: install a newer one."
fi

"$python" scripts/cluster.py home >/dev/null

echo "making $venv with $("$python" -V) ..." >&2
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --requirement requirements-dev.txt ||
    fail "pip could not install what requirements-dev.txt lists; its messages are above."
fingerprint >"$stamp"
