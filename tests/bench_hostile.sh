#!/usr/bin/env bash
# What a module's callers notice of a hostile neighbour: bench_hostile.sh [SECONDS].
# The host at $WARES_URL serves the hostile guest beside the customers. For each
# deed four callers ask for it again and again while one asks for a list; printed
# is that one's latency, and how often it is that without a neighbour, measured
# right before. Needs wrk.
set -euo pipefail
seconds=${1:-5}
command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
token=$(curl --silent --fail "$WARES_URL/auth/user/emailpass" --header 'Content-Type: application/json' \
    --data "{\"email\":\"$WARES_ADMIN_EMAIL\",\"password\":\"$WARES_ADMIN_PASSWORD\"}" | cut -d '"' -f 4)
# Microseconds within which 50 and 99 of 100 are answered.
victim() {
    wrk --threads 1 --connections 1 --duration "${seconds}s" --latency \
        --header "Authorization: Bearer $token" "$WARES_URL/admin/customers" |
        awk '$1 == "50%" || $1 == "99%" {
            factor = $2 ~ /us$/ ? 1 : $2 ~ /ms$/ ? 1000 : 1000000
            printf "%d ", $2 * factor
        }
        END { print "" }'
}
victim > /dev/null
echo "| neighbour | p50 alone | p50 beside it | p99 alone | p99 beside it | p99 ratio |"
echo "| --- | --- | --- | --- | --- | --- |"
for deed in well spin grow storm recurse trap flood-log long-line endless-statement cross-join endless-rows many-statements many-transactions hold-writer; do
    read -r alone50 alone99 < <(victim)
    callers=()
    for _ in 1 2 3 4; do
        (while true; do curl --silent --output /dev/null "$WARES_URL/hostile/$deed" || true; done) &
        callers+=($!)
    done
    read -r beside50 beside99 < <(victim)
    kill "${callers[@]}"
    wait "${callers[@]}" 2> /dev/null || true
    awk -v d="$deed" -v a="$alone50" -v b="$beside50" -v c="$alone99" -v e="$beside99" 'BEGIN {
        printf "| %s | %.2f ms | %.2f ms | %.2f ms | %.2f ms | %.2f |\n", d, a/1000, b/1000, c/1000, e/1000, e/c
    }'
done
