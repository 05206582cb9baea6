#!/usr/bin/env bash
# Brings a fresh Debian or Ubuntu machine to where `make demo` and `make test` run. Safe to repeat:
# each part is redone only when the file that describes it has changed.
#   scripts/setup.sh          everything for the demo and the tests
#   scripts/setup.sh bench    the same, and the references of `make bench`
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/packages.sh
. "$ROOT/scripts/packages.sh"
# shellcheck source=scripts/toolchain.sh
. "$ROOT/scripts/toolchain.sh"
cd "$ROOT"

missing_packages() { # PACKAGE…: those not installed, one a line
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || echo "$package"
    done
}

apt_install() { # PACKAGE…
    export DEBIAN_FRONTEND=noninteractive
    "${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@"
}

can_become_root() { # sets AS_ROOT; asks for the password here, where it can be seen
    AS_ROOT=()
    [ "$(id -u)" -eq 0 ] && return
    have sudo || return 1
    AS_ROOT=(sudo)
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

refresh_package_lists() { # once a run
    [ -z "${LISTS_REFRESHED:-}" ] || return 0
    LISTS_REFRESHED=1
    if can_become_root; then step "refreshing the package lists" "${AS_ROOT[@]}" apt-get update; fi
}

install_packages() { # PACKAGE…
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] && return
    if ! can_become_root; then
        die "packages are missing and neither root nor sudo is at hand; have somebody run" \
            "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" \
            "and then repeat this command."
    fi
    refresh_package_lists
    step "installing ${#missing[@]} packages (${missing[0]} … ${missing[-1]})" apt_install "${missing[@]}"
}

setup_packages() {
    if ! have dpkg-query || ! have apt-get; then
        die "this machine has no apt; install the equivalents of these packages by hand:" \
            "    ${PACKAGES[*]} ${BROWSER_PACKAGES[*]}" \
            "and run 'scripts/setup.sh python' and 'scripts/setup.sh page' for the rest."
    fi
    if chromium_is_packaged; then PACKAGES+=("${BROWSER_PACKAGES[@]}"); fi
    if grep -qx 'ID=debian' /etc/os-release; then PACKAGES+=("${FIREFOX_PACKAGES[@]}"); fi
    local coturn
    coturn=$(missing_packages coturn)
    install_packages "${PACKAGES[@]}"
    # the tests start their own: a relay that runs because a package was installed is nobody's wish
    if [ -n "$coturn" ] && have systemctl; then
        "${AS_ROOT[@]}" systemctl disable --quiet --now coturn 2>/dev/null || true
    fi
}

chromium_is_packaged() { # as a real package, not as Ubuntu's stub that installs a snap
    [ -z "$(missing_packages chromium)" ] && return
    have google-chrome || [ -x "$TOOLS/bin/chromium" ] && return 1
    if grep -qx 'ID=debian' /etc/os-release; then return; fi
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -print -quit)" ] || refresh_package_lists
    LC_ALL=C apt-cache policy chromium | grep 'Candidate: [0-9]' | grep -qv snap
}

setup_browser() { # after Python: Playwright fetches what the distribution lacks
    if [ -x "$TOOLS/bin/chromium" ] || have google-chrome || [ -z "$(missing_packages chromium)" ]; then return; fi
    can_become_root || die "Chromium is missing: install it (or Google Chrome), then repeat this command."
    step "installing what Chromium needs (Playwright's build; here it is packaged only as a snap)" \
        "${AS_ROOT[@]}" "$ROOT/.venv/bin/playwright" install-deps chromium
    step "fetching Chromium" "$ROOT/.venv/bin/playwright" install chromium
    ln -sfn "$("$ROOT/.venv/bin/python" -c 'from playwright.sync_api import sync_playwright as p
with p() as w: print(w.chromium.executable_path)')" "$TOOLS/bin/chromium"
}

setup_firefox() { # as the same for Firefox
    if have firefox-esr || [ -x "$TOOLS/bin/firefox" ]; then return; fi
    can_become_root || die "Firefox is missing: install firefox-esr, then repeat this command."
    step "installing what Firefox needs" "${AS_ROOT[@]}" "$ROOT/.venv/bin/playwright" install-deps firefox
    step "fetching Firefox" "$ROOT/.venv/bin/playwright" install firefox
    ln -sfn "$("$ROOT/.venv/bin/python" -c 'from playwright.sync_api import sync_playwright as p
with p() as w: print(w.firefox.executable_path)')" "$TOOLS/bin/firefox"
}

setup_python() {
    local python key
    python=$(find_python) || die "Python 3.11 or newer is needed (this machine's python3 is $(python3 --version 2>&1))." \
        "Install one, for instance: apt-get install python3.11 python3.11-venv"
    key=$(hash_of requirements-dev.lock agent/pyproject.toml signaling/pyproject.toml)
    if fresh python "$key" && .venv/bin/python -c '' 2>/dev/null; then return; fi
    .venv/bin/python -c 'import pip' 2>/dev/null || step "creating .venv" "$python" -m venv --clear .venv
    step "installing the Python packages of requirements-dev.lock" \
        .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements-dev.lock
    step "installing sessioncast itself, editable" \
        .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e agent -e signaling
    stamp python "$key"
}

setup_page() {
    local web=signaling/web dist=signaling/src/sessioncast_signaling/web_dist packages sources
    packages=$(hash_of $web/package.json $web/package-lock.json)
    sources=$(hash_of $web)
    if fresh page "$sources" && [ -f $dist/index.html ] && [ -d $web/node_modules ]; then return; fi
    ensure_node
    if ! fresh page-packages "$packages" || [ ! -d $web/node_modules ]; then
        step "installing the page's npm packages" npm --prefix $web ci --no-audit --no-fund
        stamp page-packages "$packages"
    fi
    step "building the page" npm --prefix $web run build
    stamp page "$sources"
}

setup_oidc() { # the OpenID Connect server of the tests
    local packages
    packages=$(hash_of tests/oidc/package.json tests/oidc/package-lock.json)
    if fresh oidc "$packages" && [ -d tests/oidc/node_modules ]; then return; fi
    ensure_node
    step "installing the tests' OpenID Connect server" npm --prefix tests/oidc ci --no-audit --no-fund
    stamp oidc "$packages"
}

setup_bench() {
    local key
    install_packages "${BENCH_PACKAGES[@]}"
    key=$(hash_of scripts/selkies.lock)
    if fresh selkies "$key" && [ -x "$TOOLS/bench-selkies/bin/python" ]; then return; fi
    step "creating the environment of Selkies (a reference of the benchmark)" \
        "$(find_python)" -m venv --clear "$TOOLS/bench-selkies"
    step "installing Selkies" "$TOOLS/bench-selkies/bin/pip" install --disable-pip-version-check \
        --require-hashes -r scripts/selkies.lock
    stamp selkies "$key"
}

case ${1:-all} in
all | bench)
    setup_packages
    setup_python
    setup_browser
    setup_firefox
    setup_page
    setup_oidc
    ensure_livekit
    [ "${1:-all}" = all ] || setup_bench
    ;;
python) setup_python ;;
page) setup_page ;;
livekit) ensure_livekit ;;
*) die "unknown part '$1': use all, bench, python, page or livekit." ;;
esac
say "  ✓ set up: 'make demo' starts a session, 'make test' runs the tests"
