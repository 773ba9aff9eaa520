//! What a verifier says of signed messages: the one of mail-auth, with the records that we say must be published.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use futures_util::FutureExt as _;
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};

use super::*;

const MESSAGE: &str = "Date: Tue, 1 Dec 2026 08:00:00 +0000\r\n\
    Message-ID: <a@news.example.com>\r\n\
    From: Example News <letters@news.example.com>\r\n\
    To: Ada <ada@example.net>\r\n\
    Subject: =?utf-8?q?Caf=C3=A9?=\r\n  and more\r\n\
    List-Unsubscribe: <https://u.example.com/t>,\r\n <mailto:u@example.com>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
    X-Campaign: autumn\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    \r\n\
    Hello  Ada, \r\n\r\n.\r\nit is autumn.\r\n\r\n\r\n";

/// 1024 bits, which nobody uses for anything.
const SMALL: &str = include_str!("small.pem");

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64")).collect();
    format!("a note\n-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A key of 2048 bits in PKCS#8; made once, as that takes a while.
static RSA: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    key.as_der().expect("its octets").as_ref().to_vec()
});

fn rsa() -> PrivateKey {
    PrivateKey::parse(&pem("PRIVATE KEY", &RSA)).expect("a key")
}

fn ed25519() -> PrivateKey {
    let key = Ed25519KeyPair::generate().expect("a key");
    // Without the public half, as OpenSSL writes it.
    PrivateKey::parse(&pem("PRIVATE KEY", key.to_pkcs8v1().expect("its octets").as_ref())).expect("a key")
}

fn signer(keys: Vec<(&str, PrivateKey)>) -> Signer {
    let published = |(selector, key): (&str, PrivateKey)| Published { selector: selector.to_owned(), key };
    Signer::new("example.com", keys.into_iter().map(published).collect())
}

/// What DNS would say.
struct Records(HashMap<Box<str>, Txt>);

impl ResolverCache<Box<str>, Txt> for Records {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: std::time::Instant) {}
}

/// How many signatures there are, and how many of them hold.
fn verified(signer: &Signer, message: &[u8]) -> (usize, usize) {
    let record = |published: &Published| {
        let name = format!("{}._domainkey.{}.", published.selector, signer.domain());
        let key = DomainKey::parse(published.key.record().as_bytes()).expect("a record");
        (name.into_boxed_str(), Txt::DomainKey(Arc::new(key)))
    };
    let records = Records(signer.keys().iter().map(record).collect());
    let parsed = AuthenticatedMessage::parse(message).expect("a message");
    let verifier = MessageAuthenticator::new_cloudflare().expect("a resolver that is never asked");
    let found = verifier
        .verify_dkim(Parameters::new(&parsed).with_txt_cache(&records))
        .now_or_never()
        .expect("every record is known");
    (found.len(), found.iter().filter(|output| *output.result() == DkimResult::Pass).count())
}

/// The names in `h=` of the first signature, in small letters.
fn covered_by(octets: &[u8]) -> Vec<String> {
    let parsed = AuthenticatedMessage::parse(octets).expect("a message");
    parsed.dkim_headers[0].header.h.iter().map(|name| name.to_ascii_lowercase()).collect()
}

#[test]
fn each_key_puts_a_signature_that_holds_before_the_message() {
    let signer = signer(vec![("s1", rsa()), ("s2", ed25519())]);
    for stamps in [Stamps::Kept, Stamps::Rewritten] {
        let octets = signer.sign(MESSAGE.as_bytes(), &[], stamps).expect("signed");
        assert!(octets.ends_with(MESSAGE.as_bytes()) && octets.starts_with(b"DKIM-Signature: "));
        assert!(octets.is_ascii() && octets.split(|octet| *octet == b'\n').all(|line| line.len() < 80));
        assert_eq!(verified(&signer, &octets), (2, 2));
        let text = String::from_utf8(octets).expect("ASCII");
        let fields: Vec<&str> = text.split("DKIM-Signature: ").skip(1).collect();
        for (field, words) in fields.iter().zip(["a=rsa-sha256; s=s1", "a=ed25519-sha256; s=s2"]) {
            assert!(
                field.contains(words) && field.contains("c=relaxed/relaxed") && field.contains(" t="),
                "{field}"
            );
        }
    }
}

#[test]
fn what_messages_share_is_covered_too() {
    let signer = signer(vec![("s1", rsa()), ("s2", ed25519())]);
    let (head, shared) = MESSAGE.split_at(MESSAGE.len() - 12);
    let (own, lines) = head.split_at(head.rfind("\r\n").expect("lines") + 2);
    let shared = [lines, shared].concat();
    let tail = Piece::new(shared.clone().into()).expect("whole lines");
    let octets = signer.sign(own.as_bytes(), &[tail], Stamps::Kept).expect("signed");
    assert!(octets.ends_with(own.as_bytes()), "the tail is not copied");
    assert_eq!(verified(&signer, &[&octets, shared.as_bytes()].concat()), (2, 2));
    assert_eq!(verified(&signer, &octets), (2, 0));
}

