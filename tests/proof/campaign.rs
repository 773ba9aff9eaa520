//! The campaign that is cut off, the two servers it goes to, and what must hold after every single cut.
//!
//! The servers are processes of their own and outlive every run. The relay `small` has a quota, which its
//! server enforces by its own count; `large` has none. Some recipients are refused by both.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::stage::{Acceptance, Oracle, Run, Running, Workspace, fates, recipients_of};

/// How many recipients one message has at most where several share it.
pub(crate) const SHARED_BY: usize = 5;
/// Every so-many-th recipient is one that both servers refuse, spread evenly.
const REFUSED_EVERY: usize = 50;

/// How a session speaks with the servers, by what these announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// No PIPELINING: a command at a time.
    LockStep,
    /// PIPELINING.
    Grouped,
    /// PIPELINING and CHUNKING.
    Streamed,
}

impl Wire {
    /// What the servers are told. The latency keeps more messages between their end and their reply.
    fn persona(self) -> &'static [&'static str] {
        match self {
            Self::LockStep => &["--no-pipelining", "--no-chunking"],
            Self::Grouped => &["--no-chunking", "--latency", "1ms"],
            Self::Streamed => &["--latency", "5ms"],
        }
    }
}

/// Who shares a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nobody: each has one of their own.
    Personal,
    /// Up to [`SHARED_BY`] recipients.
    Shared,
}

/// What becomes of the uncertain whenever the campaign goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uncertain {
    Skip,
    Resend,
}

/// How a campaign is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) wire: Wire,
    pub(crate) mode: Mode,
    pub(crate) uncertain: Uncertain,
    pub(crate) recipients: usize,
    /// What the relay `small` may take in 24 hours: it must bind, so less than half of the recipients.
    pub(crate) quota: usize,
}

impl fmt::Display for Terms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.wire {
            Wire::LockStep => "lock-step",
            Wire::Grouped => "grouped",
            Wire::Streamed => "streamed",
        })?;
        if self.mode == Mode::Shared {
            write!(formatter, ", {SHARED_BY} recipients a message")?;
        }
        if self.uncertain == Uncertain::Resend {
            formatter.write_str(", resending")?;
        }
        Ok(())
    }
}

/// How far a campaign has come, as far as whoever cuts it off has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No run has begun.
    NotBegun,
    /// Work is left.
    Begun,
    /// Nothing is left to do.
    Finished,
}

/// The campaign and the two servers it goes to.
pub(crate) struct Campaign {
    pub(crate) terms: Terms,
    workspace: Workspace,
    state: PathBuf,
    small: Oracle,
    large: Oracle,
    /// How many recipients one crash can leave uncertain, as `plan` says.
    pub(crate) bound: u64,
    /// How many were uncertain when it was looked at last.
    uncertain: u64,
    /// The most that one crash left uncertain.
    pub(crate) most_at_once: u64,
    stage: Stage,
}

impl Campaign {
    /// One whose state folder lies in the workspace.
    pub(crate) fn set_up(terms: Terms) -> Self {
        let workspace = Workspace::empty();
        let state = workspace.path(".mailrun");
        Self::with_state(terms, workspace, state)
    }

    /// One whose state folder is `state`, on a disk of its own.
    pub(crate) fn set_up_at(terms: Terms, state: &Path) -> Self {
        Self::with_state(terms, Workspace::empty(), state.to_owned())
    }

    fn with_state(terms: Terms, workspace: Workspace, state: PathBuf) -> Self {
        let quota = terms.quota.to_string();
        let refused = ["--json", "--refuse", "gone-*=550 5.1.1 no such user"];
        let common: Vec<&str> = refused.iter().chain(terms.wire.persona()).copied().collect();
        let limited: Vec<&str> = common.iter().copied().chain(["--quota", &quota]).collect();
        let small = Oracle::start(workspace.path("small.log"), &limited);
        let large = Oracle::start(workspace.path("large.log"), &common);
        let mut campaign = Self {
            terms,
            workspace,
            state,
            small,
            large,
            bound: 0,
            uncertain: 0,
            most_at_once: 0,
            stage: Stage::NotBegun,
        };
        campaign.write_files();
        let plan = campaign.mailrun(&["plan", "letter", "--json"]).ends(0).json();
        let bound = plan["uncertain_bound"].as_u64();
        campaign.bound = bound.expect("plan --json says how many one crash can leave uncertain");
        campaign
    }

    fn write_files(&self) {
        let Terms { mode, recipients, quota, .. } = self.terms;
        let (subject, name, send) = match mode {
            Mode::Personal => ("{{first_name}}, the letter", "name = \"{{first_name}}\"\n", ""),
            Mode::Shared => ("The letter", "", "[send]\nmode = \"grouped\"\n"),
        };
        let greeting = if mode == Mode::Personal { "Dear {{first_name}}" } else { "Dear all" };
        let relay = |name: &str, port: u16| {
            format!(
                "[relays.{name}]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nrecipients_per_message = {SHARED_BY}\n"
            )
        };
        let (small, large) = (relay("small", self.small.port), relay("large", self.large.port));
        let relays = format!(
            "{small}quotas = [{{ limit = {quota}, unit = \"recipients\", per = \"24h\" }}]\n{large}[state]\nmin_free = \"1MiB\"\n"
        );
        let campaign = format!(
            "subject = \"{subject}\"\nfrom = \"Example News <news@example.com>\"\ntemplate = \"letter\"\n\
             relays = [\"small\", \"large\"]\n{send}[list]\nfile = \"recipients.csv\"\n{name}\
             [unsubscribe]\nmailto = \"unsubscribe@example.com\"\n"
        );
        let mut list = String::from("email,first_name\n");
        for number in 0..recipients {
            let kind = if number % REFUSED_EVERY == 7 { "gone" } else { "person" };
            writeln!(list, "{kind}-{number}@example.net,Person {number}")
                .expect("a text takes what is written");
        }
        self.workspace.write("campaigns/relays.toml", relays);
        self.workspace.write("campaigns/letter/campaign.toml", campaign);
        self.workspace.write("campaigns/letter/recipients.csv", list);
        self.workspace
            .write("templates/letter/body.txt.hbs", format!("{greeting},\n\nthis is the letter.\n"));
    }

