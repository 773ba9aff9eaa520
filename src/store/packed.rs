//! The states of a run's recipients as a checkpoint writes them: short, and quick to read.
//!
//! Most recipients of most runs stand where their neighbours stand, so runs of equal states are told by
//! their lengths; where that would be longer, every recipient takes an octet.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use crate::mail::State;

/// The first octet: how the others are to be read.
const OCTETS: u8 = 0;
const RUNS: u8 = 1;
/// Octets of one run: the state, and how many stand in it as u32 little-endian.
const RUN: usize = 5;

/// For serde's `with`.
///
/// # Errors
/// What the serialiser says.
pub(super) fn serialize<S: Serializer>(states: &[State], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(&pack(states))
}

/// For serde's `with`.
///
/// # Errors
/// What the deserialiser says, or that no states were packed so.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<State>, D::Error> {
    struct Packed;
    impl Visitor<'_> for Packed {
        type Value = Vec<State>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("packed states")
        }

        fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Self::Value, E> {
            unpack(octets).ok_or_else(|| E::custom("no packed states"))
        }
    }
    deserializer.deserialize_bytes(Packed)
}

fn pack(states: &[State]) -> Vec<u8> {
    let mut packed = vec![RUNS];
    for run in states.chunk_by(|one, next| one == next) {
        let count = u32::try_from(run.len()).expect("recipients are numbered by u32");
        packed.push(run[0] as u8);
        packed.extend_from_slice(&count.to_le_bytes());
        if packed.len() > states.len() {
            packed.clear();
            packed.push(OCTETS);
            packed.extend(states.iter().map(|state| *state as u8));
            break;
        }
    }
    packed
}

fn unpack(packed: &[u8]) -> Option<Vec<State>> {
    let (kind, rest) = packed.split_first()?;
    let state = |octet: &u8| State::ALL.get(usize::from(*octet)).copied();
    match *kind {
        OCTETS => rest.iter().map(state).collect(),
        RUNS => {
            let (runs, []) = rest.as_chunks::<RUN>() else { return None };
            let mut states = Vec::new();
            for [octet, count @ ..] in runs {
                let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
                states.resize(states.len().checked_add(count)?, state(octet)?);
            }
            Some(states)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_neighbours_take_next_to_nothing_and_nobody_takes_more_than_an_octet() {
        let equal = vec![State::Accepted; 100_000];
        assert_eq!(pack(&equal).len(), 1 + RUN);
        let mixed: Vec<State> = (0..1_000).map(|place| State::ALL[place % 3]).collect();
        assert_eq!(pack(&mixed).len(), 1 + 1_000);
        assert_eq!(unpack(&[]), None);
        assert_eq!(unpack(&[OCTETS, 8]), None);
        assert_eq!(unpack(&[RUNS, 0, 1]), None);
        assert_eq!(unpack(&[2]), None);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(runs in prop::collection::vec((0_usize..8, 0_usize..20), 0..60)) {
            let states: Vec<State> =
                runs.into_iter().flat_map(|(state, count)| vec![State::ALL[state]; count]).collect();
            prop_assert_eq!(unpack(&pack(&states)), Some(states));
        }
    }
}
