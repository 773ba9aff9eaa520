#!/usr/bin/env bash
# Runs Debian's Postfix on a loopback port, with a private configuration, queue and log.
#
#   postfix.sh start DIR PORT POLICY_PORT    start it, and return once it greets
#   postfix.sh stop DIR                      stop it; DIR stays for those who want to read the log
#
# It takes mail for anybody and throws it away, except that
#   gone-*    are refused for good (550 5.1.1),
#   later-*   are refused for now, for ever (450 4.2.1),
#   grey-*    are left to the policy service on POLICY_PORT (SMTPD_POLICY_README),
# and that it takes at most seven recipients a transaction. Everything else is as Debian ships it, the
# error limits included: it slows a session down after ten refusals in a row and closes it after twenty.
set -euo pipefail

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

write_main_cf() {
    local directory=$1 policy_port=$2
    cat >"$directory/etc/main.cf" <<SETTINGS
compatibility_level = 3.6
queue_directory = $directory/spool
data_directory = $directory/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = $directory/maillog
maillog_file_prefixes = $directory
myhostname = postfix.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
default_transport = discard:
enable_long_queue_ids = yes
smtpd_recipient_limit = 7
smtpd_forbid_bare_newline = yes
smtpd_restriction_classes = greylist
greylist = check_policy_service inet:127.0.0.1:$policy_port
smtpd_recipient_restrictions =
    check_recipient_access regexp:$directory/etc/recipients
    permit_mynetworks
    reject
SETTINGS
    cat >"$directory/etc/recipients" <<TABLE
/^gone-/    550 5.1.1 no such user
/^later-/   450 4.2.1 the mailbox is busy
/^grey-/    greylist
TABLE
}

# The packaged services, with the public one on our port only and nothing in a chroot.
write_master_cf() {
    local directory=$1 port=$2
    awk -v port="$port" '
        /^smtp[[:space:]]+inet/ { $1 = "127.0.0.1:" port }
        /^[a-z0-9:.]+[[:space:]]+(inet|unix)/ { $5 = "n" }
        { print }
    ' /etc/postfix/master.cf >"$directory/etc/master.cf"
    if ! grep -q '^postlog' "$directory/etc/master.cf"; then
        echo 'postlog unix-dgram n - n - 1 postlogd' >>"$directory/etc/master.cf"
    fi
}

greets() {
    local port=$1 greeting
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    read -r -t 5 greeting <&3 || greeting=
    exec 3>&-
    [[ $greeting == 220* ]]
}

start() {
    local directory=$1 port=$2 policy_port=$3
    mkdir -p "$directory"/{etc,spool,data}
    chmod 755 "$directory"
    write_main_cf "$directory" "$policy_port"
    write_master_cf "$directory" "$port"
    chown postfix "$directory/data"
    postfix -c "$directory/etc" start >"$directory/start.log" 2>&1 || {
        cat "$directory/start.log" "$directory/maillog" >&2
        exit 1
    }
    for _ in $(seq 100); do
        if greets "$port" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "postfix does not greet on port $port" >&2
    cat "$directory/maillog" >&2
    exit 1
}

stop() {
    local directory=$1
    postfix -c "$directory/etc" stop >>"$directory/start.log" 2>&1 || true
}

case "${1:-}" in
    start) [[ $# == 4 ]] || usage; start "$2" "$3" "$4" ;;
    stop) [[ $# == 2 ]] || usage; stop "$2" ;;
    *) usage ;;
esac
