#!/usr/bin/env bash
# Runs Debian's Exim in the foreground on a loopback port, inside a root of its own (peers.sh).
#
#   exim.sh DIR PORT CHUNKING
#
# DIR holds certificate.pem and key.pem, and gets the log, log/main. TLS from the first octet; who wants to
# send logs in as `news` with the password `rosebud`. CHUNKING is `hidden` or `shown`. It takes mail for
# anybody and throws it away, except that
#   gone-*    are refused for good (550 5.1.1),
#   later-*   are refused for now, for ever (450 4.2.1),
#   grey-*    are refused once (451 4.7.1),
# and it takes seven recipients a transaction, 40 messages a connection and three connections at once.
set -euo pipefail

if [[ $# != 3 ]]; then
    sed -n '4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
readonly directory=$1 port=$2
case "$3" in
    hidden) chunking= ;;
    shown) chunking='*' ;;
    *) echo "exim.sh: CHUNKING is hidden or shown, not $3" >&2; exit 2 ;;
esac

mkdir -p "$directory/log"
chown Debian-exim "$directory/log"
chmod 755 "$directory" "$directory/log"
# Exim reads its key after it gave up root.
chown root:Debian-exim "$directory/key.pem"
chmod 640 "$directory/key.pem"
# A root of our own, so the configuration may stand where Exim keeps root's rights for it.
cat >/etc/exim4/exim4.conf <<SETTINGS
primary_hostname = exim.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = $port
tls_on_connect_ports = $port
tls_advertise_hosts = *
tls_certificate = $directory/certificate.pem
tls_privatekey = $directory/key.pem
log_file_path = $directory/log/%s
log_selector = +received_recipients
write_rejectlog = false
host_lookup =
rfc1413_hosts =
chunking_advertise_hosts = $chunking
pipelining_advertise_hosts = *
dsn_advertise_hosts = *

recipients_max = 7
smtp_accept_max_per_connection = 40
smtp_accept_max_per_host = 3
smtp_max_unknown_commands = 1
smtp_max_synprot_errors = 0
# Every message is delivered at once, however many came before it on its connection.
smtp_accept_queue_per_connection = 0
deliver_drop_privilege

acl_smtp_mail = the_sender
acl_smtp_rcpt = the_recipient

begin acl
the_sender:
  deny  !authenticated = *
        message        = 530 5.7.0 Authentication required
  accept
the_recipient:
  deny  local_parts = ^gone-
        message     = 550 5.1.1 no such user
  defer local_parts = ^later-
        message     = 450 4.2.1 the mailbox is busy
  accept local_parts = !^grey-
  # The second try within the hour exceeds it.
  accept ratelimit  = 1.5 / 1h / per_cmd / strict / \$local_part@\$domain
  defer message     = 451 4.7.1 greylisted, come back later

begin routers
everybody:
  driver = redirect
  data   = :blackhole:

begin authenticators
plain:
  driver           = plaintext
  public_name      = PLAIN
  server_condition = \${if and{{eq{\$auth2}{news}}{eq{\$auth3}{rosebud}}}}
  server_set_id    = \$auth2
  server_advertise_condition = \${if def:tls_in_cipher}
SETTINGS
exec exim4 -bdf
