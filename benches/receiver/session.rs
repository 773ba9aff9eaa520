//! One SMTP session as the receiver sees it (RFC 5321, 2920, 3030): octets in, replies and counts out.
//!
//! Pure: it is fed what came, in pieces of any size, and appends its replies. Only an unfinished command is
//! kept between pieces; content is passed over where it lies.

use std::io::Write as _;

use memchr::memmem::Finder;

use super::books::{Books, Numbers, number};

/// The end of DATA (RFC 5321, 4.1.1.4).
const END: &[u8; 5] = b"\r\n.\r\n";
/// A longer line is no command of anybody who is to be measured.
const LONGEST_LINE: usize = 8192;

/// What EHLO is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offers {
    /// PIPELINING and no CHUNKING: DATA.
    Pipelining,
    /// Both: BDAT as well.
    Chunking,
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It does.
    Open,
    /// It is closed once the replies have left.
    Over,
}

/// Where in the session the next octet belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Command,
    /// Content up to [`END`], of which so many octets have just come.
    Data {
        matched: usize,
    },
    /// So many octets of a chunk are still to come.
    Chunk {
        left: u64,
        chunk: Chunk,
    },
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    More,
    Last,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    offers: Offers,
    place: Place,
    /// The begin of a command whose end has not come.
    line: Vec<u8>,
    end: Finder<'static>,
    envelope: Envelope,
    recipients: Vec<Option<usize>>,
    octets: u64,
    accepted: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Envelope {
    None,
    Begun,
}

impl Session {
    /// A session in which nothing was said yet.
    pub(crate) fn new(offers: Offers) -> Self {
        Self {
            offers,
            place: Place::Command,
            line: Vec::new(),
            end: Finder::new(END),
            envelope: Envelope::None,
            recipients: Vec::new(),
            octets: 0,
            accepted: 0,
        }
    }

    /// What a server says first.
    pub(crate) fn greet(replies: &mut Vec<u8>) {
        replies.extend_from_slice(b"220 receiver.example ESMTP\r\n");
    }

