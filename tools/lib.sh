# Shared by the set-up scripts: how progress and failure are told, and which Pythons will do.

# Colours only where a person looks.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else bold='' dim='' plain=''; fi

say() { printf '  %s%-9s%s %s\n' "$bold" "$1" "$plain" "$2"; }

# One clear line, and what to do about it.
die() {
    printf 'botkit: %s\n' "$*" >&2
    exit 1
}

# Succeeds when $1 is a Python of 3.11 or newer that really runs (a pyenv shim may exist and not).
usable_python() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python_version() { "$1" -c 'import platform; print(platform.python_version())'; }

# Runs a command whose output is only of interest when it fails; then its last lines are shown.
quietly() {
    _log=$(mktemp)
    if "$@" >"$_log" 2>&1; then rm -f "$_log"; return 0; fi
    tail -n 15 "$_log" | sed 's/^/    /' >&2
    rm -f "$_log"
    return 1
}
