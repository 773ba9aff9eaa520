//! Everybody ends once, whatever the relays do.

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::trial::{Faults, Trial};
use super::{DAY, grouped, lane, personal, quota, start, terms};
use crate::mail::State;
use crate::policy::{Period, Quota, Unit};
use crate::schedule::{LaneSpec, Step};

const NO_FAULTS: Faults = Faults { one_in: 0, most: usize::MAX };

#[test]
fn nobody_starves_while_others_are_deferred() {
    let spec = LaneSpec { quotas: vec![quota(10, Unit::Messages, 3600)], ..lane("a") };
    let mut trial = Trial::new(terms(), &[spec], personal(400), Faults { one_in: 2, most: 9 }, 3);
    assert_eq!(trial.run(), Step::Done);
    trial.assert_quotas_held();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everybody_ends_once_and_no_quota_is_broken(
        seed: u64,
        recipients in 1_u32..600,
        size in 1_u32..40,
        // A relay that never does anything right is rightly given up.
        one_in in prop_oneof![Just(0_u32), 2_u32..12],
        most in 1_usize..50,
        limits in prop::collection::vec((20_u64..400, any::<bool>(), 60_u64..DAY), 0..3),
        relays in 1_usize..4,
        daily: bool,
    ) {
        let mut quotas: Vec<Quota> = limits
            .into_iter()
            .map(|(limit, messages, seconds)| {
                quota(limit, if messages { Unit::Messages } else { Unit::Recipients }, seconds)
            })
            .collect();
        if daily {
            let per = Period::Day(TimeZone::get("America/Sao_Paulo").expect("a zone"));
            quotas.push(Quota { limit: 250, unit: Unit::Recipients, per });
        }
        let lanes: Vec<LaneSpec> = (0..relays)
            .map(|place| LaneSpec {
                quotas: quotas.clone(),
                // The first and the last are one account under two names.
                account: lane(if place == 2 { "0" } else { ["0", "1", "2"][place] }).account,
                reserve: 7,
                ahead: u32::try_from(place).expect("few"),
                recipients_per_message: size,
                ..lane(&place.to_string())
            })
            .collect();
        let mut trial =
            Trial::new(terms(), &lanes, grouped(recipients, size), Faults { one_in, most }, seed);
        prop_assert_eq!(trial.run(), Step::Done);
        let tally = trial.scheduler.tally();
        prop_assert_eq!(tally.settled(), u64::from(recipients));
        if one_in == 0 {
            prop_assert_eq!(tally.of(State::Accepted), u64::from(recipients));
        }
        trial.assert_quotas_held();
    }

    #[test]
    fn a_quota_is_used_to_the_last_hundredth(
        seed: u64, size in 1_u32..60, limit in 100_u64..1000,
    ) {
        let spec = LaneSpec { quotas: vec![quota(limit, Unit::Recipients, DAY)], ..lane("a") };
        let backlog = grouped(u32::try_from(3 * limit).expect("few"), size);
        let mut trial = Trial::new(terms(), &[spec], backlog, NO_FAULTS, seed);
        prop_assert_eq!(trial.run(), Step::Done);
        trial.assert_quotas_held();
        let noon = start() + Duration::from_hours(12);
        let first: u64 = trial.counted.iter().filter(|(_, when, _)| *when < noon).map(|(_, _, charge)| charge.recipients).sum();
        prop_assert!(first * 100 >= limit * 99, "{} of {}", first, limit);
    }
}
