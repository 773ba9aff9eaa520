//! The hours in which a campaign may send, by the clock on the wall of its zone.

use jiff::civil::Time;
use jiff::tz::TimeZone;

/// Days of the week and a time of day, in a zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// Monday first: whether the window opens on that day.
    pub days: [bool; 7],
    /// When it opens.
    pub from: Time,
    /// When it closes; at or before `from` it closes on the next day.
    pub to: Time,
    /// Whose clock counts.
    pub zone: TimeZone,
}
