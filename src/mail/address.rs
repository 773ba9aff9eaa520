//! A mail address that mailrun is ready to put into an envelope.
//!
//! [`Address::parse`] turns what stands in a cell or a setting into the one form that the header, the
//! envelope, the duplicate check and the suppression list share. It is strict on purpose: one address,
//! no comment, no route, no quoted local part, no encoded word (RFC 5321, 4.1.2, less what only hides
//! things). It must not guess: a cell that holds two addresses is an error, not the first of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// RFC 5321, 4.5.3.1.1: octets of a local part.
const LOCAL_PART_LIMIT: usize = 64;
/// RFC 5321, 4.5.3.1.3, less the angle brackets of a path: octets of an address.
const ADDRESS_LIMIT: usize = 254;
/// RFC 1035, 2.3.4: octets of a domain name in text, and of one label.
const DOMAIN_LIMIT: usize = 253;
const LABEL_LIMIT: usize = 63;

/// One address: a local part and a domain in A-labels, lower case.
///
/// The local part keeps its case, as only the receiving domain knows whether it matters
/// (RFC 5321, 2.4); [`Address::key`] ignores it, as two people never share such a pair.
///
/// ```
/// use mailrun::mail::Address;
/// let address = Address::parse(" <mailto:Ada@BÜCHER.example> ").expect("one address");
/// assert_eq!(address.as_str(), "Ada@xn--bcher-kva.example");
/// ```
///
/// Inside is lettre's address, which is laxer: it takes quotes, literals and domains without a dot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(lettre::Address);

/// Why a text is no address. Fits after "`x` is not an address: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// No `@` at all.
    #[error("there is no @")]
    NoAt,
    /// Nothing before the `@`.
    #[error("nothing stands before the @")]
    NoLocalPart,
    /// Nothing behind the `@`.
    #[error("nothing stands behind the @")]
    NoDomain,
    /// Several addresses, or a list separator, in one place.
    #[error("it holds more than one address")]
    Several,
    /// A control character, white space or another character that no path may hold.
    #[error("{0:?} may not stand in it")]
    Character(char),
    /// A dot first, last or doubled in the local part.
    #[error("a dot stands first, last or twice before the @")]
    Dots,
    /// A quoted local part, a comment, a route or an encoded word.
    #[error("quotes, comments and encoded words are not taken")]
    Disguised,
    /// A domain that no host can have.
    #[error("{0:?} is not a domain")]
    Domain(String),
    /// A host of this machine or network, or an address literal, where a domain must stand.
    #[error("{0:?} is not a public domain (it has no dot, or is a number)")]
    Local(String),
    /// More octets than RFC 5321 allows.
    #[error("it is longer than {limit} octets {place}")]
    TooLong {
        /// Octets allowed.
        limit: usize,
        /// Where: "before the @", "in all".
        place: &'static str,
    },
}

/// What two writings of one address share: 128 bits of a hash over it in lower case.
///
/// Stands for an address where the address itself must not stand or would take too much room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressKey(pub u128);

