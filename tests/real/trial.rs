//! The campaign that every server here is tried with, and the judgement: what mailrun reports of each
//! recipient against what the servers' logs say.

use std::collections::HashMap;
use std::fmt::Write;

use crate::server_log::{Refusal, ServerLog, Taken};
use crate::stage::{Fate, Run, Workspace, fates, recipients_of};

/// How many people a campaign is for.
pub(crate) const RECIPIENTS: usize = 10_000;
/// More than the seven that the servers take, so that they refuse the eighth.
pub(crate) const RECIPIENTS_PER_MESSAGE: usize = 10;

/// Messages in flight that may all be in vain before Exim or Postfix closes the session as misused. One that
/// was closed so leaves those behind it unknown, and `uncertain` agrees with no log.
pub(crate) const WINDOW: usize = 8;

const CAMPAIGN: &str = r#"
subject = "The letter"
from = "Example News <news@example.com>"
template = "letter"
relays = RELAYS
[list]
file = "recipients.csv"
[send]
mode = "MODE"
retry = { first = "1s", factor = 2, max = "4s", give_up = "12s" }
[unsubscribe]
mailto = "unsubscribe@example.com"
"#;

/// Who shares a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nobody: each has one of their own.
    Personal,
    /// Those for whom it is the same, as many as a transaction may have.
    Grouped,
}

/// Whether a server announces CHUNKING, so that messages can be streamed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunking {
    /// It does not.
    Hidden,
    /// It does.
    Shown,
}

impl Chunking {
    /// The word for it that the scripts know.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Shown => "shown",
        }
    }
}

/// How a server refuses each kind of recipient.
pub(crate) struct Manners {
    /// `gone-*`: for good.
    pub(crate) gone: Refusal,
    /// `later-*`: for now, for ever.
    pub(crate) later: Refusal,
    /// `grey-*`: once.
    pub(crate) grey: Refusal,
}

/// A campaign to all of them.
pub(crate) struct Trial {
    mode: Mode,
    /// The workspace it stands in.
    pub(crate) workspace: Workspace,
}

impl Trial {
    /// A campaign through relays, given as they stand in `relays.toml` and by their names.
    pub(crate) fn new(mode: Mode, relays: &str, names: &[&str]) -> Self {
        let (word, text) = match mode {
            Mode::Personal => ("personal", "Dear {{first_name}},\n\nthis is the letter.\n"),
            Mode::Grouped => ("grouped", "Dear all,\n\nthis is the letter.\n"),
        };
        let workspace = Workspace::empty();
        workspace.write("campaigns/relays.toml", relays);
        let campaign = CAMPAIGN.replace("MODE", word).replace("RELAYS", &format!("{names:?}"));
        workspace.write("campaigns/letter/campaign.toml", campaign);
        workspace.write("templates/letter/body.txt.hbs", text);
        workspace.write("campaigns/letter/recipients.csv", list());
        Self { mode, workspace }
    }

    /// Sends it to its end, with more variables in the environment. Returns what was said.
    #[track_caller]
    pub(crate) fn send(&self, variables: &[(&str, &str)]) -> Run {
        let run = self.workspace.start_with(variables, &["send", "letter", "--yes"]).wait();
        // Some recipients are refused, so 3: finished, and not everybody was accepted.
        run.ends(3).never_says("panicked")
    }

    /// Holds each line of the report against the logs of the relays, by their names. Returns the figures.
    #[track_caller]
    pub(crate) fn compare(&self, logs: &HashMap<&str, ServerLog>, manners: &Manners) -> String {
        let report = fates(&self.workspace.mailrun(&["report", "letter", "--csv"]).ends(0));
        assert_eq!(report.len(), RECIPIENTS);
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        let mut faults = Vec::new();
        for fate in &report {
            *counts.entry((&fate.relay, &fate.state)).or_default() += 1;
            if let Some(words) = fault(fate, logs, manners, self.mode) {
                faults.push(format!("{words}: {fate:?}, {:?}", evidence(fate, logs)));
            }
        }
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));

        let planned: HashMap<&str, &Fate> = report.iter().map(|fate| (fate.email.as_str(), fate)).collect();
        let strangers = logs.values().flat_map(|log| log.taken.keys().chain(log.refused.keys()));
        let strangers: Vec<_> = strangers.filter(|email| !planned.contains_key(email.as_str())).collect();
        assert!(strangers.is_empty(), "nobody asked for {strangers:?}");

        let status = self.workspace.mailrun(&["report", "letter", "--json"]).ends(0).json();
        assert_eq!(recipients_of(&status, "planned"), RECIPIENTS as u64);
        assert_eq!(recipients_of(&status, "pending") + recipients_of(&status, "deferred"), 0, "{status}");
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();
        format!("{:?}: {RECIPIENTS} recipients as every server logged them: {counts:?}", self.mode)
    }
}

/// What each log says of a recipient.
fn evidence<'a>(
    fate: &Fate,
    logs: &'a HashMap<&str, ServerLog>,
) -> Vec<(&'a str, &'a [Taken], &'a [Refusal])> {
    let mut all: Vec<_> = logs
        .iter()
        .map(|(relay, log)| {
            let taken = log.taken.get(&fate.email).map_or(&[][..], Vec::as_slice);
            let refused = log.refused.get(&fate.email).map_or(&[][..], Vec::as_slice);
            (*relay, taken, refused)
        })
        .collect();
    all.sort_unstable_by_key(|(relay, ..)| *relay);
    all
}

