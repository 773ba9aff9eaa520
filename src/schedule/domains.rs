//! Which domain each recipient of a plan is at, as far as it matters to some relay.
//!
//! The scheduler knows recipients by number only. Where a relay has limits by domain it is handed this
//! table beside its backlog: four octets a recipient, filled once in the order of the plan. Domains
//! that no relay limits are all the same, so that most tables have a handful of domains.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::mail::RecipientNo;
use crate::policy::DomainLimits;

/// A domain of a table; 0 stands for every domain without a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DomainNo(u32);

/// The domains of a plan's recipients.
#[derive(Debug, Clone)]
pub struct DomainTable {
    /// By place in the plan.
    of: Vec<DomainNo>,
    numbers: HashMap<Arc<str>, DomainNo>,
    /// By number, from 1.
    names: Vec<Arc<str>>,
    /// The last number of a domain that some relay names.
    last_named: DomainNo,
    scope: Scope,
}

/// Which domains are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Those that some relay names.
    Named,
    /// All, as some relay limits every other domain too.
    All,
}

impl DomainTable {
    /// An empty table that tells apart what the `limits` of all relays need; none if they have no limit.
    pub fn new<'a>(limits: impl IntoIterator<Item = &'a DomainLimits>) -> Option<Self> {
        let mut table = Self {
            of: Vec::new(),
            numbers: HashMap::new(),
            names: Vec::new(),
            last_named: DomainNo(0),
            scope: Scope::Named,
        };
        let mut any = false;
        for limits in limits {
            any |= !limits.is_empty();
            for name in limits.named.keys() {
                table.last_named = table.number(name).max(table.last_named);
            }
            if limits.others.is_some() {
                table.scope = Scope::All;
            }
        }
        any.then_some(table)
    }

    /// Adds the next recipient of the plan, who is at `domain`: A-labels, lower case.
    pub fn push(&mut self, domain: &str) {
        let number = match (self.numbers.get(domain), self.scope) {
            (Some(number), _) => *number,
            (None, Scope::All) => self.number(domain),
            (None, Scope::Named) => DomainNo(0),
        };
        self.of.push(number);
    }

    fn number(&mut self, name: &str) -> DomainNo {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        let number = DomainNo(u32::try_from(self.names.len()).expect("no more domains than recipients"));
        self.numbers.insert(name, number);
        number
    }

    /// The domain of a recipient; none if no relay limits it, or the table ends before them.
    pub(super) fn of(&self, recipient: RecipientNo) -> Option<DomainNo> {
        self.of.get(recipient.index()).copied().filter(|number| *number != DomainNo(0))
    }

    /// The first domain of `recipients` that some relay limits by its name.
    pub(super) fn named(&self, mut recipients: impl Iterator<Item = RecipientNo>) -> Option<DomainNo> {
        recipients.find_map(|recipient| self.of(recipient).filter(|domain| *domain <= self.last_named))
    }

    /// The name of a domain of this table.
    pub(super) fn name(&self, domain: DomainNo) -> &str {
        self.names.get((domain.0 as usize).wrapping_sub(1)).map_or("", |name| name)
    }

    /// Fills `into` with the domains of `recipients`, each once.
    pub(super) fn gather(&self, recipients: impl IntoIterator<Item = RecipientNo>, into: &mut Vec<DomainNo>) {
        into.clear();
        into.extend(recipients.into_iter().filter_map(|recipient| self.of(recipient)));
        into.sort_unstable();
        into.dedup();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::DomainLimit;

    fn limits(domains: &[&str], others: Option<DomainLimit>) -> DomainLimits {
        let named: BTreeMap<_, _> =
            domains.iter().map(|name| ((*name).to_owned(), DomainLimit::default())).collect();
        DomainLimits { named, others }
    }

    fn told(limits: &[DomainLimits], domains: &[&str]) -> Vec<String> {
        let mut table = DomainTable::new(limits).expect("limits");
        for domain in domains {
            table.push(domain);
        }
        let of = |place| table.of(RecipientNo(place)).map_or("", |domain| table.name(domain));
        (0..5).map(|place| of(place).to_owned()).collect()
    }

    #[test]
    fn only_domains_with_a_limit_are_told_apart() {
        assert!(DomainTable::new(&[DomainLimits::default()]).is_none());
        let named = [limits(&["gmail.com"], None), limits(&["gmx.de", "gmail.com"], None)];
        let domains = ["a.example", "gmx.de", "gmail.com", "gmx.de"];
        assert_eq!(told(&named, &domains), ["", "gmx.de", "gmail.com", "gmx.de", ""]);
        let all = [limits(&["gmail.com"], Some(DomainLimit::default()))];
        assert_eq!(told(&all, &domains), ["a.example", "gmx.de", "gmail.com", "gmx.de", ""]);
    }
}
