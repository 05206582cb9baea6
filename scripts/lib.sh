# Shared by the scripts here (sourced, bash): progress lines, stamps and version comparison.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
STAMPS=$TOOLS/stamps
LOGS=$TOOLS/log
# shellcheck disable=SC2034  # used by toolchain.sh
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sessioncast
export PATH=$TOOLS/bin:$PATH
mkdir -p "$TOOLS/bin" "$STAMPS" "$LOGS"

say() { printf '%s\n' "$*" >&2; }

die() { # SENTENCE…: what went wrong and what to do, one line each
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least HAVE WANT: both like 1.13.5
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# step WHAT COMMAND…: runs the command with its output in a log and shows the seconds as they pass;
# on failure shows the end of the log and ends the script.
step() {
    local what=$1 log status=0 started=$SECONDS shown=0 pid
    shift
    log=$LOGS/$(printf '%s' "$what" | tr -cs 'a-zA-Z0-9' '-' | cut -c1-40).log
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    # shellcheck disable=SC2064  # the pid of now is meant
    trap "kill $pid 2>/dev/null; exit 130" INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if [ -t 2 ]; then
            [ $((SECONDS - started)) -ge 2 ] && printf '\r  … %s (%d s) ' "$what" $((SECONDS - started)) >&2
        elif [ $((SECONDS - started)) -ge $((shown == 0 ? 2 : shown + 20)) ]; then
            shown=$((SECONDS - started))
            say "  … $what ($shown s)"
        fi
    done
    wait "$pid" || status=$?
    trap - INT TERM
    [ -t 2 ] && printf '\r\033[K' >&2
    if [ "$status" -ne 0 ]; then
        say "  ✗ $what failed after $((SECONDS - started)) s; the end of ${log#"$ROOT"/}:"
        tail -n 25 "$log" | sed 's/^/    /' >&2
        exit 1
    fi
    say "  ✓ $what ($((SECONDS - started)) s)"
}

# hash_of FILE…: one key for the contents and names of files and folders
hash_of() {
    find "$@" -type f -not -path '*/node_modules/*' -not -path '*/__pycache__/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

fresh() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; } # NAME KEY: was it made from this?
stamp() { printf '%s\n' "$2" >"$STAMPS/$1"; }
