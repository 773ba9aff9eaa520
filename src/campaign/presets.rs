//! What is known of providers: hosts, ports and limits, each with its source.
//!
//! The numbers are data (`presets.toml`) in the words of `relays.toml` itself; a relay overrides each of
//! them by naming the key. A preset also tells which provider's replies are to be expected.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::mail::nearest;

use super::relays::RelayText;
use super::sheet::Wrong;

/// The data, part of the program.
const DATA: &str = include_str!("presets.toml");

/// The kind of relay, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Preset {
    /// Nothing is known but what the operator says.
    Generic,
    /// The built-in server, in process.
    Sandbox,
    /// A Postfix of one's own.
    Postfix,
    /// A Gmail account without a domain of its own.
    Gmail,
    /// A Google Workspace account, through its mailbox.
    Workspace,
    /// Amazon SES.
    Ses,
}

impl Preset {
    /// Every preset that can be named in `relays.toml`.
    pub const ALL: [Self; 5] = [Self::Sandbox, Self::Postfix, Self::Gmail, Self::Workspace, Self::Ses];

    /// The name in `relays.toml`; `generic` where none is named.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Sandbox => "sandbox",
            Self::Postfix => "postfix",
            Self::Gmail => "gmail",
            Self::Workspace => "workspace",
            Self::Ses => "ses",
        }
    }

    pub(super) fn named(text: &str) -> Result<Self, Wrong> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let wrong = Wrong::new(format!("there is no preset {text:?}"));
            match nearest(text, names) {
                Some(near) => wrong.hint(format!("did you mean {near:?}?")),
                None => wrong
                    .hint(format!("the presets are {}; leave it out for any other host", names.join(", "))),
            }
        })
    }

    /// Google, by either kind of account.
    pub fn is_google(self) -> bool {
        matches!(self, Self::Gmail | Self::Workspace)
    }

    /// What is known, in the words of `relays.toml`.
    pub(super) fn text(self) -> RelayText {
        data().remove(self.name()).unwrap_or_default().relay
    }

    /// Where the numbers come from, one line each; nothing for [`Preset::Generic`].
    pub fn sources(self) -> Vec<String> {
        let sources = data().remove(self.name()).unwrap_or_default().sources;
        sources.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PresetText {
    relay: RelayText,
    sources: Vec<SourceText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceText {
    what: String,
    words: String,
    as_of: String,
    confidence: String,
}

impl fmt::Display for SourceText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, words, as_of, confidence } = self;
        write!(formatter, "{what}: {words} ({as_of}, {confidence})")
    }
}

fn data() -> BTreeMap<String, PresetText> {
    toml::from_str(DATA).expect("the presets are read by a test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_data_and_every_number_a_source() {
        let data = data();
        let mut names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
        names.sort_unstable();
        assert_eq!(data.keys().collect::<Vec<_>>(), names);
        for preset in Preset::ALL {
            let sources = preset.sources();
            assert!(!sources.is_empty(), "{preset}");
            let told = |what: &str| sources.iter().any(|source| source.starts_with(what));
            let text = preset.text();
            assert!(text.quotas.is_none() || told("quotas"), "{preset}");
            assert!(text.recipients_per_message.is_none() || told("recipients_per_message"), "{preset}");
        }
        for text in data.values().flat_map(|preset| &preset.sources) {
            assert!(["H", "M", "L"].contains(&text.confidence.as_str()), "{text}");
        }
    }
}
