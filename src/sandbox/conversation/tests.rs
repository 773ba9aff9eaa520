//! Dialogues, as two literals each: what the client says, what it hears.

use proptest::prelude::*;

use super::*;
use crate::sandbox::persona::{DropAt, Drops};

const SECOND: Duration = Duration::from_secs(1);

/// A persona without enhanced status codes, so that the literals stay short; plus what `toml` says.
fn house(toml: &str) -> Arc<House> {
    let mut persona: Persona = toml::from_str(toml).expect("a valid persona");
    persona.enhanced_status_codes = toml.contains("enhanced_status_codes = true");
    Arc::new(House { persona, books: Arc::default(), wants: Wants::default() })
}

fn conversation(house: &Arc<House>) -> Conversation {
    let mut conversation = Conversation::new(Arc::clone(house), 1);
    conversation.greeted = true;
    conversation
}

/// Says `script` in pieces, as a socket would bring them; gives back all that came of it.
fn say(conversation: &mut Conversation, pieces: &[&[u8]]) -> Output {
    let (mut out, mut buffer) = (Output::default(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let used = conversation.receive(&buffer, SECOND, &mut out);
        buffer.drain(..used);
    }
    out
}

/// The replies, cut to their codes and what tells them apart.
fn heard(out: &Output) -> String {
    String::from_utf8_lossy(&out.replies).replace("\r\n", "\n")
}

fn dialogue(toml: &str, said: &str, expected: &str) {
    let house = house(toml);
    let said = said.replace('\n', "\r\n");
    let mut whole = conversation(&house);
    let out = say(&mut whole, &[said.as_bytes()]);
    assert_eq!(heard(&out), expected, "in one write, {toml}");
}

const OK: &str = "\
MAIL FROM:<a@example.com>
RCPT TO:<b@example.net>
DATA
";
const OK_REPLIES: &str = "\
250 Ok
250 Ok
354 End data with <CR><LF>.<CR><LF>
";

#[test]
fn a_session_from_greeting_to_quit() {
    let house = house("enhanced_status_codes = true\nsize = 1000\nname = 'mx.example.net'");
    let mut conversation = Conversation::new(house, 7);
    let mut out = Output::default();
    conversation.greet(1, &mut out);
    let said =
        "EHLO me\r\nMAIL FROM:<a@b.c> SIZE=5 BODY=8BITMIME\r\nRCPT TO:<d@e.f>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    let used = conversation.receive(said.as_bytes(), SECOND, &mut out);
    assert_eq!(used, said.len());
    assert_eq!(
        heard(&out),
        "220 mx.example.net ESMTP mailrun sandbox, delivers nothing\n\
         250-mx.example.net\n250-PIPELINING\n250-SIZE 1000\n250-AUTH PLAIN LOGIN\n\
         250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-SMTPUTF8\n250 CHUNKING\n\
         250 2.1.0 Ok\n250 2.1.5 Ok\n354 End data with <CR><LF>.<CR><LF>\n\
         250 2.0.0 Ok: queued as 7-1\n221 2.0.0 Bye\n"
    );
    assert_eq!(out.ending, Some(Ending::Closed));
}

#[test]
fn content_may_be_the_first_of_a_group() {
    let group = format!("hi\n.\n{OK}");
    let said = format!("{OK}{group}{group}bye\n.\n");
    let replies = format!(
        "{OK_REPLIES}250 Ok: queued as 1-1\n{OK_REPLIES}250 Ok: queued as 1-2\n{OK_REPLIES}250 Ok: queued as 1-3\n"
    );
    dialogue("", &said, &replies);
}

#[test]
fn nothing_but_a_lone_dot_lets_a_second_message_in() {
    let house = house("");
    let second = "MAIL FROM:<x@y.z>\r\nRCPT TO:<v@y.z>\r\nDATA\r\nsmuggled\r\n";
    for end in
        ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\n.\r", "\r\n\0.\r\n", "\r\n .\r\n"]
    {
        let mut conversation = conversation(&house);
        let said = format!("{}first{end}{second}.\r\n", OK.replace('\n', "\r\n"));
        let heard = heard(&say(&mut conversation, &[said.as_bytes()]));
        assert_eq!(heard, format!("{OK_REPLIES}250 Ok: queued as 1-1\n"), "{end:?}");
    }
}

#[test]
fn refusals() {
    let mail = "MAIL FROM:<a@example.com>\n";
    let table = [
        ("", "RCPT TO:<b@c.d>\n", "503 Send MAIL first\n"),
        ("", "DATA\n", "503 Send MAIL and RCPT first\n"),
        ("", "MAIL FROM:<a@b.c>\nDATA\n", "250 Ok\n554 No valid recipients\n"),
        (
            "data_without_recipients = true",
            "MAIL FROM:<a@b.c>\nDATA\n.\n",
            "250 Ok\n354 End data with <CR><LF>.<CR><LF>\n554 5.5.1 No valid recipients\n",
        ),
        ("", "FOO\n", "500 Command not recognized\n"),
        ("", "MAIL FROM:a@b.c\n", "501 Syntax error in arguments\n"),
        ("", "MAIL FROM:<a@b.c> FOO=1\n", "555 Unsupported parameter\n"),
        ("8bitmime = false", "MAIL FROM:<a@b.c> BODY=8BITMIME\n", "555 Unsupported parameter\n"),
        ("smtputf8 = false", "MAIL FROM:<a@b.c> SMTPUTF8\n", "555 Unsupported parameter\n"),
        ("", "MAIL FROM:<ä@b.c>\n", "553 An address beyond ASCII needs SMTPUTF8\n"),
        ("", "MAIL FROM:<a@b.c>\nRCPT TO:<ä@b.c>\n", "250 Ok\n553 An address beyond ASCII needs SMTPUTF8\n"),
        ("", "MAIL FROM:<ä@b.c> SMTPUTF8\nRCPT TO:<ä@b.c>\n", "250 Ok\n250 Ok\n"),
        ("size = 10", "MAIL FROM:<a@b.c> SIZE=11\n", "552 Message size exceeds fixed limit\n"),
        ("chunking = false", "BDAT 0 LAST\n", "500 Command not recognized\n"),
        ("user = 'u'", "MAIL FROM:<a@b.c>\n", "530 Authentication required\n"),
        ("", "AUTH CRAM-MD5\n", "504 Unknown mechanism\n"),
        ("", "STARTTLS\n", "502 This server has no TLS\n"),
        (
            "pipelining = false",
            "MAIL FROM:<a@b.c>\nRCPT TO:<b@b.c>\n",
            "554 Improper use of SMTP command pipelining\n",
        ),
        (
            "",
            "NOOP\nRSET\nVRFY a\nHELP\n",
            "250 Ok\n250 Ok\n252 Cannot VRFY user, but will take the message\n214 See RFC 5321\n",
        ),
        ("nonsense = true", "MAIL\n", "~~ LIAM\n"),
    ];
    for (persona, said, replies) in table {
        dialogue(persona, said, replies);
    }
    let many = format!("{mail}{}", "RCPT TO:<b@c.d>\n".repeat(3));
    dialogue("recipients_per_message = 2", &many, "250 Ok\n250 Ok\n250 Ok\n452 Too many recipients\n");
}

#[test]
fn recipients_are_refused_by_pattern_where_the_persona_says() {
    let persona = r#"
        refuse = [
            { recipient = "gone*@*", reply = "550 5.1.1 No such user" },
            { recipient = "spam@*", reply = "554 5.7.1 Spam", phase = "end" },
        ]
        defer = [{ recipient = "grey@*", reply = "450 4.7.1 Later", times = 1 }]"#;
    let house = house(persona);
    let mut conversation = conversation(&house);
    let mut heard_for = |recipient: &str| {
        let said = format!("MAIL FROM:<a@b.c>\r\nRCPT TO:<{recipient}>\r\nDATA\r\nhi\r\n.\r\nRSET\r\n");
        let heard = heard(&say(&mut conversation, &[said.as_bytes()]));
        heard
            .lines()
            .nth(1)
            .map(str::to_owned)
            .into_iter()
            .chain(heard.lines().nth(3).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(heard_for("gone1@x.y")[0], "550 5.1.1 No such user");
    assert_eq!(heard_for("spam@x.y"), ["250 Ok", "554 5.7.1 Spam"]);
    assert_eq!(heard_for("grey@x.y")[0], "450 4.7.1 Later");
    assert_eq!(heard_for("grey@x.y"), ["250 Ok", "250 Ok: queued as 1-1"]);
}

#[test]
fn a_quota_is_hard_wherever_it_is_told() {
    let reply = "454 4.7.0 Throttling failure: Daily message quota exceeded.\n";
    let send = format!("{OK}hi\n.\n");
    let taken = |number| format!("{OK_REPLIES}250 Ok: queued as 1-{number}\n");
    dialogue("quota = 2", &send.repeat(3), &format!("{}{}{OK_REPLIES}{reply}", taken(1), taken(2)));
    let mail = "MAIL FROM:<a@b.c>\n";
    dialogue("quota = 1\nquota_phase = 'mail'", &format!("{send}{mail}"), &format!("{}{reply}", taken(1)));
    let rcpt = format!("{mail}{}", "RCPT TO:<b@c.d>\n".repeat(2));
    dialogue("quota = 1\nquota_phase = 'rcpt'", &rcpt, &format!("250 Ok\n250 Ok\n{reply}"));
    let two = OK.replace("DATA", "RCPT TO:<c@d.e>\nDATA") + "hi\n.\n";
    let house = house("quota = 3");
    let out = say(&mut conversation(&house), &[two.repeat(2).replace('\n', "\r\n").as_bytes()]);
    assert!(heard(&out).ends_with(reply));
    let counters = house.books.counters();
    assert_eq!((counters.recipients, counters.over_quota, counters.refused), (2, 1, 1));
}

#[test]
fn chunks_are_counted_and_not_read() {
    let table = [
        (
            "MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nBDAT 9 LAST\nA\n.\nQ\n",
            "250 Ok\n250 Ok\n250 Ok: queued as 1-1\n",
        ),
        (
            "MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nBDAT 4\nA\n.BDAT 0\nBDAT 1 LAST\nB",
            "250 Ok\n250 Ok\n250 Ok\n250 Ok\n250 Ok: queued as 1-1\n",
        ),
        ("MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nBDAT 0 LAST\n", "250 Ok\n250 Ok\n250 Ok: queued as 1-1\n"),
        ("BDAT 6 LAST\nNOOP\nNOOP\n", "503 Send MAIL and RCPT first\n250 Ok\n"),
        (
            "MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nBDAT 1\nxDATA\nRCPT TO:<g@e.f>\n",
            "250 Ok\n250 Ok\n250 Ok\n503 Send MAIL and RCPT first\n503 Send MAIL first\n",
        ),
    ];
    for (said, replies) in table {
        dialogue("", said, replies);
    }
}

#[test]
fn connections_are_hung_up_at_the_moment_asked_for() {
    let said = format!("{OK}hi\n.\nNOOP\n").replace('\n', "\r\n");
    let queued = format!("{OK_REPLIES}250 Ok: queued as 1-1\n");
    let table = [
        (DropAt::Mail, "", 0),
        (DropAt::Rcpt, "250 Ok\n", 0),
        (DropAt::Data, "250 Ok\n250 Ok\n", 0),
        (DropAt::Content, OK_REPLIES, 0),
        (DropAt::Dot, OK_REPLIES, 0),
        (DropAt::BeforeDotReply, OK_REPLIES, 1),
        (DropAt::AfterDotReply, queued.as_str(), 1),
    ];
    for (at, replies, messages) in table {
        let mut persona = Persona { enhanced_status_codes: false, ..Persona::default() };
        persona.drop = Some(Drops { every: std::num::NonZeroU64::MIN, at });
        let house = Arc::new(House { persona, books: Arc::default(), wants: Wants::default() });
        let out = say(&mut conversation(&house), &[said.as_bytes()]);
        assert_eq!((heard(&out).as_str(), out.ending), (replies, Some(Ending::HungUp)), "{at:?}");
        assert_eq!(house.books.counters().messages, messages, "{at:?}");
    }
}

#[test]
fn a_session_ends_at_its_limit() {
    let house = house("max_messages_per_session = 1\nmax_sessions = 1");
    let out = say(&mut conversation(&house), &[format!("{OK}hi\n.\n{OK}").replace('\n', "\r\n").as_bytes()]);
    let end = "250 Ok: queued as 1-1\n421 Too many messages in this session\n";
    assert_eq!((heard(&out), out.ending), (format!("{OK_REPLIES}{end}"), Some(Ending::Closed)));
    let mut out = Output::default();
    Conversation::new(house, 2).greet(2, &mut out);
    assert_eq!(heard(&out), "421 Too many concurrent SMTP connections\n");
}

#[test]
fn a_login_is_demanded_only_where_a_user_is_named() {
    let login = "AUTH PLAIN AGFkYQBzZWNyZXQ=\n";
    dialogue("", login, "235 Authentication successful\n");
    dialogue("user = 'ada'\npassword = 'secret'", login, "235 Authentication successful\n");
    dialogue("user = 'ada'\npassword = 'other'", login, "535 Authentication credentials invalid\n");
    dialogue(
        "user = 'ada'",
        "AUTH LOGIN\nYWRh\nc2VjcmV0\n",
        "334 VXNlcm5hbWU6\n334 UGFzc3dvcmQ6\n235 Authentication successful\n",
    );
    dialogue(
        "login_reply = '454 4.7.0 Too many login attempts'",
        login,
        "454 4.7.0 Too many login attempts\n",
    );
}

#[test]
fn an_acceptance_is_logged_a_line_a_recipient() {
    let mut wants = Wants::default();
    wants.log_began = Some(1_000_000);
    let house = Arc::new(House { persona: Persona::default(), books: Arc::default(), wants });
    let said = "AUTH PLAIN AGFkYQBzZWNyZXQ=\nMAIL FROM:<>\nRCPT TO:<b@c.d>\nRCPT TO:<e@f.g>\nDATA\nMessage-ID: <1\t@x>\nDate: today\n\nhi\n.\n";
    let out = say(&mut conversation(&house), &[said.replace('\n', "\r\n").as_bytes()]);
    let log = String::from_utf8_lossy(&out.log).into_owned();
    let digest = blake3::hash(b"Message-ID: <1\t@x>\r\nDate: today\r\n\r\nhi\r\n").to_hex();
    let line = |recipient| format!("1001000\t<1?@x>\t\t{recipient}\tada\ttoday\t39\t{digest}\t1-1\n");
    assert_eq!(log, line("b@c.d") + &line("e@f.g"));
}

proptest! {
    #[test]
    fn the_replies_do_not_depend_on_how_the_network_cuts(
        cuts in prop::collection::vec(0_usize..600, 0..20),
    ) {
        let said = format!(
            "EHLO x\n{OK}..a\n.\nMAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>\nBDAT 6\nA\n.\nBDAT 2 LAST\n\n{OK}b\n.\nQUIT\n"
        ).replace('\n', "\r\n");
        let octets = said.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(octets.len())).collect();
        cuts.extend([0, octets.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect();
        let whole = heard(&say(&mut conversation(&house("")), &[octets]));
        prop_assert_eq!(heard(&say(&mut conversation(&house("")), &pieces)), whole);
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400) {
        let cut = cut.min(octets.len());
        say(&mut conversation(&house("")), &[&octets[..cut], &octets[cut..]]);
    }
}
