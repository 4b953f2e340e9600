#!/usr/bin/env bash
# Fuzzes every target for SECONDS: run.sh SECONDS [TARGET...]. Prints how often each
# ran, and ends at the first crash.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(component query body values routes headers)
for target in "${targets[@]}"; do
    mkdir -p "tests/fuzz/corpus/$target"
    log=$(mktemp)
    if ! cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz "$target" \
        "tests/fuzz/corpus/$target" "tests/fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=20 -rss_limit_mb=8192 -print_final_stats=1 > "$log" 2>&1; then
        tail --lines 60 "$log" >&2
        rm "$log"
        exit 1
    fi
    awk -v target="$target" -v seconds="$seconds" '/stat::number_of_executed_units/ {
        printf "%s: %d executions in %d s, no crash\n", target, $2, seconds
    }' "$log"
    rm "$log"
done
