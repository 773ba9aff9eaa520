//! DKIM signatures over the final octets of a message (RFC 6376; RFC 8463 for Ed25519).
//!
//! A [`Signer`] holds the keys of one domain and puts one DKIM-Signature for each before a composed message:
//! relaxed/relaxed, with every field that readers see covered, and named once more than it stands there, so
//! that none can be added on the way (RFC 6376, 8.15). It must come last: whatever changes an octet behind it
//! breaks it. mail-auth itself reads the clock for `t=`, so the signature of a message that is sent again is
//! another one; its octets behind the signature are not.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{Algorithm, CryptoError, DkimKey, Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::{HeaderWriter, Writable};
use mail_auth::dkim::{DkimSigner, Done};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

use crate::mail::Piece;

/// Fields that are covered (RFC 6376, 5.4.1; RFC 8058, 4), each named once more than it may stand in a message.
/// Neither Return-Path nor Received, which every server on the way writes, nor Sender, which some add.
const COVERED: [&str; 18] = [
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Auto-Submitted",
    "Precedence",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Language",
    "Content-Disposition",
];
/// Fields that are covered too, where the relay leaves them as they are.
const STAMPED: [&str; 2] = ["Date", "Message-ID"];
/// Octets that a signature field takes, at most, with a key of 4096 bits.
const FIELD: usize = 1536;
/// Octets of a PKCS#8 structure in which the algorithm is named (RFC 5958, 2): it comes first.
const PREAMBLE: usize = 40;
/// The algorithms as object identifiers, DER: rsaEncryption (RFC 8017, A.1), id-Ed25519 (RFC 8410, 3), and
/// id-ecPublicKey (RFC 5480, 2.1.1), which DKIM does not know.
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// What a relay does to the fields that say when and which message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stamps {
    /// It leaves them as they are.
    Kept,
    /// It writes a Date and Message-ID of its own, so that no signature may cover them.
    Rewritten,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA with SHA-256, of so many bits (RFC 6376, 3.3.1; RFC 8301).
    Rsa {
        /// Bits of the modulus: 2048 to 8192.
        bits: usize,
    },
    /// Ed25519 (RFC 8463).
    Ed25519,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(formatter, "RSA-{bits}"),
            Self::Ed25519 => formatter.write_str("Ed25519"),
        }
    }
}

/// Why a file is no key to sign with. Fits after "`keys/s1.pem` cannot sign: ". Never holds a part of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// There is no PEM block of a private key in it.
    #[error("it holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")]
    NoKey,
    /// Only the public half is in it.
    #[error("it holds a public key, and only the private one signs")]
    Public,
    /// It would need a passphrase.
    #[error("its key is encrypted with a passphrase")]
    Encrypted,
    /// An RSA key below 2048 bits (RFC 8301, 3.2: signers should use at least 2048).
    #[error("its RSA key is shorter than 2048 bits")]
    TooSmall,
    /// A kind of key that DKIM does not know.
    #[error("its key is neither RSA nor Ed25519, and DKIM knows no other")]
    Kind,
    /// The key cannot be read, or its numbers do not belong together.
    #[error("its key is damaged")]
    Damaged,
}

impl KeyFault {
    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TooSmall => {
                "make a new one: openssl genrsa -out s2.pem 2048, and publish it under its own selector"
            }
            Self::Encrypted => {
                "openssl pkey -in OLD -out NEW writes it without; only its owner may read the file"
            }
            Self::NoKey | Self::Public | Self::Kind | Self::Damaged => {
                "openssl genrsa 2048, or openssl genpkey -algorithm ed25519, writes one"
            }
        }
    }
}

/// A private key, read and found to be sound. `Debug` shows its kind alone.
#[derive(Clone)]
pub struct PrivateKey {
    key: Shared,
    kind: KeyKind,
    /// What stands behind `p=` in its DNS record, not yet in base64.
    public: Vec<u8>,
}

