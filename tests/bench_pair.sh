#!/usr/bin/env bash
# Two binaries beside each other: bench_pair.sh OTHER [ROUNDS]. The host at $WARES_URL is
# one, and OTHER the other. Both answer the same requests, a second each in turn, ROUNDS
# times. It prints the processor time of a request, user and kernel, which other work on
# the machine changes least: the medians of all rounds, and that of the ratios; and that
# of `wares seed`. Needs wrk.
set -euo pipefail
other=$1
rounds=${2:-15}
if [ -z "${THIS_URL:-}" ]; then
    command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
    export THIS THIS_URL=$WARES_URL THIS_PID=$WARES_PID
    THIS=$WARES WARES=$other exec tests/with_host.sh --set log.level=error -- "$0" "$other" "$rounds"
fi
callers=()
script=()
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
    count=$("${callers[@]}" wrk --threads 1 --connections 4 --duration 1s "${script[@]}" --header "Authorization: Bearer $token" "$url" |
        awk '/requests in/ { print $1 }')
    awk -v before="$before" -v after="$(used_us "$pid")" -v count="$count" 'BEGIN { print (after - before) / count }'
}
median() {
    sort --numeric-sort "$1" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
this=$(login "$THIS_URL")
other_token=$(login "$WARES_URL")
this_id=$(fill "$THIS_URL" "$this")
other_id=$(fill "$WARES_URL" "$other_token")
echo "| request | other | this | ratio |"
echo "| --- | --- | --- | --- |"
compare() {
    rm -f "$folder"/*
    for ((round = 0; round < rounds; round++)); do
        off=$(measure "$WARES_URL$2" "$WARES_PID" "$other_token")
        on=$(measure "$THIS_URL$3" "$THIS_PID" "$this")
        echo "$off" >> "$folder/off"
        echo "$on" >> "$folder/on"
        awk -v off="$off" -v on="$on" 'BEGIN { print on / off }' >> "$folder/ratio"
    done
    report "$1"
}
report() {
    awk -v what="$1" -v off="$(median "$folder/off")" -v on="$(median "$folder/on")" -v ratio="$(median "$folder/ratio")" \
        'BEGIN { printf "| %s | %.0f µs | %.0f µs | %.3f |\n", what, off, on, ratio }'
}
for _ in 1 2; do
    measure "$WARES_URL/health" "$WARES_PID" "$other_token" > /dev/null
    measure "$THIS_URL/health" "$THIS_PID" "$this" > /dev/null
done
compare "one customer by id" "/admin/customers/$other_id" "/admin/customers/$this_id"
compare "a list of 15 with relations" /admin/customers /admin/customers
script=(--script tests/bench_create.lua)
compare "create" /admin/customers /admin/customers
# The first one compiles the module, which is not measured.
seed() {
    env --unset WARES_URL --unset WARES_PID "$1" seed --data "$2" --customers "$3" &> /dev/null
}
seed_us() {
    local data
    data=$(mktemp -d)
    seed "$1" "$data" 1
    TIMEFORMAT='%U %S'
    { time seed "$1" "$data" 10000; } 2>&1 | awk '{ printf "%d", ($1 + $2) * 1000000 / 10000 }'
    rm -rf "$data"
}
rm -f "$folder"/*
for ((round = 0; round < rounds; round++)); do
    off=$(seed_us "$other") on=$(seed_us "$THIS")
    echo "$off" >> "$folder/off"
    echo "$on" >> "$folder/on"
    awk -v off="$off" -v on="$on" 'BEGIN { print on / off }' >> "$folder/ratio"
done
report "one customer seeded"
