//! What a server is asked to tell of deliveries, and what is not said to one that does not offer it.

use super::dialogue::Dialogue;
use super::mode::Manner;
use super::specimen::{PIPELINING, announced, message};
use super::transaction::Refusals;
use crate::mail::{Condition, Notify, Ret};

/// What is said of a message to two people that asks for `notify`.
fn said(ehlo: &str, notify: Option<Notify>) -> String {
    let mut asked = message(3, &["a@x.example", "ю@x.example"], "x\r\n");
    asked.envelope.notify = notify;
    let mut dialogue = Dialogue::new(announced(ehlo), Refusals::Free, Manner::default());
    dialogue.offer(asked);
    String::from_utf8(dialogue.output().to_vec()).expect("text")
}

#[test]
fn a_server_is_asked_only_for_what_it_offers() {
    let utf8 = PIPELINING.replace("250 PIPELINING", "250-SMTPUTF8\r\n250 PIPELINING");
    let dsn = utf8.replace("250 PIPELINING", "250-DSN\r\n250 PIPELINING");
    let wanted = |on: &[Condition], ret| Some(Notify { on: on.into(), ret });
    let both = wanted(&[Condition::Failure, Condition::Delay], Ret::Headers);
    let plain = said(&utf8, None);
    assert!(!plain.contains("RET=") && !plain.contains("NOTIFY="), "{plain}");
    assert_eq!(said(&utf8, both.clone()), plain);
    assert_eq!(said(&dsn, None), plain);
    assert_eq!(
        said(&dsn, both),
        "MAIL FROM:<s@x.example> SMTPUTF8 RET=HDRS ENVID=1.3\r\n\
         RCPT TO:<a@x.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@x.example\r\n\
         RCPT TO:<ю@x.example> NOTIFY=FAILURE,DELAY ORCPT=utf-8;ю@x.example\r\nDATA\r\n"
    );
    assert!(said(&dsn, wanted(&[], Ret::Full)).contains(" NOTIFY=NEVER ORCPT="));
}
