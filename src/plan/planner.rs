//! Takes the rows of a list, one after another, and says who is written to.
//!
//! [`Planner::offer`] each row that can be written to, [`Planner::exclude`] each that cannot, and
//! [`Planner::finish`]. The planner keeps 17 octets an address (a hash of it) and four more a recipient
//! in grouped mode, never the rows themselves: five million rows stay within 150 MiB.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::mail::{Address, Batches, Excluded, Mode, Reason, Recipient};

use super::variants::Variants;

/// How many rows of each reason are kept to be shown.
const SAMPLES: usize = 20;
/// Tables the seen addresses are spread over, by the first four bits of their hash: a table that grows
/// exists twice for a moment, and one in sixteen costs no memory worth speaking of.
const TABLES: usize = 16;

/// What batches are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether each recipient gets a message of their own.
    pub mode: Mode,
    /// The most recipients a batch may have, from 1: the smallest limit of the campaign's relays. Means
    /// nothing in personal mode.
    pub recipients_per_message: u32,
    /// Whether recipients at different domains may share a batch. Means nothing in personal mode.
    pub domains: Domains,
}

/// Whether recipients at different domains may share a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Domains {
    /// They may.
    #[default]
    Together,
    /// Each batch goes to one domain.
    Apart,
}

/// What is known of an address before it is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Nothing speaks against writing to it.
    #[default]
    Free,
    /// It is on the suppression list.
    Suppressed,
    /// The campaign wrote to it before.
    Already,
}

/// One row that is not written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The row in the list's file.
    pub row: u32,
    /// Why.
    pub reason: Reason,
    /// The address, where there is one.
    pub email: String,
    /// What is wrong with the row; empty where the reason says it all.
    pub what: String,
}

/// What a planner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The batches, over the recipients in their order.
    pub batches: Batches,
    /// How many were left out, by reason.
    pub excluded: Excluded,
    /// The first rows of each reason, at most 20 each, in the order of the list.
    pub samples: Vec<LeftOut>,
    /// Grouped mode: the order in which those taken must be laid out, as numbers counted from 0 over the
    /// offers that were taken. None: as they were offered.
    pub order: Option<Vec<u32>>,
}

/// Makes a plan of the rows it is given.
#[derive(Debug)]
pub struct Planner {
    rules: Rules,
    seen: [HashTable<u128>; TABLES],
    taken: u32,
    variants: Variants,
    excluded: Excluded,
    samples: Vec<LeftOut>,
}

impl Planner {
    /// A planner that has seen nobody.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            seen: std::array::from_fn(|_| HashTable::new()),
            taken: 0,
            variants: Variants::default(),
            excluded: Excluded::default(),
            samples: Vec::new(),
        }
    }

    /// Offers a row that can be written to. An address that was offered before, in whatever case of its
    /// letters, is a duplicate whatever became of the first.
    ///
    /// `variant` tells recipients with different messages apart; personal mode does not look at it.
    ///
    /// # Errors
    /// The reason the row is left out, which is counted already.
    pub fn offer(
        &mut self,
        recipient: &Recipient,
        standing: Standing,
        variant: Option<u128>,
    ) -> Result<(), Reason> {
        let reason = if self.is_duplicate(recipient.address.key().0) {
            Reason::Duplicate
        } else {
            match standing {
                Standing::Free => {
                    self.take(match self.rules.domains {
                        Domains::Together => variant,
                        Domains::Apart => variant.map(|variant| at_domain(variant, &recipient.address)),
                    });
                    return Ok(());
                }
                Standing::Suppressed => Reason::Suppressed,
                Standing::Already => Reason::Already,
            }
        };
        self.exclude(recipient.row, reason, recipient.address.as_str(), "");
        Err(reason)
    }

    /// Counts a row that is not written to; `what` says what is wrong with it where the reason does not.
    pub fn exclude(&mut self, row: u32, reason: Reason, email: &str, what: &str) {
        if self.excluded.count(reason) < SAMPLES as u64 {
            self.samples.push(LeftOut { row, reason, email: email.to_owned(), what: what.to_owned() });
        }
        self.excluded.add(reason);
    }

    /// How many were taken so far.
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Ends the list.
    pub fn finish(self) -> Planned {
        let (order, batches) = match self.rules.mode {
            Mode::Personal => (None, Batches::Personal { recipients: self.taken }),
            Mode::Grouped => {
                let (order, batches) = self.variants.lay_out(self.rules.recipients_per_message);
                (Some(order), batches)
            }
        };
        Planned { batches, excluded: self.excluded, samples: self.samples, order }
    }

    fn take(&mut self, variant: Option<u128>) {
        self.taken = self.taken.checked_add(1).expect("a list has fewer rows than there are row numbers");
        match self.rules.mode {
            Mode::Personal => {}
            Mode::Grouped => self.variants.add(variant),
        }
    }

    /// Whether `key` was seen before; it is from now on. The key is a hash itself, so its bits serve as
    /// they are: the first four choose the table, the last 64 the place in it.
    fn is_duplicate(&mut self, key: u128) -> bool {
        let table = &mut self.seen[usize::from(key.to_be_bytes()[0] >> 4)];
        match table.entry(low_bits(key), |known| *known == key, |known| low_bits(*known)) {
            Entry::Occupied(_) => true,
            Entry::Vacant(place) => {
                place.insert(key);
                false
            }
        }
    }
}

