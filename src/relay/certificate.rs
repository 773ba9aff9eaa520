//! The few facts of a certificate that people ask for: for whom, by whom, from when until when.
//!
//! A reader of DER (X.690) that goes just as far as RFC 5280, 4.1 needs it to. It decides nothing: whether a
//! certificate is believed is decided by rustls, before this is called.

use std::net::IpAddr;

use aws_lc_rs::digest;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// DER tags that are looked at.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const EXTENSIONS: u8 = 0xa3;
/// RFC 5280, 4.2.1.6: the choices of a name that are looked at.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.29.17, the alternative names of the subject.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
/// Names that are kept: certificates of large hosters hold a hundred.
const NAMES_LIMIT: usize = 200;
/// 2.5.4.3, the common name, and 2.5.4.10, the organization.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it names, by common name or else organization; empty if it gives neither. Show it escaped.
    pub subject: String,
    /// Who signed it, in the same way.
    pub issuer: String,
    /// The hosts and addresses that it is for, as it writes them. Show them escaped.
    pub names: Vec<String>,
    /// From when it holds.
    pub begins: Timestamp,
    /// Until when it holds.
    pub expires: Timestamp,
    /// The SHA-256 of the whole certificate, in pairs of hexadecimal digits.
    pub fingerprint: String,
}

impl Certificate {
    /// Reads a certificate in DER; none if it is not laid out as RFC 5280 has it.
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(der).next(SEQUENCE)?);
        let mut fields = Der(certificate.next(SEQUENCE)?);
        if fields.peek() == Some(VERSION) {
            fields.element()?;
        }
        fields.element()?; // the serial number
        fields.element()?; // the algorithm of the signature
        let issuer = name(fields.next(SEQUENCE)?);
        let mut validity = Der(fields.next(SEQUENCE)?);
        let mut moment = || validity.element().and_then(|(tag, octets)| time(tag, octets));
        let (begins, expires) = (moment()?, moment()?);
        let subject = name(fields.next(SEQUENCE)?);
        fields.element()?; // the subject's key
        let names = std::iter::from_fn(|| fields.element()).find(|(tag, _)| *tag == EXTENSIONS);
        let names = names.and_then(|(_, extensions)| alternative_names(extensions)).unwrap_or_default();
        let digest = digest::digest(&digest::SHA256, der);
        let pairs: Vec<String> = digest.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
        Some(Self { subject, issuer, names, begins, expires, fingerprint: pairs.join(":") })
    }
}

/// The hosts and addresses among the alternative names, in their order.
fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Der(Der(extensions).next(SEQUENCE)?);
    let octets = std::iter::from_fn(|| extensions.next(SEQUENCE)).find_map(|extension| {
        let mut fields = Der(extension);
        let kind = fields.next(OBJECT_IDENTIFIER)?;
        // Behind the kind it may say whether it is critical.
        let value = std::iter::from_fn(|| fields.element()).find(|(tag, _)| *tag == OCTET_STRING);
        value.filter(|_| kind == ALTERNATIVE_NAMES).map(|(_, value)| value)
    })?;
    let mut names = Der(Der(octets).next(SEQUENCE)?);
    let shown = std::iter::from_fn(|| names.element()).filter_map(|(tag, octets)| match tag {
        DNS_NAME => Some(String::from_utf8_lossy(octets).into_owned()),
        IP_ADDRESS => address(octets).map(|address| address.to_string()),
        _ => None,
    });
    Some(shown.take(NAMES_LIMIT).collect())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// The common name, or else the organization, of a sequence of sets of attributes.
fn name(octets: &[u8]) -> String {
    let find = |wanted: &[u8]| {
        let mut sets = Der(octets);
        std::iter::from_fn(move || sets.element()).find_map(|(_, set)| {
            let mut attribute = Der(Der(set).next(SEQUENCE)?);
            let kind = attribute.next(OBJECT_IDENTIFIER)?;
            let (_, value) = attribute.element()?;
            (kind == wanted).then(|| String::from_utf8_lossy(value).into_owned())
        })
    };
    find(COMMON_NAME).or_else(|| find(ORGANIZATION)).unwrap_or_default()
}

/// RFC 5280, 4.1.2.5: `YYMMDDHHMMSSZ`, where 50 means 1950, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, octets: &[u8]) -> Option<Timestamp> {
    let digits = std::str::from_utf8(octets).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pair = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let moment = DateTime::new(year, pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?, 0).ok()?;
    TimeZone::UTC.to_timestamp(moment).ok()
}

/// Octets of DER, read from the front.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, if it has this tag.
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The next element: its tag and its content.
    fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // More than 2^32 octets are in no certificate.
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_certificate_is_read_as_it_was_made() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params =
            rcgen::CertificateParams::new(["mx.example", "*.mx.example", "192.0.2.1"].map(ToOwned::to_owned));
        let mut params = params.expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Example");
        params.distinguished_name.push(rcgen::DnType::CommonName, "mx.example");
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = params.self_signed(&key).expect("a certificate");
        let found = Certificate::read(certificate.der()).expect("well laid out");
        assert_eq!((found.subject.as_str(), found.issuer.as_str()), ("mx.example", "mx.example"));
        assert_eq!(found.names, ["mx.example", "*.mx.example", "192.0.2.1"]);
        assert_eq!(found.begins.to_string(), "2026-01-02T00:00:00Z");
        assert_eq!(found.expires.to_string(), "2031-02-03T00:00:00Z");
        assert_eq!(found.fingerprint.len(), 32 * 3 - 1);
        for end in 0..certificate.der().len() {
            let _ = Certificate::read(&certificate.der()[..end]);
        }
    }

    #[test]
    fn a_year_of_two_digits_is_of_this_century_up_to_49() {
        let table = [
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "20500101000000Z", Some("2050-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (UTC_TIME, "49", None),
        ];
        for (tag, text, expected) in table {
            assert_eq!(
                time(tag, text.as_bytes()).map(|time| time.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::read(&octets);
        }
    }
}