    /// Messages accepted in this session.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Takes what came in one read.
    pub(crate) fn feed(
        &mut self,
        mut octets: &[u8],
        replies: &mut Vec<u8>,
        books: &mut Books,
        numbers: &Numbers,
    ) -> Flow {
        loop {
            match self.place {
                Place::Over => return Flow::Over,
                // A chunk of no octets ends without any.
                Place::Chunk { left: 0, chunk } => self.chunk_ended(chunk, replies, books, numbers),
                _ if octets.is_empty() => return Flow::Open,
                Place::Command => octets = self.command_octets(octets, replies, books),
                Place::Data { matched } => {
                    octets = self.content_octets(octets, matched);
                    if self.place == Place::Command {
                        self.message_ended(replies, books, numbers);
                    }
                }
                Place::Chunk { left, chunk } => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
                    octets = &octets[count..];
                    self.place = Place::Chunk { left: left - count as u64, chunk };
                }
            }
        }
    }

    /// Takes a command, or its begin; gives back what follows.
    fn command_octets<'a>(&mut self, octets: &'a [u8], replies: &mut Vec<u8>, books: &mut Books) -> &'a [u8] {
        let Some(end) = memchr::memchr(b'\n', octets) else {
            self.line.extend_from_slice(octets);
            if self.line.len() > LONGEST_LINE {
                replies.extend_from_slice(b"500 5.5.2 Line too long\r\n");
                self.place = Place::Over;
            }
            return &[];
        };
        let (line, rest) = octets.split_at(end + 1);
        if self.line.is_empty() {
            self.command(line.trim_ascii_end(), replies, books);
        } else {
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            self.command(whole.trim_ascii_end(), replies, books);
            whole.clear();
            self.line = whole;
        }
        rest
    }

    fn command(&mut self, line: &[u8], replies: &mut Vec<u8>, books: &mut Books) {
        let (verb, argument) = line.split_at(line.len().min(4));
        let reply: &[u8] = match verb.to_ascii_uppercase().as_slice() {
            b"MAIL" if self.envelope == Envelope::None => {
                self.envelope = Envelope::Begun;
                b"250 2.1.0 Ok\r\n"
            }
            b"RCPT" if self.envelope == Envelope::Begun => {
                self.recipients.push(number(argument));
                b"250 2.1.5 Ok\r\n"
            }
            b"DATA" if !self.recipients.is_empty() && self.octets == 0 => {
                // The line end of DATA may be the first of the two that a dot stands between.
                self.place = Place::Data { matched: 2 };
                b"354 End data with <CR><LF>.<CR><LF>\r\n"
            }
            b"BDAT" if self.offers == Offers::Chunking => {
                books.chunks += 1;
                return self.chunk(argument, replies);
            }
            b"EHLO" => {
                books.connections += 1;
                self.reset();
                replies.extend_from_slice(b"250-receiver.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n");
                if self.offers == Offers::Chunking {
                    replies.extend_from_slice(b"250-CHUNKING\r\n");
                }
                b"250 ENHANCEDSTATUSCODES\r\n"
            }
            b"HELO" => {
                books.connections += 1;
                self.reset();
                b"250 receiver.example\r\n"
            }
            b"RSET" => {
                self.reset();
                b"250 2.0.0 Ok\r\n"
            }
            b"NOOP" => b"250 2.0.0 Ok\r\n",
            b"QUIT" => {
                self.place = Place::Over;
                b"221 2.0.0 Bye\r\n"
            }
            b"MAIL" | b"RCPT" | b"DATA" => b"503 5.5.1 Bad sequence of commands\r\n",
            _ => b"500 5.5.1 Command unrecognized\r\n",
        };
        replies.extend_from_slice(reply);
    }

    /// BDAT: its content follows whatever is thought of it (RFC 3030, 2).
    fn chunk(&mut self, argument: &[u8], replies: &mut Vec<u8>) {
        let mut words = argument.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let left = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        let chunk = match words.next() {
            None => Some(Chunk::More),
            Some(word) if word.eq_ignore_ascii_case(b"LAST") => Some(Chunk::Last),
            Some(_) => None,
        };
        if let (Some(left), Some(chunk)) = (left, chunk) {
            self.octets = self.octets.saturating_add(left);
            self.place = Place::Chunk { left, chunk };
        } else {
            // Where the content ends is unknown, so that nothing after this can be understood.
            replies.extend_from_slice(b"501 5.5.4 Syntax: BDAT octets [LAST]\r\n");
            self.place = Place::Over;
        }
    }

    fn chunk_ended(&mut self, chunk: Chunk, replies: &mut Vec<u8>, books: &mut Books, numbers: &Numbers) {
        self.place = Place::Command;
        if self.recipients.is_empty() {
            self.reset();
            replies.extend_from_slice(b"503 5.5.1 Bad sequence of commands\r\n");
        } else if chunk == Chunk::Last {
            self.message_ended(replies, books, numbers);
        } else {
            replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        }
    }

    /// Passes over content; gives back what follows its end, and is at a command then.
    fn content_octets<'a>(&mut self, octets: &'a [u8], mut matched: usize) -> &'a [u8] {
        let mut taken = 0;
        // What came before may be the begin of an end.
        while matched > 0 && matched < END.len() && taken < octets.len() {
            matched = matched_after(matched, octets[taken]);
            taken += 1;
        }
        if matched == 0 {
            if let Some(found) = self.end.find(&octets[taken..]) {
                taken += found + END.len();
                matched = END.len();
            } else {
                let tail = &octets[taken..];
                matched = (1..END.len()).rev().find(|count| tail.ends_with(&END[..*count])).unwrap_or(0);
                taken = octets.len();
            }
        }
        self.octets += taken as u64;
        if matched == END.len() {
            // The dot and its line end are not content (RFC 5321, 4.1.1.4).
            self.octets -= 3;
            self.place = Place::Command;
        } else {
            self.place = Place::Data { matched };
        }
        &octets[taken..]
    }

    fn message_ended(&mut self, replies: &mut Vec<u8>, books: &mut Books, numbers: &Numbers) {
        books.accept(self.octets, &self.recipients, numbers);
        self.accepted += 1;
        self.reset();
        // Servers name what they queued, and who sends wants to keep it.
        let _ = write!(replies, "250 2.0.0 Ok: queued as {:08X}\r\n", self.accepted);
    }

    fn reset(&mut self) {
        self.envelope = Envelope::None;
        self.recipients.clear();
        self.octets = 0;
    }
}

