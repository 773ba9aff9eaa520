//! Which relays a campaign uses, and whether they fit it and each other.
//!
//! The campaign and the relays are each in order by themselves; here they meet.

use crate::mail::{Address, Fault, Mode, Place, RelayName};

use super::error::CampaignError;
use super::load::Campaign;
use super::presets::PresetKind;
use super::relays::{Relay, Relays, Signing, SigningDomain};

/// Mailbox providers that publish a DMARC policy which refuses their addresses from anybody else's relay,
/// and the hosts of their own.
const MAILBOX_PROVIDERS: [Provider; 3] = [
    Provider { domains: &["gmail.com", "googlemail.com"], in_every_country: &[], hosts: &["gmail.com"] },
    Provider {
        domains: &["ymail.com", "rocketmail.com", "myyahoo.com", "aol.com"],
        in_every_country: &["yahoo"],
        hosts: &["yahoo.com", "aol.com"],
    },
    Provider {
        domains: &["msn.com"],
        in_every_country: &["outlook", "hotmail", "live"],
        hosts: &["outlook.com", "office365.com", "hotmail.com", "live.com"],
    },
];

/// A provider of mailboxes, as far as others may not use its domains.
struct Provider {
    domains: &'static [&'static str],
    /// First labels of domains that it has in many countries: `yahoo.de`, `yahoo.co.uk`, `hotmail.com.br`.
    in_every_country: &'static [&'static str],
    /// The domains of its own servers.
    hosts: &'static [&'static str],
}

impl Provider {
    fn has(&self, domain: &str) -> bool {
        let in_a_country = domain.split_once('.').is_some_and(|(name, country)| {
            let is_country = match country.split_once('.') {
                None => country.len() == 2 || country == "com",
                // RFC 1591 leaves it to each country: .co.uk, .com.br.
                Some((kind, country)) => ["co", "com"].contains(&kind) && country.len() == 2,
            };
            is_country && self.in_every_country.contains(&name)
        });
        in_a_country || self.domains.contains(&domain)
    }

    fn owns(&self, host: &str) -> bool {
        let is_beneath =
            |own: &&str| host.strip_suffix(*own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        self.hosts.iter().any(is_beneath)
    }
}

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
    faults.extend(chosen.iter().filter_map(|relay| unsigned(campaign, relays, relay)));
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

/// Whether there is a key that signs mail from the domain of From.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// There is one.
    Yes,
    /// There is none.
    No,
}

/// Whether neither the operator nor a preset says who signs.
fn nobody_signs(relay: &Relay) -> bool {
    !relay.is_sandbox() && relay.sign == Signing::WhereKeyed
}

/// Whether a provider is likely to refuse or to replace a reverse-path of a message's own.
fn keeps_to_its_path(relay: &Relay) -> bool {
    relay.verp && relay.preset.kind() == PresetKind::Mailbox
}

impl Campaign {
    /// What is worth a look about this campaign through these relays, and stops nothing. `signed` says whether
    /// there is a key for the domain of From.
    pub fn warnings_through(&self, chosen: &[Relay], signed: Signed) -> Vec<Fault> {
        let mut warnings: Vec<Fault> = chosen.iter().flat_map(Relay::doubts).collect();
        let counts = [
            ("one click", self.content.unsubscribe.url.is_some()),
            ("Feedback-ID", self.content.headers.contains_key("Feedback-ID")),
        ];
        if let Some((counts, _)) = counts.into_iter().find(|(_, is_there)| *is_there && signed == Signed::No)
        {
            warnings.extend(chosen.iter().filter(|relay| nobody_signs(relay)).map(|relay| {
                let what = format!(
                    "relay `{}` is not known to sign, and {counts} counts only where DKIM covers it",
                    relay.name
                );
                let domain = self.content.from.address.domain();
                let fault = Fault::warning(what).hint(format!(
                    "add [dkim.\"{domain}\"] to campaigns/relays.toml, or sign = false where the relay signs by itself"
                ));
                placed(fault, relay.place.as_ref())
            }));
        }
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
        warnings.extend(chosen.iter().filter(|relay| self.content.verp && keeps_to_its_path(relay)).map(
            |relay| {
                let what =
                    format!("relay `{}` is a mailbox, and most take no reverse-path but its own", relay.name);
                let fault =
                    Fault::warning(what).hint("set verp = false for that relay, or try it with one message");
                placed(fault, relay.place.as_ref())
            },
        ));
        warnings.extend(international_path(self, chosen));
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
    let provider = MAILBOX_PROVIDERS.iter().find(|provider| provider.has(domain))?;
    if relay.is_sandbox() || provider.owns(&relay.host) {
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

/// A reverse-path that only servers with SMTPUTF8 (RFC 6531) take. A From that needs it is an error already.
fn international_path(campaign: &Campaign, chosen: &[Relay]) -> Option<Fault> {
    let content = &campaign.content;
    let path = &content.reverse_path;
    if !path.needs_smtputf8() || path == &content.from.address {
        return None;
    }
    let lacks = chosen.iter().find(|relay| relay.preset.lacks_smtputf8());
    let fault = match lacks {
        Some(relay) => Fault::warning(format!(
            "relay `{}` is known not to announce SMTPUTF8, and the reverse-path `{path}` needs it: nothing leaves through it",
            relay.name
        )),
        None => Fault::warning(format!(
            "the reverse-path `{path}` has letters outside ASCII before the @: through a relay that does not announce SMTPUTF8 nothing leaves"
        )),
    };
    let fault = fault.hint("set a `bounce` of ASCII; `mailrun relay test` shows what a relay announces");
    Some(placed(fault, campaign.places.file.as_ref()))
}

/// A relay that must sign, and nothing to sign with.
fn unsigned(campaign: &Campaign, relays: &Relays, relay: &Relay) -> Option<Fault> {
    let domain = campaign.content.from.address.domain();
    if relay.sign != Signing::Always || SigningDomain::covering(&relays.dkim, domain).is_some() {
        return None;
    }
    let what = format!("relay `{}` signs (sign = true), and there is no key for {domain}", relay.name);
    let fault = Fault::error(what).hint(format!(
        "add [dkim.\"{domain}\"] with keys = [{{ selector = \"s1\", file = \"keys/s1.pem\" }}] to campaigns/relays.toml"
    ));
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
