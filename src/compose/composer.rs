//! From a plan's content and a recipient to the octets of a message.
//!
//! A [`Composer`] is made once a run and shared by all sessions; it keeps what is the same in every
//! message and renders the rest. It must not be asked what time it is: Date is given to it, as the same
//! batch must give the same octets at every attempt.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::mail::{Batch, BatchId, Content, Digest, Envelope, Fault, Message, Mode, PlanId, Recipient};

use super::error::{RowFault, Unsound};
use super::headers;
use super::lint::{Partials, Role, Survey};
use super::mime::{self, Transport};
use super::names::{Names, Row};
use super::preview::Preview;
use super::template::{Engine, LARGEST, Stop, Template, View};
use super::token::{self, CampaignTag, Keys, RecipientTag};
use super::unsubscribe::{self, WaysOut, Whose};
use super::walk::Language;

/// What To says where no recipient may be named (RFC 5322, 3.4, a group without members).
const UNDISCLOSED: &str = "undisclosed-recipients:;";

/// Composes the messages of one plan.
pub struct Composer {
    content: Arc<Content>,
    keys: Keys,
    campaign: CampaignTag,
    plan: PlanId,
    engine: Engine,
    parts: Parts,
    /// All values that the templates ask for.
    used: BTreeSet<usize>,
    /// Those that the templates other than the link's ask handlebars for.
    needs: BTreeSet<usize>,
    /// Those that the link's template asks handlebars for.
    link_needs: BTreeSet<usize>,
    /// Whom the link names.
    whose: Whose,
    /// From and Reply-To, as they stand in every message.
    skeleton: Vec<u8>,
    boundary: String,
    /// Grouped mode: the token that all messages share.
    common_token: String,
}

/// The templates of a message, compiled.
#[derive(Default)]
struct Parts {
    subject: Option<Template>,
    text: Option<Template>,
    html: Option<Template>,
    headers: Vec<(String, Template)>,
    name: Option<Template>,
    link: Option<Template>,
}

/// Everything of a message that differs from one to the next, before it is encoded.
#[derive(Debug)]
pub(super) struct Rendered {
    /// The display name in To; empty: none.
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) ways_out: WaysOut,
    /// Name and value of the campaign's own fields.
    pub(super) headers: Vec<(String, String)>,
    /// The bodies with canonical lines.
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
}

/// What is set when a message is sent.
struct Stamp<'a> {
    date: &'a str,
    id: &'a str,
}

/// Stands for what is set when a message is sent.
const MARKER: Stamp<'static> = Stamp { date: Preview::DATE, id: Preview::MESSAGE_ID };

impl Composer {
    /// Compiles the templates of `content`, which `plan` froze.
    ///
    /// # Errors
    /// What [`lint`](super::lint::lint) found, if an error is among it: nothing is rendered from such
    /// templates.
    pub fn new(content: Arc<Content>, keys: &Keys, plan: PlanId) -> Result<Self, Vec<Fault>> {
        let names = Names::new(&content);
        let partials = Partials::new(&content);
        let survey = Survey::new(&content, &names, &partials);
        if survey.has_errors() {
            return Err(survey.faults);
        }
        let mut parts = Parts::default();
        for part in survey.parts {
            let language = if part.role == Role::Html { Language::Html } else { Language::Plain };
            let template = Template::new(part.parsed, part.used, language, &names);
            match part.role {
                Role::Subject => parts.subject = Some(template),
                Role::Text => parts.text = Some(template),
                Role::Html => parts.html = Some(template),
                Role::Header(name) => parts.headers.push((name.to_owned(), template)),
                // A grouped message names nobody.
                Role::Name => parts.name = (content.mode == Mode::Personal).then_some(template),
                Role::UnsubscribeUrl => parts.link = Some(template),
            }
        }
        drop(partials);
        let campaign = CampaignTag::new(keys, &content.campaign, content.edition);
        let of_link =
            parts.link.iter().flat_map(|link| link.used.iter().map(|number| names.value(*number).1));
        let whose = Whose::of(content.mode, of_link);
        Ok(Self {
            engine: Engine::new(&content, names),
            needs: parts.body().flat_map(Template::needs).collect(),
            used: parts.all().flat_map(|template| template.used.iter().copied()).collect(),
            link_needs: parts.link.iter().flat_map(Template::needs).collect(),
            parts,
            whose,
            skeleton: headers::skeleton(&content)?,
            boundary: token::boundary(keys, campaign),
            common_token: token::sign(keys, campaign, None),
            keys: keys.clone(),
            campaign,
            plan,
            content,
        })
    }