impl PrivateKey {
    /// Reads a key in PEM: PKCS#8 (RSA or Ed25519) or PKCS#1 (RSA); what stands around it is passed over.
    ///
    /// # Errors
    /// Why it cannot sign; see [`KeyFault`].
    pub fn parse(pem: &str) -> Result<Self, KeyFault> {
        if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyFault::Encrypted);
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| if pem.contains("PUBLIC KEY-----") { KeyFault::Public } else { KeyFault::NoKey })?;
        match &der {
            PrivateKeyDer::Pkcs1(_) => Self::rsa(der),
            PrivateKeyDer::Pkcs8(pkcs8) => {
                let octets = pkcs8.secret_pkcs8_der();
                let preamble = &octets[..octets.len().min(PREAMBLE)];
                let names =
                    |algorithm: &[u8]| preamble.windows(algorithm.len()).any(|part| part == algorithm);
                if names(RSA_ENCRYPTION) {
                    Self::rsa(der)
                } else if names(ED25519) {
                    Self::ed25519(octets)
                } else {
                    Err(if names(EC_PUBLIC_KEY) { KeyFault::Kind } else { KeyFault::Damaged })
                }
            }
            // SEC 1, which is elliptic, and whatever the crate learns to read.
            _ => Err(KeyFault::Kind),
        }
    }

    fn rsa(der: PrivateKeyDer<'_>) -> Result<Self, KeyFault> {
        // The word of aws-lc-rs, which a test holds it to.
        let is_small = |error: &mail_auth::Error| matches!(error, mail_auth::Error::Crypto(CryptoError::Library(word)) if word == "TooSmall");
        let key = RsaKey::<Sha256>::from_key_der(der)
            .map_err(|error| if is_small(&error) { KeyFault::TooSmall } else { KeyFault::Damaged })?;
        let public = subject_public_key(&key.public_key());
        let bits = modulus_bits(&key.public_key()).ok_or(KeyFault::Damaged)?;
        Ok(Self { key: Shared::new(DkimKey::Rsa(key)), kind: KeyKind::Rsa { bits }, public })
    }

    fn ed25519(pkcs8: &[u8]) -> Result<Self, KeyFault> {
        // OpenSSL leaves out the public half, against which the other could be checked.
        let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(pkcs8).map_err(|_| KeyFault::Damaged)?;
        let public = key.public_key();
        Ok(Self { key: Shared::new(DkimKey::Ed25519(key)), kind: KeyKind::Ed25519, public })
    }

    /// How it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The TXT record that must stand at `SELECTOR._domainkey.DOMAIN` (RFC 6376, 3.6.1; RFC 8463, 4).
    pub fn record(&self) -> String {
        let name = match self.kind {
            KeyKind::Rsa { .. } => "rsa",
            KeyKind::Ed25519 => "ed25519",
        };
        format!("v=DKIM1; k={name}; p={}", STANDARD.encode(&self.public))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey({}, ..)", self.kind)
    }
}

/// One key of a signer and the name under which its public half is published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The selector (RFC 6376, 3.1).
    pub selector: String,
    /// The key.
    pub key: PrivateKey,
}

/// Signs the messages of one domain. Clones share the keys.
#[derive(Clone)]
pub struct Signer {
    domain: String,
    keys: Vec<Published>,
    /// One a key: for relays that keep what they get, and for those that rewrite Date and Message-ID.
    kept: Arc<[DkimSigner<Shared, Done>]>,
    rewritten: Arc<[DkimSigner<Shared, Done>]>,
}

/// A message could not be signed: the cryptography failed, for want of memory or random numbers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it could not be signed: {0}")]
pub struct SigningError(String);

