//! Which relays a campaign uses, and whether they fit it and each other.
//!
//! The campaign and the relays are each in order by themselves; here they meet.

use crate::mail::{Address, Fault, Mode, Place, RelayName};

use super::error::CampaignError;
use super::load::Campaign;
use super::relays::{Relay, Relays};

/// Mailbox providers that publish a DMARC policy which refuses their addresses from anybody else's relay,
/// and the hosts of their own.
const MAILBOX_PROVIDERS: [(&[&str], &[&str]); 3] = [
    (&["gmail.com", "googlemail.com"], &["gmail.com"]),
    (&["yahoo.com", "ymail.com", "aol.com"], &["yahoo.com", "aol.com"]),
    (
        &["outlook.com", "hotmail.com", "live.com", "msn.com"],
        &["outlook.com", "office365.com", "hotmail.com", "live.com"],
    ),
];

/// The relays that `campaign` uses, in the order in which it names them; those of `instead` where they are given.
///
/// # Errors
/// [`CampaignError::Faults`]: a name that no relay has, a sandbox beside a real relay, a real relay for a
/// campaign that nobody could leave, or an address that its provider lets nobody else use.
pub fn choose(
    campaign: &Campaign,
    relays: &Relays,
    instead: Option<&[RelayName]>,
) -> Result<Vec<Relay>, CampaignError> {
    let mut faults = Vec::new();
    let chosen = match instead.unwrap_or(&campaign.relays) {
        [] => the_only(campaign, relays, &mut faults),
        wanted => find(campaign, relays, wanted, &mut faults),
    };
    faults.extend(mixed(campaign, &chosen));
    let unsubscribe = &campaign.content.unsubscribe;
    let is_real = chosen.iter().any(|relay| !relay.is_sandbox());
    if is_real && unsubscribe.url.is_none() && unsubscribe.mailto.is_none() {
        let fault = Fault::error("nobody could unsubscribe: there is neither a link nor an address for it")
            .hint("add [unsubscribe] with url = \"https://..{{token}}\" or mailto = \"..\"");
        faults.push(placed(fault, campaign.places.file.as_ref()));
    }
    faults.extend(chosen.iter().filter_map(|relay| misused_address(campaign, relay)));
    if faults.is_empty() { Ok(chosen) } else { Err(CampaignError::Faults(faults)) }
}

/// The relay of a campaign that names none: there must be no other.
fn the_only(campaign: &Campaign, relays: &Relays, faults: &mut Vec<Fault>) -> Vec<Relay> {
    if let [only] = relays.relays.as_slice() {
        return vec![only.clone()];
    }
    let fault = Fault::error("the campaign does not say which relays it uses")
        .hint(format!("add relays = [..]; there are {}", names(&relays.relays)));
    faults.push(placed(fault, campaign.places.file.as_ref()));
    Vec::new()
}

fn find(campaign: &Campaign, relays: &Relays, wanted: &[RelayName], faults: &mut Vec<Fault>) -> Vec<Relay> {
    let mut found: Vec<Relay> = Vec::new();
    for name in wanted {
        if let Some(relay) = relays.relay(name.as_str()) {
            if found.iter().all(|other| other.name != relay.name) {
                found.push(relay.clone());
            }
            continue;
        }
        let hint = match relays.nearest(name.as_str()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names(&relays.relays)),
        };
        let fault = Fault::error(format!("there is no relay `{name}` in campaigns/relays.toml")).hint(hint);
        faults.push(placed(fault, campaign.places.relays.get(name)));
    }
    found
}

/// What a sandbox takes is delivered to nobody, so beside a real relay it would lose people.
fn mixed(campaign: &Campaign, chosen: &[Relay]) -> Option<Fault> {
    let sandbox = chosen.iter().find(|relay| relay.is_sandbox())?;
    chosen.iter().find(|relay| !relay.is_sandbox())?;
    let what = format!("`{}` is a sandbox and cannot stand beside a real relay", sandbox.name);
    let fault = Fault::error(what).hint("use sandboxes alone for a rehearsal, and none for the real thing");
    Some(placed(fault, campaign.places.relays.get(&sandbox.name)))
}

fn names(relays: &[Relay]) -> String {
    relays.iter().map(|relay| relay.name.as_str()).collect::<Vec<_>>().join(", ")
}

impl Campaign {
    /// What is worth a look about this campaign through these relays, and stops nothing.
    pub fn warnings_through(&self, chosen: &[Relay]) -> Vec<Fault> {
        let mut warnings: Vec<Fault> = chosen.iter().flat_map(Relay::doubts).collect();
        let from = &self.content.from.address;
        for relay in chosen.iter().filter(|relay| relay.preset.is_google()) {
            let user = relay.user.as_deref().unwrap_or_default();
            if Address::parse(user).map(|login| login.key()) != Ok(from.key()) {
                let what =
                    format!("relay `{}` logs in as {user:?}, and Google writes that over From", relay.name);
                let fault = Fault::warning(what).hint(format!("unless {from} is an alias of that login"));
                warnings.push(placed(fault, self.places.from.as_ref()));
            }
        }
        let unsubscribe = &self.content.unsubscribe;
        let (url, mailto) = (unsubscribe.url.is_some(), unsubscribe.mailto.is_some());
        let what = match (url, mailto) {
            (true, true | false) => return warnings,
            // A message that many share cannot say who leaves, so there is nothing better to be had.
            (false, true) if self.content.mode == Mode::Grouped => return warnings,
            (false, true) => {
                "unsubscribing by mail works, but is not the one click that Gmail and Yahoo ask for"
            }
            (false, false) => "nobody could unsubscribe: fine for the sandbox, refused for a real relay",
        };
        let hint = "add url = \"https://..{{token}}\" to [unsubscribe]";
        warnings.push(placed(Fault::warning(what).hint(hint), self.places.file.as_ref()));
        warnings
    }
}

/// RFC 7489: a mailbox provider's domain is only aligned with its own relays.
fn misused_address(campaign: &Campaign, relay: &Relay) -> Option<Fault> {
    let domain = campaign.content.from.address.domain();
    let (_, own) = MAILBOX_PROVIDERS.iter().find(|(domains, _)| domains.contains(&domain))?;
    let is_own = |own: &str| relay.host == own || relay.host.ends_with(&format!(".{own}"));
    if relay.is_sandbox() || own.iter().any(|own| is_own(own)) {
        return None;
    }
    let what = format!(
        "mail from {domain} through relay `{}` ({}) will be refused or taken for spam",
        relay.name, relay.host
    );
    let fault =
        Fault::error(what).hint("write from a domain of your own, or through that provider's own relay");
    Some(placed(fault, campaign.places.from.as_ref()))
}

fn placed(fault: Fault, place: Option<&Place>) -> Fault {
    match place {
        Some(place) => fault.at(place.clone()),
        None => fault,
    }
}

#[cfg(test)]
mod tests;
