#!/usr/bin/env bash
# Runs Debian's rspamd in the foreground on a loopback port, inside a root of its own (peers.sh). It asks nobody
# else: its resolver is a port where nobody answers.
#
#   rspamd.sh DIR PORT
set -euo pipefail

if [[ $# != 2 ]]; then
    sed -n '5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
override=/etc/rspamd/override.d
mkdir -p "$override" /run/rspamd
chown _rspamd:_rspamd /run/rspamd
cat >"$override/options.inc" <<SETTINGS
disable_hyperscan = true;
dns { nameserver = ["127.0.0.1:9"]; timeout = 0.05s; retransmits = 1; }
SETTINGS
# One worker that judges; none that is asked for figures, and none that speaks to mail servers.
cat >"$override/worker-normal.inc" <<SETTINGS
bind_socket = "127.0.0.1:$2";
count = 2;
SETTINGS
for worker in controller proxy fuzzy; do echo 'enabled = false;' >"$override/worker-$worker.inc"; done
for module in fuzzy_check rbl asn phishing dmarc spf dkim arc; do echo 'enabled = false;' >"$override/$module.conf"; done
cat >"$override/logging.inc" <<SETTINGS
type = "file";
filename = "$1/rspamd.log";
SETTINGS
touch "$1/rspamd.log"
chown _rspamd "$1/rspamd.log"
exec rspamd --no-fork --user _rspamd --group _rspamd >"$1/start.log" 2>&1
