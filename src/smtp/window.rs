//! How many messages a session has in flight where they are streamed.
//!
//! It begins with one, as a server that does not mean what it announces is best found out with one message
//! at stake; each that is taken lets one more fly, so that the number doubles with each round trip, and a
//! refusal for now halves it. Messages leave in bursts: the next may go when half of the window is empty, so
//! that neither side writes and reads for every single one, and a long line stays full all the same. Large
//! messages count by their octets: many of them in flight would be many of them in memory.

/// Octets in flight beyond which no further message is begun.
const OCTETS: usize = 256 * 1024;

/// Messages in vain that one session dares: a server that closes it over one more leaves those in flight behind
/// it unknown. Exim closes after ten RSET behind nothing that it took (`smtp_accept_max_nonmail`), Postfix
/// after twenty errors, which are two a message (`smtpd_hard_error_limit`).
const IN_VAIN: usize = 8;

/// A bound that moves.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    most: usize,
    messages: usize,
    octets: usize,
    flight: Flight,
    in_vain: usize,
}

/// Whether a burst is being gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flight {
    /// Messages may be begun until the window is full.
    Gathering,
    /// None may until half of it is empty.
    Under,
}

impl Window {
    /// Opens up to `most` messages, at least one.
    pub(super) fn new(most: usize) -> Self {
        let (most, flight) = (most.max(1), Flight::Gathering);
        Self { size: 1, most, messages: 0, octets: 0, flight, in_vain: 0 }
    }

    /// Whether another message may be begun. One always may, however large, unless the window is
    /// [spent](Self::is_spent). Once a message was in vain, all in flight may be.
    pub(super) fn has_room(&self) -> bool {
        if self.in_vain > 0 && self.in_vain + self.messages >= IN_VAIN {
            return false;
        }
        self.messages == 0 || self.flight == Flight::Gathering && self.octets < OCTETS
    }

    /// Whether this session has sent in vain as often as it dares, and is better ended.
    pub(super) fn is_spent(&self) -> bool {
        self.in_vain >= IN_VAIN
    }

    /// A message of so many octets is begun.
    pub(super) fn begin(&mut self, octets: usize) {
        self.messages += 1;
        self.octets += octets;
        if self.messages >= self.size {
            self.flight = Flight::Under;
        }
    }

    /// A message of so many octets has met its ending.
    pub(super) fn end(&mut self, octets: usize) {
        self.messages -= 1;
        self.octets -= octets;
        if self.messages * 2 <= self.size {
            self.flight = Flight::Gathering;
        }
    }

    /// A message was taken.
    pub(super) fn grow(&mut self) {
        self.size = (self.size + 1).min(self.most);
    }

    /// A message was in vain: all its recipients were refused, whom nobody knew of when it left.
    pub(super) fn miss(&mut self) {
        self.in_vain += 1;
        self.shrink();
    }

    /// A message was refused for now.
    pub(super) fn shrink(&mut self) {
        self.size = (self.size / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins as many messages of `octets` as there is room for.
    fn fill(window: &mut Window, octets: usize) -> usize {
        let before = window.messages;
        while window.has_room() {
            window.begin(octets);
        }
        window.messages - before
    }

    #[test]
    fn it_doubles_with_each_round_trip_up_to_its_bound() {
        let mut window = Window::new(10);
        let mut flights = Vec::new();
        for _ in 0..6 {
            let flight = fill(&mut window, 4_000);
            flights.push(flight);
            for _ in 0..flight {
                window.end(4_000);
                window.grow();
            }
        }
        assert_eq!(flights, [1, 2, 4, 8, 10, 10]);
        window.shrink();
        assert_eq!(fill(&mut window, 4_000), 5);
    }

    #[test]
    fn the_next_burst_leaves_when_half_of_the_window_is_empty() {
        let mut window = Window::new(16);
        (0..15).for_each(|_| window.grow());
        assert_eq!(fill(&mut window, 4_000), 16);
        for _ in 0..7 {
            window.end(4_000);
            assert_eq!(fill(&mut window, 4_000), 0);
        }
        window.end(4_000);
        assert_eq!(fill(&mut window, 4_000), 8);
    }

    #[test]
    fn large_messages_fly_alone() {
        let mut window = Window::new(16);
        (0..15).for_each(|_| window.grow());
        assert_eq!(fill(&mut window, 10 << 20), 1);
        window.end(10 << 20);
        assert_eq!(fill(&mut window, 100_000), 3);
    }

    #[test]
    fn messages_in_vain_are_never_more_than_a_server_suffers() {
        let mut window = Window::new(8);
        (0..7).for_each(|_| window.grow());
        assert_eq!(fill(&mut window, 4_000), 8);
        for _ in 0..8 {
            assert!(!window.is_spent());
            window.end(4_000);
            window.miss();
            assert_eq!(fill(&mut window, 4_000), 0, "those in flight may all be in vain");
        }
        assert!(window.is_spent());

        let mut window = Window::new(16);
        let mut flown = 0;
        while fill(&mut window, 4_000) > 0 {
            flown += 1;
            assert_eq!(window.messages, 1, "a session of nothing but refusals goes one by one");
            window.end(4_000);
            window.miss();
        }
        assert!(window.is_spent());
        assert_eq!(flown, IN_VAIN);
    }
}
