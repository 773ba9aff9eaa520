//! Who signs what: the keys of a domain, read from their files, and what a relay does to a message at the end.

use std::sync::Arc;

use crate::campaign::{CampaignError, Relay, Signing, SigningDomain, SigningKey, Workspace};
use crate::compose::{KeyKind, PrivateKey, Published, Signer, SigningError, Stamps};
use crate::mail::{Address, Batch, Fault, Message};
use crate::relay::{Compose, Unsendable};
use secrecy::ExposeSecret as _;

use super::attempt::unreadable;
use super::desk::Desk;
use super::error::EngineError;

/// What signs mail from `domain`; none if nobody has keys for it.
///
/// # Errors
/// All that is wrong with the key files, each at the place where it is named.
pub(super) fn signer(
    workspace: &Workspace,
    known: &[SigningDomain],
    domain: &str,
) -> Result<Option<Signer>, EngineError> {
    SigningDomain::covering(known, domain).map(|signing| read(workspace, signing)).transpose()
}

/// Every domain for which something can be signed, for those who look at a relay.
///
/// # Errors
/// As [`signer`].
pub(super) fn signers(workspace: &Workspace, known: &[SigningDomain]) -> Result<Vec<Signer>, EngineError> {
    known.iter().map(|signing| read(workspace, signing)).collect()
}

fn read(workspace: &Workspace, signing: &SigningDomain) -> Result<Signer, EngineError> {
    let (mut keys, mut faults): (Vec<Published>, Vec<Fault>) = (Vec::new(), Vec::new());
    for named in &signing.keys {
        match key(workspace, named) {
            Ok(key) => match keys.iter().find(|other| is_same_kind(other.key.kind(), key.kind())) {
                Some(other) => {
                    let what = format!(
                        "selectors `{}` and `{}` are both {}: one key of a kind signs",
                        other.selector,
                        named.selector,
                        key.kind()
                    );
                    faults.push(
                        Fault::error(what)
                            .at(named.place.clone())
                            .hint("name one of them; both may stay in DNS"),
                    );
                }
                None => keys.push(Published { selector: named.selector.clone(), key }),
            },
            Err(fault) => faults.push(*fault),
        }
    }
    if faults.is_empty() {
        Ok(Signer::new(&signing.domain, keys))
    } else {
        Err(CampaignError::Faults(faults).into())
    }
}

fn key(workspace: &Workspace, named: &SigningKey) -> Result<PrivateKey, Box<Fault>> {
    let pem = named.read(workspace.root())?;
    PrivateKey::parse(pem.expose_secret()).map_err(|error| {
        let what = format!("`{}` cannot sign: {error}", named.file.display());
        Box::new(Fault::error(what).at(named.place.clone()).hint(error.hint()))
    })
}

fn is_same_kind(one: KeyKind, other: KeyKind) -> bool {
    matches!((one, other), (KeyKind::Rsa { .. }, KeyKind::Rsa { .. }) | (KeyKind::Ed25519, KeyKind::Ed25519))
}

/// Whether mailrun signs what goes through `relay`, if there are keys.
pub(super) fn may_sign(relay: &Relay) -> bool {
    match relay.sign {
        Signing::Always | Signing::WhereKeyed => true,
        Signing::Never => false,
    }
}

impl Desk {
    /// What signs mail from `domain`, which is that of From as a plan froze it.
    ///
    /// # Errors
    /// As [`signer`]; or a relay must sign and nobody has keys for that domain any more.
    pub(super) fn signer_of(&self, domain: &str) -> Result<Option<Signer>, EngineError> {
        if domain == self.campaign.content.from.address.domain() {
            return Ok(self.signer.clone());
        }
        if !self.relays.iter().any(may_sign) {
            return Ok(None);
        }
        let signer = signer(&self.workspace, &self.dkim, domain)?;
        match self.relays.iter().find(|relay| relay.sign == Signing::Always && signer.is_none()) {
            Some(relay) => Err(EngineError::Relay {
                relay: relay.name.clone(),
                what: format!("it signs, and there is no key for {domain}, from where the plan writes"),
                hint: Some(format!("add [dkim.\"{domain}\"] to campaigns/relays.toml")),
            }),
            None => Ok(signer),
        }
    }

    /// Whether some of what is sent carries a signature of ours.
    pub(super) fn signs(&self) -> bool {
        self.signer.is_some() && self.relays.iter().any(may_sign)
    }

    /// Who signs, with which selectors, for the operator; none if nobody does.
    pub(super) fn signing_note(&self) -> Option<String> {
        let signer = self.signer.as_ref()?;
        let through: Vec<&str> =
            self.relays.iter().filter(|relay| may_sign(relay)).map(|relay| relay.name.as_str()).collect();
        let named = |published: &Published| format!("{} ({})", published.selector, published.key.kind());
        let keys = signer.keys().iter().map(named).collect::<Vec<_>>().join(" and ");
        (!through.is_empty())
            .then(|| format!("DKIM: {} signs with {keys}, through {}", signer.domain(), through.join(", ")))
    }
}