impl Signer {
    /// Signs for `domain` with all of `keys`, in their order.
    pub fn new(domain: impl Into<String>, keys: Vec<Published>) -> Self {
        let domain = domain.into();
        let signers = |stamps| {
            let signer = |published: &Published| {
                DkimSigner::from_key(published.key.key.clone())
                    .domain(&domain)
                    .selector(&published.selector)
                    .headers(covered(stamps))
            };
            keys.iter().map(signer).collect()
        };
        Self { kept: signers(Stamps::Kept), rewritten: signers(Stamps::Rewritten), keys, domain }
    }

    /// The domain that signs: that of From, or one above it.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The keys, in the order in which they sign.
    pub fn keys(&self) -> &[Published] {
        &self.keys
    }

    /// The `octets` of a message with a DKIM-Signature for each key before them; `tail` follows them and is covered
    /// too. Takes a third of a millisecond a key of RSA-2048, so it is not to be called where somebody waits.
    ///
    /// # Errors
    /// The cryptography failed.
    pub fn sign(&self, octets: &[u8], tail: &[Piece], stamps: Stamps) -> Result<Vec<u8>, SigningError> {
        let signers = match stamps {
            Stamps::Kept => &self.kept,
            Stamps::Rewritten => &self.rewritten,
        };
        let mut signed = Vec::with_capacity(signers.len() * FIELD + octets.len());
        // mail-auth wants a body in one piece; this one is gone once it is hashed, and the tail stays shared.
        let whole = if tail.is_empty() {
            Cow::Borrowed(octets)
        } else {
            let pieces = std::iter::once(octets).chain(tail.iter().map(|piece| piece.octets().as_ref()));
            Cow::Owned(pieces.collect::<Vec<_>>().concat())
        };
        for signer in signers.iter() {
            let signature = signer.sign(&whole).map_err(|error| SigningError(error.to_string()))?;
            signature.write_header(&mut signed);
        }
        signed.extend_from_slice(octets);
        Ok(signed)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("domain", &self.domain)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// The names in `h=`, each once for the field and once for those that must not be added.
fn covered(stamps: Stamps) -> impl Iterator<Item = &'static str> {
    let stamped: &[&str] = match stamps {
        Stamps::Kept => &STAMPED,
        Stamps::Rewritten => &[],
    };
    COVERED.iter().chain(stamped).flat_map(|name| [*name; 2])
}

/// A key that several signers use.
#[derive(Clone)]
struct Shared(Arc<DkimKey>);

impl Shared {
    fn new(key: DkimKey) -> Self {
        Self(Arc::new(key))
    }
}

impl SigningKey for Shared {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

/// The public key as DNS has it: `SubjectPublicKeyInfo` (RFC 5280, 4.1) around `RSAPublicKey`.
fn subject_public_key(rsa_public_key: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &[RSA_ENCRYPTION, &[0x05, 0x00]].concat());
    let bits = der(0x03, &[&[0x00], rsa_public_key].concat());
    der(0x30, &[algorithm, bits].concat())
}

/// One value in DER (X.690, 8.1), shorter than 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let [high, low] = u16::try_from(length).expect("a key is short").to_be_bytes();
    let mut value = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    value.extend_from_slice(content);
    value
}

/// The bits of the modulus of an `RSAPublicKey` (RFC 8017, A.1.1): a sequence whose first number it is.
fn modulus_bits(rsa_public_key: &[u8]) -> Option<usize> {
    let (_, sequence) = der_header(rsa_public_key)?;
    let (length, modulus) = der_header(sequence)?;
    let modulus = modulus.get(..length)?;
    let first = modulus.iter().position(|octet| *octet != 0)?;
    let unused = modulus[first].leading_zeros() as usize;
    Some((modulus.len() - first) * 8 - unused)
}

/// The length of a value in DER, and what follows its header.
fn der_header(value: &[u8]) -> Option<(usize, &[u8])> {
    let (_, rest) = value.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *first < 0x80 {
        return Some((usize::from(*first), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    Some((octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest))
}

#[cfg(test)]
mod tests;
