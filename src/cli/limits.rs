//! What holds a relay or a campaign back, in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::{Cause, QuotaView, RelayView, Stage};
use crate::mail::{Bound, BoundKind, Class, Excluded, Reason};

use super::escape;
use super::words::{moment, number, per};

/// Whose limit it is that ends later than all others: `the quota of gmail`.
pub(crate) fn bound(bound: &Bound) -> String {
    let relay = escape::line(bound.relay.as_str()).into_owned();
    match bound.kind {
        BoundKind::Quota => format!("the quota of {relay}"),
        BoundKind::Warmup => format!("the warm-up of {relay}"),
        BoundKind::Rate => format!("the rate of {relay}"),
        BoundKind::Domain => match &bound.domain {
            Some(domain) => format!("the limits of {relay} for {}", escape::line(domain)),
            None => format!("the limits of {relay} for a domain"),
        },
        BoundKind::Window => "the campaign's window".to_owned(),
        BoundKind::Sessions => format!("the sessions of {relay}"),
        BoundKind::Retry => "the pauses between retries".to_owned(),
        BoundKind::Pause => format!("a pause that {relay} asked for"),
        BoundKind::Stopped => format!("{relay} is stopped"),
    }
}

/// What a relay does while it sends nothing, as far as people care: `waits for quota`. A relay at its
/// rate or with all sessions busy is at work, and gets none.
pub(crate) fn waiting(kind: BoundKind) -> Option<&'static str> {
    match kind {
        BoundKind::Quota => Some("waits for quota"),
        BoundKind::Warmup => Some("waits for the next day of its warm-up"),
        BoundKind::Domain => Some("waits for the limits of a domain"),
        BoundKind::Window => Some("waits for the window"),
        BoundKind::Retry => Some("waits for retries"),
        BoundKind::Pause => Some("pauses"),
        BoundKind::Stopped => Some("stopped"),
        BoundKind::Rate | BoundKind::Sessions => None,
    }
}

/// ` until 14:05 CET`, or nothing where no end is known.
pub(crate) fn until(end: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> String {
    end.map_or_else(String::new, |end| format!(" until {}", moment(end, now, zone)))
}

/// What a relay waits for: `waits for quota until 14:05 CET`. None if it is at work.
pub(crate) fn held(view: &RelayView, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let waiting = view.waits_for.and_then(waiting)?;
    Some(format!("{waiting}{}", until(view.until, now, zone)))
}

/// One quota and what is used of it: `412/500 per 24 h`.
pub(crate) fn short_quota(quota: &QuotaView) -> String {
    format!("{}/{} {}", number(quota.used), number(quota.limit), escape::line(&per(&quota.per)))
}

/// The quota of which least is left, in parts of its limit.
pub(crate) fn tightest(quotas: &[QuotaView]) -> Option<&QuotaView> {
    let left = |quota: &QuotaView| {
        u128::from(quota.limit.saturating_sub(quota.used)) * 1_000_000 / u128::from(quota.limit.max(1))
    };
    quotas.iter().min_by_key(|quota| left(quota))
}

/// Why work was left by a run over so many relays: fits after "stopped: ".
pub(crate) fn cause(cause: Cause, relays: usize) -> &'static str {
    match cause {
        Cause::Quota if relays > 1 => "every relay waits; the first to go on waits for its quota",
        Cause::Quota => "the quota or the warm-up of the relay is used up",
        Cause::Window => "nothing is due now: the window is closed, or everybody left waits for a retry",
        Cause::Limit => "--limit was reached",
        Cause::StopIf => "too much was refused (`stop_if` of the campaign)",
        Cause::Signal => "you asked for it",
        Cause::Crash => "the run ended without a word: a crash, a kill or a power cut",
        Cause::NoRelay => "no relay is left that works",
        Cause::Pause => "another terminal said so",
        Cause::Cancelled => "another terminal cancelled it",
    }
}

/// The stage of a campaign in one word.
pub(crate) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Planned => "planned",
        Stage::Sending => "sending",
        Stage::Waiting => "waiting",
        Stage::Paused => "paused",
        Stage::Interrupted => "interrupted",
        Stage::Finished => "finished",
        Stage::Cancelled => "cancelled",
    }
}

/// Rows left out by reason, `8 duplicate, 3 invalid`; empty if none was.
pub(crate) fn left_out(excluded: &Excluded) -> String {
    let parts = [
        (excluded.duplicate, "duplicate"),
        (excluded.invalid, "invalid"),
        (excluded.filtered, "filtered by `where`"),
        (excluded.suppressed, "suppressed"),
        (excluded.already, "already written to"),
    ];
    let told = parts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{} {what}", number(*count))).collect::<Vec<_>>().join(", ")
}

/// Why a row is left out of a plan, in words.
pub(crate) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Duplicate => "the address stands in an earlier row",
        Reason::Invalid => "the row is not valid",
        Reason::Filtered => "the campaign's `where` leaves it out",
        Reason::Suppressed => "on the suppression list",
        Reason::Already => "written to before",
    }
}

/// What a class of refusals means, for people who do not know the word.
pub(crate) fn class(class: Class) -> &'static str {
    match class {
        Class::Quota => "the account's allowance is used up",
        Class::Rate => "too fast for the relay",
        Class::Concurrency => "too many connections for the relay",
        Class::Login => "the login is refused",
        Class::Blocked => "the provider has blocked the sender",
        Class::Host => "the host refuses this machine",
        Class::Domain => "the domain wants less, or later",
        Class::DomainDead => "the domain takes no mail",
        Class::RecipientDead => "no such mailbox",
        Class::RecipientTemporary => "the mailbox is full or busy",
        Class::TooMany => "too many recipients at once",
        Class::Size => "the message is too large",
        Class::Content => "refused for its content or authentication",
        Class::Protocol => "a misunderstanding between client and server",
        Class::Connection => "the connection failed",
        Class::Unknown => "unknown to mailrun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(limit: u64, used: u64) -> QuotaView {
        QuotaView { limit, used, unit: "recipients".to_owned(), per: "24h".to_owned() }
    }

    #[test]
    fn the_tightest_quota_has_least_left_of_its_limit() {
        let quotas = [view(10_000, 5_000), view(500, 412), view(0, 0)];
        assert_eq!(tightest(&quotas[..2]), Some(&quotas[1]));
        assert_eq!(tightest(&quotas), Some(&quotas[2]));
        assert_eq!(tightest(&[]), None);
        assert_eq!(short_quota(&quotas[0]), "5,000/10,000 per 24 h");
    }

    #[test]
    fn rows_left_out_are_told_by_reason() {
        let excluded = Excluded { duplicate: 8, suppressed: 1_200, ..Excluded::default() };
        assert_eq!(left_out(&excluded), "8 duplicate, 1,200 suppressed");
        assert_eq!(left_out(&Excluded::default()), "");
    }
}
