//! From a plan's content and a recipient to the octets of a message.
//!
//! A [`Composer`] is made once a run and shared by all sessions; it keeps what is the same in every
//! message and renders the rest. It must not be asked what time it is: Date is given to it, as the same
//! batch must give the same octets at every attempt.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;

use crate::mail::{
    Address, Batch, BatchId, Content, Digest, Envelope, Fault, Message, Mode, Piece, PlanId, Recipient,
};

use super::alike::Alike;
use super::assemble::{Assembled, Stamp};
use super::converted::Converted;
use super::error::{RowFault, Unsound};
use super::findings::Heed;
use super::headers;
use super::html::{After, Made};
use super::lint::{Partials, Role, Survey};
use super::names::Names;
use super::own::OwnTemplates;
use super::preview::Preview;
use super::program::Lines;
use super::rendered::{Blank, Rendered};
use super::tail::{Boundaries, Enclosed, Reader, Tail};
use super::template::{Engine, Stop, Template};
use super::token::{self, CampaignTag, Keys, RecipientTag};
use super::unsubscribe::{self, Whose};
use super::verp;
use super::walk::Language;
use super::whence;

/// Composes the messages of one plan.
pub struct Composer {
    pub(super) content: Arc<Content>,
    /// The content before anything was made of its bodies: faults have their places in it.
    pub(super) written: Arc<Content>,
    pub(super) keys: Keys,
    pub(super) campaign: CampaignTag,
    plan: PlanId,
    pub(super) engine: Engine,
    pub(super) parts: Parts,
    /// All values that the templates ask for.
    pub(super) used: BTreeSet<usize>,
    /// Those that the templates other than the link's ask for.
    pub(super) needs: BTreeSet<usize>,
    /// Those that the link's template asks for.
    pub(super) link_needs: BTreeSet<usize>,
    /// What the rows of each wording are looked through for.
    pub(super) heed: Vec<Heed>,
    /// Whom the link names.
    pub(super) whose: Whose,
    /// From and Reply-To, as they stand in every message.
    pub(super) skeleton: Vec<u8>,
    pub(super) boundary: String,
    pub(super) boundaries: Boundaries,
    /// What is left to be made of the bodies of each wording; empty: nothing.
    pub(super) after: Vec<After>,
    /// What stands behind the bodies of every message.
    pub(super) tail: Tail,
    /// Reads the recipients' own files.
    pub(super) reader: Option<Reader>,
    /// What precedes the token in the address of a mail that unsubscribes.
    pub(super) mailto: Option<String>,
    /// Grouped mode: the token that all messages share.
    pub(super) common_token: String,
    /// The memory of messages that are done with. Never more than were composed at once.
    pub(super) blanks: Mutex<Vec<Blank>>,
    /// Grouped mode: what values render to.
    pub(super) alike: Alike,
}

/// The templates of a message, compiled.
#[derive(Default)]
pub(super) struct Parts {
    /// In the order of [`Content::all_words`], never none.
    pub(super) letters: Vec<Letter>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) name: Option<Template>,
    pub(super) link: Option<Template>,
    /// Those of the attachments that are the recipients' own.
    pub(super) files: Vec<OwnTemplates>,
}

