//! The comparison at the end: what mailrun reports of each recipient against what the servers logged.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::campaign::{Campaign, Mode, SHARED_BY, Uncertain};
use crate::stage::{Acceptance, Fate};

/// What the comparisons of one test came to.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    accepted: usize,
    rejected: usize,
    uncertain: usize,
    /// Of the uncertain, those whom a server did accept.
    uncertain_accepted: usize,
    /// Acceptances beyond the first, each of them ordered.
    again: usize,
    /// What the relay with the quota took, and what it might have.
    used: usize,
    quota: usize,
    faults: Vec<String>,
}

impl Findings {
    /// Holds the report of a campaign that has come to its end against the servers' logs and counts.
    pub(crate) fn compare(&mut self, mut campaign: Campaign) {
        let report = campaign.report();
        // What a killed run had sent may still be on its way into the logs until the servers are gone.
        let counted = campaign.close();
        let logged = campaign.acceptances();
        let planned = campaign.terms.recipients;
        let rows: HashSet<&str> = report.iter().map(|fate| fate.email.as_str()).collect();
        if rows.len() != planned || report.len() != planned {
            self.fault(format!("{} lines for {} people of {planned}", report.len(), rows.len()));
        }
        for stranger in logged.keys().filter(|email| !rows.contains(email.as_str())) {
            self.fault(format!("{stranger} was written to, who is in no plan"));
        }
        let charged = self.uncertain + self.rejected;
        for fate in &report {
            let accepted = logged.get(&fate.email).map(Vec::as_slice).unwrap_or_default();
            let ordered = match campaign.terms.uncertain {
                Uncertain::Resend if accepted.len() > 1 => campaign.resends(&fate.email),
                Uncertain::Resend | Uncertain::Skip => 0,
            };
            self.judge(fate, accepted, ordered);
        }
        self.messages(&logged, campaign.terms.mode, campaign.terms.uncertain);
        if campaign.terms.uncertain == Uncertain::Resend && self.uncertain > 0 {
            self.fault(format!("{} are uncertain, and all were to be written to again", self.uncertain));
        }
        let charged = self.uncertain + self.rejected - charged;
        self.count(&campaign, &counted, charged);
    }

    /// Judges what is reported of one recipient, of whom it was ordered so often to write again.
    pub(crate) fn judge(&mut self, fate: &Fate, accepted: &[(&str, Acceptance)], ordered: usize) {
        if accepted.len() > 1 + ordered {
            let times = accepted.len();
            self.fault(format!("{} was accepted {times} times, and {ordered} were ordered", fate.email));
        }
        self.again += accepted.len().saturating_sub(1);
        for (_, again) in accepted.iter().skip(1) {
            let (_, first) = &accepted[0];
            let same =
                |one: &Acceptance| (one.message_id.clone(), one.date.clone(), one.octets, one.digest.clone());
            if same(first) != same(again) {
                self.fault(format!("not the same message again: {first:?}, {again:?}"));
            }
        }
        let refused = fate.email.starts_with("gone-");
        match (fate.state.as_str(), accepted) {
            ("accepted", []) => self.fault(format!("{} is reported accepted and never was", fate.email)),
            ("accepted", _) => {
                self.accepted += 1;
                let is_it = |(relay, one): &(&str, Acceptance)| {
                    *relay == fate.relay
                        && one.message_id == fate.bare_message_id()
                        && one.queue_id == fate.queue_id
                };
                if !accepted.iter().any(is_it) {
                    self.fault(format!("reported {fate:?}, but accepted was {accepted:?}"));
                }
            }
            ("rejected", []) if refused => self.rejected += 1,
            ("uncertain", _) => {
                self.uncertain += 1;
                self.uncertain_accepted += usize::from(!accepted.is_empty());
            }
            (state, []) => self.fault(format!("{} was lost: reported {state}", fate.email)),
            (state, [(relay, _), ..]) => {
                self.fault(format!("{} was accepted by {relay} and is reported {state}", fate.email));
            }
        }
    }

