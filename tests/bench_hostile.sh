#!/usr/bin/env bash
# Latency of a module beside a hostile one: bench_hostile.sh [ROUNDS] [ATTACK...].
# The host at $WARES_URL serves the hostile guest beside the customers. For each
# attack one caller lists customers, for a second alone and for a second while four
# others keep calling the attack, ROUNDS times in turn. It prints the medians of all
# rounds. `health` is no attack: four others request /health, and no module is
# called. Needs wrk.
set -euo pipefail
rounds=${1:-9}
shift || true
attacks=("$@")
[ ${#attacks[@]} -gt 0 ] || attacks=(health well trap spin recurse grow storm flood-log long-line heavy-calls flood-answer endless-statement
    endless-rows hoard-rows cross-join many-statements many-transactions many-events hold-writer)
command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
token=$(curl --silent --fail "$WARES_URL/auth/user/emailpass" --header 'Content-Type: application/json' \
    --data "{\"email\":\"$WARES_ADMIN_EMAIL\",\"password\":\"$WARES_ADMIN_PASSWORD\"}" | cut -d '"' -f 4)
# Where there are processors enough, callers are on others than the host.
callers=()
[ "$(nproc)" -lt 4 ] || callers=(taskset --cpu-list 2,3)
# Microseconds within which 50 and 99 of 100 are answered.
victim() {
    "${callers[@]}" wrk --threads 1 --connections 1 --duration 1s --latency \
        --header "Authorization: Bearer $token" "$WARES_URL/admin/customers" |
        awk '$1 == "50%" || $1 == "99%" {
            factor = $2 ~ /us$/ ? 1 : $2 ~ /ms$/ ? 1000 : 1000000
            printf "%d ", $2 * factor
        }
        END { print "" }'
}
median() {
    sort --numeric-sort | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
victim > /dev/null
echo "| neighbour | p50 alone | p50 beside it | p99 alone | p99 beside it | p99 ratio |"
echo "| --- | --- | --- | --- | --- | --- |"
for attack in "${attacks[@]}"; do
    rm -f "$folder"/*
    url=$WARES_URL/hostile/$attack
    [ "$attack" != health ] || url=$WARES_URL/health
    for ((round = 0; round < rounds; round++)); do
        read -r alone50 alone99 < <(victim)
        "${callers[@]}" wrk --threads 1 --connections 4 --duration 60s --timeout 10s "$url" > /dev/null &
        neighbour=$!
        # Wait until the first calls run.
        sleep 0.3
        read -r beside50 beside99 < <(victim)
        kill -INT $neighbour
        wait $neighbour || true
        echo "$alone50" >> "$folder/alone50"
        echo "$alone99" >> "$folder/alone99"
        echo "$beside50" >> "$folder/beside50"
        echo "$beside99" >> "$folder/beside99"
        awk -v a="$alone99" -v b="$beside99" 'BEGIN { print b / a }' >> "$folder/ratio"
        # Calls that have begun end at their deadline.
        sleep 1
    done
    awk -v attack="$attack" \
        -v alone50="$(median < "$folder/alone50")" -v beside50="$(median < "$folder/beside50")" \
        -v alone99="$(median < "$folder/alone99")" -v beside99="$(median < "$folder/beside99")" \
        -v ratio="$(median < "$folder/ratio")" 'BEGIN {
        printf "| %s | %.2f ms | %.2f ms | %.2f ms | %.2f ms | %.2f |\n",
            attack, alone50 / 1000, beside50 / 1000, alone99 / 1000, beside99 / 1000, ratio
    }'
done
