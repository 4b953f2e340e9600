#!/usr/bin/env bash
# Runs a command beside a host of its own, which has a free port and an empty
# data folder: with_host.sh [flags of serve] -- COMMAND. The command finds the
# host at $WARES_URL, as the process $WARES_PID, and signs in with the email and
# password below. With $CPUS the host runs on these processors alone, if there are
# at least four.
set -euo pipefail
flags=()
while [ "$1" != -- ]; do
    flags+=("$1")
    shift
done
shift
# A host reads variables that begin with WARES_ as its settings; these are of an outer run.
unset WARES_URL WARES_PID
export WARES_ADMIN_EMAIL=admin@test.com WARES_ADMIN_PASSWORD=supersecret
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Its log goes to a file, and to the screen only where it did not start.
: > "$folder/out"
# Its settings are the flags alone, and not those of the project's example.
: > "$folder/wares.toml"
export WARES_CONFIG=$folder/wares.toml
processors=()
[ -z "${CPUS:-}" ] || [ "$(nproc)" -lt 4 ] || processors=(taskset --cpu-list "$CPUS")
"${processors[@]}" "${WARES:-target/debug/wares}" serve --data "$folder/data" --listen 127.0.0.1:0 "${flags[@]}" \
    > "$folder/out" 2> "$folder/log" &
host=$!
trap 'kill -INT $host 2> /dev/null; wait $host || true; rm -rf "$folder"' EXIT
until WARES_URL=$(sed -n 's/^Wares serves //p' "$folder/out") && [ -n "$WARES_URL" ]; do
    if ! kill -0 $host 2> /dev/null; then
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.1
done
export WARES_URL WARES_PID=$host
"$@"