/// What is wrong with a line of the report, by the logs.
fn fault(
    fate: &Fate,
    logs: &HashMap<&str, ServerLog>,
    manners: &Manners,
    mode: Mode,
) -> Option<&'static str> {
    let evidence = evidence(fate, logs);
    let of_others = evidence.iter().filter(|(relay, ..)| *relay != fate.relay);
    if !of_others.clone().all(|(_, taken, refused)| taken.is_empty() && refused.is_empty()) {
        return Some("another relay heard of them");
    }
    let Some((_, taken, refused)) = evidence.iter().find(|(relay, ..)| *relay == fate.relay) else {
        return Some("no such relay");
    };
    let all_are = |words: &Refusal| !refused.is_empty() && refused.iter().all(|refusal| refusal == words);
    let kind = fate.email.split('-').next().unwrap_or_default();
    let is_right = match (fate.state.as_str(), *taken) {
        ("accepted", [taken]) => {
            let is_greylisted = kind == "grey" && !logs[fate.relay.as_str()].refused.is_empty();
            let by_kind = if is_greylisted { all_are(&manners.grey) } else { refused.is_empty() };
            by_kind && agree(fate, taken)
        }
        ("accepted", []) => return Some("accepted, and never taken"),
        (_, [_, _, ..]) => return Some("taken more than once"),
        (_, [_]) => return Some("taken, and not accepted"),
        ("rejected", []) => kind == "gone" && all_are(&manners.gone) && says(fate, &manners.gone),
        ("expired", []) => {
            kind == "later"
                && all_are(&manners.later)
                && refused.len() >= 2
                && says(fate, &manners.later)
                && fate.class == "recipient_temporary"
        }
        _ => return Some("nobody ends in this state"),
    };
    if !is_right {
        return Some("the server's log says otherwise");
    }
    // A transaction that a line or a limit ended may have asked for a recipient in vain, and the next one asks
    // again: that is no attempt. With a message each, every refusal is one.
    let heard = refused.len() + taken.len();
    let attempts = fate.attempts as usize;
    (attempts > heard || (mode == Mode::Personal && attempts != heard)).then_some("attempts are miscounted")
}

fn agree(fate: &Fate, taken: &Taken) -> bool {
    fate.queue_id == taken.queue_id
        && (taken.message_id.is_empty() || fate.bare_message_id() == taken.message_id)
        && fate.code == "250"
}

fn says(fate: &Fate, refusal: &Refusal) -> bool {
    (fate.code.as_str(), fate.enhanced.as_str()) == (&refusal.code.to_string(), &refusal.enhanced)
}

/// Mostly people who are there, and the other kinds spread among them: some of those who are gone in a row,
/// so that a server which counts errors meets them in one session.
fn list() -> String {
    let mut list = String::from("email,first_name\n");
    for number in 0..RECIPIENTS {
        let kind = if number % 25 == 7 || (5_000..5_012).contains(&number) {
            "gone"
        } else if number % 250 == 11 {
            "later"
        } else if number % 200 == 13 {
            "grey"
        } else {
            "person"
        };
        writeln!(list, "{kind}-{number}@example.net,Person {number}").expect("a text takes what is written");
    }
    list
}

#[test]
fn a_report_that_differs_from_the_log_is_found() {
    let log = || {
        let mut log = ServerLog::default();
        log.took("person-1@x", "Q1", "1@x");
        log.took("grey-2@x", "Q2", "2@x");
        log.refused("grey-2@x", Refusal::new(451, "4.7.1"));
        log.refused("gone-3@x", Refusal::new(550, "5.1.1"));
        log
    };
    let fate = |email: &str, state: &str, code: &str, enhanced: &str, queue_id: &str, attempts: u32| Fate {
        row: 2,
        email: email.to_owned(),
        state: state.to_owned(),
        class: String::new(),
        relay: "mx".to_owned(),
        attempts,
        time: String::new(),
        code: code.to_owned(),
        enhanced: enhanced.to_owned(),
        reply: String::new(),
        queue_id: queue_id.to_owned(),
        message_id: format!("<{}>", queue_id.replace('Q', "") + "@x"),
        size: String::new(),
    };
    let manners = Manners {
        gone: Refusal::new(550, "5.1.1"),
        later: Refusal::new(450, "4.2.1"),
        grey: Refusal::new(451, "4.7.1"),
    };
    let judge =
        |fate: &Fate, log: ServerLog| fault(fate, &HashMap::from([("mx", log)]), &manners, Mode::Personal);
    let table = [
        (fate("person-1@x", "accepted", "250", "", "Q1", 1), None),
        (fate("grey-2@x", "accepted", "250", "", "Q2", 2), None),
        (fate("gone-3@x", "rejected", "550", "5.1.1", "", 1), None),
        (fate("person-1@x", "accepted", "250", "", "Q2", 1), Some("the server's log says otherwise")),
        (fate("gone-3@x", "rejected", "550", "5.1.2", "", 1), Some("the server's log says otherwise")),
        (fate("grey-2@x", "accepted", "250", "", "Q2", 1), Some("attempts are miscounted")),
        (fate("person-4@x", "accepted", "250", "", "Q4", 1), Some("accepted, and never taken")),
        (fate("person-1@x", "uncertain", "", "", "", 1), Some("taken, and not accepted")),
        (fate("gone-3@x", "pending", "", "", "", 1), Some("nobody ends in this state")),
    ];
    for (fate, expected) in table {
        assert_eq!(judge(&fate, log()), expected, "{fate:?}");
    }
    let mut twice = log();
    twice.took("person-1@x", "Q9", "1@x");
    let accepted = fate("person-1@x", "accepted", "250", "", "Q1", 1);
    assert_eq!(judge(&accepted, twice), Some("taken more than once"));
    let elsewhere = HashMap::from([("mx", log()), ("sink", log())]);
    assert_eq!(fault(&accepted, &elsewhere, &manners, Mode::Personal), Some("another relay heard of them"));
}
