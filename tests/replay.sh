#!/usr/bin/env bash
# Asks a host what a Medusa was asked, and compares the answers: replay.sh FOLDER,
# where FOLDER holds replay.py and the recorded answers. The host is at
# $WARES_URL. The cases that differ have to be those that
# docs/medusa-differences.md names.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f "$1/replay.py" ]; then
    echo "There is no $1/replay.py: say where the recorded answers are" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$1/replay.py" --base "$WARES_URL" --key-order --show 100000 > "$work/report" || true
if ! tail -n 1 "$work/report" | grep -q '^TOTAL '; then
    cat "$work/report" >&2
    exit 1
fi
sed -n 's/^FAIL [0-9]* \([^ ]*\) .*/\1/p' "$work/report" | sort > "$work/differ"
sed -n 's/^| `\([a-z_0-9]*\/[a-z_0-9]*\)` |.*/\1/p' docs/medusa-differences.md | sort > "$work/named"
tail -n 1 "$work/report"
if ! diff "$work/named" "$work/differ" > "$work/diff"; then
    sed -n 's/^< \(.*\)/\1 is named in docs\/medusa-differences.md, and does not differ/p' "$work/diff" >&2
    while read -r case; do
        grep -A 3 " $case " "$work/report" >&2
    done < <(sed -n 's/^> //p' "$work/diff")
    exit 1
fi
echo "Each of the $(wc -l < "$work/named") differences is one of docs/medusa-differences.md"
