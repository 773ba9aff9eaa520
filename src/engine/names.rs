//! What the DNS says of those who send: of a campaign's From and reverse-path, and of the keys that sign.

use std::net::SocketAddr;

use crate::campaign::{PresetKind, Relay};
use crate::compose::{Published, Signer};
use crate::relay::{DomainKey, Finding, Provider, ReversePath, Sender, look_up, look_up_keys};

use super::desk::Desk;

impl Desk {
    /// Looks up and judges what is published for this campaign: SPF, DKIM, DMARC and MX. Asks the resolver at
    /// `server`, or those that this machine is set to.
    pub async fn look_up(&self, server: Option<SocketAddr>) -> Vec<Finding> {
        let content = &self.campaign.content;
        let sender = Sender {
            from: content.from.address.domain().to_owned(),
            reverse_path: content.reverse_path.domain().to_owned(),
            providers: self.relays.iter().filter(|relay| !relay.is_sandbox()).map(provider).collect(),
            keys: self.signer.iter().flat_map(keys).collect(),
        };
        look_up(&sender, server).await
    }
}

/// Looks up and judges the records of the keys that `signers` sign with.
pub async fn look_up_signers(signers: &[Signer], server: Option<SocketAddr>) -> Vec<Finding> {
    let keys: Vec<DomainKey> = signers.iter().flat_map(keys).collect();
    look_up_keys(&keys, server).await
}

fn provider(relay: &Relay) -> Provider {
    Provider {
        relay: relay.name.to_string(),
        include: relay.preset.spf().map(str::to_owned),
        reverse_path: match relay.preset.kind() {
            PresetKind::Service => ReversePath::MayBeReplaced,
            PresetKind::Mailbox | PresetKind::Own => ReversePath::Kept,
        },
    }
}

fn keys(signer: &Signer) -> Vec<DomainKey> {
    let key = |published: &Published| DomainKey {
        domain: signer.domain().to_owned(),
        selector: published.selector.clone(),
        record: published.key.record(),
    };
    signer.keys().iter().map(key).collect()
}
