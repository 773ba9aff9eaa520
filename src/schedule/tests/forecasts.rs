//! What is foretold.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{DAY, at, at_domains, lane, limited, office_hours, personal, quota, start, terms};
use crate::mail::{BoundKind, Forecast};
use crate::policy::{Period, Quota, Rate, Unit};
use crate::schedule::{Backlog, LaneSpec, Prospect, Terms, forecast};

fn foretell(lanes: Vec<LaneSpec>, backlog: Backlog, terms: Terms) -> Forecast {
    let prospect = Prospect { terms, lanes, usages: BTreeMap::new(), backlog };
    forecast(prospect, start(), &TimeZone::UTC)
}

fn sums(forecast: &Forecast) -> Vec<(String, Vec<u64>)> {
    let counts = |day: &crate::mail::Day| day.relays.iter().map(|(_, count)| *count).collect();
    forecast.days.iter().map(|day| (day.date.to_string(), counts(day))).collect()
}

#[test]
fn a_forecast_spreads_a_campaign_over_days_and_names_the_limit() {
    let day = |limit| Quota { limit, unit: Unit::Recipients, per: Period::Day(TimeZone::UTC) };
    let lanes = vec![
        LaneSpec { quotas: vec![day(500)], ..lane("a") },
        LaneSpec { quotas: vec![day(300)], reserve: 100, ..lane("b") },
    ];
    let forecast = foretell(lanes, personal(1_600), terms());
    let expected = [("2026-06-01", [500, 200]), ("2026-06-02", [500, 200])];
    let days = sums(&forecast);
    for ((date, counts), (expected_date, expected_counts)) in days.iter().zip(expected) {
        assert_eq!((date.as_str(), counts.as_slice()), (expected_date, expected_counts.as_slice()));
    }
    assert_eq!((days.len(), days[2].1.iter().sum::<u64>()), (3, 200));
    assert_eq!(forecast.bound_by.map(|bound| bound.kind), Some(BoundKind::Quota));
    assert!(
        forecast
            .ends
            .is_some_and(|ends| ends > at("2026-06-03T00:00:00Z") && ends < at("2026-06-03T00:01:00Z"))
    );
}

#[test]
fn a_forecast_names_what_binds() {
    let rate = Some(Rate { count: NonZeroU32::new(10).expect("ten"), per: Duration::from_secs(1) });
    let never = LaneSpec { quotas: vec![quota(5, Unit::Recipients, DAY)], reserve: 5, ..lane("a") };
    let hours = Terms { hours: Some(office_hours()), ..terms() };
    let table = [
        (lane("a"), 10_000, terms(), Some(BoundKind::Sessions), Some(125)),
        (LaneSpec { rate, ..lane("a") }, 10_000, terms(), Some(BoundKind::Rate), Some(1_000)),
        (LaneSpec { rate, ..lane("a") }, 1_000_000, hours, Some(BoundKind::Window), None),
        (never, 10, terms(), None, None),
        (lane("a"), 0, terms(), None, Some(0)),
    ];
    for (spec, recipients, terms, kind, seconds) in table {
        let shown = format!("{recipients} {kind:?}");
        let forecast = foretell(vec![spec], personal(recipients), terms);
        assert_eq!(forecast.bound_by.map(|bound| bound.kind), kind, "{shown}");
        let lasts = forecast.ends.map(|ends| ends.duration_since(start()).as_secs());
        let near = |lasts: i64, seconds: i64| (lasts - seconds).abs() <= 10;
        match seconds {
            Some(seconds) => assert!(lasts.is_some_and(|lasts| near(lasts, seconds)), "{shown} {lasts:?}"),
            None => assert!(lasts.is_none() == (recipients == 10), "{shown} {lasts:?}"),
        }
    }
}

#[test]
fn a_forecast_over_years_is_quick() {
    let spec = LaneSpec { quotas: vec![quota(500, Unit::Recipients, DAY)], ..lane("gmail") };
    let forecast = foretell(vec![spec], personal(1_000_000), terms());
    assert!((1_999..=2_030).contains(&forecast.days.len()), "{}", forecast.days.len());
    let all: u64 = sums(&forecast).iter().flat_map(|(_, counts)| counts.clone()).sum();
    assert_eq!(all, 1_000_000);
}

/// Forecasts of a million recipients. Measured optimised: 0.25 s of CPU for all five.
#[test]
#[ignore = "a measurement; time it in release"]
fn forecasts_of_a_million_are_quick() {
    let rate = Some(Rate { count: NonZeroU32::new(14).expect("some"), per: Duration::from_secs(1) });
    let table = [
        ("sessions", vec![lane("a"), lane("b")]),
        ("rate", vec![LaneSpec { rate, ..lane("a") }]),
        ("daily", vec![LaneSpec { quotas: vec![quota(500, Unit::Recipients, DAY)], ..lane("a") }]),
        ("by the minute", vec![LaneSpec { quotas: vec![quota(30, Unit::Messages, 60)], ..lane("a") }]),
        ("slow", vec![LaneSpec { pace: Duration::from_mins(2), ..lane("a") }]),
    ];
    for (name, lanes) in table {
        let forecast = foretell(lanes, personal(1_000_000), terms());
        assert!(forecast.ends.is_some(), "{name}");
    }
}

/// Forecasts of a million recipients, six in ten of them at a domain that takes two a second.
#[test]
#[ignore = "a measurement; time it in release"]
fn forecasts_of_a_million_with_a_slow_domain_are_quick() {
    let lanes = vec![LaneSpec { domains: limited(&[("gmail.com", 2, 3)]), sessions: 8, ..lane("a") }];
    let domains: Vec<&str> =
        (0..1_000).map(|place| if place * 7 % 10 < 6 { "gmail.com" } else { "example.com" }).collect();
    let forecast = foretell(lanes.clone(), at_domains(personal(1_000_000), &lanes, &domains), terms());
    let lasts = forecast.ends.map(|ends| ends.duration_since(start()).as_secs());
    assert_eq!(lasts, Some(300_000));
}
