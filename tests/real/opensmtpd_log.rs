//! What `OpenSMTPD` says of each recipient, read from what `smtpd -d` writes.
//!
//! ```text
//! f95e99198984ea51 smtp failed-command command="RCPT TO:<a@b.c>" result="550 Invalid recipient: <a@b.c>"
//! f95e99198984ea51 smtp message msgid=b9153d2a size=349 nrcpt=1 proto=ESMTP
//! f95e99198984ea51 smtp envelope evpid=b9153d2ab32c0b2c from=<a@b.c> to=<a@b.c>
//! f95e991ab2c4d874 mda delivery evpid=b9153d2ab32c0b2c from=<a@b.c> to=<a@b.c> rcpt=<a@b.c> user=nobody delay=2s result=Ok stat=Delivered
//! ```
//!
//! The id of an envelope begins with the id of its message, which is what the reply to the final dot names.

use std::collections::HashSet;

use crate::server_log::{Refusal, ServerLog, between};

/// Hexadecimal digits of a message's id.
const MESSAGE_ID: usize = 8;

/// Reads a log from its beginning.
pub(crate) fn read(text: &str) -> ServerLog {
    let mut log = ServerLog::default();
    let mut queue: HashSet<&str> = HashSet::new();
    for (_, event) in text.lines().filter_map(|line| line.split_once(' ')) {
        if let Some(refusal) = event.strip_prefix("smtp failed-command command=\"RCPT TO:<") {
            let (recipient, rest) = refusal.split_once('>').expect("a recipient");
            let reply = between(rest, "result=\"", "\"").expect("a refusal has words");
            let refusal = Refusal::parse(reply).expect("a reply");
            // Of the transaction, not of the recipient.
            if !reply.contains("Too many recipients") {
                log.refused(recipient, refusal);
            }
        } else if let Some(id) = event.strip_prefix("smtp envelope evpid=") {
            queue.extend(id.split(' ').next());
        } else if let Some(delivery) = event.strip_prefix("mda delivery evpid=") {
            let (id, rest) = delivery.split_once(' ').expect("a delivery has more to say");
            if rest.ends_with("stat=Delivered") {
                queue.remove(id);
                let recipient = between(rest, " to=<", ">").expect("a delivery has a recipient");
                log.took(recipient, &id[..MESSAGE_ID], "");
            }
        }
    }
    log.queued = queue.len();
    log
}

#[test]
fn a_log_is_read_as_opensmtpd_writes_it() {
    use crate::server_log::Taken;
    let log = read(
        "info: OpenSMTPD 6.8.0p2 starting\n\
         f95e99198984ea51 smtp connected address=127.0.0.1 host=localhost\n\
         f95e99198984ea51 smtp failed-command command=\"RCPT TO:<gone-1@example.net>\" result=\"550 Invalid recipient: <gone-1@example.net>\"\n\
         f95e99198984ea51 smtp failed-command command=\"RCPT TO:<grey-1@example.net>\" result=\"451 4.7.1 greylisted, come back later\"\n\
         f95e99198984ea51 smtp failed-command command=\"RCPT TO:<ok@example.net>\" result=\"451 4.5.3 Too many recipients: Too many recipients\"\n\
         f95e99198984ea51 smtp message msgid=b9153d2a size=349 nrcpt=2 proto=ESMTP\n\
         f95e99198984ea51 smtp envelope evpid=b9153d2af919eca1 from=<a@b.c> to=<ok@example.net>\n\
         f95e99198984ea51 smtp envelope evpid=b9153d2a2aaf85d0 from=<a@b.c> to=<ok2@example.net>\n\
         f95e991ab2c4d874 mda delivery evpid=b9153d2af919eca1 from=<a@b.c> to=<ok@example.net> rcpt=<ok@example.net> user=nobody delay=2s result=Ok stat=Delivered\n\
         f95e991ab2c4d874 mda delivery evpid=b9153d2a2aaf85d0 from=<a@b.c> to=<ok2@example.net> rcpt=<ok2@example.net> user=nobody delay=0s result=TempFail stat=Error (mda exited prematurely)\n",
    );
    assert_eq!(
        log.taken["ok@example.net"],
        [Taken { queue_id: "b9153d2a".into(), message_id: String::new() }]
    );
    assert_eq!(log.refused["gone-1@example.net"], [Refusal::new(550, "")]);
    assert_eq!(log.refused["grey-1@example.net"], [Refusal::new(451, "4.7.1")]);
    assert_eq!((log.queued, log.taken.len(), log.refused.len()), (1, 1, 2));
}
