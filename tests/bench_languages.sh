#!/usr/bin/env bash
# Cost of an extension by its language: bench_languages.sh [ROUNDS]. `wares new` writes the
# same extension in each, which is built as its README says, and installed into a host of its
# own. It prints how long the second build takes, and how long it takes from there until the
# host serves the component; its size and that of its machine code; and the median time of a
# create on one connection, a second each in turn, ROUNDS times, with how much more it is than
# with the one in Rust in the same round. Needs wrk, and what `just js python go` installs;
# StarlingMonkey's tool is installed here, for nothing else needs it.
set -euo pipefail
rounds=${1:-9}
root=$(realpath "$(dirname "$0")/..")
wares=$(realpath "${WARES:-$root/target/release/wares}")
command -v wrk > /dev/null || { echo "wrk is needed: install the package wrk" >&2; exit 1; }
# A host reads variables that begin with WARES_ as its settings; these are of an outer run.
unset WARES_URL WARES_PID
work=$root/target/bench-languages
starling=$work/starling
mkdir -p "$starling"
pids=()
trap '[ ${#pids[@]} = 0 ] || kill -INT "${pids[@]}" 2> /dev/null || true; wait || true' EXIT
languages=(rust qjs starling python go)

# The kind of project that a language has.
project() {
    case $1 in qjs | starling) echo js ;; *) echo "$1" ;; esac
}

starlings() {
    cat > "$starling/build.mjs" << 'END'
import { writeFile } from 'node:fs/promises'
import { componentize } from '@bytecodealliance/componentize-js'
const [sourcePath, witPath, output] = process.argv.slice(2)
const options = { sourcePath, witPath, worldName: 'component', disableFeatures: ['http', 'fetch-event'] }
await writeFile(output, (await componentize(options)).component)
END
    # The SDK is for QuickJS: here are the same hooks without it.
    cat > "$starling/component.js" << 'END'
import { get } from 'wasi:config/store@0.2.0-rc.1'
const tidy = (name) => name?.trim().replace(/\s+/g, ' ')
const same = (context, value) => value
export const lifecycle = {
  describe: () => ({ name: 'tidy-starling', version: '0.1.0', summary: 'Tidies the names of customers' }),
  checkSettings() {},
}
export const hooks = {
  beforeCreateCustomer(context, value) {
    const domain = get('refused_domain')
    if (domain && value.email?.endsWith(`@${domain}`)) throw { message: `Email addresses of ${domain} are not accepted` }
    for (const name of ['firstName', 'lastName', 'companyName']) value[name] = tidy(value[name])
    return value
  },
  beforeUpdateCustomer: same, beforeDeleteCustomer: same, beforeCreateAddress: same, beforeUpdateAddress: same,
  beforeDeleteAddress: same, beforeCreateGroup: same, beforeUpdateGroup: same, beforeDeleteGroup: same,
  beforeAddMembers: same, beforeRemoveMembers: same,
}
END
    [ -d "$starling/node_modules/@bytecodealliance/componentize-js" ] ||
        npm install --prefix "$starling" --ignore-scripts --loglevel=error --no-audit --no-fund \
            @bytecodealliance/componentize-js@0.23.0 > /dev/null
}

# Builds the component of a language in its project, which is the working folder.
build() {
    case $1 in
        rust)
            cargo build --quiet --locked --release --target wasm32-wasip2 --target-dir "$work/target"
            cp "$work/target/wasm32-wasip2/release/tidy_rust.wasm" component.wasm
            ;;
        qjs)
            "$root/tests/js/node_modules/.bin/componentize-qjs" --sync --wit wit --world component \
                --js src/component.js --module-root . --output component.wasm
            ;;
        starling) node "$starling/build.mjs" "$starling/component.js" wit component.wasm ;;
        python)
            "$root/target/python/bin/componentize-py" --wit-path wit --world component componentize app \
                --output component.wasm
            ;;
        go)
            PATH=$root/target/tools/go-1.27.3/go/bin:$PATH GOOS=wasip1 GOARCH=wasm GOFLAGS='' GOTOOLCHAIN=local \
                go build -trimpath -buildmode=c-shared -ldflags=-checklinkname=0 -o component.core.wasm
            "$wares" go component component.core.wasm
            ;;
    esac > "$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
}

