#!/usr/bin/env bash
# Brings a clone to where everything runs: .venv with the pinned packages, and Chromium's headless shell.
# Rule: what is there already is left alone, so that a second run does nothing, fast, and needs no network.
#
#   deploy/setup.sh         what `make setup` does
#   deploy/setup.sh serverless   also Node and the Serverless Framework's fork, for `make serverless`
#   deploy/setup.sh peers   also all of that, the packages of tests/peers, Prometheus and pgbouncer, for `make test`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTHON_AT_LEAST='(3, 11)'
readonly NODE_AT_LEAST=18
readonly SHELL_NAME=chromium-headless-shell
export DEBIAN_FRONTEND=noninteractive PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'setup: %s\n' "$*" >&2; }
give_up() { say "$@"; exit 1; }

is_root_on_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# Old package lists name files that are gone, so they are renewed first. Says nothing unless it fails.
apt_install() {
    local output
    say "installing $*"
    if ! output=$({ apt-get update && apt-get install -y --no-install-recommends "$@"; } 2>&1); then
        printf '%s\n' "$output" >&2
        return 1
    fi
}

# A name on PATH is not yet a Python: version managers leave stubs that only complain.
good_python() { "$1" -c "import sys; sys.exit(sys.version_info < $PYTHON_AT_LEAST)" >/dev/null 2>&1; }

find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        if good_python "$name"; then echo "$name"; return; fi
    done
    if is_root_on_debian && apt_install python3 python3-venv && good_python python3; then echo python3; return; fi
    give_up "Python 3.11 or newer is missing. Install it (Debian: apt-get install python3 python3-venv)."
}

make_venv() {
    if good_python .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then return; fi
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        is_root_on_debian || give_up "$python cannot make a venv. Install its venv package (Debian: python3-venv)."
        apt_install "$(basename "$(readlink -f "$(command -v "$python")")")-venv"
    fi
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
}

# $1 stamp, $2.. files: true when the files are the ones that the stamp was written for.
unchanged() {
    local stamp=$1
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | sha256sum)" ]
}

stamp() {
    local stamp=$1
    shift
    cat "$@" | sha256sum >"$stamp"
}

install_packages() {
    if unchanged .venv/.installed requirements-dev.txt; then return; fi
    say "installing the pinned Python packages"
    .venv/bin/python -m pip install --quiet --require-hashes -r requirements-dev.txt
    check_playwright
    stamp .venv/.installed requirements-dev.txt
}

# Playwright brings its own Node, which wants a library that a small Debian lacks.
check_playwright() {
    if .venv/bin/playwright --version >/dev/null 2>&1; then return; fi
    is_root_on_debian && apt_install libatomic1
    .venv/bin/playwright --version >/dev/null || give_up "Playwright's driver does not start. Debian: install libatomic1."
}

find_chromium() {
    local found
    if [ -n "${CHROMIUM_PATH:-}" ]; then
        [ -x "$CHROMIUM_PATH" ] || give_up "CHROMIUM_PATH=$CHROMIUM_PATH is no program."
        return
    fi
    if [ -x ".venv/bin/$SHELL_NAME" ] || command -v "$SHELL_NAME" >/dev/null; then return; fi
    if is_root_on_debian && apt_install "$SHELL_NAME" fonts-dejavu-core; then return; fi
    say "installing Chromium's headless shell with Playwright"
    if .venv/bin/playwright install --only-shell chromium >&2; then
        found=$(.venv/bin/python deploy/playwright_shell.py)
        ln -sf "$found" ".venv/bin/$SHELL_NAME"
        "$found" --version >/dev/null 2>&1 ||
            give_up "Chromium lacks libraries. As root: .venv/bin/playwright install-deps chromium"
        return
    fi
    give_up "Chromium's headless shell is missing. Install it (Debian, as root: apt-get install $SHELL_NAME)" \
        "or set CHROMIUM_PATH."
}

