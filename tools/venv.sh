#!/bin/sh
# venv.sh PYTHON DIR: a virtual environment in DIR with everything of requirements/dev.lock and the botkit command.
#
# Debian and Ubuntu ship Python without ensurepip unless python3-venv is installed. Then pip comes from the first of:
# the interpreter's own pip, a pip wheel of the distribution that is on the disk, or that wheel's package fetched and
# unpacked into .cache (nothing is installed, so this needs no root).
set -eu
. tools/lib.sh
python=$1 venv=$2
cache=$PWD/.cache
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_PROGRESS_BAR=off

# --- an environment that can install -----------------------------------------------------------------------------

wheel_on_disk() {
    for wheel in "$1"/usr/share/python-wheels/pip-*.whl; do
        [ -f "$wheel" ] && printf '%s\n' "$wheel" && return
    done
    return 1
}

# Fetches the distribution's pip wheel with package lists of our own, so that neither root nor `apt update` is needed.
fetch_wheel() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 1
    apt=$cache/apt-pip
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    set -- -qq -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" \
        -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1
    quietly apt-get "$@" update || return 1
    (cd "$apt" && quietly apt-get "$@" download python3-pip-whl) || return 1
    dpkg -x "$apt"/python3-pip-whl_*.deb "$cache/pip-whl"
    rm -rf "$apt"
}

pip_from_wheel() { quietly env PYTHONPATH="$1" "$venv/bin/python" -m pip install --no-index --no-deps "$1"; }

add_pip() {
    # `pip --python` (22.3 and later) installs into an environment that is not its own.
    if "$python" -m pip --version >/dev/null 2>&1 &&
        "$python" -m pip --python "$venv/bin/python" install --quiet pip >/dev/null 2>&1; then
        return
    fi
    if wheel=$(wheel_on_disk ""); then pip_from_wheel "$wheel" && return; fi
    if [ ! -d "$cache/pip-whl" ]; then
        say pip "fetching the distribution's, as this Python comes without (python3-venv is not installed)"
        fetch_wheel || return 1
    fi
    wheel=$(wheel_on_disk "$cache/pip-whl") && pip_from_wheel "$wheel"
}

make_venv() {
    rm -rf "$venv"
    if "$python" -c 'import venv, ensurepip' 2>/dev/null && "$python" -m venv "$venv" >/dev/null 2>&1; then return; fi
    rm -rf "$venv"
    quietly "$python" -m venv --without-pip "$venv" ||
        die "$python cannot make a virtual environment; install the venv module (Debian, Ubuntu: apt install python3-venv)"
    add_pip || {
        rm -rf "$venv"
        die "$python has no pip, and none could be fetched; install it (Debian, Ubuntu: apt install python3-venv)"
    }
}

# An environment holds absolute paths: one that was moved or copied is made anew.
if [ "$(cat "$venv/.place" 2>/dev/null)" != "$PWD" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
    pwd >"$venv/.place"
    say venv "$venv"
fi

# --- what stands in the lock, and botkit itself -------------------------------------------------------------------

# A step is skipped when the files that it depends on are those of its last success.
fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }
done_before() { [ "$(cat "$venv/.done-$1" 2>/dev/null)" = "$2" ]; }

install() { quietly "$venv/bin/python" -m pip install --quiet --no-deps "$@"; }

lock=$(fingerprint requirements/build.lock requirements/dev.lock)
if ! done_before lock "$lock"; then
    say packages "$(grep -c '^[a-z]' requirements/dev.lock) locked packages, into $venv"
    # Some come as source only (aioxmpp's relatives). They are built by the locked backend, so that all that runs is hashed.
    install --require-hashes -r requirements/build.lock &&
        install --require-hashes --no-build-isolation --use-pep517 -r requirements/dev.lock ||
        die "the locked packages could not be installed; is the package index reachable? (pip's own settings are used)"
    printf '%s\n' "$lock" >"$venv/.done-lock"
fi

# The build backend is among the locked packages, so nothing is fetched here.
project=$(fingerprint pyproject.toml)
if ! done_before project "$project"; then
    install --no-build-isolation --editable . ||
        die "botkit itself could not be installed into $venv"
    printf '%s\n' "$project" >"$venv/.done-project"
    say botkit "$venv/bin/botkit"
fi