# Starts a host on the data folder of a language.
start() {
    rm -rf "$work/data-$1"
    # The host before said there where it served.
    : > "$work/out-$1"
    WARES_CONFIG=$work/empty.toml "$wares" serve --data "$work/data-$1" --listen 127.0.0.1:0 --set log.level=error \
        > "$work/out-$1" 2> "$work/log-$1" &
    local host=$!
    pids+=("$host")
    until grep -q '^Wares serves ' "$work/out-$1"; do
        kill -0 $host 2> /dev/null || { cat "$work/log-$1" >&2; exit 1; }
        sleep 0.1
    done
    urls[$1]=$(sed -n 's/^Wares serves //p' "$work/out-$1")
    keys[$1]=$("$wares" key create --title bench --data "$work/data-$1" 2> /dev/null)
}

# The median time of a create, in microseconds.
create() {
    wrk --threads 1 --connections 1 --duration 1s --script "$root/tests/bench_create.lua" \
        --header "Authorization: Bearer ${keys[$1]}" "${urls[$1]}/admin/customers" | awk '$1 == "p50" { print $2 }'
}

median() {
    sort --numeric-sort "$1" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

now() {
    date +%s%3N
}

: > "$work/empty.toml"
starlings
declare -A urls keys built served
for language in "${languages[@]}"; do
    name=tidy-$language
    rm -rf "${work:?}/$name"
    (cd "$work" && "$wares" new "$name" --lang "$(project "$language")" > /dev/null)
    cd "$work/$name"
    build "$language"
    # The next version.
    grep -rl '0\.1\.0' --include='*.rs' --include='*.js' --include='*.py' --include='main.go' --include=Cargo.toml \
        --exclude-dir=wares --exclude-dir=wares-module --exclude-dir=wit . | xargs sed -i 's/\b0\.1\.0\b/0.2.0/' 
    [ "$language" != rust ] || sed -i "/^name = \"$name\"/{n;s/0\.1\.0/0.2.0/}" Cargo.lock
    from=$(now)
    build "$language"
    built[$language]=$(($(now) - from))
    start "$language"
    from=$(now)
    "$wares" module install component.wasm --grant hooks=customer --activate --data "$work/data-$language" > /dev/null
    served[$language]=$(($(now) - from))
done
for ((round = -1; round < rounds; round++)); do
    for language in "${languages[@]}"; do
        time=$(create "$language")
        [ "$language" != rust ] || rust=$time
        # The first round warms up.
        [ "$round" -ge 0 ] || { : > "$work/times-$language"; : > "$work/more-$language"; continue; }
        echo "$time" >> "$work/times-$language"
        echo $((time - rust)) >> "$work/more-$language"
    done
done
echo "| language | build | install, until it serves | component | machine code | create, p50 | more than Rust |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
for language in "${languages[@]}"; do
    file=$work/tidy-$language/component.wasm
    digest=$(sha256sum "$file" | cut -d ' ' -f 1)
    code=$(stat --format %s "$work/data-$language/compiled/$digest"-*)
    awk -v language="$language" -v built="${built[$language]}" -v served="${served[$language]}" \
        -v size="$(stat --format %s "$file")" -v code="$code" -v time="$(median "$work/times-$language")" \
        -v more="$(median "$work/more-$language")" 'BEGIN {
            printf "| %s | %.1f s | %.1f s | %.2f MB | %.1f MB | %d µs | %d µs |\n",
                language, built / 1000, served / 1000, size / 1e6, code / 1e6, time, more }'
done
