//! The key that signatures are verified with (DKIM, RFC 6376; Ed25519 in RFC 8463).

use super::finding::{Finding, State, Subject};
use super::records::{Kind, Records};
use super::tags;

/// A key that mailrun signs with, as far as it is public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainKey {
    /// The domain that signs: A-labels, lower case.
    pub domain: String,
    /// What tells its keys apart.
    pub selector: String,
    /// What its TXT record should say: `v=DKIM1; k=rsa; p=..`.
    pub record: String,
}

impl DomainKey {
    /// The name of its record (RFC 6376, 3.6.2.1).
    pub fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// A tag of the record that should stand there.
    fn tag(&self, name: &str) -> String {
        let tags = tags::read(&self.record).unwrap_or_default();
        tags::value(&tags, name).unwrap_or_default().to_owned()
    }
}

/// Whether the record of a key is that of this key.
pub(super) fn judge(key: &DomainKey, records: &Records) -> Finding {
    let name = key.name();
    let finding = |state, what: &str| Finding::new(Subject::Dkim, &name, state, what);
    let found = match records.get(Kind::Text, &name) {
        Err(why) => return Finding::unknown(Subject::Dkim, &name, why),
        Ok(found) => found,
    };
    let wrong = |what: &str| finding(State::Wrong, what).found(found).publish(&key.record);
    let [record] = found else {
        return match found {
            [] => wrong("there is no record, so no signature by this key verifies"),
            _ => {
                wrong("there are several records, and receivers take whichever they like (RFC 6376, 3.6.2.2)")
            }
        };
    };
    let tags = match tags::read(record) {
        Ok(tags) => tags,
        Err(what) => return wrong(&what),
    };
    let tag = |name| tags::value(&tags, name);
    if tag("v").is_some_and(|version| version != "DKIM1" || tags[0].0 != "v") {
        return wrong("it does not begin with v=DKIM1, so it is no key");
    }
    let public: String = tag("p").unwrap_or_default().split_whitespace().collect();
    if tag("p").is_none() {
        return wrong("it has no p=, the key itself");
    }
    if public.is_empty() {
        return wrong("the key is revoked: p= is empty (RFC 6376, 3.6.1)");
    }
    if tag("k").unwrap_or("rsa") != key.tag("k") {
        return wrong(&format!("it is for a key of another kind; this one is k={}", key.tag("k")));
    }
    if tag("h").is_some_and(|hashes| !hashes.split(':').any(|hash| hash.trim() == "sha256")) {
        return wrong("h= leaves out sha256, which is the hash of every signature");
    }
    if tag("s").is_some_and(|services| !services.split(':').any(|one| ["*", "email"].contains(&one.trim()))) {
        return wrong("s= says that the key is not for mail");
    }
    if public != key.tag("p") {
        return wrong("another key stands there than the one that mailrun signs with");
    }
    if tag("t").is_some_and(|flags| flags.split(':').any(|flag| flag.trim() == "y")) {
        let what = "t=y says that the domain only tests, so receivers may pass over a signature";
        return finding(State::Doubtful, what).found(found).publish(&key.record);
    }
    finding(State::Good, "it is the key that mailrun signs with").found(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_held_against_the_key() {
        let key = DomainKey {
            domain: "a.example".into(),
            selector: "s1".into(),
            record: "v=DKIM1; k=rsa; p=TUlJQg==".into(),
        };
        let table = [
            ("v=DKIM1; k=rsa; p=TUlJQg==", State::Good, "it is the key"),
            ("p=TUlJ Qg==;", State::Good, "it is the key"),
            ("v=DKIM1; t=s; h=sha1:sha256; s=email; p=TUlJQg==", State::Good, "it is the key"),
            ("v=DKIM1; t=y:s; p=TUlJQg==", State::Doubtful, "tests"),
            ("v=DKIM1; p=", State::Wrong, "revoked"),
            ("v=DKIM1; k=ed25519; p=TUlJQg==", State::Wrong, "k=rsa"),
            ("v=DKIM1; p=QUJD", State::Wrong, "another key"),
            ("v=DKIM2; p=TUlJQg==", State::Wrong, "v=DKIM1"),
            ("p=TUlJQg==; v=DKIM1", State::Wrong, "v=DKIM1"),
            ("v=DKIM1; h=sha1; p=TUlJQg==", State::Wrong, "sha256"),
            ("v=DKIM1; s=tlsrpt; p=TUlJQg==", State::Wrong, "not for mail"),
            ("v=DKIM1; k=rsa", State::Wrong, "no p="),
            ("some text", State::Wrong, "no tag"),
        ];
        for (record, state, words) in table {
            let found = judge(&key, &Records::of_texts(&[("s1._domainkey.a.example", record)]));
            assert!(found.state == state && found.what.contains(words), "{record}: {found:?}");
            let publish = (state != State::Good).then_some("v=DKIM1; k=rsa; p=TUlJQg==");
            assert_eq!(found.publish.as_deref(), publish, "{record}");
        }
        let none = Records::default().and_nothing(Kind::Text, &["s1._domainkey.a.example"]);
        assert!(judge(&key, &none).what.contains("no record"));
        assert_eq!(judge(&key, &Records::default()).state, State::Unknown);
    }
}