/// What tells the messages to one domain apart, and from those to others.
fn at_domain(variant: u128, address: &Address) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&variant.to_be_bytes()).update(address.domain().to_ascii_lowercase().as_bytes());
    u128::from_be_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 octets"))
}

fn low_bits(key: u128) -> u64 {
    let octets = key.to_be_bytes();
    let (_, last) = octets.split_last_chunk::<8>().expect("sixteen octets end with eight");
    u64::from_be_bytes(*last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recipient(row: u32, address: &str) -> Recipient {
        let address = Address::parse(address).expect("an address");
        Recipient { row, fields: [address.as_str()].into_iter().collect(), address, more: Vec::new() }
    }

    fn personal() -> Planner {
        Planner::new(Rules { mode: Mode::Personal, recipients_per_message: 1, domains: Domains::Together })
    }

    #[test]
    fn each_row_is_taken_or_left_out_for_one_reason() {
        let mut planner = personal();
        let rows = [
            ("a@example.com", Standing::Free, Ok(())),
            ("A@Example.com", Standing::Free, Err(Reason::Duplicate)),
            ("b@example.com", Standing::Suppressed, Err(Reason::Suppressed)),
            ("b@example.com", Standing::Suppressed, Err(Reason::Duplicate)),
            ("c@example.com", Standing::Already, Err(Reason::Already)),
            ("d@example.com", Standing::Free, Ok(())),
        ];
        for (row, (address, standing, expected)) in (2_u32..).zip(rows) {
            assert_eq!(planner.offer(&recipient(row, address), standing, None), expected, "row {row}");
        }
        planner.exclude(8, Reason::Invalid, "h", "there is no @");
        let plan = planner.finish();
        assert_eq!(plan.batches, Batches::Personal { recipients: 2 });
        assert_eq!(plan.order, None);
        let excluded = Excluded { duplicate: 2, suppressed: 1, already: 1, invalid: 1, filtered: 0 };
        assert_eq!(plan.excluded, excluded);
        let samples: Vec<(u32, &str)> =
            plan.samples.iter().map(|left| (left.row, left.email.as_str())).collect();
        let expected = [
            (3, "A@example.com"),
            (4, "b@example.com"),
            (5, "b@example.com"),
            (6, "c@example.com"),
            (8, "h"),
        ];
        assert_eq!(samples, expected);
    }

    #[test]
    fn only_the_first_rows_of_a_reason_are_kept() {
        let mut planner = personal();
        for row in 2..1_000 {
            planner.exclude(row, Reason::Filtered, "", "");
        }
        planner.exclude(1_000, Reason::Invalid, "h", "there is no @");
        let plan = planner.finish();
        assert_eq!(plan.samples.len(), SAMPLES + 1);
        assert_eq!((plan.samples[0].row, plan.samples[SAMPLES].row), (2, 1_000));
        assert_eq!(plan.excluded.total(), 999);
    }

    #[test]
    fn domains_that_are_kept_apart_share_no_batch() {
        let rules = Rules { mode: Mode::Grouped, recipients_per_message: 10, domains: Domains::Apart };
        let mut planner = Planner::new(rules);
        let rows = [("a@x.example", 1), ("b@y.example", 1), ("c@X.example", 1), ("d@x.example", 2)];
        for (row, (address, variant)) in (2_u32..).zip(rows) {
            planner.offer(&recipient(row, address), Standing::Free, Some(variant)).expect("free");
        }
        let plan = planner.finish();
        assert_eq!(plan.order, Some(vec![0, 2, 1, 3]));
        assert_eq!(plan.batches, Batches::Grouped { recipients: 4, starts: vec![0, 2, 3] });
    }

    proptest! {
        #[test]
        fn everybody_is_in_one_batch_or_left_out_once(
            offers in prop::collection::vec((0_u16..60, 0_u8..8, 0_u128..4), 0..200),
            limit in 0_u32..9,
        ) {
            let (mode, domains) = (Mode::Grouped, Domains::Together);
            let mut planner = Planner::new(Rules { mode, recipients_per_message: limit, domains });
            let mut taken = Vec::new();
            for (row, (who, standing, variant)) in (2_u32..).zip(&offers) {
                let standing = match standing {
                    0 => Standing::Suppressed,
                    1 => Standing::Already,
                    _ => Standing::Free,
                };
                let recipient = recipient(row, &format!("p{who}@example.com"));
                if planner.offer(&recipient, standing, Some(*variant)).is_ok() {
                    taken.push((recipient.address.key(), *variant));
                }
            }
            prop_assert_eq!(planner.taken() as usize, taken.len());
            let plan = planner.finish();
            prop_assert_eq!(taken.len() as u64 + plan.excluded.total(), offers.len() as u64);
            let order = plan.order.expect("grouped");
            let mut everybody = order.clone();
            everybody.sort_unstable();
            prop_assert!(everybody.iter().copied().eq(0..plan.batches.recipients()));
            let mut covered = 0;
            for number in 0..plan.batches.len() {
                let range = plan.batches.range(number);
                prop_assert_eq!(range.start, covered);
                covered = range.end;
                prop_assert!((1..=limit.max(1) as usize).contains(&range.len()));
                let mut variants: Vec<u128> =
                    range.map(|place| taken[order[place as usize] as usize].1).collect();
                variants.dedup();
                prop_assert_eq!(variants.len(), 1);
            }
            prop_assert_eq!(covered as usize, taken.len());
            taken.sort_unstable();
            let before = taken.len();
            taken.dedup_by_key(|(key, _)| *key);
            prop_assert_eq!(taken.len(), before);
        }
    }
}