impl Address {
    /// Reads one address, mending what people paste: white space, no-break and zero-width spaces
    /// around it, `mailto:`, angle brackets, a domain in other letters or in capitals.
    ///
    /// # Errors
    /// What is wrong with it; the text itself is the caller's to name.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        match Self::parse_plain(text) {
            Some(address) => Ok(address),
            None => Self::parse_carefully(text),
        }
    }

    /// The address that is written as nearly all are: letters, digits and the like, with nothing to mend
    /// but capitals in the domain. Without a detour, as a list has millions of them. None for all others,
    /// good or bad, which [`Self::parse_carefully`] judges.
    fn parse_plain(text: &str) -> Option<Self> {
        let octets = text.as_bytes();
        let at = octets.iter().position(|octet| *octet == b'@')?;
        if octets.len() > ADDRESS_LIMIT
            || !is_plain_local(&octets[..at])
            || !is_plain_domain(&octets[at + 1..])
        {
            return None;
        }
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if domain.bytes().any(|octet| octet.is_ascii_uppercase()) {
            return Some(Self(lettre::Address::new_dangerous(local, domain.to_ascii_lowercase())));
        }
        Some(Self(lettre::Address::new_dangerous(local, domain)))
    }

    fn parse_carefully(text: &str) -> Result<Self, AddressError> {
        let bare = unwrap(text);
        if bare.is_empty() {
            return Err(AddressError::Empty);
        }
        let at = bare.rfind('@').ok_or(AddressError::NoAt)?;
        let (local, domain) = (&bare[..at], &bare[at + 1..]);
        check_local_part(local)?;
        if domain.is_empty() {
            return Err(AddressError::NoDomain);
        }
        let domain = domain_to_ascii(domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_LIMIT {
            return Err(AddressError::TooLong { limit: ADDRESS_LIMIT, place: "in all" });
        }
        // Ours are the stricter rules; that lettre sees an address in it too is a second opinion.
        lettre::Address::new(local, &domain).map(Self).map_err(|_| AddressError::Domain(domain))
    }

    /// The whole address, without angle brackets.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.user()
    }

    /// What stands behind the `@`: A-labels, lower case.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }

    /// Whether only a server with SMTPUTF8 (RFC 6531) takes it.
    pub fn needs_smtputf8(&self) -> bool {
        !self.as_str().is_ascii()
    }

    /// The address without regard to the case of its letters, for duplicates and suppressions.
    pub fn key(&self) -> AddressKey {
        let mut lower = [0_u8; ADDRESS_LIMIT];
        let hash = if self.as_str().is_ascii() {
            let lower = &mut lower[..self.as_str().len()];
            lower.copy_from_slice(self.as_str().as_bytes());
            lower.make_ascii_lowercase();
            blake3::hash(lower)
        } else {
            blake3::hash(self.as_str().to_lowercase().as_bytes())
        };
        let (head, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 octets");
        AddressKey(u128::from_be_bytes(*head))
    }

    /// The address with most of its local part hidden, for logs: `a***@example.com`.
    pub fn hidden(&self) -> String {
        let first = self.local_part().chars().next().unwrap_or('*');
        format!("{first}***@{}", self.domain())
    }
}

/// White space and the invisible characters that spreadsheets and web pages leave around a cell.
fn is_padding(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

fn unwrap(text: &str) -> &str {
    let mut bare = text.trim_matches(is_padding);
    loop {
        let before = bare;
        if let Some(inner) = bare.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            bare = inner.trim_matches(is_padding);
        }
        if let Some(head) = bare.get(..7)
            && head.eq_ignore_ascii_case("mailto:")
        {
            bare = bare[7..].split('?').next().unwrap_or_default().trim_matches(is_padding);
        }
        if bare == before {
            return bare;
        }
    }
}

/// RFC 5322, 3.2.3: atext, in ASCII.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Whether a local part is a dot-atom (RFC 5322, 3.2.3), and no encoded word could begin in it.
fn is_plain_local(local: &[u8]) -> bool {
    let mut before = b'.';
    for octet in local {
        let is_dot = *octet == b'.' && before != b'.';
        if !(is_atext(*octet) || is_dot) || *octet == b'=' {
            return false;
        }
        before = *octet;
    }
    before != b'.' && local.len() <= LOCAL_PART_LIMIT
}

/// Whether a domain is two labels or more, none of them an A-label, the last with a letter in it.
fn is_plain_domain(domain: &[u8]) -> bool {
    let (mut label, mut labels, mut has_letter, mut before) = (0, 1, false, b'.');
    for octet in domain {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' => has_letter = true,
            b'0'..=b'9' => {}
            // `--` may be an A-label, which has rules of its own.
            b'-' if before != b'.' && before != b'-' => {}
            b'.' if before != b'.' && before != b'-' => (label, labels, has_letter) = (0, labels + 1, false),
            _ => return false,
        }
        label += usize::from(*octet != b'.');
        if label > LABEL_LIMIT {
            return false;
        }
        before = *octet;
    }
    // A top label of digits and hyphens is no number: such a rarity is judged with care.
    labels >= 2 && has_letter && before != b'.' && before != b'-'
}