    /// Composes the message of `batch`, whose recipients are `recipients` in the same order, never none.
    /// In personal mode there is one; in grouped mode all have the variant of the first.
    ///
    /// The message bears the batch's own date; `date` is its date if it has none yet.
    ///
    /// # Errors
    /// Why the row of the first recipient gives no message.
    pub fn compose(
        &self,
        batch: &Batch,
        recipients: &[Recipient],
        date: Timestamp,
    ) -> Result<Message, RowFault> {
        let first = recipients.first().expect("a batch has recipients");
        let rendered = self.render(first)?;
        let date = headers::date(batch.date.unwrap_or(date));
        let stamp = Stamp { date: &date, id: &self.message_id(&batch.id) };
        let (octets, digest) = self.assemble(first, &rendered, &stamp)?;
        Ok(Message {
            batch: batch.clone(),
            envelope: Envelope {
                reverse_path: Some(self.content.reverse_path.clone()),
                forward_paths: recipients.iter().map(|recipient| recipient.address.clone()).collect(),
                notify: None,
            },
            eight_bit: !octets.is_ascii(),
            octets: Bytes::from(octets),
            digest,
        })
    }

    /// Renders everything for `recipient` and gives the size of the message in octets.
    ///
    /// # Errors
    /// Why the row gives no message; composing it would fail for the same reason.
    pub fn check(&self, recipient: &Recipient) -> Result<usize, RowFault> {
        let rendered = self.render(recipient)?;
        Ok(self.assemble(recipient, &rendered, &MARKER)?.0.len())
    }