find_node() {
    local version
    version=$(node --version 2>/dev/null || echo v0)
    version=${version#v}
    if [ "${version%%.*}" -ge "$NODE_AT_LEAST" ] && command -v npm >/dev/null; then return; fi
    is_root_on_debian || give_up "the peers' tests need Node $NODE_AT_LEAST or newer, with npm."
    apt_install nodejs npm
}

install_serverless() {
    local files=(deploy/serverless/package.json deploy/serverless/package-lock.json)
    find_node
    if unchanged deploy/serverless/node_modules/.installed "${files[@]}"; then return; fi
    say "installing the Serverless Framework's fork"
    npm --prefix deploy/serverless ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    stamp deploy/serverless/node_modules/.installed "${files[@]}"
}

# The libraries run in our own Chromium, so their own browser is not downloaded.
install_peers() {
    local files=(tests/peers/package.json tests/peers/package-lock.json)
    find_node
    if unchanged tests/peers/node_modules/.installed "${files[@]}"; then return; fi
    say "installing the peers' packages"
    PUPPETEER_SKIP_DOWNLOAD=1 npm --prefix tests/peers ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    stamp tests/peers/node_modules/.installed "${files[@]}"
}

# Prometheus' programs for the alerts' tests, unpacked and not installed: no service of theirs ever starts.
install_prometheus() {
    local missing=() name directory
    for name in prometheus promtool prometheus-alertmanager; do
        command -v "$name" >/dev/null || [ -x ".venv/bin/$name" ] || missing+=("$name")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    command -v apt-get >/dev/null || give_up "the alerts' tests need ${missing[*]} on PATH."
    say "unpacking Prometheus and Alertmanager"
    directory=$(mktemp -d)
    if is_root_on_debian; then apt-get update >/dev/null 2>&1 || true; fi
    if ! (cd "$directory" && apt-get download prometheus prometheus-alertmanager >/dev/null 2>&1); then
        rm -rf "$directory"
        give_up "Debian's packages prometheus and prometheus-alertmanager cannot be had; the alerts' tests need them."
    fi
    for name in "$directory"/*.deb; do dpkg-deb -x "$name" "$directory/root"; done
    for name in prometheus promtool prometheus-alertmanager; do
        install -m 755 "$directory/root/usr/bin/$name" ".venv/bin/$name"
    done
    rm -rf "$directory"
    .venv/bin/promtool --version >/dev/null 2>&1 || give_up "promtool does not start; see .venv/bin/promtool --version"
}

# pgbouncer for the storage tests behind it, unpacked with the libraries that a small Debian lacks. Where it is
# not to be had those tests say so and skip: nothing of ours needs it.
install_pgbouncer() {
    local directory home=.venv/libexec/pgbouncer packages
    if command -v pgbouncer >/dev/null || .venv/bin/pgbouncer --version >/dev/null 2>&1; then return; fi
    directory=$(mktemp -d)
    if is_root_on_debian; then apt-get update >/dev/null 2>&1 || true; fi
    packages=$(apt-cache depends pgbouncer 2>/dev/null | sed -nE 's/^ *Depends: (libc-?ares.*|libevent.*)$/\1/p') || true
    # shellcheck disable=SC2086
    if ! (cd "$directory" && apt-get download pgbouncer $packages >/dev/null 2>&1); then
        rm -rf "$directory"
        say "pgbouncer cannot be had; the tests of the storage behind it skip"
        return
    fi
    say "unpacking pgbouncer"
    for packages in "$directory"/*.deb; do dpkg-deb -x "$packages" "$directory/root"; done
    mkdir -p "$home"
    find "$directory/root/usr/lib" -name '*.so.*' -exec cp -P {} "$home/" \;
    install -m 755 "$directory/root/usr/sbin/pgbouncer" "$home/pgbouncer"
    rm -rf "$directory"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nhome=$(dirname "$(readlink -f "$0")")/../libexec/pgbouncer\n%s\n' \
        'LD_LIBRARY_PATH="$home" exec "$home/pgbouncer" "$@"' >.venv/bin/pgbouncer
    chmod 755 .venv/bin/pgbouncer
    if ! .venv/bin/pgbouncer --version >/dev/null 2>&1; then
        rm -rf "$home" .venv/bin/pgbouncer
        say "pgbouncer does not start here; the tests of the storage behind it skip"
    fi
}

make_venv
install_packages
find_chromium
case "${1:-}" in
peers)
    install_peers
    install_serverless
    install_prometheus
    install_pgbouncer
    ;;
serverless) install_serverless ;;
esac