    /// Runs mailrun to its end.
    #[track_caller]
    pub(crate) fn mailrun(&self, arguments: &[&str]) -> Run {
        let state = self.state.to_str().expect("a path in UTF-8");
        self.workspace.mailrun_with(&[("MAILRUN_STATE", state)], arguments)
    }

    /// The command that takes the campaign further: resumes, and sends where there is nothing to resume yet.
    pub(crate) fn further(&self) -> Command {
        let arguments: &[&str] = match (self.stage, self.terms.uncertain) {
            (Stage::NotBegun, _) => &["send", "letter", "--yes"],
            (_, Uncertain::Skip) => &["resume", "letter", "--uncertain", "skip"],
            (_, Uncertain::Resend) => &["resume", "letter", "--uncertain", "resend"],
        };
        let mut command = self.workspace.command(arguments);
        command.env("MAILRUN_STATE", &self.state);
        command
    }

    /// Starts such a command.
    pub(crate) fn start(mut command: Command) -> Running {
        let described = format!("{command:?}");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running::new(described, child.expect("the binary can be started"))
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Lines in the logs of both servers.
    pub(crate) fn accepted(&self) -> usize {
        self.small.accepted() + self.large.accepted()
    }

    /// Octets of both logs.
    pub(crate) fn log_size(&self) -> u64 {
        self.small.log_size() + self.large.log_size()
    }

    /// Looks at a campaign that nobody is at, and holds its counts against what the servers logged: the eight
    /// states add up; no more are accepted than the servers accepted; of those whom the servers accepted
    /// nobody is missing but among the uncertain; and no more became uncertain than was announced.
    #[track_caller]
    pub(crate) fn examine(&mut self, cut: &str) {
        let logged = self.everybody_logged();
        let status = self.mailrun(&["status", "letter", "--json"]);
        if status.code == Some(5) {
            assert_eq!((self.stage, logged), (Stage::NotBegun, 0), "{cut}: the campaign is forgotten");
            return;
        }
        let status = status.ends(0).json();
        let [accepted, uncertain] = ["accepted", "uncertain"].map(|state| recipients_of(&status, state));
        let resends = self.terms.uncertain == Uncertain::Resend;
        let stage = match status["state"].as_str() {
            Some("planned") => Stage::NotBegun,
            Some("finished") if uncertain == 0 || !resends => Stage::Finished,
            Some(_) | None => Stage::Begun,
        };
        assert!(stage != Stage::NotBegun || self.stage == Stage::NotBegun, "{cut}: the run is forgotten");
        self.stage = stage;
        assert!(accepted <= self.everybody_logged(), "{cut}: too many accepted in {status}");
        // Who is to be written to again is pending until then, whatever the servers accepted before.
        assert!(
            logged.saturating_sub(accepted) <= uncertain || resends,
            "{cut}: the servers accepted {logged}, and neither accepted nor uncertain are so many: {status}"
        );
        let more = uncertain.saturating_sub(self.uncertain);
        self.most_at_once = self.most_at_once.max(more);
        assert!(more <= self.bound, "{cut}: {more} became uncertain, {} were announced", self.bound);
        self.uncertain = uncertain;
    }

    /// How many recipients the servers have accepted, each once.
    fn everybody_logged(&self) -> u64 {
        match self.terms.uncertain {
            Uncertain::Skip => self.accepted() as u64,
            Uncertain::Resend => self.acceptances().len() as u64,
        }
    }

    /// What both servers accepted, by recipient, with the relay it came through.
    pub(crate) fn acceptances(&self) -> HashMap<String, Vec<(&'static str, Acceptance)>> {
        let mut all: HashMap<String, Vec<_>> = HashMap::new();
        for (relay, server) in [("small", &self.small), ("large", &self.large)] {
            for (recipient, found) in server.acceptances() {
                all.entry(recipient).or_default().extend(found.into_iter().map(|one| (relay, one)));
            }
        }
        all
    }

    /// What mailrun reports of everybody.
    pub(crate) fn report(&self) -> Vec<crate::stage::Fate> {
        fates(&self.mailrun(&["report", "letter", "--csv"]).ends(0))
    }

    /// How often it was decided to write again to somebody.
    pub(crate) fn resends(&self, email: &str) -> usize {
        let life = self.mailrun(&["show", "letter", email, "--json"]).ends(0).json();
        let attempts = life["attempts"].as_array().expect("show --json lists what happened");
        let ordered = |attempt: &&Value| attempt["reply"] == "to be sent again, as was ordered";
        attempts.iter().filter(ordered).count()
    }

    /// Ends both servers and gives back what they counted: `small`, then `large`.
    pub(crate) fn close(&mut self) -> [Value; 2] {
        [self.small.stop(), self.large.stop()]
    }
}
