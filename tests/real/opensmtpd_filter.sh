#!/usr/bin/env bash
# A filter for OpenSMTPD (smtpd-filters(7)): refuses later-* for now, and grey-* at their first try.
set -euo pipefail

declare -A seen

# Until this line the server tells of its settings.
while read -r line && [[ $line != 'config|ready' ]]; do :; done
printf 'register|filter|smtp-in|rcpt-to\nregister|ready\n'

while IFS='|' read -r _ _ _ _ _ session token recipient; do
    verdict=proceed
    case $recipient in
        *later-*) verdict='reject|450 4.2.1 the mailbox is busy' ;;
        *grey-*)
            if [[ -z ${seen[$recipient]-} ]]; then
                seen[$recipient]=yes
                verdict='reject|451 4.7.1 greylisted, come back later'
            fi
            ;;
    esac
    printf 'filter-result|%s|%s|%s\n' "$session" "$token" "$verdict"
done
