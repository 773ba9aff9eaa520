//! What `campaign.toml` says: the text as it was typed, each part with its place.
//!
//! Nothing is judged here but the keys and the kinds of value; what the words mean is found in
//! `meanings.rs`. An empty file is a value of these types, so a missing key is the reader's to judge.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// A string and where it stands.
pub(super) type Text = Spanned<String>;

/// Keys of a campaign whose feature belongs to a later version.
pub(super) const LATER: &[&str] = &["ab", "winner", "tracking"];

/// The whole of `campaign.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CampaignText {
    pub(super) subject: Option<Text>,
    pub(super) from: Option<Text>,
    pub(super) reply_to: Option<Text>,
    pub(super) bounce: Option<Text>,
    pub(super) to: Option<Text>,
    pub(super) template: Option<Text>,
    pub(super) relays: Option<Spanned<Vec<Text>>>,
    pub(super) zone: Option<Text>,
    pub(super) locale: Option<Text>,
    pub(super) headers: BTreeMap<Text, Text>,
    pub(super) list_id: Option<Text>,
    pub(super) feedback_id: Option<Text>,
    pub(super) auto_submitted: Option<Text>,
    pub(super) precedence: Option<Text>,
    pub(super) verp: Option<bool>,
    pub(super) list: ListText,
    pub(super) defaults: BTreeMap<Text, Text>,
    pub(super) send: SendText,
    pub(super) unsubscribe: UnsubscribeText,
    pub(super) subjects: BTreeMap<Text, Text>,
    pub(super) variants: Vec<Spanned<VariantText>>,
    pub(super) attachments: Vec<Spanned<AttachmentText>>,
    pub(super) language: Option<Text>,
    pub(super) html: HtmlText,
}

/// `[html]`: what is made of the HTML bodies.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HtmlText {
    pub(super) inline_css: Option<bool>,
    pub(super) embed: Option<bool>,
    pub(super) text: Option<bool>,
}

/// One `[[variants]]`: what is compared with the others.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VariantText {
    pub(super) name: Option<Text>,
    pub(super) share: Option<Spanned<u32>>,
    pub(super) subject: Option<Text>,
    pub(super) subjects: BTreeMap<Text, Text>,
    pub(super) template: Option<Text>,
}

/// `[[attachments]]`: one file that goes with messages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AttachmentText {
    pub(super) file: Option<Text>,
    pub(super) name: Option<Text>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Text>,
}

/// `[list]`: where the recipients are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListText {
    pub(super) file: Option<Text>,
    pub(super) encoding: Option<Text>,
    pub(super) delimiter: Option<Text>,
    pub(super) email: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) split: BTreeMap<Text, Text>,
    pub(super) language: Option<Text>,
    pub(super) group_by: Option<Text>,
    #[serde(rename = "where")]
    pub(super) filter: Option<Text>,
}

/// `[send]`: when, how often and how.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SendText {
    pub(super) mode: Option<Text>,
    pub(super) start: Option<Text>,
    pub(super) window: Option<Spanned<WindowText>>,
    pub(super) stop_if: StopIfText,
    pub(super) retry: RetryText,
    pub(super) max_uncertain: Option<Spanned<u64>>,
    pub(super) eight_bit: Option<bool>,
    pub(super) split_by_domain: Option<Spanned<bool>>,
    pub(super) dsn: Option<Spanned<DsnText>>,
}

/// `dsn = { notify, ret }`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DsnText {
    pub(super) notify: Option<Spanned<Words>>,
    pub(super) ret: Option<Text>,
}

/// `window = { days, from, to }`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WindowText {
    pub(super) days: Option<Spanned<Words>>,
    pub(super) from: Option<Text>,
    pub(super) to: Option<Text>,
}

/// `stop_if = { rejected, after }`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StopIfText {
    pub(super) rejected: Option<Text>,
    pub(super) after: Option<u64>,
}

/// `retry = { first, factor, max, give_up }`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetryText {
    pub(super) first: Option<Text>,
    pub(super) factor: Option<Spanned<f64>>,
    pub(super) max: Option<Text>,
    pub(super) give_up: Option<Text>,
}

/// `[unsubscribe]`: how people leave the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UnsubscribeText {
    pub(super) url: Option<Text>,
    pub(super) mailto: Option<Text>,
}

/// One string or a list of them.
#[derive(Debug, Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsVisitor;

        impl<'de> Visitor<'de> for WordsVisitor {
            type Value = Words;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, word: &str) -> Result<Words, E> {
                Ok(Words(vec![word.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = sequence.next_element()? {
                    words.push(word);
                }
                Ok(Words(words))
            }
        }

        deserializer.deserialize_any(WordsVisitor)
    }
}
