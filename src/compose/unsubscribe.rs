//! How a recipient leaves the list: List-Unsubscribe and its one-click companion (RFC 2369, 3.2;
//! RFC 8058).

use std::fmt::Write;

use crate::mail::{Address, Content, Mode};

use super::error::Unsound;
use super::headers;
use super::names::Value;

/// Octets of a link, so that it fits on one line of a header, which cannot be folded within it.
const LINK: usize = 900;

/// Whom a link names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// One recipient, who can leave by it with one click.
    Recipient,
    /// Nobody: it is the same for all.
    Nobody,
}

impl Whose {
    /// Whom a link with these `values` in it names, in a campaign of this mode.
    pub(super) fn of<'a>(mode: Mode, values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut values = values.into_iter();
        match mode {
            Mode::Personal if values.any(Value::tells_apart) => Self::Recipient,
            Mode::Personal | Mode::Grouped => Self::Nobody,
        }
    }
}

/// The ways out of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaysOut {
    link: Option<String>,
    whose: Whose,
    mailto: Option<String>,
}

/// Takes unsubscriptions by mail: the campaign's address for it, or else, without a link, From itself.
pub(super) fn mailbox(content: &Content) -> Option<&Address> {
    match (&content.unsubscribe.mailto, &content.unsubscribe.url) {
        (Some(address), _) => Some(address),
        (None, None) => Some(&content.from.address),
        (None, Some(_)) => None,
    }
}

/// The address of a mail to `address` that unsubscribes, but for the token at its end.
pub(super) fn mailto(address: &Address) -> String {
    let mut uri = "mailto:".to_owned();
    for byte in address.as_str().bytes() {
        // RFC 6068, 2: what may stand for itself in an address.
        if byte.is_ascii_alphanumeric() || b"-._~@!$'*+".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes everything");
        }
    }
    uri.push_str("?subject=unsubscribe%20");
    uri
}

impl WaysOut {
    /// The ways out by `link`, which was checked, and by a mail to `mailto` with `token` in its subject.
    pub(super) fn new(link: Option<String>, whose: Whose, mailto: Option<&str>, token: &str) -> Self {
        Self { link, whose, mailto: mailto.map(|mailto| [mailto, token].concat()) }
    }

    /// What `{{unsubscribe_url}}` stands for: the link, or else the mailto address.
    pub(super) fn url(&self) -> &str {
        self.link.as_deref().or(self.mailto.as_deref()).unwrap_or_default()
    }

    /// Whether the link takes a one-click request: only https may, and only a link that says by itself who
    /// leaves (RFC 8058, 3.1).
    pub(super) fn is_one_click(&self) -> bool {
        self.whose == Whose::Recipient
            && self.link.as_deref().is_some_and(|link| link.starts_with("https://"))
    }

    /// The value of List-Unsubscribe, unfolded.
    pub(super) fn value(&self) -> String {
        let ways: Vec<String> =
            [&self.link, &self.mailto].into_iter().flatten().map(|way| format!("<{way}>")).collect();
        ways.join(", ")
    }

    /// Writes the fields, each way on a line of its own.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut name: &[u8] = b"List-Unsubscribe: <";
        for way in [&self.link, &self.mailto].into_iter().flatten() {
            out.extend_from_slice(name);
            out.extend_from_slice(way.as_bytes());
            name = b">,\r\n <";
        }
        out.extend_from_slice(b">\r\n");
        if self.is_one_click() {
            headers::plain(out, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
        }
    }
}

/// A rendered link fit for a header: an http or https address whose letters outside ASCII are
/// percent-encoded (RFC 3987, 3.1).
pub(super) fn link(rendered: String) -> Result<String, Unsound> {
    if is_fit(&rendered) { Ok(rendered) } else { mended(rendered.trim()) }
}

/// Whether there is nothing to mend, nor to refuse.
fn is_fit(rendered: &str) -> bool {
    rendered.len() <= LINK
        && rendered.strip_prefix("https://").is_some_and(|rest| {
            // All are looked at, many at a time.
            rest.bytes().fold(true, |fit, byte| fit & byte.is_ascii_graphic() & !is_refused(byte))
                && !rest.is_empty()
                && !rest.starts_with(['/', '?', '#'])
        })
}

/// What no address holds (RFC 3986, 2), though it can be seen.
fn is_refused(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn mended(rendered: &str) -> Result<String, Unsound> {
    let refuse = || Unsound::Link(rendered.chars().take(80).collect());
    let scheme = rendered.get(..8).unwrap_or_default().to_ascii_lowercase();
    let scheme = if scheme == "https://" {
        "https://"
    } else if scheme.starts_with("http://") {
        "http://"
    } else {
        return Err(refuse());
    };
    let mut link = scheme.to_owned();
    for character in rendered[scheme.len()..].chars() {
        match character {
            ' ' => return Err(refuse()),
            _ if character.is_control() => return Err(refuse()),
            _ if u8::try_from(character).is_ok_and(is_refused) => return Err(refuse()),
            _ if character.is_ascii() => link.push(character),
            _ => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    write!(link, "%{byte:02X}").expect("a string takes everything");
                }
            }
        }
    }
    if link.len() == scheme.len() || link[scheme.len()..].starts_with(['/', '?', '#']) || link.len() > LINK {
        return Err(refuse());
    }
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_address_that_a_program_can_follow() {
        let table = [
            ("https://u.example.com/t", Some("https://u.example.com/t")),
            (" HTTPS://u.example.com/ü ", Some("https://u.example.com/%C3%BC")),
            ("http://localhost:8080/?a=b&c=d", Some("http://localhost:8080/?a=b&c=d")),
            ("", None),
            ("https://", None),
            ("https:///x", None),
            ("u.example.com", None),
            ("javascript:alert(1)", None),
            ("https://u.example.com/a b", None),
            ("https://u.example.com/>, <https://evil.example", None),
            ("https://u.example.com/\r\nBcc: a@example.com", None),
        ];
        for (rendered, expected) in table {
            assert_eq!(link(rendered.to_owned()).ok().as_deref(), expected, "{rendered:?}");
        }
        assert!(link(format!("https://u.example.com/{}", "x".repeat(900))).is_err());
    }

    #[test]
    fn there_is_always_a_way_out() {
        let address = Address::parse("un+sub%x@example.com").expect("an address");
        let ways = WaysOut::new(
            Some("https://u.example.com/t".into()),
            Whose::Recipient,
            Some(&mailto(&address)),
            "T",
        );
        let mut out = Vec::new();
        ways.write(&mut out);
        let expected = "List-Unsubscribe: <https://u.example.com/t>,\r\n \
            <mailto:un+sub%25x@example.com?subject=unsubscribe%20T>\r\n\
            List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
        let ways = WaysOut::new(None, Whose::Nobody, Some(&mailto(&address)), "T");
        assert!(!ways.is_one_click());
        assert_eq!(ways.url(), "mailto:un+sub%25x@example.com?subject=unsubscribe%20T");
    }
}