/// The templates of one wording.
#[derive(Default)]
pub(super) struct Letter {
    pub(super) subject: Option<Template>,
    pub(super) text: Option<Template>,
    pub(super) html: Option<Template>,
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
        let written = Arc::clone(&content);
        let Bodies { content, after, heed } = bodies(content, &names)?;
        let partials = Partials::new(&content);
        let made = Converted::default();
        let survey = Survey::new(&content, &made, &names, &partials);
        if survey.has_errors() {
            return Err(whence::traced(&written, survey.faults));
        }
        let mut parts = Parts::default();
        parts.letters.resize_with(content.all_words().count(), Letter::default);
        let heed = heed.unwrap_or_else(|| Heed::all(&content, &survey.parts, &names));
        for part in survey.parts {
            let manner = match part.role {
                Role::Html(_) => (Language::Html, Lines::Sent),
                Role::Text(_) => (Language::Plain, Lines::Sent),
                Role::Subject(_)
                | Role::Header(_)
                | Role::Name
                | Role::UnsubscribeUrl
                | Role::File(_)
                | Role::FileName(_) => (Language::Plain, Lines::Given),
            };
            let template = Template::new(part.parsed, part.used, &names, &partials.parsed, manner);
            match part.role {
                Role::Subject(wording) => parts.letters[wording].subject = Some(template),
                Role::Text(wording) => parts.letters[wording].text = Some(template),
                Role::Html(wording) => parts.letters[wording].html = Some(template),
                Role::Header(name) => parts.headers.push((name.to_owned(), template)),
                // A grouped message names nobody.
                Role::Name => parts.name = (content.mode == Mode::Personal).then_some(template),
                Role::UnsubscribeUrl => parts.link = Some(template),
                Role::File(number) if content.attachments[number].is_personal() => {
                    parts.files.push(OwnTemplates { number, file: template, name: None });
                }
                Role::FileName(number) => {
                    if let Some(own) = parts.files.last_mut().filter(|own| own.number == number) {
                        own.name = Some(template);
                    }
                }
                Role::File(_) => {}
            }
        }
        drop(partials);
        let campaign = CampaignTag::new(keys, &content.campaign, content.edition);
        let of_link =
            parts.link.iter().flat_map(|link| link.used.iter().map(|number| names.value(*number).1));
        let whose = Whose::of(content.mode, of_link);
        let boundary = token::boundary(keys, campaign);
        Ok(Self {
            engine: Engine::new(&content, names),
            needs: parts.body().flat_map(|template| template.used.iter().copied()).collect(),
            used: parts.all().flat_map(|template| template.used.iter().copied()).collect(),
            link_needs: parts.link.iter().flat_map(|link| link.used.iter().copied()).collect(),
            parts,
            heed,
            whose,
            skeleton: headers::skeleton(&content)?,
            mailto: unsubscribe::mailbox(&content).map(unsubscribe::mailto),
            boundaries: Boundaries::new(&content, &boundary),
            boundary,
            after,
            tail: Tail::default(),
            reader: None,
            common_token: token::sign(keys, campaign, None),
            blanks: Mutex::default(),
            alike: Alike::default(),
            keys: keys.clone(),
            campaign,
            plan,
            content,
            written,
        })
    }

    /// The same, with the files that its content names: without them, no message of a content that names
    /// files is whole.
    ///
    /// # Errors
    /// The files that are not those of the content.
    pub fn enclosing(self, enclosed: Enclosed) -> Result<Self, Vec<Fault>> {
        let tail = Tail::new(&self.content, &self.boundaries, &enclosed)?;
        Ok(Self { tail, reader: Some(enclosed.read), ..self })
    }

    /// Composes the message of `batch`, whose recipients are `recipients` in the same order, never none.
    /// In personal mode there is one; in grouped mode the messages of all are the same.
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
        let mut blank = self.blank();
        let rendered = self.render(first, &mut blank)?;
        let date = headers::date(batch.date.unwrap_or(date));
        let stamp = Stamp { date: &date, id: &self.message_id(&batch.id) };
        let tail = self.tail.pieces(rendered.wording, &self.own_pieces(first, &rendered)?);
        let assembled = self.assemble(first, &rendered, &stamp, Vec::new())?;
        self.take_back(rendered, blank.octets);
        Ok(Message {
            batch: batch.clone(),
            envelope: Envelope {
                reverse_path: Some(self.reverse_path(batch, first)),
                forward_paths: recipients.iter().map(|recipient| recipient.address.clone()).collect(),
                notify: None,
            },
            eight_bit: assembled.eight_bit,
            digest: digest(&assembled, &tail),
            octets: Bytes::from(assembled.octets),
            tail,
        })
    }

    /// Where bounces of a message go: the same over all its attempts.
    fn reverse_path(&self, batch: &Batch, recipient: &Recipient) -> Address {
        let (keys, base, campaign) = (&self.keys, &self.content.reverse_path, self.campaign);
        match (self.content.verp, self.content.mode) {
            (false, _) => base.clone(),
            (true, Mode::Personal) => {
                let tag = RecipientTag::new(keys, &recipient.address);
                verp::of_recipient(keys, base, campaign, tag)
            }
            (true, Mode::Grouped) => verp::of_batch(keys, base, campaign, self.plan, batch.id),
        }
    }

    /// The octets of a message without Date, Message-ID and tail, in the memory of `out`.
    pub(super) fn assemble_marked(
        &self,
        recipient: &Recipient,
        rendered: &Rendered,
        out: Vec<u8>,
    ) -> Result<Vec<u8>, RowFault> {
        Ok(self.assemble(recipient, rendered, &MARKER, out)?.octets)
    }

    /// Composes what `recipient` would get, to be looked at.
    ///
    /// # Errors
    /// Why the row gives no message.
    pub fn preview(&self, recipient: &Recipient) -> Result<Preview, RowFault> {
        let rendered = self.render(recipient, &mut Blank::default())?;
        let tail = self.tail.pieces(rendered.wording, &self.own_pieces(recipient, &rendered)?);
        let mut assembled = self.assemble(recipient, &rendered, &MARKER, Vec::new())?;
        let digest = digest(&assembled, &tail);
        for piece in &tail {
            assembled.octets.extend_from_slice(piece.octets());
        }
        Ok(Preview::new(&self.content, recipient, rendered, Bytes::from(assembled.octets), digest))
    }

    /// The Message-ID of a batch, angle brackets included: the same over all attempts and runs.
    pub fn message_id(&self, batch: &BatchId) -> String {
        let left = token::message_id(&self.keys, self.campaign, self.plan, *batch);
        ["<", &left, "@", self.content.from.address.domain(), ">"].concat()
    }

    /// The templates that render with one view, and what they render with.
    #[cfg(test)]
    pub(super) fn templates(&self) -> (Vec<&Template>, &Engine, &BTreeSet<usize>) {
        (self.parts.body().collect(), &self.engine, &self.needs)
    }

    pub(super) fn fault(
        &self,
        recipient: &Recipient,
        what: &str,
        template: &Template,
        stop: Stop,
    ) -> RowFault {
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
            Unsound::Link(_) | Unsound::File { .. } | Unsound::Changed { .. } | Unsound::FeedbackId(_) => {
                columns().next()
            }
            Unsound::Value(_) => {
                let place = stop.place.as_ref();
                let tag = place.and_then(|place| place.document.get(place.span.clone())).unwrap_or_default();
                columns().find(|(name, _)| tag.contains(name))
            }
            Unsound::Render(_) => None,
        };
        let column = column.map(|(name, _)| name.to_owned());
        let what = format!("{what}: {}", stop.unsound);
        let (what, place) = match stop.place.map(|place| whence::trace(&self.written, *place)) {
            None => (what, None),
            Some(Ok(place)) => (what, Some(Box::new(place))),
            Some(Err(file)) => (format!("{what} (in {file})"), None),
        };
        RowFault { kind: stop.unsound.kind(), row: recipient.row, column, what, place }
    }
}

