//! From what was rendered to the octets of a message.
//!
//! Date and Message-ID come first, so that the digest covers one run of octets behind them.

use crate::mail::{Mode, Recipient};

use super::body::Body;
use super::composer::Composer;
use super::error::{RowFault, Unsound};
use super::headers;
use super::mime::{self, Encoding, Transport};
use super::pen::LARGEST;
use super::rendered::Rendered;
use super::tail::Boundaries;
use super::template::Template;

/// What To says where no recipient may be named (RFC 5322, 3.4, a group without members).
const UNDISCLOSED: &str = "undisclosed-recipients:;";
/// Gmail's field for its reports to senders; the campaign's setting writes it in these letters.
const FEEDBACK_ID: &str = "Feedback-ID";
/// Octets that the fields of most messages stay below.
const FIELDS: usize = 1536;

/// What is set when a message is sent.
pub(super) struct Stamp<'a> {
    pub(super) date: &'a str,
    pub(super) id: &'a str,
}

/// The octets of a message.
pub(super) struct Assembled {
    pub(super) octets: Vec<u8>,
    /// Where what the digest covers begins.
    pub(super) covered: usize,
    /// Whether there are octets over 127.
    pub(super) eight_bit: bool,
}

impl Composer {
    /// Encodes what was rendered and puts it together, in the memory of `out`.
    pub(super) fn assemble(
        &self,
        recipient: &Recipient,
        rendered: &Rendered,
        stamp: &Stamp<'_>,
        mut out: Vec<u8>,
    ) -> Result<Assembled, RowFault> {
        let bodies = [&rendered.text, &rendered.html].into_iter().flatten();
        out.clear();
        out.reserve(FIELDS + bodies.map(mime::most_octets).sum::<usize>());
        headers::plain(&mut out, "Date", stamp.date);
        headers::plain(&mut out, "Message-ID", stamp.id);
        let covered = out.len();
        self.fields(&mut out, recipient, rendered)?;
        let eight_bit = !out.is_ascii();
        let encoding = self.bodies(&mut out, rendered);
        if out.len() > LARGEST {
            let unsound = Unsound::TooLarge { limit: LARGEST };
            let subject = self.parts.letters[rendered.wording].subject();
            return Err(self.fault(recipient, "message", subject, subject.stop(unsound)));
        }
        Ok(Assembled { octets: out, covered, eight_bit: eight_bit || encoding == Transport::EightBit })
    }

    fn fields(&self, out: &mut Vec<u8>, recipient: &Recipient, rendered: &Rendered) -> Result<(), RowFault> {
        let fail = |what: &str, template: &Template, unsound| {
            self.fault(recipient, what, template, template.stop(unsound))
        };
        let subject = self.parts.letters[rendered.wording].subject();
        out.extend_from_slice(&self.skeleton);
        self.to(out, recipient, rendered)
            .map_err(|unsound| fail("name", self.parts.name.as_ref().unwrap_or(subject), unsound))?;
        headers::unstructured(out, "Subject", &rendered.subject)
            .map_err(|unsound| fail("subject", subject, unsound))?;
        if let Some(id) = &self.content.list_id {
            headers::plain(out, "List-Id", &format!("<{id}>"));
        }
        rendered.ways_out.write(out);
        for (value, (name, template)) in rendered.headers.iter().zip(&self.parts.headers) {
            // A field without a value says nothing.
            if !value.is_empty() {
                if name == FEEDBACK_ID {
                    headers::feedback_id(value).map_err(|unsound| fail(name, template, unsound))?;
                }
                headers::unstructured(out, name, value).map_err(|unsound| fail(name, template, unsound))?;
            }
        }
        Ok(())
    }

    fn to(&self, out: &mut Vec<u8>, recipient: &Recipient, rendered: &Rendered) -> Result<(), Unsound> {
        match (self.content.mode, &self.content.to) {
            (Mode::Personal, _) => headers::mailbox(out, "To", &rendered.name, recipient.address.as_str()),
            (Mode::Grouped, Some(to)) => {
                headers::mailbox(out, "To", &headers::clean(&to.name), to.address.as_str())
            }
            (Mode::Grouped, None) => {
                headers::plain(out, "To", UNDISCLOSED);
                Ok(())
            }
        }
    }

    /// Writes the bodies, and says how they must travel.
    fn bodies(&self, out: &mut Vec<u8>, rendered: &Rendered) -> Transport {
        let allowed = if self.content.eight_bit { Transport::EightBit } else { Transport::SevenBit };
        let mut transport = Transport::SevenBit;
        let mut part = |out: &mut Vec<u8>, kind: &str, body: &Body| {
            let encoding = mime::choose(body, allowed, &self.boundary);
            if encoding == Encoding::EightBit {
                transport = Transport::EightBit;
            }
            mime::part(out, kind, body, encoding);
        };
        headers::plain(out, "MIME-Version", "1.0");
        let own = self.content.all_words().nth(rendered.wording).and_then(|words| words.language);
        if let Some(language) = own.or(self.content.language.as_deref()) {
            headers::plain(out, "Content-Language", language);
        }
        let two = rendered.text.is_some() && rendered.html.is_some();
        self.levels(out, rendered.wording, if two { "multipart/alternative" } else { "text/html" });
        match (&rendered.text, &rendered.html) {
            (Some(text), Some(html)) => {
                let boundary = self.boundaries.alternative.as_bytes();
                multipart(out, "multipart/alternative", &self.boundaries.alternative, "");
                for (kind, body) in [("text/plain", text), ("text/html", html)] {
                    out.extend_from_slice(b"\r\n--");
                    out.extend_from_slice(boundary);
                    out.extend_from_slice(b"\r\n");
                    part(out, kind, body);
                }
                out.extend_from_slice(b"\r\n--");
                out.extend_from_slice(boundary);
                out.extend_from_slice(b"--\r\n");
            }
            (Some(text), None) => part(out, "text/plain", text),
            (None, Some(html)) => part(out, "text/html", html),
            (None, None) => out.extend_from_slice(b"\r\n"),
        }
        transport
    }

    /// Begins the levels around the bodies, whose innermost part is of this `root` type. They are ended by
    /// the tail.
    fn levels(&self, out: &mut Vec<u8>, wording: usize, root: &str) {
        let Boundaries { mixed, related, .. } = &self.boundaries;
        let related = related.as_ref().filter(|_| self.tail.shows(wording));
        for (kind, boundary) in [("multipart/mixed", mixed.as_ref()), ("multipart/related", related)] {
            let Some(boundary) = boundary else { continue };
            // RFC 2387, 3.1: the type of the part to begin with.
            let typed = if kind == "multipart/related" { root } else { "" };
            multipart(out, kind, boundary, typed);
            for part in ["\r\n--", boundary, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
}

/// Writes the field of a part that has parts; `typed` is empty where it says nothing of them.
fn multipart(out: &mut Vec<u8>, kind: &str, boundary: &str, typed: &str) {
    for part in ["Content-Type: ", kind, ";\r\n boundary=\"", boundary, "\""] {
        out.extend_from_slice(part.as_bytes());
    }
    if !typed.is_empty() {
        for part in [";\r\n type=\"", typed, "\""] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}