fn check_local_part(local: &str) -> Result<(), AddressError> {
    if local.is_empty() {
        return Err(AddressError::NoLocalPart);
    }
    if local.len() > LOCAL_PART_LIMIT {
        return Err(AddressError::TooLong { limit: LOCAL_PART_LIMIT, place: "before the @" });
    }
    if local.contains("=?") {
        return Err(AddressError::Disguised);
    }
    for character in local.chars() {
        match character {
            '.' => {}
            '"' | '(' | ')' | '\\' => return Err(AddressError::Disguised),
            ',' | ';' | '@' | '<' | '>' => return Err(AddressError::Several),
            _ if character.is_ascii() && is_atext(character as u8) => {}
            // RFC 6531, 3.3 takes any other character of Unicode; the invisible ones only deceive.
            _ if !character.is_ascii() && !character.is_control() && !is_padding(character) => {}
            _ => return Err(AddressError::Character(character)),
        }
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(AddressError::Dots);
    }
    Ok(())
}

fn domain_to_ascii(domain: &str) -> Result<String, AddressError> {
    if let Some(separator) = domain.chars().find(|character| matches!(character, ',' | ';' | '<' | '>')) {
        let _ = separator;
        return Err(AddressError::Several);
    }
    if let Some(odd) = domain.chars().find(|character| character.is_control() || is_padding(*character)) {
        return Err(AddressError::Character(odd));
    }
    let lower = domain.to_ascii_lowercase();
    let ascii = if lower.is_ascii() && !lower.contains("xn--") {
        lower
    } else {
        idna::domain_to_ascii(&lower).map_err(|_| AddressError::Domain(domain.to_owned()))?
    };
    let labels_fit = ascii.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= LABEL_LIMIT
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    if ascii.starts_with('[') {
        return Err(AddressError::Local(domain.to_owned()));
    }
    if !labels_fit || ascii.len() > DOMAIN_LIMIT {
        return Err(AddressError::Domain(domain.to_owned()));
    }
    let top = ascii.rsplit('.').next().unwrap_or_default();
    if !ascii.contains('.') || top.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::Local(domain.to_owned()));
    }
    Ok(ascii)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({})", self.as_str())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// An address with the name of its owner, as a From or Reply-To shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The display name, without quotes or encoding; empty if there is none.
    pub name: String,
    /// Whose mailbox it is.
    pub address: Address,
}