impl Letter {
    pub(super) fn subject(&self) -> &Template {
        self.subject.as_ref().expect("every wording has a subject, and the survey keeps it")
    }
}

impl Parts {
    /// All templates but the link.
    fn body(&self) -> impl Iterator<Item = &Template> {
        let letters = self.letters.iter().flat_map(|letter| [&letter.subject, &letter.text, &letter.html]);
        let headers = self.headers.iter().map(|(_, template)| template);
        let files = self.files.iter().flat_map(|own| std::iter::once(&own.file).chain(&own.name));
        letters.chain([&self.name]).flatten().chain(headers).chain(files)
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

/// A content whose bodies are what is rendered.
struct Bodies {
    content: Arc<Content>,
    /// What is left to be made of each message.
    after: Vec<After>,
    /// What rows are looked through for, with its places in the files as they were written; none where those are
    /// what is rendered.
    heed: Option<Vec<Heed>>,
}

/// Makes of the bodies what is to be rendered, once they pass the lint as they were written.
fn bodies(content: Arc<Content>, names: &Names) -> Result<Bodies, Vec<Fault>> {
    let converted = Converted::new(&content);
    if Made::is_needless(&content) && converted.is_empty() {
        return Ok(Bodies { content, after: Vec::new(), heed: None });
    }
    let partials = Partials::new(&content);
    let survey = Survey::new(&content, &converted, names, &partials);
    if survey.has_errors() {
        return Err(survey.faults);
    }
    let heed = Some(Heed::all(&content, &survey.parts, names));
    let Made { content, after, .. } = Made::new(&converted.applied(&content));
    Ok(Bodies { content: Arc::new(content), after, heed })
}

/// What identifies the content of a message.
fn digest(assembled: &Assembled, tail: &[Piece]) -> Digest {
    let own = &assembled.octets[assembled.covered..];
    if tail.is_empty() {
        return Digest(head(&blake3::hash(own)));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(own);
    for piece in tail {
        hasher.update(piece.octets());
    }
    Digest(head(&hasher.finalize()))
}

/// The first sixteen octets of a hash.
pub(super) fn head(hash: &blake3::Hash) -> [u8; 16] {
    *hash.as_bytes().first_chunk().expect("a hash has 32 octets")
}
