#!/usr/bin/env bash
# Latency while a version is activated: bench_swap.sh [ROUNDS]. Two callers list
# customers of the host at $WARES_URL, for a second without a change and for a second
# in whose middle another version is activated, ROUNDS times in turn. Both versions
# are the module that the host carries, one with a mark, and compiled already. It
# prints the medians of all rounds. Needs wrk.
set -euo pipefail
rounds=${1:-15}
command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
component=target/component/wasm32-wasip2/component/customer_component.wasm
token=$(curl --silent --fail "$WARES_URL/auth/user/emailpass" --header 'Content-Type: application/json' \
    --data "{\"email\":\"$WARES_ADMIN_EMAIL\",\"password\":\"$WARES_ADMIN_PASSWORD\"}" | cut -d '"' -f 4)
ask() {
    curl --silent --fail --header "Authorization: Bearer $token" "$@"
}
# Where there are processors enough, callers are on others than the host.
callers=()
[ "$(nproc)" -lt 4 ] || callers=(taskset --cpu-list 2)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for number in $(seq 200); do
    ask --request POST --header 'Content-Type: application/json' --data "{\"email\":\"$number@example.com\"}" \
        "$WARES_URL/admin/customers" > /dev/null
done
digests=()
for mark in 1 2; do
    # A custom section: no code, but another digest.
    { cat "$component"; printf '\000\005\004swp%s' "$mark"; } > "$folder/$mark.wasm"
    ask --request PUT --header 'Content-Type: application/wasm' --data-binary "@$folder/$mark.wasm" \
        "$WARES_URL/_wares/modules/customer" > /dev/null
    digests+=("$(sha256sum "$folder/$mark.wasm" | cut -d ' ' -f 1)")
done
activate() {
    ask --request POST --header 'Content-Type: application/json' --data "{\"digest\":\"$1\"}" \
        --output /dev/null --write-out '%{time_total}\n' "$WARES_URL/_wares/modules/customer/activate"
}
# Microseconds within which 50 and 99 of 100 are answered, and the longest; wrong answers count as endless.
second() {
    "${callers[@]}" wrk --threads 1 --connections 2 --duration 1s --latency \
        --header "Authorization: Bearer $token" "$WARES_URL/admin/customers" |
        awk 'function us(text) { return text * (text ~ /us$/ ? 1 : text ~ /ms$/ ? 1000 : 1000000) }
        $1 == "50%" || $1 == "99%" { printf "%d ", us($2) }
        $1 == "Latency" && NF == 5 { longest = us($4) }
        /Non-2xx|Socket errors/ { longest = 1e12 }
        END { print longest }'
}
# Activate both versions once before the rounds: a first activation takes longer.
for digest in "${digests[@]}"; do activate "$digest" > /dev/null; done
second > /dev/null
for ((round = 0; round < rounds; round++)); do
    second >> "$folder/alone"
    second > "$folder/one" &
    asking=$!
    sleep 0.5
    activate "${digests[round % 2]}" >> "$folder/took"
    wait $asking
    cat "$folder/one" >> "$folder/around"
done
median() {
    awk -v column="$2" '{ print $column }' "$folder/$1" | sort --numeric-sort | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
ratio=$(paste "$folder/around" "$folder/alone" | awk '{ print $2 / $5 }' | sort --numeric-sort | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }')
echo "| a second | p50 | p99 | longest |"
echo "| --- | --- | --- | --- |"
for what in alone around; do
    awk -v what="$what" -v p50="$(median $what 1)" -v p99="$(median $what 2)" -v longest="$(median $what 3)" 'BEGIN {
        printf "| %s | %.2f ms | %.2f ms | %.2f ms |\n", what == "alone" ? "without a swap" : "with a swap in its middle", p50 / 1000, p99 / 1000, longest / 1000
    }'
done
awk -v ratio="$ratio" -v took="$(median took 1)" -v rounds="$rounds" 'BEGIN {
    printf "p99 with a swap by p99 without: %.2f (median of %d pairs)\nan activation, as its caller sees it: %.1f ms (median)\n", ratio, rounds, took * 1000
}'
