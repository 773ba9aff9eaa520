//! Warm-ups: what a day may have, over restarts and changed clocks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{DAY, accepted, at, lane, personal, quota, report, terms, waits};
use crate::mail::{Account, Batch, BoundKind, RelayNo, Usage};
use crate::policy::{Period, Quota, Unit, Warmup};
use crate::schedule::{LaneSpec, Prospect, Scheduler, Step, forecast};

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("a zone")
}

fn warming(from: u64, factor: f64) -> LaneSpec {
    LaneSpec { warmup: Some(Warmup { from, factor, zone: berlin() }), ..lane("a") }
}

#[test]
fn the_warm_up_holds_back_until_midnight_in_its_zone() {
    let spec = warming(3, 2.0);
    let mut scheduler = Scheduler::new(terms(), &[spec], &BTreeMap::new(), personal(9), 1);
    let evening = at("2026-06-01T20:00:00Z");
    for _ in 0..3 {
        let Step::Lease { relay, batch } = scheduler.next(evening) else { panic!("three today") };
        scheduler.settle(evening, &report(relay, batch, |_| accepted()));
    }
    let midnight = at("2026-06-01T22:00:00Z");
    assert_eq!(waits(&mut scheduler, evening), (Some(midnight), vec![BoundKind::Warmup]));
    let view = &scheduler.view(evening)[0].quotas;
    assert_eq!((view[0].quota.limit, view[0].used, view[0].left), (3, 3, 0));
    let next: Vec<Batch> = std::iter::from_fn(|| match scheduler.next(midnight) {
        Step::Lease { batch, .. } => Some(batch),
        Step::Wait(_) | Step::Done | Step::Stopped(_) => None,
    })
    .take(4)
    .collect();
    assert_eq!(next.len(), 4, "as many as sessions of the six");
}

#[test]
fn a_batch_larger_than_the_day_is_cut_to_fit() {
    let limits = vec![quota(30_000, Unit::Recipients, DAY)];
    let spec = LaneSpec { quotas: limits, ..warming(5, 2.0) };
    let foretold = foretell(&spec, super::grouped(35, 20), at("2026-06-01T10:00:00Z"));
    assert_eq!(foretold.0, [5, 10, 20]);
}

fn foretell(spec: &LaneSpec, backlog: crate::schedule::Backlog, now: Timestamp) -> (Vec<u64>, BoundKind) {
    let lanes = vec![spec.clone()];
    let prospect = Prospect { terms: terms(), lanes, usages: BTreeMap::new(), backlog };
    let foretold = forecast(prospect, now, &berlin());
    let days = foretold.days.iter().map(|day| day.relays[0].1).collect();
    (days, foretold.bound_by.expect("a limit").kind)
}

#[test]
fn a_forecast_shows_the_ramp_up_to_the_quota() {
    let now = at("2026-10-23T10:00:00Z");
    let (days, kind) = foretell(&warming(200, 1.5), personal(3_000), now);
    assert_eq!((days, kind), (vec![200, 300, 450, 675, 1_012, 363], BoundKind::Warmup));
    let day = Quota { limit: 400, unit: Unit::Recipients, per: Period::Day(berlin()) };
    let capped = LaneSpec { quotas: vec![day], ..warming(200, 1.5) };
    let (days, kind) = foretell(&capped, personal(1_800), now);
    assert_eq!((days, kind), (vec![200, 300, 400, 400, 400, 100], BoundKind::Quota));
}

/// A provider that counts by the day, over the lives of several processes.
struct Books {
    usage: Usage,
    days: BTreeMap<Date, u64>,
    left: u32,
}

impl Books {
    /// Sends until `until` or until nothing is left, with a crash at the end: what is out is kept.
    fn live(&mut self, spec: &LaneSpec, from: Timestamp, until: Timestamp) -> Timestamp {
        let usages = BTreeMap::from([(spec.account.clone(), self.usage.clone())]);
        let mut scheduler =
            Scheduler::new(terms(), std::slice::from_ref(spec), &usages, personal(self.left), 3);
        let (mut now, mut out): (Timestamp, Vec<(Timestamp, RelayNo, Batch)>) = (from, Vec::new());
        while now < until {
            match scheduler.next(now) {
                Step::Lease { relay, batch } => {
                    self.usage.begin(crate::mail::Charge::message(1));
                    out.push((now + spec.pace, relay, batch));
                }
                Step::Wait(wait) => {
                    now = out
                        .iter()
                        .map(|(lands, ..)| *lands)
                        .chain(wait.until)
                        .min()
                        .expect("an end")
                        .max(now);
                    let (landed, rest) = out.into_iter().partition(|(lands, ..)| *lands <= now);
                    out = rest;
                    for (lands, relay, batch) in landed {
                        self.count(lands);
                        scheduler.settle(lands, &report(relay, batch, |_| accepted()));
                    }
                }
                Step::Done | Step::Stopped(_) => return now,
            }
        }
        for _ in out {
            self.count(now);
        }
        now
    }

    fn count(&mut self, moment: Timestamp) {
        let one = crate::mail::Charge::message(1);
        self.usage.settle(moment, one, one);
        *self.days.entry(berlin().to_datetime(moment).date()).or_default() += 1;
        self.left -= 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_day_has_more_than_its_ramp_over_crashes_and_changed_clocks(
        from in 1_u64..20,
        factor in 1.0_f64..2.5,
        // Around 2026-10-25 and 2027-03-28, when clocks are changed in Berlin.
        autumn: bool,
        lives in prop::collection::vec((1_i64..2_000, 0_i64..2_000), 4..12),
    ) {
        let spec = warming(from, factor);
        let account: &Account = &spec.account;
        let begins = at(if autumn { "2026-10-23T17:00:00Z" } else { "2027-03-26T17:00:00Z" });
        let mut books = Books { usage: Usage::default(), days: BTreeMap::new(), left: 5_000 };
        let mut now = begins;
        for (minutes, pause) in lives {
            now = books.live(&spec, now, now + jiff::SignedDuration::from_mins(minutes));
            now += jiff::SignedDuration::from_mins(pause);
        }
        let warmup = spec.warmup.as_ref().expect("a warm-up");
        for (earlier, (day, count)) in (0..).zip(&books.days) {
            prop_assert!(*count <= warmup.allowance(earlier), "{} of day {} ({})", count, earlier, day);
        }
        prop_assert!(books.days.len() > 1 || books.left == 0, "{} slept too long", account.as_str());
    }
}