    /// What tells the messages of a grouped campaign apart: a hash of all values that the templates ask
    /// for, after defaults. Recipients with equal variants get the same octets.
    pub fn variant(&self, recipient: &Recipient) -> u128 {
        let row = Row { recipient, token: "", unsubscribe_url: "" };
        let mut hasher = blake3::Hasher::new();
        for number in &self.used {
            let text = self.engine.names().value(*number).1.text(&row);
            hasher.update(&(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        u128::from_be_bytes(head(&hasher.finalize()))
    }

    /// Composes what `recipient` would get, to be looked at.
    ///
    /// # Errors
    /// Why the row gives no message.
    pub fn preview(&self, recipient: &Recipient) -> Result<Preview, RowFault> {
        let rendered = self.render(recipient)?;
        let (octets, digest) = self.assemble(recipient, &rendered, &MARKER)?;
        Ok(Preview::new(&self.content, recipient, rendered, Bytes::from(octets), digest))
    }

    /// The Message-ID of a batch, angle brackets included: the same over all attempts and runs.
    pub fn message_id(&self, batch: &BatchId) -> String {
        let left = token::message_id(&self.keys, self.campaign, self.plan, *batch);
        format!("<{left}@{}>", self.content.from.address.domain())
    }

    fn render(&self, recipient: &Recipient) -> Result<Rendered, RowFault> {
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
                let link = template
                    .render(&self.engine, &View::new(row, &self.link_needs))
                    .and_then(|link| unsubscribe::link(&link).map_err(|unsound| template.stop(unsound)));
                Some(link.map_err(|stop| fail("unsubscribe", template, stop))?)
            }
            None => None,
        };
        let ways_out = WaysOut::new(link, self.whose, unsubscribe::mailbox(&self.content), token);
        let view = View::new(Row { recipient, token, unsubscribe_url: ways_out.url() }, &self.needs);
        let header = |what: &str, template: &Template| {
            let value = template.render(&self.engine, &view).map_err(|stop| fail(what, template, stop))?;
            Ok(headers::clean(&value).into_owned())
        };
        let body = |what: &str, template: Option<&Template>| {
            template.map(|template| {
                let text = template.render(&self.engine, &view).and_then(|text| {
                    let empty = text.trim().is_empty();
                    let body = if empty { Err(Unsound::Empty) } else { mime::canonical(&text) };
                    body.map_err(|unsound| template.stop(unsound))
                });
                text.map_err(|stop| fail(what, template, stop))
            })
        };
        let subject = self.subject();
        let rendered = Rendered {
            subject: header("subject", subject)?,
            name: self
                .parts
                .name
                .as_ref()
                .map(|template| header("name", template))
                .transpose()?
                .unwrap_or_default(),
            headers: self
                .parts
                .headers
                .iter()
                .map(|(name, template)| Ok((name.clone(), header(name, template)?)))
                .collect::<Result<_, RowFault>>()?,
            text: body("text", self.parts.text.as_ref()).transpose()?,
            html: body("html", self.parts.html.as_ref()).transpose()?,
            ways_out,
        };
        if rendered.subject.is_empty() {
            return Err(fail("subject", subject, subject.stop(Unsound::Empty)));
        }
        Ok(rendered)
    }

    fn subject(&self) -> &Template {
        self.parts.subject.as_ref().expect("every content has a subject, and the survey keeps it")
    }

    /// Encodes what was rendered and puts it together. Date and Message-ID come first, so that the digest
    /// covers one run of octets behind them.
    fn assemble(
        &self,
        recipient: &Recipient,
        rendered: &Rendered,
        stamp: &Stamp<'_>,
    ) -> Result<(Vec<u8>, Digest), RowFault> {
        let bodies = [&rendered.text, &rendered.html].into_iter().flatten().map(String::len).sum::<usize>();
        let mut out = Vec::with_capacity(bodies + bodies / 4 + 2048);
        headers::plain(&mut out, "Date", stamp.date);
        headers::plain(&mut out, "Message-ID", stamp.id);
        let covered = out.len();
        out.extend_from_slice(&self.skeleton);
        let fail = |what: &str, template: &Template, unsound| {
            self.fault(recipient, what, template, template.stop(unsound))
        };
        self.to(&mut out, recipient, rendered)
            .map_err(|unsound| fail("name", self.parts.name.as_ref().unwrap_or(self.subject()), unsound))?;
        headers::unstructured(&mut out, "Subject", &rendered.subject)
            .map_err(|unsound| fail("subject", self.subject(), unsound))?;
        if let Some(id) = &self.content.list_id {
            headers::plain(&mut out, "List-Id", &format!("<{id}>"));
        }
        rendered.ways_out.write(&mut out);
        for ((name, value), (_, template)) in rendered.headers.iter().zip(&self.parts.headers) {
            // A field without a value says nothing.
            if !value.is_empty() {
                headers::unstructured(&mut out, name, value)
                    .map_err(|unsound| fail(name, template, unsound))?;
            }
        }
        self.bodies(&mut out, rendered);
        if out.len() > LARGEST {
            return Err(fail("message", self.subject(), Unsound::TooLarge { limit: LARGEST }));
        }
        let digest = Digest(head(&blake3::hash(&out[covered..])));
        Ok((out, digest))
    }

    fn to(&self, out: &mut Vec<u8>, recipient: &Recipient, rendered: &Rendered) -> Result<(), Unsound> {
        match (self.content.mode, &self.content.to) {
            (Mode::Personal, _) => headers::mailbox(out, "To", &rendered.name, recipient.address.as_str()),
            (Mode::Grouped, Some(to)) => {
                headers::mailbox(out, "To", &headers::clean(&to.name), to.address.as_str())
            }
            (Mode::Grouped, None) => {
                headers::plain(out, "To", UNDISCLOSED);
                Ok(())
            }
        }
    }

    fn bodies(&self, out: &mut Vec<u8>, rendered: &Rendered) {
        let transport = if self.content.eight_bit { Transport::EightBit } else { Transport::SevenBit };
        let part = |out: &mut Vec<u8>, kind: &str, text: &str| {
            mime::part(out, kind, text, mime::choose(text, transport, &self.boundary));
        };
        headers::plain(out, "MIME-Version", "1.0");
        match (&rendered.text, &rendered.html) {
            (Some(text), Some(html)) => {
                let boundary = self.boundary.as_bytes();
                out.extend_from_slice(b"Content-Type: multipart/alternative;\r\n boundary=\"");
                out.extend_from_slice(boundary);
                out.extend_from_slice(b"\"\r\n");
                for (kind, body) in [("text/plain", text), ("text/html", html)] {
                    out.extend_from_slice(b"\r\n--");
                    out.extend_from_slice(boundary);
                    out.extend_from_slice(b"\r\n");
                    part(out, kind, body);
                }
                out.extend_from_slice(b"\r\n--");
                out.extend_from_slice(boundary);
                out.extend_from_slice(b"--\r\n");
            }
            (Some(text), None) => part(out, "text/plain", text),
            (None, Some(html)) => part(out, "text/html", html),
            (None, None) => out.extend_from_slice(b"\r\n"),
        }
    }

    fn fault(&self, recipient: &Recipient, what: &str, template: &Template, stop: Stop) -> RowFault {
        let columns = || {
            let values = template.used.iter().map(|number| self.engine.names().value(*number));
            values.filter_map(|(name, _)| {
                let index = self.content.columns.iter().position(|column| column == name)?;
                Some((name, recipient.fields.get(index).unwrap_or_default()))
            })
        };
        let column = match &stop.unsound {
            Unsound::Nul => columns().find(|(_, cell)| cell.contains('\0')),
            Unsound::Unbroken { .. } | Unsound::TooLarge { .. } => {
                columns().max_by_key(|(_, cell)| cell.len())
            }
            Unsound::Empty => columns().find(|(_, cell)| cell.trim().is_empty()),
            Unsound::Link(_) => columns().next(),
            Unsound::Render(_) => None,
        };
        RowFault {
            row: recipient.row,
            column: column.map(|(name, _)| name.to_owned()),
            what: format!("{what}: {}", stop.unsound),
            place: stop.place,
        }
    }
}

impl Parts {
    /// All templates but the link.
    fn body(&self) -> impl Iterator<Item = &Template> {
        let headers = self.headers.iter().map(|(_, template)| template);
        [&self.subject, &self.text, &self.html, &self.name].into_iter().flatten().chain(headers)
    }

    fn all(&self) -> impl Iterator<Item = &Template> {
        self.body().chain(&self.link)
    }
}

impl fmt::Debug for Composer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Composer").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// The first sixteen octets of a hash.
fn head(hash: &blake3::Hash) -> [u8; 16] {
    *hash.as_bytes().first_chunk().expect("a hash has 32 octets")
}
