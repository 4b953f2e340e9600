#!/usr/bin/env bash
# Cost of limits: bench_limits.sh UNLIMITED [ROUNDS]. The host at $WARES_URL has
# limits, and UNLIMITED is built without. Both answer the same requests, a second
# each in turn, ROUNDS times. It prints the processor time of a request, user and
# kernel, which other work on the machine changes least: the medians of all rounds,
# and that of the ratios. Needs wrk.
set -euo pipefail
unlimited=$1
rounds=${2:-15}
if [ -z "${LIMITED_URL:-}" ]; then
    command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
    export LIMITED_URL=$WARES_URL LIMITED_PID=$WARES_PID
    WARES=$unlimited exec tests/with_host.sh --set log.level=error -- "$0" "$unlimited" "$rounds"
fi
callers=()
[ "$(nproc)" -lt 4 ] || callers=(taskset --cpu-list 2,3)
tick_us=$((1000000 / $(getconf CLK_TCK)))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ask() {
    local url=$1
    shift
    curl --silent --fail "$url" --header 'Content-Type: application/json' "$@"
}
login() {
    ask "$1/auth/user/emailpass" --data "{\"email\":\"$WARES_ADMIN_EMAIL\",\"password\":\"$WARES_ADMIN_PASSWORD\"}" | cut -d '"' -f 4
}
# Twenty customers, of whom a page shows fifteen; printed is the id of the last.
fill() {
    for number in $(seq 20); do
        ask "$1/admin/customers" --header "Authorization: Bearer $2" \
            --data "{\"email\":\"$number@shop.example\",\"first_name\":\"Ada\",\"metadata\":{\"number\":$number}}"
    done | grep --only-matching 'cus_[0-9A-Z]*' | tail -1
}
used_us() {
    awk -v tick="$tick_us" '{ sub(/.*\) /, ""); print ($12 + $13) * tick }' "/proc/$1/stat"
}
# Microseconds of processors a request.
measure() {
    local url=$1 pid=$2 token=$3 before count
    before=$(used_us "$pid")
    count=$("${callers[@]}" wrk --threads 1 --connections 4 --duration 1s --header "Authorization: Bearer $token" "$url" |
        awk '/requests in/ { print $1 }')
    awk -v before="$before" -v after="$(used_us "$pid")" -v count="$count" 'BEGIN { print (after - before) / count }'
}
median() {
    sort --numeric-sort "$1" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
with=$(login "$LIMITED_URL")
without=$(login "$WARES_URL")
with_id=$(fill "$LIMITED_URL" "$with")
without_id=$(fill "$WARES_URL" "$without")
echo "| request | without limits | with limits | ratio |"
echo "| --- | --- | --- | --- |"
compare() {
    rm -f "$folder"/*
    for ((round = 0; round < rounds; round++)); do
        off=$(measure "$WARES_URL$2" "$WARES_PID" "$without")
        on=$(measure "$LIMITED_URL$3" "$LIMITED_PID" "$with")
        echo "$off" >> "$folder/off"
        echo "$on" >> "$folder/on"
        awk -v off="$off" -v on="$on" 'BEGIN { print on / off }' >> "$folder/ratio"
    done
    awk -v what="$1" -v off="$(median "$folder/off")" -v on="$(median "$folder/on")" -v ratio="$(median "$folder/ratio")" \
        'BEGIN { printf "| %s | %.0f µs | %.0f µs | %.3f |\n", what, off, on, ratio }'
}
for _ in 1 2; do
    measure "$WARES_URL/health" "$WARES_PID" "$without" > /dev/null
    measure "$LIMITED_URL/health" "$LIMITED_PID" "$with" > /dev/null
done
compare "a list of 15 with relations" /admin/customers /admin/customers
compare "one customer by id" "/admin/customers/$without_id" "/admin/customers/$with_id"
