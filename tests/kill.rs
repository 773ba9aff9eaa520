//! Killed two hundred times, a campaign still writes to everybody once.
//!
//! A campaign over two relays is sent into two servers that are processes of their own and outlive it.
//! It is ended with SIGKILL again and again, at moments spread over the whole run and over the start of
//! each part of it, and resumed each time. What the servers logged is the truth against which the final
//! report is held, recipient by recipient.
//!
//! - `MAILRUN_KILLS`: how often it is killed (200);
//! - `MAILRUN_SEED`: the seed that chose the moments, to repeat a run as far as that is possible;
//! - `MAILRUN_BINARY`: the binary; the one built beside the test unless set.

#[allow(dead_code, unused_imports, reason = "each test crate uses its part of the stage")]
mod stage;

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;
use std::time::Duration;

use stage::{Acceptance, Fate, Oracle, Run, Running, Workspace, fates, recipients_of};

const RECIPIENTS: usize = 20_000;
/// What the relay `small` may take in 24 hours: it must bind, so less than half of the recipients.
const QUOTA: usize = 4_000;
/// Every so-many-th recipient is one that both servers refuse, spread evenly.
const REFUSED_EVERY: usize = 50;
/// Every so-many-th kill falls at the start of a run, to hit recovery, whatever has been sent.
const EARLY_EVERY: usize = 4;
/// Within which an early kill falls, in milliseconds.
const EARLY_WITHIN: u64 = 120;
/// Every so-many-th kill is followed by a look at the counts.
const COUNTED_EVERY: usize = 20;
/// How long a run may go without a new acceptance before it counts as hung.
const STALL: Duration = Duration::from_mins(2);

const PERSONA: [&str; 4] = ["--latency", "5ms", "--refuse", "gone-*=550 5.1.1 no such user"];

const CAMPAIGN: &str = r#"
subject = "{{first_name}}, the letter"
from = "Example News <news@example.com>"
template = "letter"
relays = ["small", "large"]
[list]
file = "recipients.csv"
name = "{{first_name}}"
[unsubscribe]
mailto = "unsubscribe@example.com"
"#;

