//! What the relays of a campaign do not take of what the rows of its list give, as far as that is known
//! before any of them is asked.
//!
//! The survey asks it of each row; a finding stops nothing, as the relay has the last word.

use std::fmt;

use crate::campaign::Relay;
use crate::mail::{Address, RelayName};

use super::summary::RowKind;

/// What the relays of a campaign take, all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Takes {
    /// The most octets of a message, and whose limit that is: the smallest.
    size: Option<(u64, RelayName)>,
    /// The first relay that is known to take no address with letters beyond ASCII before the @.
    ascii_only: Option<RelayName>,
}

/// Why a relay does not take a row, in words that fit into a table.
#[derive(Debug)]
pub(super) enum Refused<'a> {
    Size { octets: usize, limit: u64, relay: &'a RelayName },
    International { relay: Option<&'a RelayName> },
}

impl Takes {
    /// What all of `relays` take.
    pub(super) fn of(relays: &[Relay]) -> Self {
        let lacking = relays.iter().find(|relay| relay.preset.lacks_smtputf8());
        Self {
            size: relays.iter().filter_map(|relay| Some((relay.max_size?, relay.name.clone()))).min(),
            ascii_only: lacking.map(|relay| relay.name.clone()),
        }
    }

    /// What is refused, or may be, of a message of `octets` octets to `address`.
    pub(super) fn refused(
        &self,
        address: &Address,
        octets: usize,
    ) -> impl Iterator<Item = (RowKind, Refused<'_>)> {
        let size = self.size.as_ref().filter(|(limit, _)| octets as u64 > *limit);
        let size =
            size.map(|(limit, relay)| (RowKind::OverSize, Refused::Size { octets, limit: *limit, relay }));
        let relay = self.ascii_only.as_ref();
        let international = address.needs_smtputf8();
        let international =
            international.then_some((RowKind::International, Refused::International { relay }));
        size.into_iter().chain(international)
    }
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { octets, limit, relay } => {
                write!(formatter, "the message has {octets} octets, and {relay} takes {limit} at most")
            }
            Self::International { relay: Some(relay) } => {
                write!(formatter, "{relay} is known not to announce SMTPUTF8: the row is rejected there")
            }
            Self::International { relay: None } => {
                formatter.write_str("the relay must announce SMTPUTF8, else the row is rejected")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Preset;

    #[test]
    fn only_what_is_too_large_or_needs_more_than_ascii_is_told() {
        let relay = |preset: &str| {
            Relay::of_preset(Preset::all().find(|known| known.name() == preset).expect("a preset"))
        };
        let large = 41_000_000;
        let table: [(&str, &str, usize, &[RowKind]); 5] = [
            ("ses", "ada@example.org", 100, &[]),
            ("ses", "ada@bücher.example", 100, &[]),
            ("ses", "adä@example.org", 100, &[RowKind::International]),
            ("ses", "adä@example.org", large, &[RowKind::OverSize, RowKind::International]),
            ("sandbox", "юзер@пример.рф", 100, &[RowKind::International]),
        ];
        for (preset, address, octets, expected) in table {
            let takes = Takes::of(&[relay(preset)]);
            let address = Address::parse(address).expect("an address");
            let kinds: Vec<RowKind> = takes.refused(&address, octets).map(|(kind, _)| kind).collect();
            assert_eq!(kinds, expected, "{preset}: {address}");
        }
        let both = Takes::of(&[relay("sandbox"), relay("ses")]);
        assert!(both.ascii_only.is_some(), "the one that is known counts");
    }
}
