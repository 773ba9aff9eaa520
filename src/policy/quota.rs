//! A quota: what a provider lets an account send over a minute or longer.

use std::time::Duration;

use jiff::tz::TimeZone;

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Mail transactions.
    Messages,
    /// Recipients of them.
    Recipients,
}

/// Over which time a quota counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Period {
    /// The time just past, one minute to 48 hours.
    Rolling(Duration),
    /// The calendar day in this zone.
    Day(TimeZone),
}

/// So many of a unit over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// How many the provider allows, before any reserve.
    pub limit: u64,
    /// What is counted.
    pub unit: Unit,
    /// Over which time.
    pub per: Period,
}