#[test]
#[ignore = "takes minutes, and wants the release binary: tests/run runs it"]
fn everybody_is_accepted_once_or_named_uncertain() {
    let kills = number("MAILRUN_KILLS").map_or(200, |kills| usize::try_from(kills).expect("a small number"));
    let seed = number("MAILRUN_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
    println!("kill test: {kills} kills, MAILRUN_SEED={seed}");

    let trial = Trial::set_up();
    let bound = trial.workspace.mailrun(&["plan", "letter", "--json"]).ends(0).json()["uncertain_bound"]
        .as_u64()
        .expect("plan --json says how many one crash can leave uncertain");
    let last = trial.run_and_kill(kills, &mut Chance(seed));
    assert!(matches!(last.code, Some(0 | 3)), "the last run finishes: {last}");

    let report = trial.workspace.mailrun(&["report", "letter", "--csv"]).ends(0);
    let findings = trial.compare(&fates(&report));
    println!("{}", findings.summary(bound));
    assert_eq!(findings.faults, Vec::<String>::new(), "{} faults", findings.faults.len());
    let uncertain = u64::try_from(findings.uncertain).expect("a small number");
    assert!(uncertain <= bound * kills as u64, "at most {bound} uncertain a crash were announced");
}

/// The campaign and the two servers it goes to.
struct Trial {
    workspace: Workspace,
    small: Oracle,
    large: Oracle,
}

impl Trial {
    fn set_up() -> Self {
        let workspace = Workspace::empty();
        let small = Oracle::start(workspace.path("small.log"), &PERSONA);
        let large = Oracle::start(workspace.path("large.log"), &PERSONA);
        let relays = format!(
            "[relays.small]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             quotas = [{{ limit = {QUOTA}, unit = \"recipients\", per = \"24h\" }}]\n\
             [relays.large]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n",
            small.port, large.port
        );
        workspace.write("campaigns/relays.toml", relays);
        workspace.write("campaigns/letter/campaign.toml", CAMPAIGN);
        workspace.write("templates/letter/body.txt.hbs", "Dear {{first_name}},\n\nthis is the letter.\n");
        let mut list = String::from("email,first_name\n");
        for number in 0..RECIPIENTS {
            let kind = if number % REFUSED_EVERY == 7 { "gone" } else { "person" };
            writeln!(list, "{kind}-{number}@example.net,Person {number}")
                .expect("a text takes what is written");
        }
        workspace.write("campaigns/letter/recipients.csv", list);
        Self { workspace, small, large }
    }

    /// Sends, kills and resumes, and lets the last run come to its end.
    fn run_and_kill(&self, kills: usize, chance: &mut Chance) -> Run {
        // Moments by what has been accepted so far, so that they cover the run however fast it is.
        let reachable = (RECIPIENTS - RECIPIENTS / REFUSED_EVERY) as u64 * 96 / 100;
        let mut moments: Vec<usize> = (0..kills)
            .map(|_| usize::try_from(chance.below(reachable)).expect("fewer than the recipients"))
            .collect();
        moments.sort_unstable();
        let mut run = self.workspace.start(&["send", "letter", "--yes"]);
        for (kill, moment) in moments.into_iter().enumerate() {
            if kill % EARLY_EVERY == 0 {
                thread::sleep(Duration::from_millis(chance.below(EARLY_WITHIN)));
            } else {
                self.wait_until_accepted(moment, &mut run);
                thread::sleep(Duration::from_micros(chance.below(20_000)));
            }
            assert!(!run.has_ended(), "the run ended by itself before kill {}: {}", kill + 1, run.wait());
            run.kill();
            if kill % COUNTED_EVERY == COUNTED_EVERY - 1 {
                self.count();
            }
            run = self.go_on();
        }
        run.wait()
    }

    fn accepted(&self) -> usize {
        self.small.accepted() + self.large.accepted()
    }

    fn wait_until_accepted(&self, moment: usize, run: &mut Running) {
        /// Between two looks at the logs.
        const PAUSE: Duration = Duration::from_millis(1);
        let (mut size, mut still) = (0, Duration::ZERO);
        loop {
            let now = self.small.log_size() + self.large.log_size();
            if now == size {
                still += PAUSE;
                assert!(still < STALL, "nothing was accepted for {STALL:?}");
            } else {
                (size, still) = (now, Duration::ZERO);
                if self.accepted() >= moment {
                    return;
                }
            }
            if size == now && run.has_ended() {
                return;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Resumes; sends anew where the kill came before there was anything to resume.
    fn go_on(&self) -> Running {
        let planned = self.workspace.mailrun(&["status", "letter", "--json"]);
        let state = (planned.code == Some(0)).then(|| planned.json()["state"].clone());
        if state.is_none_or(|state| state == "planned") {
            return self.workspace.start(&["send", "letter", "--yes"]);
        }
        self.workspace.start(&["resume", "letter", "--uncertain", "skip"])
    }

    /// The eight states add up, and no more are accepted than the servers accepted.
    fn count(&self) {
        let status = self.workspace.mailrun(&["status", "letter", "--json"]).ends(0).json();
        let accepted = recipients_of(&status, "accepted");
        assert!(accepted <= self.accepted() as u64, "{accepted} accepted in {status}");
    }

    /// Holds the report against what the servers logged.
    fn compare(&self, report: &[Fate]) -> Findings {
        let logs = HashMap::from([("small", self.small.acceptances()), ("large", self.large.acceptances())]);
        let mut findings =
            Findings { by_small: logs["small"].values().map(Vec::len).sum(), ..Findings::default() };
        let mut message_ids = HashSet::new();
        let rows: HashSet<&str> = report.iter().map(|fate| fate.email.as_str()).collect();
        if rows.len() != RECIPIENTS || report.len() != RECIPIENTS {
            findings.fault(format!("{} lines for {} people of {RECIPIENTS}", report.len(), rows.len()));
        }
        for (relay, email) in logs.iter().flat_map(|(relay, log)| log.keys().map(move |email| (relay, email)))
        {
            if !rows.contains(email.as_str()) {
                findings.fault(format!("{relay} accepted {email}, who is in no plan"));
            }
        }
        for fate in report {
            let accepted: Vec<(&str, &Acceptance)> = logs
                .iter()
                .flat_map(|(relay, log)| {
                    log.get(&fate.email).into_iter().flatten().map(move |one| (*relay, one))
                })
                .collect();
            findings.judge(fate, &accepted);
            for (_, acceptance) in &accepted {
                if !message_ids.insert(acceptance.message_id.clone()) {
                    findings.fault(format!("the Message-ID of {} was used before", fate.email));
                }
            }
        }
        if findings.by_small > QUOTA {
            findings.fault(format!("the relay with a quota of {QUOTA} took {}", findings.by_small));
        }
        // What a crash left uncertain stays charged; the rest of the quota must have been used.
        if findings.by_small + findings.uncertain + findings.rejected < QUOTA * 99 / 100 {
            findings.fault(format!("of a quota of {QUOTA} only {} were used", findings.by_small));
        }
        findings
    }
}

/// What the comparison came to.
#[derive(Debug, Default)]
struct Findings {
    accepted: usize,
    rejected: usize,
    uncertain: usize,
    /// Of the uncertain, those whom a server did accept.
    uncertain_accepted: usize,
    by_small: usize,
    faults: Vec<String>,
}

impl Findings {
    fn judge(&mut self, fate: &Fate, accepted: &[(&str, &Acceptance)]) {
        if accepted.len() > 1 {
            self.fault(format!("{} was accepted {} times", fate.email, accepted.len()));
        }
        let refused = fate.email.starts_with("gone-");
        match (fate.state.as_str(), accepted.first()) {
            ("accepted", Some((relay, acceptance))) => {
                self.accepted += 1;
                if *relay != fate.relay || acceptance.message_id != fate.bare_message_id() {
                    self.fault(format!("reported {fate:?}, but {relay} took {acceptance:?}"));
                }
            }
            ("accepted", None) => self.fault(format!("{} is reported accepted and never was", fate.email)),
            ("rejected", None) if refused => self.rejected += 1,
            ("uncertain", found) => {
                self.uncertain += 1;
                self.uncertain_accepted += usize::from(found.is_some());
            }
            (_, Some((relay, _))) => {
                self.fault(format!("{} was accepted by {relay} and is reported {}", fate.email, fate.state));
            }
            (_, None) => self.fault(format!("{} was lost: reported {}", fate.email, fate.state)),
        }
    }

    fn fault(&mut self, words: String) {
        self.faults.push(words);
    }

    fn summary(&self, bound: u64) -> String {
        format!(
            "kill test: {RECIPIENTS} recipients: {} accepted once, {} rejected, {} uncertain ({} of them accepted, \
             at most {bound} a crash announced), quota {} of {QUOTA}, {} faults",
            self.accepted,
            self.rejected,
            self.uncertain,
            self.uncertain_accepted,
            self.by_small,
            self.faults.len()
        )
    }
}

/// Seeded chance: Steele, Lea and Flood's splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

mod the_checker_itself {
    use super::{Acceptance, Fate, Findings};

    fn fate(state: &str) -> Fate {
        Fate {
            row: 1,
            email: "person-1@example.net".into(),
            state: state.into(),
            class: String::new(),
            relay: "large".into(),
            attempts: 1,
            time: String::new(),
            code: String::new(),
            enhanced: String::new(),
            reply: String::new(),
            queue_id: String::new(),
            message_id: "<1@example.com>".into(),
            size: String::new(),
        }
    }

    fn acceptance(message_id: &str) -> Acceptance {
        Acceptance {
            time: 0,
            message_id: message_id.into(),
            reverse_path: String::new(),
            recipient: "person-1@example.net".into(),
        }
    }

    #[test]
    fn finds_the_lost_the_twice_accepted_and_the_wrongly_reported() {
        let (right, wrong) = (acceptance("1@example.com"), acceptance("2@example.com"));
        let none: &[(&str, &Acceptance)] = &[];
        for (state, accepted, faults) in [
            ("accepted", &[("large", &right)][..], 0),
            ("uncertain", &[("large", &right)], 0),
            ("uncertain", none, 0),
            ("accepted", none, 1),
            ("accepted", &[("large", &wrong)], 1),
            ("accepted", &[("small", &right)], 1),
            ("accepted", &[("large", &right), ("small", &right)], 1),
            ("pending", none, 1),
            ("pending", &[("large", &right)], 1),
            ("rejected", none, 1),
            ("rejected", &[("large", &right)], 1),
        ] {
            let mut findings = Findings::default();
            findings.judge(&fate(state), accepted);
            assert_eq!(findings.faults.len(), faults, "{state} {accepted:?}: {:?}", findings.faults);
        }
    }
}
