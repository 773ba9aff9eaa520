#!/usr/bin/env bash
# Runs Debian's spamd in the foreground on a loopback port, inside a root of its own (peers.sh). It asks nobody
# else: rules about form need no network.
#
#   spamassassin.sh DIR PORT
set -euo pipefail

if [[ $# != 2 ]]; then
    sed -n '5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
# Bayes and the like learn from mail, and there is none to learn from.
cat >/etc/spamassassin/local.cf <<SETTINGS
use_bayes 0
use_auto_welcomelist 0
use_pyzor 0
use_razor2 0
dns_available no
SETTINGS
exec spamd --local --nouser-config --listen "127.0.0.1:$2" --max-children 2 --username nobody --syslog stderr >"$1/log" 2>&1