/// What a relay does to a message after it was composed.
#[derive(Debug, Clone, Default)]
pub(super) struct Finish {
    /// Takes the place of a reverse-path of the message's own, where the relay takes only one.
    pub(super) reverse_path: Option<Address>,
    /// Signs it, and what must be left out.
    pub(super) signing: Option<(Signer, Stamps)>,
}

impl Finish {
    /// What `relay` does to messages whose bounces go to `reverse_path` where they have no path of their own.
    pub(super) fn of(relay: &Relay, reverse_path: &Address, signer: Option<&Signer>) -> Self {
        let stamps = if relay.rewrites_stamps() { Stamps::Rewritten } else { Stamps::Kept };
        Self {
            reverse_path: (!relay.verp).then(|| reverse_path.clone()),
            signing: signer.filter(|_| may_sign(relay)).map(|signer| (signer.clone(), stamps)),
        }
    }

    /// Whether it takes so long that sessions must not wait for it.
    pub(super) fn is_slow(&self) -> bool {
        self.signing.is_some()
    }

    /// The function that composes as `compose` does, and finishes.
    pub(super) fn after(self, compose: &Arc<Compose>) -> Arc<Compose> {
        if self.reverse_path.is_none() && self.signing.is_none() {
            return Arc::clone(compose);
        }
        let compose = Arc::clone(compose);
        Arc::new(move |batch: Batch| {
            let message = compose(batch)?;
            self.finish(message)
        })
    }

    fn finish(&self, mut message: Message) -> Result<Message, Unsendable> {
        if let Some(path) = &self.reverse_path {
            message.envelope.reverse_path = Some(path.clone());
        }
        if let Some((signer, stamps)) = &self.signing {
            message.octets = match signer.sign(&message.octets, &message.tail, *stamps) {
                Ok(octets) => octets.into(),
                Err(error @ SigningError { .. }) => {
                    return Err(unreadable(message.batch, &error.to_string()));
                }
            };
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aws_lc_rs::signature::Ed25519KeyPair;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;

    use super::*;
    use crate::campaign::Relays;
    use crate::mail::{BatchId, Digest, Envelope, RecipientNo, RunNo};

    const RELAYS: &str = "[relays.a_ses]\npreset = \"ses\"\nhost = \"email-smtp.eu-west-1.amazonaws.com\"\nsign = true\n\
        [relays.b_named]\nhost = \"email-smtp.us-east-1.amazonaws.com\"\n\
        [relays.c_own]\nhost = \"mx.example.com\"\n\
        [relays.d_mailbox]\npreset = \"gmail\"\nuser = \"me@gmail.com\"\nverp = false\n";

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    fn signer() -> Signer {
        let pkcs8 = Ed25519KeyPair::generate().expect("a key").to_pkcs8().expect("its octets");
        let pem = STANDARD.encode(pkcs8.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
        let key = PrivateKey::parse(&pem).expect("a key");
        Signer::new("example.com", vec![Published { selector: "s1".into(), key }])
    }

    fn message(batch: Batch) -> Message {
        let octets = b"Date: x\r\nMessage-ID: <a@example.com>\r\nFrom: news@example.com\r\n\r\nHello\r\n";
        Message {
            batch,
            envelope: Envelope {
                reverse_path: Some(address("bounces+tag@example.com")),
                forward_paths: vec![address("ada@example.net")],
                notify: None,
            },
            octets: Bytes::from_static(octets),
            digest: Digest([0; 16]),
            eight_bit: false,
            tail: Vec::new(),
        }
    }

    #[test]
    fn each_relay_gets_the_signature_and_the_reverse_path_that_it_keeps() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("campaigns")).expect("a folder");
        fs::write(folder.path().join("campaigns/relays.toml"), RELAYS).expect("a file");
        let workspace = Workspace::find(folder.path(), None, None).expect("a workspace");
        let relays = Relays::load(&workspace).expect("relays").relays;
        let signer = signer();
        let compose: Arc<Compose> = Arc::new(|batch| Ok(message(batch)));
        let made = |relay: &Relay| {
            let finish = Finish::of(relay, &address("bounces@example.com"), Some(&signer));
            let is_slow = finish.is_slow();
            let id = BatchId { run: RunNo(1), number: 0, part: 0 };
            let batch = Batch { id, attempt: 1, date: None, recipients: vec![RecipientNo(0)] };
            let message = finish.after(&compose)(batch).expect("a message");
            let text = String::from_utf8(message.octets.to_vec()).expect("text");
            let signature =
                text.strip_prefix("DKIM-Signature: ").and_then(|rest| rest.split("\r\nDate:").next());
            let path = message.envelope.reverse_path.expect("a path").to_string();
            (is_slow, signature.map(|signature| signature.contains("Message-ID")), path)
        };
        let (own, common) = ("bounces+tag@example.com".to_owned(), "bounces@example.com".to_owned());
        let expected = [
            // Amazon writes Date and Message-ID anew.
            (true, Some(false), own.clone()),
            (true, Some(false), own.clone()),
            (true, Some(true), own),
            // Google signs by itself.
            (false, None, common),
        ];
        assert_eq!(relays.len(), expected.len());
        for (relay, expected) in relays.iter().zip(expected) {
            assert_eq!(made(relay), expected, "{}", relay.name);
        }
    }
}
