//! Limits by destination: how much of what a relay takes may be for one domain.
//!
//! A large receiver counts what arrives from a sender, whatever relay stands between; a relay's own limits
//! do not know that. These say, for one relay, how fast and how much at once may be under way to a domain.

use std::collections::BTreeMap;

use super::rate::Rate;

/// What one relay may have under way to one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DomainLimit {
    /// How fast; none: as fast as the relay takes it.
    pub rate: Option<Rate>,
    /// Messages in flight at once, at least 1; none: as many as the relay has.
    pub sessions: Option<u32>,
}

/// What one relay may have under way to each domain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DomainLimits {
    /// By domain: A-labels, lower case.
    pub named: BTreeMap<String, DomainLimit>,
    /// For every other domain, each by itself; none: no limit.
    pub others: Option<DomainLimit>,
}

impl DomainLimits {
    /// Whether no domain has a limit.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.others.is_none()
    }

    /// The limit for `domain`: its own, or that of all others.
    pub fn of(&self, domain: &str) -> Option<DomainLimit> {
        self.named.get(domain).copied().or(self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_its_own_limit_or_that_of_all_others() {
        let limit = |sessions| DomainLimit { rate: None, sessions: Some(sessions) };
        let named = BTreeMap::from([("gmail.com".to_owned(), limit(3))]);
        let mut limits = DomainLimits { named, others: None };
        assert_eq!((limits.of("gmail.com"), limits.of("example.com")), (Some(limit(3)), None));
        limits.others = Some(limit(1));
        assert_eq!((limits.of("gmail.com"), limits.of("example.com")), (Some(limit(3)), Some(limit(1))));
        assert!(!limits.is_empty() && DomainLimits::default().is_empty());
    }
}
