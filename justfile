# Every task of a person who works on or with Wares. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list --unsorted

# Build the module and the host, and serve http://localhost:9000 with data in ./data
[group('run')]
serve *ARGS: setup
    cargo run --release --locked --quiet --package wares -- serve {{ARGS}}

# Fill ./data with plausible data: just seed --customers 1000
[group('run')]
seed *ARGS: setup
    cargo run --release --locked --quiet --package wares -- seed {{ARGS}}

# Build the release binary: target/release/wares, which carries its module
[group('build')]
build: setup
    cargo build --release --locked --package wares

# Build the customers module alone, as a component
[group('build')]
component: setup
    cargo build --package customer-component --target wasm32-wasip2 --profile component --target-dir target/component
    @ls -l target/component/wasm32-wasip2/component/customer_component.wasm

# Run all tests
[group('check')]
test: setup js
    cargo test --workspace --locked

# Ask what a Medusa was asked, and compare the answers: just replay FOLDER
[group('check')]
replay FOLDER: setup
    cargo build --package wares --locked
    tests/with_host.sh --set modules.customer.config.compat=medusa-2 -- tests/replay.sh {{FOLDER}}

# Send a release build what its OpenAPI document allows and what it forbids
[group('check')]
fuzz-api EXAMPLES='600': build
    WARES=target/release/wares tests/with_host.sh -- tests/fuzz_api.sh {{EXAMPLES}}

# Format, lint and document with warnings as errors
[group('check')]
lint: setup
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --package customer-component --package hostile-guest --target wasm32-wasip2 --target-dir target/component --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# All that has to pass before a change is merged
[group('check')]
ci: test lint

# Format the code
[group('check')]
fmt:
    cargo fmt --all

# Install Medusa's JS SDK for the tests, where it is not
[group('build')]
js:
    #!/usr/bin/env bash
    set -euo pipefail
    cd tests/js
    if ! command -v npm > /dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
        echo "The tests need Node 20 or later, with npm: install them from nodejs.org or as the packages nodejs and npm" >&2
        exit 1
    fi
    # npm writes this file when it has installed all of the lock file.
    if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
        npm ci --no-audit --no-fund --loglevel=error
    fi

# Add what a fresh machine lacks: the WebAssembly target
[group('build')]
setup:
    @rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2
