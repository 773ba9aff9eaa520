//! What a plan freezes, and whom it left out.
//!
//! A plan is a campaign as it stood when it was planned: everything that decides the octets of a message
//! ([`Content`]), and the recipients. Its id is a hash over both. What only decides when and through
//! which relay a message leaves is not frozen.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::address::{Address, Mailbox};
use super::wording::{Front, Variant, Wording};

/// The id of a plan: a hash over its content and its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanId(pub [u8; 16]);

impl PlanId {
    /// Reads the 32 hexadecimal digits that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (index, octet) in octets.iter_mut().enumerate() {
            *octet = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(octets))
    }

    /// The first twelve digits: enough for people.
    pub fn short(self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(formatter, "{octet:02x}"))
    }
}

/// Whether each recipient gets a message of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One recipient a message, named in To.
    #[default]
    Personal,
    /// Recipients whose rendered message is equal share a transaction; none of them is named in it.
    Grouped,
}

/// A template or setting, and where it stands, so that a fault in it can be pointed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file, relative to the workspace.
    pub file: String,
    /// The whole text of that file, or of the setting alone where it is written with escapes.
    pub document: Arc<str>,
    /// Where in the document the template stands, in octets.
    pub span: Range<usize>,
}

impl Source {
    /// A file that is a template from beginning to end.
    pub fn file(file: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        let document = text.into();
        Self { file: file.into(), span: 0..document.len(), document }
    }

    /// The template itself.
    pub fn text(&self) -> &str {
        &self.document[self.span.clone()]
    }
}

/// How people leave the list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// A template that gives the HTTPS address of one-click unsubscription (RFC 8058); `{{token}}` names
    /// campaign and recipient and cannot be forged.
    pub url: Option<Source>,
    /// The address that takes unsubscriptions by mail.
    pub mailto: Option<Address>,
}

/// A file that goes with every message, or one for each recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// A template of its path beneath the campaign's folder.
    pub file: Source,
    /// A template of the name under which it arrives; none: the last part of the path.
    pub name: Option<Source>,
    /// Its media type, such as `application/pdf` (RFC 2046); none: what the ending of the path says.
    pub kind: Option<String>,
    /// A hash over its octets as they were planned; none where each recipient has a file of their own.
    pub hash: Option<[u8; 32]>,
}

impl Attachment {
    /// Whether file or name differ from one recipient to the next.
    pub fn is_personal(&self) -> bool {
        [Some(&self.file), self.name.as_ref()]
            .into_iter()
            .flatten()
            .any(|source| source.text().contains("{{"))
    }
}

/// A picture that the HTML body shows and the message brings along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What `src` says in the template.
    pub src: String,
    /// The file of the template that says so, relative to the workspace.
    pub template: String,
    /// The file, relative to the workspace.
    pub file: String,
    /// Its media type, such as `image/png`.
    pub kind: String,
    /// A hash over its octets as they were planned.
    pub hash: [u8; 32],
}

/// What is made of an HTML body beside what its template says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Making {
    /// Whether the rules of its stylesheets are written into the elements that they match.
    pub inline_css: bool,
    /// Whether a text body is made of it where the campaign has none.
    pub text: bool,
    /// Stylesheets that it links to, by what `href` says.
    pub sheets: BTreeMap<String, Source>,
}