    /// No message takes the place of another, and none is taken twice but when that was ordered.
    fn messages(
        &mut self,
        logged: &HashMap<String, Vec<(&str, Acceptance)>>,
        mode: Mode,
        uncertain: Uncertain,
    ) {
        let mut taken: HashMap<&str, HashMap<(&str, &str), usize>> = HashMap::new();
        for (relay, one) in logged.values().flatten() {
            let transactions = taken.entry(&one.message_id).or_default();
            *transactions.entry((relay, &one.queue_id)).or_default() += 1;
        }
        let most = if mode == Mode::Shared { SHARED_BY } else { 1 };
        for (message_id, transactions) in taken {
            if transactions.len() > 1 && uncertain == Uncertain::Skip {
                self.fault(format!("{message_id} was taken more than once: {transactions:?}"));
            }
            if transactions.values().any(|recipients| *recipients > most) {
                self.fault(format!("{message_id} is the id of more than one message: {transactions:?}"));
            }
        }
    }

    /// The servers' own counts, and whether the quota was used up. `charged`: those who may have been charged
    /// and were not accepted, or not certainly.
    fn count(&mut self, campaign: &Campaign, counted: &[Value; 2], charged: usize) {
        let quota = campaign.terms.quota;
        let logged = campaign.accepted() as u64;
        let of = |name: &str| counted.each_ref().map(|server| server[name].as_u64().expect("a count"));
        let [small, large] = of("recipients");
        if small + large != logged {
            self.fault(format!("the servers counted {} and logged {logged}", small + large));
        }
        // What follows a refused recipient unasked, as it does where messages are streamed, is out of order.
        let unasked =
            of("protocol_errors").iter().zip(of("refused")).all(|(errors, refused)| *errors <= refused);
        if of("over_quota") != [0, 0] || !unasked {
            self.fault(format!("the servers complain: {counted:?}"));
        }
        let small = usize::try_from(small).expect("a small number");
        if small > quota {
            self.fault(format!("the relay with a quota of {quota} took {small}"));
        }
        // What a crash left uncertain stays charged; the rest of the quota must have been used.
        if small + charged < quota * 99 / 100 {
            self.fault(format!("of a quota of {quota} only {small} were used"));
        }
        self.used += small;
        self.quota += quota;
    }

    fn fault(&mut self, words: String) {
        self.faults.push(words);
    }

    /// What there is to say against mailrun.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// All of it in one line.
    pub(crate) fn summary(&self) -> String {
        let Self { accepted, rejected, uncertain, uncertain_accepted, again, used, quota, faults } = self;
        let faults = faults.len();
        let again = if *again > 0 { format!(", {again} again as ordered") } else { String::new() };
        format!(
            "{accepted} accepted once{again}, {rejected} rejected, {uncertain} uncertain ({uncertain_accepted} of \
             them accepted), quota {used} of {quota}; {faults} faults"
        )
    }
}

mod the_judge_itself {
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
            queue_id: "1-1".into(),
            message_id: "<1@example.com>".into(),
            size: String::new(),
        }
    }

    fn acceptance(message_id: &str, digest: &str) -> Acceptance {
        Acceptance {
            time: 0,
            message_id: message_id.into(),
            reverse_path: String::new(),
            recipient: "person-1@example.net".into(),
            date: String::new(),
            octets: 1,
            digest: digest.into(),
            queue_id: "1-1".into(),
        }
    }

    #[test]
    fn finds_the_lost_the_twice_accepted_and_the_wrongly_reported() {
        let right = || acceptance("1@example.com", "a");
        let (wrong, changed) = (acceptance("2@example.com", "a"), acceptance("1@example.com", "b"));
        for (state, accepted, ordered, faults) in [
            ("accepted", vec![("large", right())], 0, 0),
            ("accepted", vec![("large", right()), ("small", right())], 1, 0),
            ("uncertain", vec![("large", right())], 0, 0),
            ("uncertain", vec![], 0, 0),
            ("accepted", vec![], 0, 1),
            ("accepted", vec![("large", wrong)], 0, 1),
            ("accepted", vec![("small", right())], 0, 1),
            ("accepted", vec![("large", right()), ("small", right())], 0, 1),
            ("accepted", vec![("large", right()), ("small", changed)], 1, 1),
            ("pending", vec![], 0, 1),
            ("pending", vec![("large", right())], 0, 1),
            ("rejected", vec![], 0, 1),
            ("rejected", vec![("large", right())], 0, 1),
        ] {
            let mut findings = Findings::default();
            findings.judge(&fate(state), &accepted, ordered);
            assert_eq!(findings.faults.len(), faults, "{state} {accepted:?}: {:?}", findings.faults);
        }
    }
}
