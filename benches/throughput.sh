#!/usr/bin/env bash
# Messages a second, end to end: `mailrun send` beside Postfix's own load generator, smtp-source.
#
#   benches/throughput.sh [MESSAGES [ROUNDS]]      100000 messages, 3 rounds
#
# Both send into smtp-sink and into `mailrun sandbox`, which only counts; peers take turns within a round and
# every run gets a fresh receiver and a fresh state. mailrun reads, plans, renders and journals each message
# at its defaults; smtp-source repeats one constant message of the same size. Compare ratios of one run, not
# figures of two. SESSIONS (8) is mailrun's; smtp-source has 50 connections, kept open.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

messages=${1:-100000}
rounds=${2:-3}
sessions=${SESSIONS:-8}
readonly PORT=${PORT:-25250}
binary=${MAILRUN_BINARY:-$PWD/target/release/mailrun}
scratch=$(mktemp -d -t mailrun-bench-XXXXXX)
receiver=
trap 'stop_receiver; rm -rf "$scratch"' EXIT

main() {
    for program in smtp-source smtp-sink /usr/bin/time python3 "$binary"; do
        command -v "$program" >/dev/null || { echo "missing: $program" >&2; exit 2; }
    done
    python3 benches/make_campaign.py "$scratch/workspace" "$messages" --relay "127.0.0.1:$PORT" --sessions "$sessions"
    local octets
    octets=$("$binary" preview bench --row 2 --raw --dir "$scratch/workspace" | wc -c)
    printf '%s messages of %s octets, mailrun with %s sessions, %s, state on %s\n' \
        "$messages" "$octets" "$sessions" "$(nproc) cores" "$(stat -f -c %T "$scratch")"
    for round in $(seq "$rounds"); do
        measure "smtp-source > smtp-sink" sink source_ "$octets"
        measure "mailrun > smtp-sink" sink mailrun_
        measure "smtp-source > sandbox" sandbox source_ "$octets"
        measure "mailrun > sandbox" sandbox mailrun_
    done
    echo
    python3 benches/medians.py "mailrun > sandbox=smtp-source > sandbox" <"$scratch/runs"
}

# Starts a fresh receiver, waits for both cores, runs a sender and notes what it took.
measure() {
    local name=$1 into=$2 sender=$3
    shift 3
    start_receiver "$into"
    local cores
    cores=$(python3 benches/cores.py) || echo "only $cores cores were given: read the next row with care"
    rm -rf "$scratch/state"
    /usr/bin/time -f '%e %U %S %M' -o "$scratch/time" "$scratch/$sender" "$@" >"$scratch/said" 2>&1 || {
        cat "$scratch/said" >&2
        exit 1
    }
    stop_receiver
    if [[ $sender == mailrun_ ]]; then all_accepted; fi
    local wall user kernel peak
    read -r wall user kernel peak < <(tail -n 1 "$scratch/time")
    awk -v name="$name" -v n="$messages" -v wall="$wall" -v user="$user" -v kernel="$kernel" -v peak="$peak" \
        -v OFS='\t' 'BEGIN { print name, n, wall, user + kernel, peak }' | tee -a "$scratch/runs" |
        awk -F'\t' -v round="$round" -v cores="$cores" \
            '{ printf "round %s  %-26s %9.0f/s  (%s cores given)\n", round, $1, $2 / $3, cores }'
}

# A run counts only if it brought everybody home.
all_accepted() {
    "$binary" report bench --json --dir "$scratch/workspace" --state-dir "$scratch/state" |
        python3 -c 'import json, sys
accepted = json.load(sys.stdin)["recipients"]["accepted"]
sys.exit(0 if accepted == int(sys.argv[1]) else f"only {accepted} were accepted")' "$messages"
}

start_receiver() {
    if [[ $1 == sink ]]; then
        local user=()
        if [[ $EUID == 0 ]]; then user=(-u nobody); fi
        smtp-sink "${user[@]}" -m 1000 "127.0.0.1:$PORT" 1024 &
    else
        "$binary" sandbox --listen "127.0.0.1:$PORT" >"$scratch/sandbox" 2>&1 &
    fi
    receiver=$!
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then return; fi
        sleep 0.05
    done
    echo "no receiver listens on port $PORT" >&2
    exit 1
}

stop_receiver() {
    if [[ -n $receiver ]]; then
        kill "$receiver" 2>/dev/null || true
        wait "$receiver" 2>/dev/null || true
        receiver=
    fi
}

cat >"$scratch/source_" <<SENDER
#!/bin/sh
exec smtp-source -s 50 -d -m $messages -l \$1 -f news@example.com -t reader@example.net 127.0.0.1:$PORT
SENDER
cat >"$scratch/mailrun_" <<SENDER
#!/bin/sh
exec "$binary" send bench --yes --progress none --dir "$scratch/workspace" --state "$scratch/state"
SENDER
chmod +x "$scratch/source_" "$scratch/mailrun_"
main
