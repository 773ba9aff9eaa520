//! What Postfix says of each recipient, read from its log.
//!
//! ```text
//! postfix/smtpd[1]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: 550 5.1.1 <a@b.c>: .. to=<a@b.c> proto=ESMTP ..
//! postfix/cleanup[2]: 4d6M..: message-id=<1@x>
//! postfix/discard[3]: 4d6M..: to=<a@b.c>, relay=none, .., dsn=2.0.0, status=sent (example.net)
//! postfix/qmgr[4]: 4d6M..: removed
//! ```

use std::collections::HashMap;

use crate::server_log::{Refusal, ServerLog, bare, between};

/// Reads a log from its beginning.
pub(crate) fn read(text: &str) -> ServerLog {
    let mut log = ServerLog::default();
    let mut message_ids: HashMap<&str, &str> = HashMap::new();
    let mut queued: HashMap<&str, bool> = HashMap::new();
    for line in text.lines() {
        let Some((service, rest)) = line.split_once("]: ") else { continue };
        let Some((id, event)) = rest.split_once(": ") else { continue };
        if let Some(refusal) = event.strip_prefix("reject: RCPT from ") {
            let (recipient, refusal) = refused(refusal).unwrap_or_else(|| panic!("an odd refusal: {line}"));
            log.refused(recipient, refusal);
        } else if let Some(message_id) = event.strip_prefix("message-id=") {
            message_ids.insert(id, bare(message_id));
            queued.insert(id, true);
        } else if event == "removed" {
            queued.insert(id, false);
        } else if service.contains("postfix/discard") && event.contains("status=sent") {
            let recipient = between(event, "to=<", ">").expect("a delivery has a recipient");
            log.took(recipient, id, message_ids.get(id).copied().unwrap_or_default());
        }
    }
    log.queued = queued.values().filter(|waits| **waits).count();
    log
}

/// `localhost[127.0.0.1]: 550 5.1.1 <a@b.c>: Recipient address rejected: ..; from=<> to=<a@b.c> ..`
fn refused(text: &str) -> Option<(&str, Refusal)> {
    let (_, reply) = text.split_once("]: ")?;
    Some((between(text, " to=<", ">")?, Refusal::parse(reply)?))
}

#[test]
fn a_log_is_read_as_postfix_writes_it() {
    use crate::server_log::Taken;
    let log = read(
        "Nov 23 21:17:22 postfix postfix/smtpd[23354]: connect from localhost[127.0.0.1]\n\
         Nov 23 21:17:22 postfix postfix/smtpd[23354]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: 550 5.1.1 <gone-1@example.net>: Recipient address rejected: no such user; from=<news@example.com> to=<gone-1@example.net> proto=ESMTP helo=<me>\n\
         Nov 23 21:17:22 postfix postfix/smtpd[23354]: 4nS8cJ1z: client=localhost[127.0.0.1]\n\
         Nov 23 21:17:22 postfix postfix/cleanup[23472]: 4nS8cJ1z: message-id=<1@x>\n\
         Nov 23 21:17:22 postfix postfix/qmgr[23351]: 4nS8cJ1z: from=<news@example.com>, size=244, nrcpt=7 (queue active)\n\
         Nov 23 21:17:22 postfix postfix/discard[23473]: 4nS8cJ1z: to=<ok-0@example.net>, relay=none, delay=0.02, delays=0.01/0.01/0/0, dsn=2.0.0, status=sent (example.net)\n\
         Nov 23 21:17:22 postfix postfix/qmgr[23351]: 4nS8cJ1z: removed\n\
         Nov 23 21:17:22 postfix postfix/cleanup[23472]: 4nS8cJ2a: message-id=<2@x>\n",
    );
    assert_eq!(log.refused["gone-1@example.net"], [Refusal::new(550, "5.1.1")]);
    assert_eq!(
        log.taken["ok-0@example.net"],
        [Taken { queue_id: "4nS8cJ1z".into(), message_id: "1@x".into() }]
    );
    assert_eq!(log.queued, 1);
}
