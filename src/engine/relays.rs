//! What a relay of the operator's means to the scheduler, to its pool, and to whoever lists it.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::campaign::{Relay, Relays, Workspace};
use crate::compose::Signer;
use crate::mail::{Class, RelayName, Usage};
use crate::relay::{Asked, Credential, RelaySettings, TokenCommand, probe};
use crate::sandbox::Mailbox;
use crate::schedule::LaneSpec;
use crate::store::{History, RelayUse};

use super::clock::now;
use super::error::EngineError;
use super::rehearsal;
use super::seen::Seen;
use super::signing::{may_sign, signers};
use super::view::QuotaView;

/// What one transaction takes on one session, for forecasts: the built-in server,
const SANDBOX_PACE: Duration = Duration::from_micros(100);
/// a server on this machine,
const LOOPBACK_PACE: Duration = Duration::from_millis(1);
/// and one across the Internet: two round trips of 50 ms, and the provider's own work.
const DISTANT_PACE: Duration = Duration::from_millis(150);
/// Batches a session may hold beyond those in flight, so that the next is at hand when one ends: few
/// over a distance, where each waits for round trips,
const AHEAD: u32 = 2;
/// and more nearby, where handing out work takes as long as sending it.
const AHEAD_NEARBY: u32 = 15;

/// One relay of a workspace, and what is left of it.
#[derive(Debug, Clone)]
pub struct RelayState {
    /// As it is set up.
    pub relay: Relay,
    /// Its account's quotas.
    pub quotas: Vec<QuotaView>,
}

/// The relays of a workspace and what is left of their quotas, by the journal.
///
/// # Errors
/// If `relays.toml` or the journal cannot be read.
pub fn relays(workspace: &Workspace) -> Result<Vec<RelayState>, EngineError> {
    let relays = Relays::load(workspace)?.relays;
    let usages = History::read(workspace.state_dir())?.usages;
    let at = now();
    let state = |relay: Relay| {
        let usage = usages.get(&relay.account()).cloned().unwrap_or_default();
        RelayState { quotas: quota_views(&relay, &usage, at), relay }
    };
    Ok(relays.into_iter().map(state).collect())
}

/// The quotas of a relay whose account has been charged `usage`, and what its warm-up makes of today.
pub(super) fn quota_views(relay: &Relay, usage: &Usage, at: Timestamp) -> Vec<QuotaView> {
    let views = relay.quotas.iter().map(|quota| QuotaView {
        limit: quota.limit,
        used: quota.used(usage, at),
        unit: quota.unit.to_string(),
        per: quota.per.to_string(),
    });
    let ramp = relay.warmup.as_ref().map(|warmup| warmup.quota(warmup.today(usage, at)));
    let ramp = ramp.map(|quota| QuotaView {
        limit: quota.limit,
        used: quota.used(usage, at),
        unit: quota.unit.to_string(),
        per: quota.per.to_string(),
    });
    views.chain(ramp).collect()
}

/// What signs the mail that goes through a relay, a signer for each domain with keys.
///
/// # Errors
/// `relays.toml` or a key cannot be read.
pub fn signers_of(workspace: &Workspace, relay: &Relay) -> Result<Vec<Signer>, EngineError> {
    if !may_sign(relay) {
        return Ok(Vec::new());
    }
    signers(workspace, &Relays::load(workspace)?.dkim)
}

/// A look that is to be had at a relay.
#[derive(Debug, Default)]
pub struct Look {
    /// What is asked beside, in order.
    pub questions: Vec<Asked>,
    /// A password that somebody typed; it goes before the one that is set.
    pub password: Option<SecretString>,
}

