//! The table of labelled replies, and what must hold for every reply.

use proptest::prelude::*;

use super::*;
use crate::relay::rules;
use crate::smtp::Replies;

const REPLIES: &str = include_str!("replies.txt");

const PHASES: [(&str, Phase); 9] = [
    ("connect", Phase::Connect),
    ("ehlo", Phase::Ehlo),
    ("starttls", Phase::StartTls),
    ("auth", Phase::Auth),
    ("mail", Phase::Mail),
    ("rcpt", Phase::Rcpt),
    ("data", Phase::Data),
    ("end", Phase::End),
    ("other", Phase::Other),
];

/// One line of the table.
struct Row {
    profile: Profile,
    phase: Phase,
    reply: Reply,
    /// class, scope, permanence and, where one is stated, the wait: in seconds, or its end.
    label: String,
}

fn rows() -> impl Iterator<Item = Row> {
    let lines = REPLIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (said, label) = line.split_once(" => ").expect(line);
        let mut words = said.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (profile, phase, code, text) = (word(), word(), word(), word());
        let profile = Profile::ALL.into_iter().find(|known| known.name() == profile).expect(line);
        let phase = PHASES.into_iter().find(|(name, _)| *name == phase).expect(line).1;
        let reply = Reply::new(code.parse().expect(line), text.replace("\\n", "\n"));
        Row { profile, phase, reply, label: label.to_owned() }
    })
}

fn label(verdict: Verdict) -> String {
    let scope = format!("{:?}", verdict.scope).to_lowercase();
    let permanence = format!("{:?}", verdict.permanence).to_lowercase();
    let wait = match verdict.wait {
        Some(RetryAfter::Span(span)) => format!(" {}", span.as_secs()),
        Some(RetryAfter::Moment(moment)) => format!(" {moment}"),
        None => String::new(),
    };
    format!("{} {scope} {permanence}{wait}", verdict.class)
}

#[test]
fn every_labelled_reply_is_judged_as_labelled() {
    let wrong: Vec<String> = rows()
        .map(|row| (label(judge(row.phase, &row.reply, row.profile)), row))
        .filter(|(judged, row)| *judged != row.label)
        .map(|(judged, row)| {
            format!("{:?} {} {}: {judged}, not {}", row.profile, row.phase, row.reply, row.label)
        })
        .collect();
    assert!(wrong.is_empty(), "{}\n{} rows are wrong", wrong.join("\n"), wrong.len());
    assert!(rows().count() >= 650, "{} rows", rows().count());
}

#[test]
fn every_class_has_labelled_replies() {
    for class in Class::ALL {
        let count = rows().filter(|row| row.label.split(' ').next() == Some(class.name())).count();
        assert!(count >= 10, "{class} has {count}");
    }
}

/// What each code means at each phase by itself, the phases in the order of [`PHASES`].
const MATRIX: &str = "
    421  host  connection  connection  login     connection  connection           connection  connection  connection
    432  host  unknown     unknown     login     unknown     unknown              unknown     unknown     unknown
    450  host  unknown     unknown     unknown   unknown     recipient_temporary  unknown     unknown     unknown
    451  host  unknown     unknown     unknown   rate        domain               domain      domain      unknown
    452  host  unknown     unknown     unknown   rate        too_many             domain      domain      unknown
    454  host  unknown     connection  login     unknown     unknown              unknown     unknown     unknown
    455  host  unknown     unknown     unknown   unknown     unknown              unknown     unknown     unknown
    500  host  protocol    protocol    protocol  protocol    protocol             protocol    protocol    protocol
    501  host  protocol    protocol    protocol  protocol    protocol             protocol    protocol    protocol
    502  host  protocol    protocol    protocol  protocol    protocol             protocol    protocol    protocol
    503  host  protocol    protocol    protocol  protocol    protocol             protocol    protocol    protocol
    504  host  protocol    protocol    protocol  protocol    protocol             protocol    protocol    protocol
    521  host  unknown     unknown     unknown   unknown     domain_dead          unknown     unknown     unknown
    525  host  login       login       login     login       login                login       login       login
    530  host  login       login       login     login       login                login       login       login
    534  host  login       login       login     login       login                login       login       login
    535  host  login       login       login     login       login                login       login       login
    538  host  login       login       login     login       login                login       login       login
    550  host  unknown     unknown     unknown   unknown     unknown              unknown     unknown     unknown
    551  host  unknown     unknown     unknown   unknown     recipient_dead       unknown     unknown     unknown
    552  host  unknown     unknown     unknown   size        too_many             size        size        unknown
    553  host  unknown     unknown     unknown   unknown     unknown              unknown     unknown     unknown
    554  host  unknown     unknown     unknown   unknown     unknown              unknown     unknown     unknown
    555  host  protocol    protocol    protocol  protocol    protocol             protocol    protocol    protocol
    556  host  unknown     unknown     unknown   unknown     domain_dead          unknown     unknown     unknown
