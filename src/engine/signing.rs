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
