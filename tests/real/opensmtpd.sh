#!/usr/bin/env bash
# Runs Debian's OpenSMTPD in the foreground on a loopback port, inside a root of its own (peers.sh).
#
#   opensmtpd.sh DIR PORT PLAIN_PORT
#
# DIR holds certificate.pem and key.pem, and gets the log, `log`. It announces no PIPELINING, takes mail for
# anybody at example.net and bücher.example and throws it away, except that
#   gone-*    are unknown to it (550, in words of its own),
#   later-*   are refused for now, for ever (450 4.2.1),
#   grey-*    are refused once (451 4.7.1),
# and it takes seven recipients a transaction and 40 messages a session.
#
# Debian's build cannot accept TLS with the OpenSSL it is linked to
# (https://github.com/OpenSMTPD/OpenSMTPD/issues/1171): stunnel does STARTTLS on PORT, and speaks to PLAIN_PORT.
set -euo pipefail

if [[ $# != 3 ]]; then
    sed -n '4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
readonly directory=$1 port=$2 plain_port=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

cat >/etc/smtpd.conf <<SETTINGS
table there { "@example.net" = "nobody", "@xn--bcher-kva.example" = "nobody" }
smtp limit max-rcpt 7
smtp limit max-mails 40
filter script proc-exec "$here/opensmtpd_filter.sh"
listen on 127.0.0.1 port $plain_port hostname opensmtpd.test filter script
action "drop" mda "cat >/dev/null" virtual <there>
match from any for rcpt-to regex "^gone-" reject
match from any for any action "drop"
SETTINGS
cat >/etc/stunnel/starttls.conf <<SETTINGS
foreground = no
pid =
debug = warning
output = $directory/stunnel.log
[starttls]
accept = 127.0.0.1:$port
connect = 127.0.0.1:$plain_port
protocol = smtp
cert = $directory/certificate.pem
key = $directory/key.pem
TIMEOUTclose = 0
SETTINGS
stunnel /etc/stunnel/starttls.conf
exec smtpd -d >"$directory/log" 2>&1
