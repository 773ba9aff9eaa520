//! What Exim says of each recipient, read from its main log.
//!
//! ```text
//! 2026-11-25 10:28:35 H=(me) [127.0.0.1] X=.. F=<a@b.c> A=plain:news rejected RCPT <a@b.c>: 550 5.1.1 no such user
//! 2026-11-25 10:28:35 H=(me) [127.0.0.1] X=.. F=<a@b.c> temporarily rejected RCPT <a@b.c>: 450 4.2.1 busy
//! 2026-11-25 10:28:35 1xWAEt-00000N-27 <= a@b.c H=(me) [127.0.0.1] P=esmtpsa X=.. S=262 id=1@x for a@b.c
//! 2026-11-25 10:28:35 1xWAEt-00000N-27 => :blackhole: <a@b.c> R=everybody
//! 2026-11-25 10:28:35 1xWAEt-00000N-27 Completed
//! ```

use std::collections::HashMap;

use crate::server_log::{Refusal, ServerLog, between};

/// Octets of `YYYY-MM-DD hh:mm:ss `.
const STAMP: usize = 20;

/// Reads a log from its beginning.
pub(crate) fn read(text: &str) -> ServerLog {
    let mut log = ServerLog::default();
    let mut queue: HashMap<&str, &str> = HashMap::new();
    for event in text.lines().filter_map(|line| line.get(STAMP..)) {
        if let Some((_, refusal)) = event.split_once("rejected RCPT <") {
            let (recipient, reply) = refusal.split_once(">: ").expect("a refusal has words");
            log.refused(recipient, Refusal::parse(reply).expect("the words of our own configuration"));
            continue;
        }
        let Some((id, event)) = event.split_once(' ') else { continue };
        if event.starts_with("<= ") {
            queue.insert(id, between(event, " id=", " ").unwrap_or_default());
        } else if event.starts_with("=> ") || event.starts_with("-> ") {
            let recipient = between(event, "<", ">").expect("a delivery has a recipient");
            log.took(recipient, id, queue.get(id).copied().unwrap_or_default());
        } else if event == "Completed" {
            queue.remove(id);
        }
    }
    log.queued = queue.len();
    log
}

#[test]
fn a_log_is_read_as_exim_writes_it() {
    use crate::server_log::Taken;
    let log = read(
        "2026-11-25 10:28:34 exim 4.96 daemon started: pid=1, no queue runs, listening for SMTPS on [127.0.0.1]:22465\n\
         2026-11-25 10:28:35 H=(me) [127.0.0.1] X=TLS1.3:AES:256 CV=no F=<a@b.c> A=plain:news rejected RCPT <gone-1@example.net>: 550 5.1.1 no such user\n\
         2026-11-25 10:28:35 H=(me) [127.0.0.1] X=TLS1.3:AES:256 CV=no F=<a@b.c> A=plain:news temporarily rejected RCPT <grey-1@example.net>: 451 4.7.1 greylisted, come back later\n\
         2026-11-25 10:28:35 1xWAEt-00000N-27 <= a@b.c H=(me) [127.0.0.1] P=esmtpsa X=TLS1.3:AES:256 CV=no A=plain:news S=262 id=1@x for ok@example.net grey-1@example.net\n\
         2026-11-25 10:28:35 1xWAEt-00000N-27 => :blackhole: <ok@example.net> R=everybody\n\
         2026-11-25 10:28:35 1xWAEt-00000N-27 => :blackhole: <grey-1@example.net> R=everybody\n\
         2026-11-25 10:28:35 1xWAEt-00000N-27 Completed\n\
         2026-11-25 10:28:36 1xWAEu-00000P-2a <= a@b.c H=(me) [127.0.0.1] P=esmtpsa S=262 id=2@x for later@example.net\n",
    );
    let taken = Taken { queue_id: "1xWAEt-00000N-27".into(), message_id: "1@x".into() };
    for recipient in ["ok@example.net", "grey-1@example.net"] {
        assert_eq!(log.taken[recipient], std::slice::from_ref(&taken), "{recipient}");
    }
    assert_eq!(log.refused["gone-1@example.net"], [Refusal::new(550, "5.1.1")]);
    assert_eq!(log.refused["grey-1@example.net"], [Refusal::new(451, "4.7.1")]);
    assert_eq!((log.queued, log.taken.len()), (1, 2));
}
