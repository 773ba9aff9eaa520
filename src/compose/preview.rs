//! A message to be looked at before it is sent.

use bytes::Bytes;

use crate::mail::{Content, Digest, Mailbox, Mode, Recipient};

use super::body::Body;
use super::rendered::Rendered;
use super::tail;

/// What one recipient would get: the very octets, but for Date and Message-ID, which are set when the
/// message is sent, and the same in readable form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The message, with [`Preview::DATE`] and [`Preview::MESSAGE_ID`] in place of its own.
    pub octets: Bytes,
    /// The fields in their order, decoded and unfolded; Date and Message-ID say [`Preview::LATER`].
    pub headers: Vec<(String, String)>,
    /// The text body, its lines ended by LF.
    pub text: Option<String>,
    /// The HTML body, its lines ended by LF.
    pub html: Option<String>,
    /// The digest that the message will have when it is sent.
    pub digest: Digest,
    /// Name and type of each attachment, in their order.
    pub attachments: Vec<(String, String)>,
}

impl Preview {
    /// Stands for the Date.
    pub const DATE: &'static str = "Thu, 1 Jan 1970 00:00:00 +0000";
    /// Stands for the Message-ID.
    pub const MESSAGE_ID: &'static str = "<set-when-sent@mailrun.invalid>";
    /// What the readable headers say of both.
    pub const LATER: &'static str = "set when sent";

    pub(super) fn new(
        content: &Content,
        recipient: &Recipient,
        rendered: Rendered,
        octets: Bytes,
        digest: Digest,
    ) -> Self {
        let Rendered { wording: _, name, subject, ways_out, headers: own, text, html, files } = rendered;
        let to = match (content.mode, &content.to) {
            (Mode::Personal, _) => Mailbox { name, address: recipient.address.clone() }.to_string(),
            (Mode::Grouped, Some(to)) => to.to_string(),
            (Mode::Grouped, None) => "undisclosed-recipients:;".to_owned(),
        };
        let mut headers = Vec::new();
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        add("Date", Self::LATER.to_owned());
        add("Message-ID", Self::LATER.to_owned());
        add("From", content.from.to_string());
        if let Some(reply_to) = &content.reply_to {
            add("Reply-To", reply_to.to_string());
        }
        add("To", to);
        add("Subject", subject);
        if let Some(id) = &content.list_id {
            add("List-Id", format!("<{id}>"));
        }
        add("List-Unsubscribe", ways_out.value());
        if ways_out.is_one_click() {
            add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned());
        }
        for (name, value) in content.headers.keys().zip(own).filter(|(_, value)| !value.is_empty()) {
            add(name, value);
        }
        let readable = |body: Body| body.text().replace("\r\n", "\n");
        let attachments = tail::listed(content, &files);
        Self { octets, headers, text: text.map(readable), html: html.map(readable), digest, attachments }
    }
}
