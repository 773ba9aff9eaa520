//! What `relays.toml` says and means: every relay of the workspace.
//!
//! No secret stands in that file, only where one is to be had. A key that is not named has the value of
//! the preset, or else the default below. Without the file there is one relay, `sandbox`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::mail::{Account, Fault, Place, RelayName, Severity, nearest};
use crate::policy::{DomainLimits, Quota, Rate, Warmup};

use super::error::CampaignError;
use super::files::FileError;
use super::meanings;
use super::presets::{NoQuota, Preset};
use super::secrets::SecretSource;
use super::settings::Text;
use super::sheet::{Sheet, Wrong};
use super::workspace::Workspace;

mod doubts;
mod fields;
mod limits;
mod login;
mod signing;

pub use login::Auth;
pub use signing::{Signing, SigningDomain, SigningKey};

/// The file, relative to the workspace.
const FILE: &str = "campaigns/relays.toml";

/// Keys of a relay whose feature belongs to a later version.
const LATER: &[&str] = &["eight_bit"];

/// Free space below which no new mail starts, unless `[state]` says otherwise: 64 MiB.
const MIN_FREE: u64 = 64 << 20;

/// How a session is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tls {
    /// TLS from the first octet (RFC 8314, 3.3).
    Implicit,
    /// In the clear until STARTTLS (RFC 3207), which must succeed.
    StartTls,
    /// Never: on the loopback, or where the operator insists.
    None,
}

/// `[relays.NAME.sandbox]` as it was typed; the sandbox gives it its meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct SandboxText {
    /// The keys and values.
    pub table: toml::Table,
    /// Where the table stands, for what is found wrong in it.
    pub place: Place,
}

/// One login at one submission server.
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// The operator's name for it.
    pub name: RelayName,
    /// What kind of relay it is.
    pub preset: Preset,
    /// The host, a name or an address; for a sandbox the loopback.
    pub host: String,
    /// The port; 0 for a sandbox, which takes any that is free.
    pub port: u16,
    /// How sessions are encrypted.
    pub tls: Tls,
    /// Who logs in; none: nobody does.
    pub user: Option<String>,
    /// Where the password is to be had; none with a user: somebody has to be asked.
    pub password: Option<SecretSource>,
    /// The program and arguments that print an access token, instead of a password.
    pub token: Option<Vec<String>>,
    /// The one mechanism that may be used; none: the strongest that the server offers.
    pub auth: Option<Auth>,
    /// Sessions open at once; at least 1.
    pub sessions: u32,
    /// Messages after which a session is closed; at least 1.
    pub messages_per_session: u32,
    /// Age at which a session is closed.
    pub session_age: Duration,
    /// Messages in flight on one session, 1 to 256, where the server announces CHUNKING and PIPELINING.
    pub window: u32,
    /// How fast, below a minute; none: as fast as it goes.
    pub rate: Option<Rate>,
    /// Recipients of one mail transaction; at least 1.
    pub recipients_per_message: u32,
    /// Octets of one message that its server takes (SIZE, RFC 1870); none: not known.
    pub max_size: Option<u64>,
    /// Its share of the work, relative to other relays; at least 1.
    pub weight: u32,
    /// What its account may send over a minute or longer; several hold at once.
    pub quotas: Vec<Quota>,
    /// How much of every quota is left alone.
    pub reserve: u64,
    /// How much its account may send on which day while it is new; none: what the quotas allow.
    pub warmup: Option<Warmup>,
    /// What it may send to each domain.
    pub domains: DomainLimits,
    /// Whether refused recipients stay charged.
    pub counts_refused: bool,
    /// Whether mailrun signs what goes through it.
    pub sign: Signing,
    /// Whether a campaign with `verp` sends each batch under a reverse-path of its own here too.
    pub verp: bool,
    /// The name in EHLO; none: that of the machine.
    pub helo: Option<String>,
    /// More certificate authorities to trust, a PEM file, absolute.
    pub tls_ca: Option<PathBuf>,
    /// Whether the operator accepts what is not safe: no TLS beyond the loopback, any certificate.
    pub insecure: bool,
    /// Limits that its preset only guesses and the operator has not set: keys of `relays.toml`.
    pub guesses: Vec<&'static str>,
    /// Why no quota is known, where its preset knows none and the operator says nothing of quotas.
    pub no_quota: Option<&'static NoQuota>,
    /// What a sandbox pretends.
    pub sandbox: Option<SandboxText>,
    /// Where its table begins; none for the relay that is there without a file.
    pub place: Option<Place>,
}