impl Mailbox {
    /// Reads `Name <address>`, `"Name, Ltd" <address>` or a bare address.
    ///
    /// # Errors
    /// What is wrong with the address, or a control character in the name.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (name, address) = match text.rfind('<') {
            Some(start) if text.ends_with('>') => (text[..start].trim(), &text[start..]),
            Some(_) | None => ("", text),
        };
        let name = match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => name.to_owned(),
        };
        if let Some(control) = name.chars().find(|character| character.is_control()) {
            return Err(AddressError::Character(control));
        }
        Ok(Self { name, address: Address::parse(address)? })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(formatter, "{}", self.address)
        } else {
            write!(formatter, "{} <{}>", self.name, self.address)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_and_the_long_way_agree(text in "[a-zA-Z0-9.=?_@-]{0,12}@?[a-zA-Z0-9.-]{0,20}(xn--a)?\\.[a-z0-9-]{1,4}") {
            if let Some(address) = Address::parse_plain(&text) {
                prop_assert_eq!(Address::parse_carefully(&text), Ok(address));
            }
        }
    }

    #[test]
    fn nearly_all_addresses_go_the_short_way() {
        for text in ["ada@example.com", "Ada.Lovelace+news@Mail-1.Example.CO.UK", "o'hara_1@3m.com"] {
            assert_eq!(Address::parse_plain(text), Address::parse_carefully(text).ok(), "{text}");
        }
        let label = "a".repeat(LABEL_LIMIT);
        assert!(Address::parse_plain(&format!("a@{label}.com")).is_some());
        for text in
            [format!("a@{label}a.com"), format!("{}@a.com", "a".repeat(65)), "a@b.c-".into(), "a@b.1".into()]
        {
            assert_eq!((Address::parse_plain(&text), Address::parse(&text).is_err()), (None, true), "{text}");
        }
    }

    #[test]
    fn what_people_paste_becomes_one_form() {
        let table = [
            ("ada@example.com", "ada@example.com"),
            ("  Ada@EXAMPLE.com\u{a0}", "Ada@example.com"),
            ("<ada@example.com>", "ada@example.com"),
            ("mailto:ada@example.com?subject=x", "ada@example.com"),
            ("< MAILTO:ada@example.com >", "ada@example.com"),
            ("\u{200b}ada@example.com\u{feff}", "ada@example.com"),
            ("ada@bücher.example", "ada@xn--bcher-kva.example"),
            ("o'hara+news@example.co.uk", "o'hara+news@example.co.uk"),
            ("юзер@пример.рф", "юзер@xn--e1afmkfd.xn--p1ai"),
        ];
        for (typed, meant) in table {
            assert_eq!(
                Address::parse(typed).map(|address| address.to_string()).as_deref(),
                Ok(meant),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn what_is_no_single_address_is_refused() {
        let table = [
            ("", AddressError::Empty),
            ("ada", AddressError::NoAt),
            ("@example.com", AddressError::NoLocalPart),
            ("ada@", AddressError::NoDomain),
            ("a@example.com, b@example.com", AddressError::Several),
            ("a@example.com;b@example.com", AddressError::Several),
            ("a@b@example.com", AddressError::Several),
            ("<a@x.com>b@y.com", AddressError::Several),
            ("a..b@example.com", AddressError::Dots),
            (".a@example.com", AddressError::Dots),
            ("\"a b\"@example.com", AddressError::Disguised),
            ("=?utf-8?q?a=40b?=@example.com", AddressError::Disguised),
            ("a(comment)@example.com", AddressError::Disguised),
            ("a\r\nRCPT TO:<b@example.com", AddressError::Character('\r')),
            ("a b@example.com", AddressError::Character(' ')),
            ("a@exam ple.com", AddressError::Character(' ')),
            ("a@localhost", AddressError::Local("localhost".into())),
            ("a@127.0.0.1", AddressError::Local("127.0.0.1".into())),
            ("a@-x.com", AddressError::Domain("-x.com".into())),
            ("a@x..com", AddressError::Domain("x..com".into())),
        ];
        for (typed, error) in table {
            assert_eq!(Address::parse(typed), Err(error), "{typed:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert!(matches!(Address::parse(&long), Err(AddressError::TooLong { limit: 64, .. })));
    }

    #[test]
    fn the_key_ignores_case_everywhere() {
        let one = Address::parse("Ada.Lovelace@Example.com").expect("valid");
        let two = Address::parse("ada.lovelace@example.COM").expect("valid");
        assert_eq!(one.key(), two.key());
        assert_ne!(one, two);
    }

    #[test]
    fn a_mailbox_has_a_name_and_an_address() {
        let table = [
            ("news@example.com", "", "news@example.com"),
            ("Example News <news@example.com>", "Example News", "news@example.com"),
            ("\"News, Ltd\" <news@example.com>", "News, Ltd", "news@example.com"),
        ];
        for (typed, name, address) in table {
            let mailbox = Mailbox::parse(typed).expect(typed);
            assert_eq!((mailbox.name.as_str(), mailbox.address.as_str()), (name, address));
        }
        assert!(Mailbox::parse("a\r\nBcc: b <c@example.com>").is_err());
    }
}
