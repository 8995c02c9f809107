#!/usr/bin/env bash
# Pins requirements.txt and those that follow it with hashes. The output names no index, so that every
# machine installs from its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools"
"$tools/bin/pip" install --quiet uv

compile() {
    "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
        --output-file "$1.txt" "$1.in"
}

compile requirements
compile requirements-dev
compile requirements-tools
compile requirements-functions
compile requirements-pool
compile requirements-lambda