/// Opens a session with a relay as a run would, and looks at it. A sandbox is started for it.
///
/// # Errors
/// No such relay, no password for it, or what kept the session from being opened.
pub async fn look_at(workspace: &Workspace, name: &RelayName, look: Look) -> Result<Seen, EngineError> {
    let relays = Relays::load(workspace)?;
    let relay = relays.relay(name.as_str()).ok_or_else(|| EngineError::Relay {
        relay: name.clone(),
        what: "there is no relay of that name in campaigns/relays.toml".to_owned(),
        hint: relays.nearest(name.as_str()).map(|near| format!("did you mean `{near}`?")),
    })?;
    let secret = match look.password {
        Some(typed) => Some(Credential::Password(typed)),
        None => secret(relay, workspace.root())?,
    };
    let mut settings = settings(relay, secret)?;
    let server = if relay.is_sandbox() { Some(rehearsal::start(relay, Mailbox::count())?) } else { None };
    if let Some(server) = &server {
        settings.host = server.address().ip().to_string();
        settings.port = server.address().port();
    }
    let found = probe(&settings, look.questions).await;
    if let Some(server) = server {
        server.stop().await;
    }
    match found {
        Ok(found) => Ok(Seen::from(found)),
        Err(error) => Err(EngineError::Unreachable {
            relay: name.clone(),
            class: error.trouble.verdict.class,
            what: error.trouble.words.clone(),
            hint: (error.trouble.verdict.class == Class::Login).then(|| settings.login_advice()),
            transcript: error.transcript.in_words(),
        }),
    }
}

/// A relay as the scheduler takes it.
pub(super) fn lane_spec(relay: &Relay) -> LaneSpec {
    let (pace, ahead) = match distance(relay) {
        Distance::Inside => (SANDBOX_PACE, AHEAD_NEARBY),
        Distance::Loopback => (LOOPBACK_PACE, AHEAD_NEARBY),
        Distance::Far => (DISTANT_PACE, AHEAD),
    };
    LaneSpec {
        relay: relay.name.clone(),
        account: relay.account(),
        quotas: relay.quotas.clone(),
        reserve: relay.reserve,
        warmup: relay.warmup.clone(),
        rate: relay.rate,
        domains: relay.domains.clone(),
        sessions: relay.sessions,
        // Streamed, a window's worth is in flight, and as much is at hand when its replies come in.
        ahead: ahead.max(2 * (relay.window - 1)),
        weight: relay.weight,
        recipients_per_message: relay.recipients_per_message,
        pace,
    }
}

/// A relay as the journal names it.
pub(super) fn relay_use(relay: &Relay) -> RelayUse {
    RelayUse { name: relay.name.clone(), account: relay.account(), sandbox: relay.is_sandbox() }
}

/// A relay as its pool takes it.
pub(super) fn settings(relay: &Relay, secret: Option<Credential>) -> Result<RelaySettings, EngineError> {
    let tls_ca = match &relay.tls_ca {
        None => None,
        Some(path) => Some(fs::read(path).map_err(|source| EngineError::Io { path: path.clone(), source })?),
    };
    Ok(RelaySettings::of(relay, secret, tls_ca))
}

/// What proves the user of a relay, if somebody logs in. A password is fetched now, a token later.
pub(super) fn secret(relay: &Relay, root: &Path) -> Result<Option<Credential>, EngineError> {
    let missing = |what: String| EngineError::Password { relay: relay.name.clone(), what };
    match (&relay.user, &relay.token, &relay.password) {
        (None, _, _) => Ok(None),
        (Some(_), Some(words), _) => {
            let command = TokenCommand { words: words.clone(), folder: root.to_owned(), now };
            Ok(Some(Credential::Token(command)))
        }
        (Some(_), None, Some(source)) => {
            let password = source.reveal(root).map_err(|error| missing(error.to_string()))?;
            Ok(Some(Credential::Password(password)))
        }
        (Some(user), None, None) => {
            Err(EngineError::NoPassword { relay: relay.name.clone(), user: user.clone() })
        }
    }
}

/// Who logs in at a relay whose password is set nowhere; none if nobody does or one is set.
pub(super) fn user_without_password(relay: &Relay) -> Option<String> {
    relay.user.clone().filter(|_| relay.password.is_none() && relay.token.is_none())
}

enum Distance {
    Inside,
    Loopback,
    Far,
}

fn distance(relay: &Relay) -> Distance {
    if relay.is_sandbox() {
        return Distance::Inside;
    }
    let address: Result<IpAddr, _> = relay.host.trim_matches(['[', ']']).parse();
    match address {
        Ok(address) if address.is_loopback() => Distance::Loopback,
        Err(_) if relay.host == "localhost" => Distance::Loopback,
        Ok(_) | Err(_) => Distance::Far,
    }
}
