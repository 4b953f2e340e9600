#!/usr/bin/env bash
# Cost of extensions: bench_extensions.sh GUEST PROVIDER [ROUNDS]. The host at $WARES_URL has none;
# beside it run one with a single extension and one with ten, each of which changes a field
# of each customer that is made. All make customers on one connection, a second each in
# turn, ROUNDS times. It prints the median time of a create at each, and how much more it
# is than without extensions in the same round; and of a page of 100 without and with a field
# that PROVIDER provides. Needs wrk.
set -euo pipefail
guest=$1
provider=$2
rounds=${3:-9}
count=$(($(tr -cd , <<< "${BENCH_HOSTS:-}" | wc -c)))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ "$count" -lt 3 ]; then
    command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
    export BENCH_HOSTS=${BENCH_HOSTS:-}$WARES_URL,
    [ "$count" -lt 2 ] || exec "$0" "$guest" "$provider" "$rounds"
    extensions=$((count * 9 + 1))
    flags=()
    for number in $(seq "$extensions"); do
        # The name is a mark of fixed length in the bytes.
        name=$(printf 'extension%02d' "$number")
        sed "s/wares-mark:name=meddler    /wares-mark:name=$name/" "$guest" > "$folder/$name.wasm"
        flags+=(--set "modules.$name.component=$folder/$name.wasm" --set "modules.$name.grants=hooks,operations"
            --set "modules.$name.config.does=signs")
    done
    tests/with_host.sh --set log.level=error "${flags[@]}" --set modules.provider.grants=fields \
        --set "modules.provider.component=$provider" -- "$0" "$guest" "$provider" "$rounds"
    exit
fi
IFS=, read -r none one ten <<< "${BENCH_HOSTS%,}"
login() {
    curl --silent --fail "$1/auth/user/emailpass" --header 'Content-Type: application/json' \
        --data "{\"email\":\"$WARES_ADMIN_EMAIL\",\"password\":\"$WARES_ADMIN_PASSWORD\"}" | cut -d '"' -f 4
}
# The median time of a create, in microseconds.
measure() {
    wrk --threads 1 --connections 1 --duration 1s --script tests/bench_create.lua \
        --header "Authorization: Bearer $2" "$1/admin/customers" | awk '$1 == "p50" { print $2 }'
}
# The median time of a page, in microseconds: `wrk` prints it as 1.23ms or 456.00us.
page() {
    wrk --threads 1 --connections 1 --duration 1s --latency --header "Authorization: Bearer $2" \
        "$1/admin/customers?limit=100&fields=id,email$3" |
        awk '$1 == "50%" { print $2 ~ /us$/ ? int($2) : int($2 * 1000) }'
}
median() {
    sort --numeric-sort "$1" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
tokens=("$(login "$none")" "$(login "$one")" "$(login "$ten")")
for ((round = -1; round < rounds; round++)); do
    a=$(measure "$none" "${tokens[0]}") b=$(measure "$one" "${tokens[1]}") c=$(measure "$ten" "${tokens[2]}")
    # The first round warms up.
    [ "$round" -ge 0 ] || continue
    echo "$a" >> "$folder/none"; echo "$b" >> "$folder/one"; echo "$c" >> "$folder/ten"
    echo $((b - a)) >> "$folder/one.more"; echo $((c - a)) >> "$folder/ten.more"
done
echo "| extensions | create, p50 | more than without |"
echo "| --- | --- | --- |"
echo "| 0 | $(median "$folder/none") µs | |"
echo "| 1 | $(median "$folder/one") µs | $(median "$folder/one.more") µs |"
echo "| 10 | $(median "$folder/ten") µs | $(median "$folder/ten.more") µs |"
for ((round = 0; round < rounds; round++)); do
    a=$(page "$one" "${tokens[1]}" '') b=$(page "$one" "${tokens[1]}" ',provider.tier')
    echo "$a" >> "$folder/plain"; echo "$b" >> "$folder/field"; echo $((b - a)) >> "$folder/field.more"
done
echo
echo "| a page of 100 customers | p50 | more than without |"
echo "| --- | --- | --- |"
echo "| id and email | $(median "$folder/plain") µs | |"
echo "| and a field of another component | $(median "$folder/field") µs | $(median "$folder/field.more") µs |"
