#!/usr/bin/env bash
# Runs Debian's Postfix on a loopback port, with a private configuration, queue and log.
#
#   postfix.sh start DIR PORT POLICY_PORT TLS CHUNKING ERRORS    start it, return once it listens
#   postfix.sh stop DIR    stop it; DIR stays for those who read the log
#
# DIR holds certificate.pem and key.pem. TLS is `starttls`, and then demanded, or `implicit`; CHUNKING is
# `hidden` or `shown`. It takes mail for anybody and throws it away, except that
#   gone-*    are refused for good (550 5.1.1),
#   later-*   are refused for now, for ever (450 4.2.1),
#   grey-*    are left to the policy service on POLICY_PORT (SMTPD_POLICY_README),
# and that it takes seven recipients a transaction and three connections at once, slows a session down after
# three refusals since the last message that it took, and closes it after ERRORS.
set -euo pipefail

usage() {
    sed -n '4,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

write_main_cf() {
    local directory=$1 policy_port=$2 tls=$3 chunking=$4 errors=$5 wrapped hidden
    case $tls in
        starttls) wrapped=no ;;
        implicit) wrapped=yes ;;
        *) usage ;;
    esac
    case $chunking in
        hidden) hidden=chunking ;;
        shown) hidden= ;;
        *) usage ;;
    esac
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
smtpd_client_connection_count_limit = 3
# By default it spares this machine.
smtpd_client_event_limit_exceptions =
smtpd_soft_error_limit = 3
smtpd_hard_error_limit = $errors
smtpd_discard_ehlo_keywords = $hidden
smtpd_tls_cert_file = $directory/certificate.pem
smtpd_tls_key_file = $directory/key.pem
smtpd_tls_security_level = encrypt
smtpd_tls_wrappermode = $wrapped
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

listens() {
    local port=$1
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    exec 3>&-
}

start() {
    local directory=$1 port=$2
    mkdir -p "$directory"/{etc,spool,data}
    chmod 755 "$directory"
    write_main_cf "$directory" "${@:3}"
    write_master_cf "$directory" "$port"
    chown postfix "$directory/data"
    postfix -c "$directory/etc" start >"$directory/start.log" 2>&1 || {
        cat "$directory/start.log" "$directory/maillog" >&2
        exit 1
    }
    for _ in $(seq 100); do
        if listens "$port" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "postfix does not listen on port $port" >&2
    cat "$directory/maillog" >&2
    exit 1
}

stop() {
    local directory=$1
    postfix -c "$directory/etc" stop >>"$directory/start.log" 2>&1 || true
}

case "${1:-}" in
    start) [[ $# == 7 ]] || usage; start "${@:2}" ;;
    stop) [[ $# == 2 ]] || usage; stop "$2" ;;
    *) usage ;;
esac