/// How much of [`END`] has come once `octet` follows `matched` octets of it.
fn matched_after(matched: usize, octet: u8) -> usize {
    if octet == END[matched] {
        matched + 1
    } else {
        // Only a CR can begin it anew; what came before it is no begin of it.
        usize::from(octet == END[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPED: &str = "EHLO client.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<reader1@example.net>\r\n\
        RCPT TO:<reader2@example.net>\r\nDATA\r\nSubject: a\r\n\r\n..\r\n\r.\r\n\n.\n.\r\r\n\r\r\n.\r\nMAIL FROM:<>\r\n\
        rcpt to:<reader3@example.net>\r\ndata\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<nobody>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    const STREAMED: &str = "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<r7@example.net>\r\nBDAT 5 LAST\r\n\r\n.\r\n\
        MAIL FROM:<>\r\nRCPT TO:<r8@example.net>\r\nBDAT 4\r\nabcdBDAT 0\r\nBDAT 1 last\r\neBDAT 6 LAST\r\nQUIT\r\n\
        MAIL FROM:<>\r\nRCPT TO:<r7@example.net>\r\nBDAT 0 LAST\r\nQUIT\r\n";

    /// Replies, counts and numbers after `said` came in pieces of these lengths.
    fn fed(offers: Offers, pieces: &[&[u8]]) -> (String, Books, u64, Flow) {
        let (mut session, mut replies) = (Session::new(offers), Vec::new());
        let (mut books, numbers) = (Books::default(), Numbers::below(64));
        let mut flow = Flow::Open;
        for piece in pieces {
            flow = session.feed(piece, &mut replies, &mut books, &numbers);
        }
        (String::from_utf8(replies).expect("replies are ASCII"), books, numbers.distinct(), flow)
    }

    fn codes(replies: &str) -> Vec<&str> {
        replies.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
    }

    #[test]
    fn grouped_messages_are_counted_with_their_octets() {
        let (replies, books, distinct, flow) = fed(Offers::Pipelining, &[GROUPED.as_bytes()]);
        let expected = "250 250 250 250 354 250 250 250 354 250 250 250 354 250 221";
        assert_eq!(codes(&replies).join(" "), expected);
        assert_eq!((books.messages, books.recipients, books.connections), (3, 4, 1));
        let content = "Subject: a\r\n\r\n..\r\n\r.\r\n\n.\n.\r\r\n\r\r\n".len() + "x\r\n".len();
        assert_eq!((books.octets, books.unnumbered), (content as u64, 1));
        assert_eq!((distinct, books.duplicates, flow), (3, 0, Flow::Over));
    }

    #[test]
    fn chunks_are_counted_through_whatever_they_hold() {
        let (replies, books, distinct, flow) = fed(Offers::Chunking, &[STREAMED.as_bytes()]);
        let expected = "250 250 250 250 250 250 250 250 250 503 250 250 250 221";
        assert_eq!(codes(&replies).join(" "), expected);
        assert_eq!((books.messages, books.octets, books.chunks), (3, 10, 6));
        assert_eq!((distinct, books.duplicates, flow), (2, 1, Flow::Over));
    }

    #[test]
    fn it_does_not_matter_in_which_pieces_it_comes() {
        for (offers, said) in [(Offers::Pipelining, GROUPED), (Offers::Chunking, STREAMED)] {
            let said = said.as_bytes();
            let whole = fed(offers, &[said]);
            let singly: Vec<&[u8]> = said.chunks(1).collect();
            assert_eq!(fed(offers, &singly), whole, "octet by octet");
            for first in 0..said.len() {
                for second in [first, first + 1, first + 3, first + 7] {
                    let second = second.min(said.len());
                    let pieces = [&said[..first], &said[first..second], &said[second..]];
                    assert_eq!(fed(offers, &pieces), whole, "in pieces at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn what_is_out_of_order_or_not_offered_is_refused() {
        let table = [
            (
                Offers::Pipelining,
                "RCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n",
                "503 503 250 503",
            ),
            (Offers::Pipelining, "MAIL FROM:<>\r\nDATA\r\nRSET\r\nMAIL FROM:<>\r\n", "250 503 250 250"),
            (Offers::Pipelining, "BDAT 3 LAST\r\nVRFY a\r\nNOOP\r\n", "500 500 250"),
            (Offers::Chunking, "BDAT x LAST\r\nNOOP\r\n", "501"),
            (Offers::Chunking, "BDAT 3 FIRST\r\nNOOP\r\n", "501"),
        ];
        for (offers, said, expected) in table {
            assert_eq!(codes(&fed(offers, &[said.as_bytes()]).0).join(" "), expected, "{said}");
        }
        let endless = vec![b'a'; LONGEST_LINE + 1];
        assert_eq!(fed(Offers::Pipelining, &[&endless]).3, Flow::Over);
    }
}