impl Relay {
    /// What its quotas belong to. A sandbox is an account of its own.
    pub fn account(&self) -> Account {
        if self.is_sandbox() {
            return Account::new("sandbox", 0, Some(self.name.as_str()));
        }
        Account::new(&self.host, self.port, self.user.as_deref())
    }

    /// Whether it is the built-in server, which delivers nothing.
    pub fn is_sandbox(&self) -> bool {
        self.preset.is_sandbox()
    }
}

/// The relays of a workspace.
#[derive(Debug, Clone)]
pub struct Relays {
    /// Every relay, in the order of their names; never empty.
    pub relays: Vec<Relay>,
    /// Octets of free space below which no new mail starts.
    pub min_free: u64,
    /// The domains for which there are keys to sign with.
    pub dkim: Vec<SigningDomain>,
    /// What is worth a look and stops nothing.
    pub warnings: Vec<Fault>,
}

impl Relays {
    /// Reads `campaigns/relays.toml`.
    ///
    /// # Errors
    /// [`CampaignError::Faults`] with all that is wrong in the file.
    pub fn load(workspace: &Workspace) -> Result<Self, CampaignError> {
        let files = meanings::files(workspace)?;
        let document = match files.text(FILE) {
            Ok(document) => document,
            Err(FileError::Missing) => "[relays.sandbox]\npreset = \"sandbox\"\n".to_owned(),
            Err(error) => return Err(Fault::error(format!("{FILE}: {}", error.told())).into()),
        };
        let mut sheet = Sheet::new(FILE, document);
        let Some(text) = sheet.read::<RelaysText>(LATER) else {
            return Err(CampaignError::Faults(sheet.into_faults()));
        };
        let mut relays = Vec::new();
        for (name, typed) in &text.relays {
            relays.extend(relay(workspace.root(), name, typed, &mut sheet));
        }
        let dkim = signing::domains(&text.dkim, &mut sheet);
        let min_free = text.state.min_free.as_ref();
        let min_free = sheet.take(min_free, |size| fields::size(size));
        if text.relays.is_empty() {
            let wrong = Wrong::new("no relay stands in this file");
            sheet.wrong(
                0..0,
                wrong.hint("add [relays.sandbox] with preset = \"sandbox\", or your provider's"),
            );
        }
        let (errors, warnings): (Vec<Fault>, Vec<Fault>) =
            sheet.into_faults().into_iter().partition(|fault| fault.severity == Severity::Error);
        if errors.is_empty() {
            Ok(Self { relays, min_free: min_free.unwrap_or(MIN_FREE), dkim, warnings })
        } else {
            Err(CampaignError::Faults(errors))
        }
    }

    /// The relay called `name`.
    pub fn relay(&self, name: &str) -> Option<&Relay> {
        self.relays.iter().find(|relay| relay.name.as_str() == name)
    }

    /// The nearest name to one that no relay has.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.relays.iter().map(|relay| relay.name.as_str()))
    }
}

/// The whole of `relays.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RelaysText {
    relays: BTreeMap<Text, RelayText>,
    dkim: BTreeMap<Text, Spanned<signing::DkimText>>,
    state: StateText,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StateText {
    min_free: Option<Text>,
}

/// One relay as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RelayText {
    preset: Option<Text>,
    host: Option<Text>,
    port: Option<Spanned<u16>>,
    tls: Option<Text>,
    user: Option<Text>,
    password: Option<Spanned<PasswordText>>,
    token: Option<Spanned<PasswordText>>,
    auth: Option<Text>,
    sessions: Option<Spanned<u32>>,
    messages_per_session: Option<Spanned<u32>>,
    session_age: Option<Text>,
    window: Option<Spanned<u32>>,
    rate: Option<Text>,
    pub(super) recipients_per_message: Option<Spanned<u32>>,
    max_size: Option<Text>,
    weight: Option<Spanned<u32>>,
    pub(super) quotas: Option<Vec<Spanned<QuotaText>>>,
    reserve: Option<Spanned<u64>>,
    warmup: Option<Spanned<limits::WarmupText>>,
    domains: BTreeMap<Text, Spanned<limits::DomainText>>,
    counts_refused: Option<bool>,
    sign: Option<Spanned<bool>>,
    verp: Option<bool>,
    helo: Option<Text>,
    tls_ca: Option<Text>,
    insecure: Option<Spanned<bool>>,
    sandbox: Option<Spanned<toml::Table>>,
}

/// One quota as it was typed.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QuotaText {
    limit: Option<u64>,
    unit: Option<Text>,
    per: Option<Text>,
    zone: Option<Text>,
}