/// Everything that decides the octets of a campaign's messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The campaign's name: that of its folder.
    pub campaign: String,
    /// 1, and one more for each `send --again`.
    pub edition: u32,
    /// Whether each recipient gets a message of their own.
    pub mode: Mode,
    /// Who writes.
    pub from: Mailbox,
    /// Where answers go, if not to From.
    pub reply_to: Option<Mailbox>,
    /// Where bounces go.
    pub reverse_path: Address,
    /// The Subject.
    pub subject: Source,
    /// The text body; at least one of the two bodies is there.
    pub text: Option<Source>,
    /// The HTML body.
    pub html: Option<Source>,
    /// Partials by the name that `{{> name}}` uses.
    pub partials: BTreeMap<String, Source>,
    /// More header fields: name and template of the value.
    pub headers: BTreeMap<String, Source>,
    /// List-Id (RFC 2919), without angle brackets.
    pub list_id: Option<String>,
    /// The columns of the list, in its order.
    pub columns: Vec<String>,
    /// Which column holds the address.
    pub email_column: usize,
    /// A template of the display name in To; none: no name.
    pub name: Option<Source>,
    /// What To shows in grouped mode; none: `undisclosed-recipients:;`.
    pub to: Option<Mailbox>,
    /// What stands for an empty cell, by column.
    pub defaults: BTreeMap<String, String>,
    /// The separator of columns whose cells hold a list, by column.
    pub split: BTreeMap<String, String>,
    /// How people leave the list.
    pub unsubscribe: Unsubscribe,
    /// Whether bodies may be sent as 8bit, for relays of one's own that announce 8BITMIME.
    pub eight_bit: bool,
    /// Subject and bodies of other variants and languages; those above are the first wording.
    #[serde(default)]
    pub wordings: Vec<Wording>,
    /// The variants that are compared, two at least; empty: everybody gets the same.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// Which column says in which language to write; none: there is one language.
    #[serde(default)]
    pub language_column: Option<usize>,
    /// The files that go with messages, in their order.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// The pictures that the HTML body brings along, in the order in which they are first shown.
    #[serde(default)]
    pub images: Vec<Image>,
    /// The language of the messages (RFC 5646), as Content-Language says it; none: nothing is said.
    #[serde(default)]
    pub language: Option<String>,
    /// What is made of the HTML body.
    #[serde(default)]
    pub making: Making,
    /// The column by which several rows become one message, with `rows` in its templates; none: each row is
    /// a message of its own.
    #[serde(default)]
    pub group_by: Option<String>,
    /// Whether each batch has a reverse-path of its own, made of `reverse_path` and a tag.
    #[serde(default)]
    pub verp: bool,
    /// The language of dates, numbers and money, as a tag like de-AT; none: that of the messages, or else en.
    #[serde(default)]
    pub locale: Option<String>,
    /// The zone of dates, by its IANA name; none: UTC.
    #[serde(default)]
    pub zone: Option<String>,
    /// What the data file holds, a table: the same for all recipients, as `{{data.name}}`.
    #[serde(default)]
    pub data: Option<serde_json::Value>,
    /// What the front matter of bodies says, by their files.
    #[serde(default)]
    pub fronts: BTreeMap<String, Front>,
}

impl Content {
    /// The personal mail of a campaign, with nothing in it but who writes and a Subject: no body yet, no way out
    /// but From, and what nothing was said of as it is then. The first of `columns` holds the address.
    pub fn new(
        campaign: impl Into<String>,
        from: Mailbox,
        subject: Source,
        columns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            campaign: campaign.into(),
            edition: 1,
            mode: Mode::Personal,
            reverse_path: from.address.clone(),
            from,
            reply_to: None,
            subject,
            text: None,
            html: None,
            partials: BTreeMap::new(),
            headers: BTreeMap::new(),
            list_id: None,
            columns: columns.into_iter().map(Into::into).collect(),
            email_column: 0,
            name: None,
            to: None,
            defaults: BTreeMap::new(),
            split: BTreeMap::new(),
            unsubscribe: Unsubscribe::default(),
            eight_bit: false,
            wordings: Vec::new(),
            variants: Vec::new(),
            language_column: None,
            attachments: Vec::new(),
            images: Vec::new(),
            language: None,
            making: Making::default(),
            group_by: None,
            verp: false,
            locale: None,
            zone: None,
            data: None,
            fronts: BTreeMap::new(),
        }
    }
}

/// Why a row of the list is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The address stands in an earlier row.
    Duplicate,
    /// The address, the number of cells or the rendering is wrong.
    Invalid,
    /// The campaign's `where` leaves the row out.
    Filtered,
    /// The address is on the suppression list.
    Suppressed,
    /// The campaign wrote to the address before.
    Already,
}

/// How many rows were left out of a plan, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Excluded {
    /// The address stands in an earlier row.
    pub duplicate: u64,
    /// The address, the number of cells or the rendering is wrong.
    pub invalid: u64,
    /// The campaign's `where` leaves the row out.
    pub filtered: u64,
    /// The address is on the suppression list.
    pub suppressed: u64,
    /// The campaign wrote to the address before.
    pub already: u64,
}

impl Excluded {
    /// Counts one more row left out.
    pub fn add(&mut self, reason: Reason) {
        *match reason {
            Reason::Duplicate => &mut self.duplicate,
            Reason::Invalid => &mut self.invalid,
            Reason::Filtered => &mut self.filtered,
            Reason::Suppressed => &mut self.suppressed,
            Reason::Already => &mut self.already,
        } += 1;
    }

    /// The rows left out for `reason`.
    pub fn count(&self, reason: Reason) -> u64 {
        match reason {
            Reason::Duplicate => self.duplicate,
            Reason::Invalid => self.invalid,
            Reason::Filtered => self.filtered,
            Reason::Suppressed => self.suppressed,
            Reason::Already => self.already,
        }
    }

    /// All rows left out.
    pub fn total(&self) -> u64 {
        self.duplicate + self.invalid + self.filtered + self.suppressed + self.already
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_id_is_read_back_from_what_it_shows() {
        let id = PlanId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(PlanId::parse(&id.to_string()), Some(id));
        assert_eq!(PlanId::parse("xyz"), None);
        assert_eq!(id.short(), "000102030405");
    }
}
