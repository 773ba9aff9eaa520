#!/usr/bin/env bash
# How long a million rows take to plan, beside what Python's csv and sqlite need to import them.
#
#   benches/plan.sh [ROWS [ROUNDS]]      1000000 rows, 3 rounds
#
# Both read the same CSV and refuse duplicate addresses; mailrun also parses every address, freezes the plan
# durably and forecasts the run. Compare the ratio and the peak of memory, not the seconds of two machines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rows=${1:-1000000}
rounds=${2:-3}
binary=${MAILRUN_BINARY:-$PWD/target/release/mailrun}
scratch=$(mktemp -d -t mailrun-bench-XXXXXX)
trap 'rm -rf "$scratch"' EXIT

measure() {
    local name=$1 cores wall user kernel peak
    shift
    rm -rf "$scratch/state" "$scratch/rows.sqlite"
    cores=$(python3 benches/cores.py) || echo "only $cores cores were given: read the next row with care"
    /usr/bin/time -f '%e %U %S %M' -o "$scratch/time" "$@" >"$scratch/said" 2>&1 || {
        cat "$scratch/said" >&2
        exit 1
    }
    read -r wall user kernel peak < <(tail -n 1 "$scratch/time")
    awk -v name="$name" -v n="$rows" -v wall="$wall" -v user="$user" -v kernel="$kernel" -v peak="$peak" \
        -v OFS='\t' 'BEGIN { print name, n, wall, user + kernel, peak }' >>"$scratch/runs"
    printf '%-26s %6ss  %4s MiB  (%s cores given)\n' "$name" "$wall" $((peak / 1024)) "$cores"
}

python3 benches/make_campaign.py "$scratch/workspace" "$rows"
printf '%s rows, %s MiB of CSV\n' "$rows" \
    $(($(stat -c %s "$scratch/workspace/campaigns/bench/recipients.csv") / 1048576))
for _ in $(seq "$rounds"); do
    measure 'csv and sqlite' python3 benches/import.py "$scratch/workspace/campaigns/bench/recipients.csv" "$scratch/rows.sqlite"
    measure 'mailrun plan' "$binary" plan bench --dir "$scratch/workspace" --state "$scratch/state"
done
echo
python3 benches/medians.py <"$scratch/runs"
