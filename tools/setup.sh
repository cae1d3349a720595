#!/bin/sh
# All set-up on a bare machine: an interpreter, .venv with the locked packages, Prosody for the tests and the demo.
# Safe to run again: what is in place is left alone, without network.
set -eu
cd "$(dirname "$0")/.."
. tools/lib.sh

find_python() {
    # An environment that works is kept, whichever Python made it.
    for candidate in "${PYTHON:-.venv/bin/python}" python3.13 python3.12 python3.11 python3; do
        if usable_python "$candidate"; then
            "$candidate" -c 'import sys; print(sys._base_executable)'
            return
        fi
    done
    return 1
}

python=$(find_python) ||
    die "needs Python 3.11 or newer, found none; install it (Debian 12, Ubuntu 24.04: apt install python3) or set PYTHON=/path/to/python"

say python "$(python_version "$python") ($python)"
sh tools/venv.sh "$python" .venv
.venv/bin/python -m botkit.testing.prosody --fetch 0.12 13 ||
    die "no Prosody for the tests and the demo; see the lines above"
