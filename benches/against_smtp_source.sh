#!/usr/bin/env bash
# How fast mailrun is, in one table: beside Postfix's own load generator smtp-source, and by itself.
#
#   cargo build --release && cargo build --release --example receiver --example line
#   benches/against_smtp_source.sh                 about a quarter of an hour
#   QUICK=1 benches/against_smtp_source.sh         under a minute: shows that it works, and judges little
#
# mailrun reads a CSV, plans, renders a personal message for each row (ten variables, a partial, a loop; text and
# HTML) and journals each outcome with the durability it always has; smtp-source repeats one constant
# message of the same size. Both get 50 sessions that stay open. They take turns within a round, each run
# with a fresh receiver and a fresh state, after a look whether the machine gives both cores. A run counts only
# if everybody was accepted, and nobody twice. Compare ratios of one run, never figures of two.
#
# The receivers: Postfix's smtp-sink, which anybody has, and benches/receiver, which costs the cores less and
# counts. The long line is benches/line, a proxy that delays both ways; there the receiver's clock counts, from
# the first acceptance to the last, and start-up does not. Elsewhere it is the wall time of the whole process.
#
# There is no mailrun without a journal to hold the journal against. "Kept with the journal durable" is the
# throughput with the state on the disk of $TMPDIR over that with the state on tmpfs (/dev/shm), where
# fdatasync returns at once: the price of waiting for the disk. What journalling costs in CPU is in both; for
# that see `cargo bench --bench journal`.
#
# To be set: ROUNDS (3), MESSAGES (100000; 200000 where the receiver offers CHUNKING, as STREAMED), ROWS
# (1000000) of the runs by that name, SESSIONS (50), ROUND_TRIP (50 ms), PORT (25250 and the next one), PARTS
# (sink cheap tls journal million line; tls and journal are held against cheap), MAILRUN_BINARY, RECEIVER,
# LINE, and TMPDIR for a disk to write to: about 1 GB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -n ${QUICK:-} ]]; then
    readonly ROUNDS=${ROUNDS:-1} MESSAGES=${MESSAGES:-10000} STREAMED=${STREAMED:-10000} ROWS=${ROWS:-10000}
    readonly LINE_SOURCE=16 LINE_GROUPED=60 LINE_STREAMED=500 PATIENCE=2
else
    readonly ROUNDS=${ROUNDS:-3} MESSAGES=${MESSAGES:-100000} STREAMED=${STREAMED:-200000} ROWS=${ROWS:-1000000}
    readonly LINE_SOURCE=100 LINE_GROUPED=300 LINE_STREAMED=3000 PATIENCE=60
fi
readonly SESSIONS=${SESSIONS:-50} ROUND_TRIP=${ROUND_TRIP:-50} PORT=${PORT:-25250}
readonly PARTS=${PARTS:-sink cheap tls journal million line}
readonly MAILRUN=${MAILRUN_BINARY:-$PWD/target/release/mailrun}
readonly RECEIVER=${RECEIVER:-$PWD/target/release/examples/receiver}
readonly LINE=${LINE:-$PWD/target/release/examples/line}
readonly LINE_PORT=$((PORT + 1))
# Postfix keeps smtp-source where only root looks.
export PATH=$PATH:/usr/sbin

scratch=
memory=
receiver=
line=
round=0
uncounted=0
# Payload of smtp-source that makes its message as large as mailrun's.
payload=
# Messages over the long line where CHUNKING is offered: fewer if the program does not use it.
line_streamed=$LINE_STREAMED

main() {
    need
    trap clean_up EXIT
    scratch=$(mktemp -d -t mailrun-bench-XXXXXX)
    memory=$(mktemp -d -p /dev/shm mailrun-bench-XXXXXX)
    # smtp-sink gives up root.
    chmod 755 "$scratch"
    look_at_the_disks
    describe
    calibrate
    for round in $(seq "$ROUNDS"); do
        for part in $PARTS; do
            "part_$part"
        done
    done
    echo
    python3 benches/bars.py table "$scratch/runs" || true
    if ((uncounted > 0)); then
        echo "$uncounted runs did not count: see above" >&2
        exit 1
    fi
}

