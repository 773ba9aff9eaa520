//! What differs from one message to the next, rendered and not yet encoded.

use std::sync::PoisonError;

use crate::mail::{Mode, Recipient};

use super::body::Body;
use super::composer::Composer;
use super::error::{RowFault, Unsound};
use super::headers;
use super::names::Row;
use super::tail::OwnFile;
use super::template::{Stop, Template, View};
use super::token::{self, RecipientTag};
use super::unsubscribe::{self, WaysOut};

/// Octets of messages whose memory is kept: hardly any is larger, and one that is shall not cost for ever.
const KEPT: usize = 256 << 10;

/// Everything of a message that differs from one to the next, before it is encoded.
#[derive(Debug)]
pub(super) struct Rendered {
    /// Which of the wordings it is.
    pub(super) wording: usize,
    /// The display name in To; empty: none.
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) ways_out: WaysOut,
    /// The values of the campaign's own fields, in the order of their names.
    pub(super) headers: Vec<String>,
    pub(super) text: Option<Body>,
    pub(super) html: Option<Body>,
    /// The recipient's own files.
    pub(super) files: Vec<OwnFile>,
}

/// Memory for a message: what was in it does not matter.
#[derive(Debug, Default)]
pub(super) struct Blank {
    text: Body,
    html: Body,
    pub(super) octets: Vec<u8>,
}

impl Composer {
    /// Renders all templates for `recipient`, the bodies in the memory of `blank`.
    pub(super) fn render(&self, recipient: &Recipient, blank: &mut Blank) -> Result<Rendered, RowFault> {
        let wording = self.content.wording_of(recipient);
        let personal;
        let token = match self.content.mode {
            Mode::Personal => {
                let tag = RecipientTag::new(&self.keys, &recipient.address);
                personal = token::sign(&self.keys, self.campaign, Some(tag));
                personal.as_str()
            }
            Mode::Grouped => self.common_token.as_str(),
        };
        let fail = |what: &str, template: &Template, stop: Stop| self.fault(recipient, what, template, stop);
        let link = match &self.parts.link {
            Some(template) => {
                let row = Row { recipient, token, unsubscribe_url: "" };
                let view = View::new(&self.engine, row, &self.link_needs, wording);
                let link = template
                    .text(&self.engine, &view)
                    .and_then(|link| unsubscribe::link(link).map_err(|unsound| template.stop(unsound)));
                Some(link.map_err(|stop| fail("unsubscribe", template, stop))?)
            }
            None => None,
        };
        let ways_out = WaysOut::new(link, self.whose, self.mailto.as_deref(), token);
        let row = Row { recipient, token, unsubscribe_url: ways_out.url() };
        let view = View::new(&self.engine, row, &self.needs, wording);
        let header = |what: &str, template: &Template| {
            let value = template.text(&self.engine, &view).map_err(|stop| fail(what, template, stop))?;
            Ok(headers::cleaned(value))
        };
        let body = |what: &str, template: Option<&Template>, old: &mut Body| {
            template.map(|template| {
                let body = template.body(&self.engine, &view, std::mem::take(old)).and_then(|body| {
                    let made = what == "text" && self.after.get(wording).is_some_and(|after| after.made);
                    let empty = !made && body.text().trim_start().is_empty();
                    if empty { Err(template.stop(Unsound::Empty)) } else { Ok(body) }
                });
                body.map_err(|stop| fail(what, template, stop))
            })
        };
        let letter = &self.parts.letters[wording];
        let subject = header("subject", letter.subject())?;
        let name = self.parts.name.as_ref().map(|template| header("name", template)).transpose()?;
        let own = self.parts.headers.iter().map(|(name, template)| header(name, template));
        let mut rendered = Rendered {
            wording,
            subject,
            name: name.unwrap_or_default(),
            headers: own.collect::<Result<_, RowFault>>()?,
            text: body("text", letter.text.as_ref(), &mut blank.text).transpose()?,
            html: body("html", letter.html.as_ref(), &mut blank.html).transpose()?,
            files: self.own_files(recipient, &view)?,
            ways_out,
        };
        self.finish(recipient, &mut rendered)?;
        if rendered.subject.is_empty() {
            return Err(fail("subject", letter.subject(), letter.subject().stop(Unsound::Empty)));
        }
        Ok(rendered)
    }

    /// The memory of an earlier message, or none yet.
    pub(super) fn blank(&self) -> Blank {
        self.blanks.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps the memory of what was rendered, and of `octets`, for the next message.
    pub(super) fn take_back(&self, rendered: Rendered, octets: Vec<u8>) {
        let Rendered { text, html, .. } = rendered;
        let blank = Blank { text: text.unwrap_or_default(), html: html.unwrap_or_default(), octets };
        if blank.text.text().len() + blank.html.text().len() + blank.octets.len() > KEPT {
            return;
        }
        self.blanks.lock().unwrap_or_else(PoisonError::into_inner).push(blank);
    }
}
