//! What is known of providers: hosts, ports and limits, each with its source.
//!
//! The facts are data (`presets.toml`, part of the program) in the words of `relays.toml` itself; a relay
//! overrides each of them by naming the key. A [`Preset`] is a name in that file, and answers what is asked
//! of it from there. Which limits of a relay are guesses is told by [`Relay::guesses`](super::Relay::guesses).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::mail::nearest;

use super::relays::RelayText;
use super::sheet::Wrong;

/// The file.
const DATA: &str = include_str!("presets.toml");

/// The file as it was read; it never changes.
static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let read = toml::from_str(DATA).expect("the presets are read by a test");
    let values = toml::from_str(DATA).expect("the presets are read by a test");
    Known::new(read, values)
});

/// The kind of relay, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Preset(&'static str);

impl Preset {
    /// Nothing is known but what the operator says.
    pub const GENERIC: Self = Self("generic");
    /// The built-in server, in process.
    pub const SANDBOX: Self = Self("sandbox");

    /// Every preset that can be named in `relays.toml`, in the order in which people are shown them.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.presets.iter().map(|facts| Self(facts.text.name.as_str()))
    }

    /// The name in `relays.toml`; `generic` where none is named.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The preset of that name.
    pub(super) fn named(text: &str) -> Result<Self, Wrong> {
        Self::all().find(|preset| preset.name() == text).ok_or_else(|| {
            let wrong = Wrong::new(format!("there is no preset {text:?}"));
            if let Some(near) = nearest(text, Self::all().map(Self::name)) {
                return wrong.hint(format!("did you mean {near:?}?"));
            }
            let names = Self::all().map(Self::name).collect::<Vec<_>>().join(", ");
            wrong.hint(format!("the presets are {names}; leave it out for any other host"))
        })
    }

    /// The built-in server, in process.
    pub fn is_sandbox(self) -> bool {
        self == Self::SANDBOX
    }

    /// Google, by either kind of mailbox: it writes the login over From.
    pub fn is_google(self) -> bool {
        ["gmail", "workspace"].contains(&self.0)
    }

    /// Whose server it is, in a few words; empty for [`Preset::GENERIC`].
    pub fn about(self) -> &'static str {
        &self.facts().text.about
    }

    /// What kind of account it is.
    pub fn kind(self) -> PresetKind {
        self.facts().text.kind
    }

    /// What it takes to log in, for whoever was refused: a clause without a full stop.
    pub fn login_hint(self) -> Option<&'static str> {
        self.facts().text.login.as_deref()
    }

    /// What else an operator should know: a clause without a full stop.
    pub fn note(self) -> Option<&'static str> {
        self.facts().text.note.as_deref()
    }

    /// What a host looks like where each account or region has its own, so that `host` must be set.
    pub fn host_example(self) -> Option<&'static str> {
        self.facts().text.host_example.as_deref()
    }

    /// Why the preset has no quota, though the provider will not take mail without end.
    pub fn no_quota(self) -> Option<&'static NoQuota> {
        self.facts().text.no_quota.as_ref()
    }

    /// The domain that an SPF record includes to let the provider send; none where that is not known, or
    /// nobody may send through it in a domain of their own.
    pub fn spf(self) -> Option<&'static str> {
        self.facts().text.spf.as_deref()
    }

    /// Whether the provider is known not to announce SMTPUTF8 (RFC 6531): it takes no address with letters
    /// beyond ASCII before the @.
    pub fn lacks_smtputf8(self) -> bool {
        self.facts().text.smtputf8 == Some(false)
    }

    /// Where its values come from, in the order of the file; some say why a key is not set.
    pub fn sources(self) -> &'static [FactSource] {
        &self.facts().text.sources
    }

    /// Where the value of a key of `relays.toml` comes from.
    pub fn source_of(self, key: &str) -> Option<&'static FactSource> {
        self.sources().iter().find(|source| source.of.iter().any(|of| of == key))
    }

    /// The value of a key in the words of `relays.toml`: `"2/s"`, `587`. None where the preset sets none.
    pub fn value_of(self, key: &str) -> Option<&'static str> {
        self.facts().values.get(key).and_then(|value| DATA.get(value.span()))
    }

    /// Every key that the preset sets, and its value.
    pub fn values(self) -> impl Iterator<Item = (&'static str, &'static toml::Value)> {
        self.facts().values.iter().map(|(key, value)| (key.as_str(), value.get_ref()))
    }

    /// Whether the preset sets a key to what is only guessed.
    pub fn is_guess(self, key: &str) -> bool {
        let is_low = |source: &FactSource| source.confidence == Confidence::Low;
        self.value_of(key).is_some() && self.source_of(key).is_some_and(is_low)
    }

    /// What is known, in the words of `relays.toml`.
    pub(super) fn text(self) -> &'static RelayText {
        &self.facts().text.relay
    }

    fn facts(self) -> &'static Facts {
        KNOWN.presets.iter().find(|facts| facts.text.name == self.0).unwrap_or(&KNOWN.nothing)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What kind of account a preset is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PresetKind {
    /// One that a person also writes from by hand.
    Mailbox,
    /// One that is made for programs.
    Service,
    /// A server of the operator's own.
    #[default]
    Own,
}

/// How far a value is to be trusted; the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Confidence {
    /// A guess: general knowledge, or one outside report.
    #[serde(rename = "L")]
    Low,
    /// The provider's words quoted by others, an older page, or several who agree.
    #[serde(rename = "M")]
    Medium,
    /// Read in the provider's own words, or a choice of mailrun's own.
    #[serde(rename = "H")]
    High,
}

impl fmt::Display for Confidence {
    /// The letter of the file: `H`, `M` or `L`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::High => "H",
            Self::Medium => "M",
            Self::Low => "L",
        })
    }
}

/// Where values come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FactSource {
    /// The keys of `relays.toml` that it speaks of; never empty.
    pub of: Vec<String>,
    /// Whose words, and what they say.
    pub words: String,
    /// The month they were seen: `2026-11`.
    pub as_of: String,
    /// How far they are to be trusted.
    pub confidence: Confidence,
}

/// Why a preset has no quota.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuota {
    /// For a cell of a table: `quota by plan`.
    pub short: String,
    /// A clause without a full stop.
    pub words: String,
}

/// The whole file, with what is known of a relay without a preset.
#[derive(Debug)]
struct Known {
    presets: Vec<Facts>,
    nothing: Facts,
}

/// All that is known of one preset.
#[derive(Debug, Default)]
struct Facts {
    text: PresetText,
    values: BTreeMap<String, Spanned<toml::Value>>,
}

impl Known {
    /// The file read twice: once for what its values mean, once for how they are written.
    fn new(read: FileText<PresetText>, values: FileText<ValuesText>) -> Self {
        let facts = |(text, values): (PresetText, ValuesText)| Facts { text, values: values.relay };
        let presets = read.presets.into_iter().zip(values.presets).map(facts).collect();
        Self { presets, nothing: Facts::default() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText<T> {
    presets: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PresetText {
    name: String,
    about: String,
    kind: PresetKind,
    login: Option<String>,
    note: Option<String>,
    host_example: Option<String>,
    spf: Option<String>,
    smtputf8: Option<bool>,
    no_quota: Option<NoQuota>,
    relay: RelayText,
    sources: Vec<FactSource>,
}

#[derive(Debug, Deserialize)]
struct ValuesText {
    relay: BTreeMap<String, Spanned<toml::Value>>,
}

#[cfg(test)]
mod tests;