# What is missing is said, with what helps; nothing is installed here.
need() {
    local missing=no
    if ! command -v smtp-source >/dev/null || ! command -v smtp-sink >/dev/null || [[ ! -x /usr/bin/time ]]; then
        echo 'missing: smtp-source, smtp-sink or /usr/bin/time' >&2
        echo 'hint: apt-get install --no-install-recommends postfix time' >&2
        missing=yes
    fi
    if [[ ! -x $MAILRUN ]]; then
        printf 'missing: %s\nhint: cargo build --release\n' "$MAILRUN" >&2
        missing=yes
    fi
    if [[ ! -x $RECEIVER || ! -x $LINE ]]; then
        printf 'missing: %s or %s\n' "$RECEIVER" "$LINE" >&2
        echo 'hint: cargo build --release --example receiver --example line' >&2
        missing=yes
    fi
    for part in $PARTS; do
        if ! declare -F "part_$part" >/dev/null; then
            printf 'no part of this bench is called %q\nhint: sink cheap tls journal million line\n' "$part" >&2
            missing=yes
        fi
    done
    if [[ $missing == yes ]]; then exit 2; fi
}

look_at_the_disks() {
    if [[ $(stat -f -c %T "$scratch") == tmpfs ]]; then
        echo "$scratch is on tmpfs, where nothing is durable" >&2
        echo 'hint: set TMPDIR to a folder on a disk' >&2
        exit 2
    fi
    # 200,000 recipients leave about 200 MB of state.
    if [[ $PARTS == *journal* && $(df --output=avail -B1M "$memory" | tail -n 1) -lt 512 ]]; then
        echo '/dev/shm has less than 512 MiB left: the part "journal" needs them' >&2
        echo 'hint: make room there, or leave journal out of PARTS' >&2
        exit 2
    fi
}

describe() {
    printf '%s, %s\n' "$("$MAILRUN" --version)" "$MAILRUN"
    printf '%s cores, Linux %s, state on %s\n' "$(nproc)" "$(uname -r)" "$(df --output=fstype "$scratch" | tail -n 1)"
    printf '%s sessions; window and max_uncertain at their defaults (16 messages a session, 1000 recipients)\n' \
        "$SESSIONS"
}

# Finds mailrun's mean size, the payload that brings smtp-source to it, and how long the line really is.
calibrate() {
    local rows=2000 size source_size
    workspace "$rows"
    start_receiver --chunking
    relay "$rows" "$PORT" "$SESSIONS"
    run_mailrun "$rows" "$scratch/state" || refuse_to_start
    stop_receiver
    size=$(counted 'counted["octets"] // counted["messages"]')
    if [[ $(counted 'counted["chunks"]') == 0 ]]; then
        echo 'this mailrun does not use CHUNKING: "streamed" is what it does where CHUNKING is offered'
        line_streamed=$LINE_GROUPED
    fi
    start_receiver
    run_source "$PORT" 10 100 "$size" || refuse_to_start
    stop_receiver
    source_size=$(counted 'counted["octets"] // counted["messages"]')
    payload=$((size - (source_size - size)))
    printf 'messages of %s octets, smtp-source -l %s to send as much\n' "$size" "$payload"
    start_receiver
    start_line
    printf 'a line of %s\n\n' "$(python3 benches/round_trip.py "$LINE_PORT")"
    stop_receiver
}

refuse_to_start() {
    echo 'not even a few messages went through:' >&2
    tail -n 20 "$scratch/said" >&2
    exit 1
}

# A figure that the receiver counted, as an expression of Python.
counted() {
    python3 -c "import json, sys; counted = json.load(open(sys.argv[1])); print($1)" "$scratch/counted"
}

part_sink() {
    measure source_sink sink source "$MESSAGES"
    measure sink sink mailrun "$MESSAGES"
}

part_cheap() {
    measure source plain source "$MESSAGES"
    measure grouped plain mailrun "$MESSAGES"
    measure streamed chunking mailrun "$STREAMED"
}

part_tls() {
    measure tls_grouped tls mailrun "$MESSAGES"
    measure tls_streamed tls_chunking mailrun "$STREAMED"
}

part_journal() {
    measure memory_grouped plain mailrun_in_memory "$MESSAGES"
    measure memory_streamed chunking mailrun_in_memory "$STREAMED"
}

part_million() {
    measure rows_grouped plain mailrun "$ROWS"
    measure rows_streamed chunking mailrun "$ROWS"
}

part_line() {
    measure line_source plain source_over_line "$LINE_SOURCE"
    measure line_grouped plain mailrun_over_line "$LINE_GROUPED"
    measure line_streamed chunking mailrun_over_line "$line_streamed"
}

