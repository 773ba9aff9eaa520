//! Which address of a host a connection is tried at first.
//!
//! Sessions are spread over all addresses of the host, IPv6 and IPv4 in turn (RFC 8305, 4). One that did
//! not take a connection goes behind all others for a while, longer with each time in a row, and is then
//! tried again; if there is no other it is tried all the same. It only remembers and orders: who connects
//! is `stream.rs`. Time is an argument.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// For how long an address that failed once is passed over; twice as long after each further time,
const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// and never longer than this.
const LONGEST_PAUSE: Duration = Duration::from_mins(30);
/// Addresses that are remembered. No host has nearly as many at a time.
const REMEMBERED: usize = 256;

/// What is known of the addresses of one host.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    turn: usize,
    failed: HashMap<SocketAddr, Failed>,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    /// Until when it is passed over.
    until: Instant,
    /// How often in a row it failed, at least 1.
    times: u32,
}

impl Addresses {
    /// The addresses that a name was found to have, in the order in which the next session tries them.
    pub(super) fn order(&mut self, found: &[SocketAddr], now: Instant) -> Vec<SocketAddr> {
        let (mut passed_over, mut order): (Vec<_>, Vec<_>) =
            interleave(found).into_iter().partition(|address| self.passed_over_until(address) > Some(now));
        if !order.is_empty() {
            let places = order.len();
            order.rotate_left(self.turn % places);
            self.turn = self.turn.wrapping_add(1);
        }
        // The one that failed longest ago is the likeliest to be back.
        passed_over.sort_by_key(|address| self.passed_over_until(address));
        order.append(&mut passed_over);
        order
    }

    /// The address took a connection and answered.
    pub(super) fn worked(&mut self, address: SocketAddr) {
        self.failed.remove(&address);
    }

    /// The address took no connection, was far slower than another, or did not answer.
    pub(super) fn failed(&mut self, address: SocketAddr, now: Instant) {
        if self.failed.len() >= REMEMBERED {
            self.failed.retain(|_, failed| failed.until > now);
        }
        let times = self.failed.get(&address).map_or(0, |failed| failed.times);
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(times)).min(LONGEST_PAUSE);
        if times > 0 || self.failed.len() < REMEMBERED {
            self.failed.insert(address, Failed { until: now + pause, times: times.saturating_add(1) });
        }
    }

    fn passed_over_until(&self, address: &SocketAddr) -> Option<Instant> {
        self.failed.get(address).map(|failed| failed.until)
    }
}

/// One of IPv6 and one of IPv4 in turn, beginning with the family that the resolver put first; each address
/// once.
fn interleave(found: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let family = |v6: bool| found.iter().copied().filter(move |address| address.is_ipv6() == v6);
    let (mut one, mut other) = (family(first_is_v6), family(!first_is_v6));
    let mut order = Vec::with_capacity(found.len());
    loop {
        let before = order.len();
        order.extend(one.next());
        order.extend(other.next());
        if order.len() == before {
            break;
        }
    }
    let mut seen = std::collections::HashSet::with_capacity(order.len());
    order.retain(|address| seen.insert(*address));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(text: &str) -> SocketAddr {
        let host = if text.contains(':') { format!("[{text}]:25") } else { format!("{text}:25") };
        host.parse().expect("an address")
    }

    fn all(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| at(text)).collect()
    }

    fn shown(order: &[SocketAddr]) -> String {
        order.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn families_take_turns() {
        let table: [(&[&str], &str); 5] = [
            (&[], ""),
            (&["::1", "127.0.0.1"], "::1 127.0.0.1"),
            (&["::1", "::2", "::3", "1.1.1.1"], "::1 1.1.1.1 ::2 ::3"),
            (&["1.1.1.1", "::1", "2.2.2.2", "::2"], "1.1.1.1 ::1 2.2.2.2 ::2"),
            (&["1.1.1.1", "1.1.1.1", "2.2.2.2"], "1.1.1.1 2.2.2.2"),
        ];
        for (found, expected) in table {
            assert_eq!(shown(&interleave(&all(found))), expected, "{found:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_are_spread_over_all_addresses() {
        let mut addresses = Addresses::default();
        let found = all(&["1.1.1.1", "2.2.2.2", "3.3.3.3"]);
        let firsts: Vec<_> = (0..6).map(|_| addresses.order(&found, Instant::now())[0]).collect();
        assert_eq!(shown(&firsts), "1.1.1.1 2.2.2.2 3.3.3.3 1.1.1.1 2.2.2.2 3.3.3.3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_is_passed_over_for_longer_and_longer() {
        let now = Instant::now();
        let mut addresses = Addresses::default();
        let found = all(&["1.1.1.1", "2.2.2.2"]);
        let mut pauses = Vec::new();
        let mut since = now;
        for _ in 0..7 {
            addresses.failed(found[0], since);
            let dead = |addresses: &mut Addresses, at| addresses.order(&found, at)[1] == found[0];
            let mut minutes = 0;
            while dead(&mut addresses, since + minutes * MINUTE)
                && dead(&mut addresses, since + minutes * MINUTE)
            {
                minutes += 1;
            }
            pauses.push(minutes);
            since += minutes * MINUTE;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        addresses.worked(found[0]);
        addresses.failed(found[0], since);
        assert!(addresses.passed_over_until(&found[0]) == Some(since + MINUTE));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_dead_all_are_tried_the_oldest_failure_first() {
        let now = Instant::now();
        let mut addresses = Addresses::default();
        let found = all(&["1.1.1.1", "2.2.2.2", "3.3.3.3"]);
        for (seconds, address) in [(2, found[0]), (0, found[1]), (1, found[2])] {
            addresses.failed(address, now + Duration::from_secs(seconds));
        }
        assert_eq!(shown(&addresses.order(&found, now)), "2.2.2.2 3.3.3.3 1.1.1.1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_of_ever_new_addresses_is_not_remembered_for_ever() {
        let now = Instant::now();
        let mut addresses = Addresses::default();
        for number in 0..10_000_u32 {
            addresses.failed(SocketAddr::from((number.to_be_bytes(), 25)), now);
        }
        assert_eq!(addresses.failed.len(), REMEMBERED);
        addresses.failed(at("::1"), now + 2 * MINUTE);
        assert_eq!(addresses.failed.len(), 1);
    }
}