#[test]
fn whatever_is_changed_or_added_on_the_way_breaks_the_signature() {
    let signer = signer(vec![("s2", ed25519())]);
    let octets =
        String::from_utf8(signer.sign(MESSAGE.as_bytes(), &[], Stamps::Kept).expect("signed")).expect("text");
    let table = [
        ("Subject: ", "Subject: Re: ", 0),
        ("From: Example", "From: Evil", 0),
        ("To: Ada", "To: Eve", 0),
        ("u.example.com", "evil.example", 0),
        ("One-Click", "Two-Click", 0),
        ("autumn.", "winter.", 0),
        ("2026 08:00", "2026 09:00", 0),
        ("<a@news", "<b@news", 0),
        // A second field of a name that is there, and a first of one that is not.
        ("X-Campaign:", "From: evil@example.org\r\nX-Campaign:", 0),
        ("X-Campaign:", "Subject: other\r\nX-Campaign:", 0),
        ("X-Campaign:", "List-Unsubscribe: <https://evil.example>\r\nX-Campaign:", 0),
        ("X-Campaign:", "List-Unsubscribe-Post: x\r\nX-Campaign:", 0),
        ("X-Campaign:", "Cc: eve@example.org\r\nX-Campaign:", 0),
        ("X-Campaign:", "Reply-To: eve@example.org\r\nX-Campaign:", 0),
        ("X-Campaign:", "Content-Type: text/html\r\nX-Campaign:", 0),
        // What servers on the way do.
        ("X-Campaign:", "Received: by mx.example.net\r\nX-Campaign:", 1),
        ("X-Campaign:", "Sender: list@example.net\r\nX-Campaign:", 1),
        ("and more", "and  more", 1),
        ("List-Unsubscribe: <", "list-unsubscribe:   <", 1),
    ];
    for (before, after, holds) in table {
        let changed = octets.replacen(before, after, 1);
        assert_ne!(changed, octets, "{before}");
        assert_eq!(verified(&signer, changed.as_bytes()).1, holds, "{after}");
    }
}

#[test]
fn every_field_is_named_once_more_than_it_stands_there() {
    let signer = signer(vec![("s2", ed25519())]);
    let kept = covered_by(&signer.sign(MESSAGE.as_bytes(), &[], Stamps::Kept).expect("signed"));
    let count = |names: &[String], name: &str| names.iter().filter(|known| *known == name).count();
    for name in COVERED.iter().chain(&STAMPED) {
        assert_eq!(count(&kept, &name.to_ascii_lowercase()), 2, "{name}");
    }
    for name in ["return-path", "received", "sender", "dkim-signature", "bounces-to"] {
        assert_eq!(count(&kept, name), 0, "{name}");
    }
    let rewritten = covered_by(&signer.sign(MESSAGE.as_bytes(), &[], Stamps::Rewritten).expect("signed"));
    assert_eq!((count(&rewritten, "date"), count(&rewritten, "message-id")), (0, 0));
    assert_eq!(count(&rewritten, "list-unsubscribe"), 2);
}

#[test]
fn what_a_relay_rewrites_does_not_break_the_signature_made_for_it() {
    let signer = signer(vec![("s2", ed25519())]);
    let octets = signer.sign(MESSAGE.as_bytes(), &[], Stamps::Rewritten).expect("signed");
    let octets = String::from_utf8(octets).expect("text");
    let changed = octets.replacen("<a@news.example.com>", "<0102@eu-west-1.amazonses.com>", 1);
    let changed = changed.replacen("08:00:00", "08:00:07", 1);
    assert_eq!(verified(&signer, changed.as_bytes()), (1, 1));
}

#[test]
fn keys_are_read_in_every_form_that_openssl_writes() {
    assert_eq!(rsa().kind(), KeyKind::Rsa { bits: 2048 });
    assert_eq!(ed25519().kind(), KeyKind::Ed25519);
    // PKCS#1 stands in PKCS#8 behind 26 octets that say how long it is and that it is RSA.
    let traditional = PrivateKey::parse(&pem("RSA PRIVATE KEY", &RSA[26..])).expect("PKCS#1");
    assert_eq!(traditional.record(), rsa().record());
    let with_public =
        Ed25519KeyPair::generate().expect("a key").to_pkcs8().expect("signed").as_ref().to_vec();
    let read = PrivateKey::parse(&pem("PRIVATE KEY", &with_public)).expect("PKCS#8, version 2");
    assert_eq!(read.record().len(), "v=DKIM1; k=ed25519; p=".len() + 44);
    assert!(rsa().record().starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"));
    assert_eq!(format!("{:?}", rsa()), "PrivateKey(RSA-2048, ..)");
}

#[test]
fn what_cannot_sign_is_refused_with_its_reason() {
    use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING as P256;
    let random = aws_lc_rs::rand::SystemRandom::new();
    let elliptic = EcdsaKeyPair::generate_pkcs8(&P256, &random).expect("a key");
    let table = [
        (String::new(), KeyFault::NoKey),
        ("s1.example.com".to_owned(), KeyFault::NoKey),
        (pem("CERTIFICATE", &RSA), KeyFault::NoKey),
        (pem("PUBLIC KEY", &RSA), KeyFault::Public),
        (pem("ENCRYPTED PRIVATE KEY", &RSA), KeyFault::Encrypted),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n".to_owned(),
            KeyFault::Encrypted,
        ),
        (SMALL.to_owned(), KeyFault::TooSmall),
        (pem("PRIVATE KEY", elliptic.as_ref()), KeyFault::Kind),
        (pem("EC PRIVATE KEY", elliptic.as_ref()), KeyFault::Kind),
        (pem("PRIVATE KEY", &RSA[..600]), KeyFault::Damaged),
        (pem("RSA PRIVATE KEY", b"nonsense"), KeyFault::Damaged),
        (pem("PRIVATE KEY", b""), KeyFault::Damaged),
    ];
    for (text, expected) in table {
        assert_eq!(PrivateKey::parse(&text).map(|key| key.kind()), Err(expected), "{text}");
        assert!(!expected.hint().is_empty());
    }
}