/// Where a password is to be had, or one that was written here by mistake and is not kept.
#[derive(Debug)]
enum PasswordText {
    Source(SourceText),
    InTheClear,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SourceText {
    env: Option<String>,
    file: Option<String>,
    command: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for PasswordText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PasswordVisitor;

        impl<'de> Visitor<'de> for PasswordVisitor {
            type Value = PasswordText;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("{ env = \"..\" }, { file = \"..\" } or { command = [..] }")
            }

            // serde would quote what it did not expect, and this is what must not be quoted.
            fn visit_str<E>(self, _: &str) -> Result<PasswordText, E> {
                Ok(PasswordText::InTheClear)
            }

            fn visit_i64<E>(self, _: i64) -> Result<PasswordText, E> {
                Ok(PasswordText::InTheClear)
            }

            fn visit_f64<E>(self, _: f64) -> Result<PasswordText, E> {
                Ok(PasswordText::InTheClear)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PasswordText, A::Error> {
                SourceText::deserialize(MapAccessDeserializer::new(map)).map(PasswordText::Source)
            }
        }

        deserializer.deserialize_any(PasswordVisitor)
    }
}

/// The relay, or nothing where a fault in `sheet` says why.
fn relay(root: &Path, name: &Text, text: &RelayText, sheet: &mut Sheet) -> Option<Relay> {
    let preset = match &text.preset {
        Some(_) => sheet.take(text.preset.as_ref(), |name| Preset::named(name))?,
        None => Preset::GENERIC,
    };
    fields::check_name(name, sheet);
    let known = preset.text();
    let host = fields::host(name, text, preset, sheet);
    let (tls, port) = fields::tls_and_port(text, preset, host.as_deref(), sheet);
    let user = sheet.take(text.user.as_ref(), |user| fields::user(user));
    let password = fields::password(text, sheet);
    let token = login::token(text, sheet);
    let auth = login::auth(text, sheet);
    let count = |typed: &Option<Spanned<u32>>, known: &Option<Spanned<u32>>, default, sheet: &mut Sheet| {
        let typed = typed.as_ref().or(known.as_ref());
        sheet.take(typed, |number| fields::at_least_one(*number)).unwrap_or(default)
    };
    let quotas = match &text.quotas {
        Some(quotas) => quotas.iter().filter_map(|quota| fields::quota(quota, sheet)).collect(),
        None => fields::known_quotas(known),
    };
    let reserve = text.reserve.as_ref().or(known.reserve.as_ref()).map_or(0, |reserve| *reserve.get_ref());
    fields::check_reserve(text, &quotas, reserve, sheet);
    let sandbox = fields::sandbox(text, preset, sheet);
    Some(Relay {
        name: RelayName::new(name.get_ref()),
        preset,
        host: host?,
        port,
        tls,
        user,
        password,
        token,
        auth,
        sessions: count(&text.sessions, &known.sessions, fields::SESSIONS, sheet),
        messages_per_session: count(
            &text.messages_per_session,
            &known.messages_per_session,
            fields::MESSAGES_PER_SESSION,
            sheet,
        ),
        session_age: fields::session_age(text, known, sheet),
        window: fields::window(text, known, sheet),
        rate: sheet.take(text.rate.as_ref().or(known.rate.as_ref()), |rate| super::terms::rate(rate)),
        recipients_per_message: count(
            &text.recipients_per_message,
            &known.recipients_per_message,
            fields::RECIPIENTS_PER_MESSAGE,
            sheet,
        ),
        max_size: sheet.take(text.max_size.as_ref().or(known.max_size.as_ref()), |size| fields::size(size)),
        weight: count(&text.weight, &known.weight, 1, sheet),
        quotas,
        reserve,
        warmup: limits::warmup(text.warmup.as_ref(), sheet),
        domains: limits::domains(&text.domains, sheet),
        counts_refused: text.counts_refused.or(known.counts_refused).unwrap_or(true),
        sign: signing::signing(text, known),
        verp: text.verp.or(known.verp).unwrap_or(true),
        helo: sheet.take(text.helo.as_ref(), |helo| fields::host_name(helo)),
        tls_ca: text.tls_ca.as_ref().map(|file| root.join(file.get_ref())),
        insecure: fields::insecure(text, sheet),
        guesses: fields::guesses(text, preset),
        no_quota: preset.no_quota().filter(|_| text.quotas.is_none()),
        sandbox,
        place: Some(sheet.place(name.span())),
    })
}

#[cfg(test)]
mod tests;