";

#[test]
fn each_code_means_at_each_phase_what_the_matrix_says() {
    for line in MATRIX.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let code = words.next().and_then(|code| code.parse().ok()).expect(line);
        let expected: Vec<&str> = words.collect();
        let judged =
            PHASES.map(|(_, phase)| judge(phase, &Reply::new(code, ""), Profile::Generic).class.name());
        assert_eq!(expected, judged, "{code}");
    }
}

#[test]
fn what_the_account_is_told_is_known_at_every_phase() {
    let table = [
        (Class::Quota, 454, "4.7.0 Throttling failure: Daily message quota exceeded."),
        (Class::Quota, 550, "5.4.5 Daily user sending limit exceeded."),
        (Class::Quota, 550, "5.7.1 Daily SMTP relay limit exceeded for customer."),
        (Class::Quota, 554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
        (Class::Quota, 550, "RP:ORQ"),
        (Class::Quota, 554, "HL:ITC"),
        (Class::Rate, 454, "Throttling failure: Maximum sending rate exceeded."),
        (Class::Rate, 450, "4.2.1 Peak SMTP relay limit exceeded for customer."),
        (Class::Rate, 550, "Too many messages. Try again in 92 seconds"),
        (Class::Rate, 451, "4.7.1 rate limited"),
        (Class::Concurrency, 432, "4.3.2 Concurrent connections limit exceeded"),
        (Class::Concurrency, 421, "Too many concurrent SMTP connections"),
        (Class::Concurrency, 421, "4.7.0 mx.example.com Error: too many connections from 192.0.2.1"),
        (Class::Login, 454, "4.7.0 Too many login attempts, please try again later."),
        (Class::Login, 530, "5.7.0 Authentication required"),
        (Class::Blocked, 554, "Message rejected: Email address is not verified."),
        (Class::Blocked, 550, "5.1.8 Access denied, bad outbound sender"),
        (Class::Blocked, 550, "5.2.254 Sender throttled due to continuous errors"),
        (
            Class::Host,
            554,
            "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        ),
        (Class::Host, 421, "RP-001 (BAY) Unfortunately, some messages from 192.0.2.1 weren't sent."),
    ];
    for (class, code, words) in table {
        for (name, phase) in PHASES {
            let verdict = judge(phase, &Reply::new(code, words), Profile::Generic);
            assert_eq!(verdict.class, class, "{code} {words} at {name}");
            assert!(matches!(verdict.scope, Scope::Relay | Scope::Host), "{code} {words} at {name}");
        }
    }
}

/// Each code at each phase, without words: what the phase says by default.
#[test]
fn a_bare_code_has_the_scope_of_its_phase() {
    for code in 400..600 {
        for (name, phase) in PHASES {
            let verdict = judge(phase, &Reply::new(code, ""), Profile::Generic);
            let personal = matches!(verdict.scope, Scope::Recipient | Scope::Domain | Scope::Message);
            match phase {
                Phase::Rcpt | Phase::Data | Phase::End => {}
                Phase::Mail => assert!(!personal || code == 552, "{code} at {name}: {verdict:?}"),
                Phase::Connect | Phase::Ehlo | Phase::StartTls | Phase::Auth | Phase::Other => {
                    assert!(!personal, "{code} at {name}: {verdict:?}");
                }
            }
        }
    }
}

#[test]
fn a_trouble_of_the_account_never_has_a_recipients_scope() {
    for class in
        [Class::Quota, Class::Rate, Class::Concurrency, Class::Login, Class::Blocked, Class::Protocol]
    {
        for (_, phase) in PHASES {
            assert_eq!(scope(class, phase), Scope::Relay);
        }
    }
    assert_eq!(scope(Class::Host, Phase::Rcpt), Scope::Host);
}

#[test]
fn provider_rules_hold_for_their_provider_only() {
    let reply = Reply::new(550, "5.7.30");
    assert_eq!(judge(Phase::End, &reply, Profile::Microsoft).class, Class::Login);
    assert_eq!(judge(Phase::End, &reply, Profile::Gmail).class, Class::Content);
    assert!(rules::PROVIDERS.len() > 30);
}

#[test]
fn a_long_reply_is_judged_by_its_beginning() {
    let text = format!("{}{}", "x".repeat(100_000), "daily message quota");
    assert_eq!(judge(Phase::End, &Reply::new(554, text), Profile::Generic).class, Class::Unknown);
    let text = format!("daily message quota {}", "ä".repeat(100_000));
    assert_eq!(judge(Phase::End, &Reply::new(554, text), Profile::Generic).class, Class::Quota);
}

/// What servers say, whole and in pieces, and what none should, so that chance meets the rules often.
fn wording() -> impl Strategy<Value = String> {
    let known: Vec<String> = rows().map(|row| row.reply.text).collect();
    let word = prop_oneof![
        "(.|\n){0,20}",
        prop::sample::select(known),
        "(try again|until|after|in|wait) [0-9:.tzTZ+-]{1,25} (seconds|utc|and|h)",
        "[245]\\.[0-9]{1,3}\\.[0-9]{1,3}",
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn whatever_octets_arrive_are_judged(octets: Vec<u8>, code in 200_u16..600, words in wording(), phase in 0_usize..9) {
        let line = format!("{code} {}\r\n", words.replace(['\r', '\n'], " "));
        for octets in [octets.as_slice(), line.as_bytes(), &[line.as_bytes(), octets.as_slice()].concat()] {
            let mut replies = Replies::default();
            replies.extend(octets);
            // What is no reply ends the connection: nothing is judged any more.
            while let Ok(Some(reply)) = replies.next_reply() {
                judge(PHASES[phase].1, &reply.to_reply(), Profile::Generic);
            }
        }
    }

    /// No more than the beginning of a reply is read, so that its length costs nothing.
    #[test]
    fn what_stands_beyond_the_beginning_of_a_reply_is_not_read(
        code in 400_u16..600, words in wording(), more in wording(), times in 1_usize..100, phase in 0_usize..9,
    ) {
        let beginning = format!("{words:x<width$}", width = 2 * READ_LIMIT);
        let whole = Reply::new(code, format!("{beginning}{}", more.repeat(times)));
        let beginning = Reply::new(code, beginning);
        prop_assert_eq!(fold(&whole), fold(&beginning));
        prop_assert!(fold(&whole).len() <= READ_LIMIT + 1);
        let judged = |reply| judge(PHASES[phase].1, reply, Profile::Generic);
        prop_assert_eq!(judged(&whole), judged(&beginning));
    }

    #[test]
    fn any_reply_is_judged(code in 200_u16..600, text in wording(), phase in 0_usize..9, profile in 0_usize..19) {
        let reply = Reply::new(code, text);
        let verdict = judge(PHASES[phase].1, &reply, Profile::ALL[profile]);
        if code / 100 == 4 {
            let final_words = matches!(verdict.class, Class::DomainDead | Class::RecipientDead);
            prop_assert!(verdict.permanence == Permanence::Transient || final_words);
        }
    }
}