# Starts a fresh receiver, waits for both cores, runs a sender and notes what it took.
measure() {
    local name=$1 into=$2 sender=$3 count=$4 cores
    case $into in
    sink) start_sink ;;
    plain) start_receiver ;;
    chunking) start_receiver --chunking ;;
    tls) start_receiver --tls "$scratch/receiver.pem" ;;
    tls_chunking) start_receiver --tls "$scratch/receiver.pem" --chunking ;;
    esac
    if [[ $sender == *_over_line ]]; then start_line; fi
    prepare "$sender" "$into" "$count"
    cores=$(python3 benches/cores.py --patience "$PATIENCE") || true
    local code=0
    "send_$sender" "$count" || code=$?
    stop_receiver
    if [[ $code != 0 ]]; then
        printf 'round %s  %-16s DOES NOT COUNT: exit code %s\n' "$round" "$name" "$code"
        tail -n 5 "$scratch/said"
        uncounted=$((uncounted + 1))
        return
    fi
    if [[ $sender == mailrun && $into == sink ]]; then ask_mailrun "$count"; fi
    python3 benches/bars.py note "$scratch/runs" --round "$round" --name "$name" --count "$count" --cores "$cores" \
        --time "$scratch/time" --counted "$scratch/counted" || uncounted=$((uncounted + 1))
}

# Everything of a run that is not to be measured.
prepare() {
    local sender=$1 into=$2 count=$3 port=$PORT sessions=$SESSIONS
    if [[ $sender == source* ]]; then return; fi
    if [[ $sender == *_over_line ]]; then port=$LINE_PORT sessions=1; fi
    local tls=()
    if [[ $into == tls* ]]; then tls=(--tls-ca "$scratch/receiver.pem"); fi
    workspace "$count"
    relay "$count" "$port" "$sessions" "${tls[@]}"
    rm -rf "$scratch/state" "$memory/state"
    # What the last run left to be written is not this one's.
    sync -f "$scratch"
}

send_source() { run_source "$PORT" "$SESSIONS" "$1" "$payload"; }
send_source_over_line() { run_source "$LINE_PORT" 1 "$1" "$payload"; }
send_mailrun() { run_mailrun "$1" "$scratch/state"; }
send_mailrun_over_line() { run_mailrun "$1" "$scratch/state"; }
send_mailrun_in_memory() { run_mailrun "$1" "$memory/state"; }

run_source() {
    local port=$1 sessions=$2 count=$3 octets=$4
    timed smtp-source -s "$sessions" -d -m "$count" -l "$octets" \
        -f news@example.com -t reader@example.net "127.0.0.1:$port"
}

run_mailrun() {
    local count=$1 state=$2
    timed "$MAILRUN" send bench --yes --progress none --dir "$scratch/workspace_$count" --state "$state"
}

# GNU time stands right before the program: the peak of a child begins at that of the process it came from.
timed() {
    /usr/bin/time -f '%e %U %S %M' -o "$scratch/time" "$@" </dev/null >"$scratch/said" 2>&1
}

# smtp-sink does not count, so mailrun's own report has to say who was accepted.
ask_mailrun() {
    "$MAILRUN" report bench --json --dir "$scratch/workspace_$1" --state-dir "$scratch/state" |
        python3 -c 'import json, sys
print(json.dumps({"messages": json.load(sys.stdin)["recipients"]["accepted"]}))' >"$scratch/counted"
}

workspace() {
    local folder=$scratch/workspace_$1
    if [[ ! -d $folder ]]; then python3 benches/make_campaign.py "$folder" "$1"; fi
}

relay() {
    local count=$1 port=$2 sessions=$3
    shift 3
    python3 benches/make_campaign.py "$scratch/workspace_$count" --relay "127.0.0.1:$port" --sessions "$sessions" "$@"
}

start_sink() {
    local user=()
    if [[ $EUID == 0 ]]; then user=(-u nobody); fi
    rm -f "$scratch/counted"
    smtp-sink "${user[@]}" -m 1000 "127.0.0.1:$PORT" 1024 &
    receiver=$!
    wait_for "$PORT"
}

start_receiver() {
    rm -f "$scratch/counted"
    "$RECEIVER" --listen "127.0.0.1:$PORT" "$@" >"$scratch/counted" &
    receiver=$!
    wait_for "$PORT"
}

start_line() {
    "$LINE" --listen "127.0.0.1:$LINE_PORT" --to "127.0.0.1:$PORT" --round-trip "$ROUND_TRIP" &
    line=$!
    wait_for "$LINE_PORT"
}

wait_for() {
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.05
    done
    echo "nobody listens on port $1" >&2
    exit 1
}

# Ends the receiver, and the line before it; the receiver says what it counted.
stop_receiver() {
    for child in $line $receiver; do
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    line=
    receiver=
}

clean_up() {
    stop_receiver
    rm -rf "$scratch" "$memory"
}

main
