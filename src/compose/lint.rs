//! Finds what is wrong with a campaign's templates before anything is rendered.
//!
//! [`lint`] needs no recipient: it reads every template against the columns, the defaults and what
//! mailrun knows itself. The composer refuses what it calls an error, so no message is ever rendered
//! from templates that did not pass it.

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::{Content, Fault, Mode, Place, Severity, Source, nearest};

use super::converted::Converted;
use super::headers;
use super::html;
use super::leftovers;
use super::names::{BUILT_IN, DATA, Names, UNSUBSCRIBE_URL};
use super::parse::{self, Parsed};
use super::scope::Beside;
use super::unsubscribe::Whose;
use super::verp::{LONGEST, LONGEST_LOCAL_PART};
use super::walk::{self, Language};
use super::whence;

/// Everything that is wrong with the templates of a campaign, errors and warnings, in the order of the
/// message: subject, bodies, headers, name, unsubscribe link.
pub fn lint(content: &Content) -> Vec<Fault> {
    let names = Names::new(content);
    let partials = Partials::new(content);
    Survey::new(content, &Converted::new(content), &names, &partials).faults
}

/// The partials of a campaign that can be read, and what is wrong with the others.
#[derive(Debug)]
pub(super) struct Partials<'a> {
    pub(super) parsed: BTreeMap<&'a str, Parsed<'a>>,
    faults: Vec<Fault>,
}

impl<'a> Partials<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        let (mut parsed, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, source) in &content.partials {
            match Parsed::new(source) {
                Ok(partial) => drop(parsed.insert(name.as_str(), partial)),
                Err(fault) => faults.push(*fault),
            }
        }
        Self { parsed, faults }
    }
}

/// The templates of a campaign, as the lint and the composer see them.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub(super) faults: Vec<Fault>,
    /// The templates that could be read, by their source.
    pub(super) parts: Vec<Part<'a>>,
    /// What all of them ask for beside values of a row.
    pub(super) beside: Beside,
}

/// One template of a message.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) role: Role<'a>,
    pub(super) parsed: Parsed<'a>,
    /// The numbers of the values it asks for.
    pub(super) used: BTreeSet<usize>,
    /// The numbers of the values it writes whatever they are, each with the first place.
    pub(super) written: BTreeMap<usize, Place>,
}

/// What a template makes. What is there for each wording has the place of it in
/// [`Content::all_words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'a> {
    Subject(usize),
    Text(usize),
    Html(usize),
    Header(&'a str),
    Name,
    UnsubscribeUrl,
    /// The path of the attachment of this number.
    File(usize),
    /// The name of the attachment of this number; stands behind its path.
    FileName(usize),
}

impl Role<'_> {
    /// Whether a message of that wording has it.
    pub(super) fn is_in(self, wording: usize) -> bool {
        match self {
            Self::Subject(place) | Self::Text(place) | Self::Html(place) => place == wording,
            Self::Header(_) | Self::Name | Self::UnsubscribeUrl | Self::File(_) | Self::FileName(_) => true,
        }
    }
}

impl<'a> Survey<'a> {
    pub(super) fn new(
        content: &'a Content,
        made: &'a Converted,
        names: &Names,
        partials: &Partials<'a>,
    ) -> Self {
        let mut survey =
            Self { faults: partials.faults.clone(), parts: Vec::new(), beside: Beside::default() };
        for (role, source) in templates(content) {
            match Parsed::new(source) {
                Ok(parsed) => survey.part(role, (parsed, made.find(role)), names, &partials.parsed),
                Err(fault) => survey.faults.push(*fault),
            }
        }
        survey.faults = whence::traced(content, survey.faults);
        survey.preheaders(content, names, &partials.parsed);
        survey.faults.extend(html::look(content));
        survey.faults.extend(leftovers::look(content, names));
        survey.faults.extend(made.faults.iter().cloned());
        survey.settings(content);
        survey.unsubscribe(content, names);
        survey
    }

    /// Whether anything stops the campaign.
    pub(super) fn has_errors(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }

    fn part(
        &mut self,
        role: Role<'a>,
        (parsed, made): (Parsed<'a>, Option<&'a Source>),
        names: &Names,
        partials: &BTreeMap<&str, Parsed<'_>>,
    ) {
        let (language, forbidden) = match role {
            Role::Html(_) => (Language::Html, None),
            Role::UnsubscribeUrl => (Language::Plain, Some(UNSUBSCRIBE_URL)),
            Role::Subject(_)
            | Role::Text(_)
            | Role::Header(_)
            | Role::Name
            | Role::File(_)
            | Role::FileName(_) => (Language::Plain, None),
        };
        let found = walk::walk(&parsed, partials, names, language, forbidden);
        for fault in found.faults {
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
        let (mut parsed, mut used) = (parsed, found.used);
        self.beside.extend(found.beside);
        if let Some(made) = made {
            match Parsed::new(made) {
                Ok(read) => {
                    // The layout around it may ask for more.
                    let found = walk::walk(&read, partials, names, language, forbidden);
                    self.faults.extend(
                        found
                            .faults
                            .into_iter()
                            .filter(|fault| fault.place.as_ref().is_none_or(|place| place.file != made.file)),
                    );
                    used.extend(found.used);
                    self.beside.extend(found.beside);
                    parsed = read;
                }
                Err(fault) => self.faults.push(*fault),
            }
        }
        self.parts.push(Part { role, parsed, used, written: found.written });
    }

    /// Looks at the preheaders of bodies as they were written; what is made of a body has its own in it.
    fn preheaders(&mut self, content: &Content, names: &Names, partials: &BTreeMap<&str, Parsed<'_>>) {
        for part in &mut self.parts {
            let Role::Html(_) = part.role else { continue };
            let front = content.fronts.get(&part.parsed.source.file);
            let Some(source) = front.and_then(|front| front.preheader.as_ref()) else { continue };
            match Parsed::new(source) {
                Ok(parsed) => {
                    let found = walk::walk(&parsed, partials, names, Language::Html, None);
                    part.used.extend(found.used);
                    found.written.into_iter().for_each(|(number, place)| {
                        part.written.entry(number).or_insert(place);
                    });
                    self.faults.extend(found.faults);
                }
                Err(fault) => self.faults.push(*fault),
            }
        }
    }

    fn settings(&mut self, content: &Content) {
        if content.all_words().any(|words| words.text.is_none() && words.html.is_none()) {
            self.faults.push(Fault::error("there is neither a text nor an HTML body"));
        }
        for (name, source) in &content.headers {
            if let Some(what) = headers::name_fault(name) {
                self.faults.push(Fault::error(format!("`{name}` {what}")).at(parse::place(source, 0..0)));
            } else if content.headers.keys().any(|other| other < name && other.eq_ignore_ascii_case(name)) {
                let what = format!("the header `{name}` is there twice, in other letters");
                self.faults.push(Fault::error(what).at(parse::place(source, 0..0)));
            }
        }
        if let Some(id) = &content.list_id
            && (id.is_empty()
                || id.len() > 255
                || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)))
        {
            let fault = Fault::error(format!("list_id {id:?} is not a name like news.example.com"));
            self.faults.push(fault);
        }
        for mailbox in
            [Some(&content.from), content.reply_to.as_ref(), content.to.as_ref()].into_iter().flatten()
        {
            if mailbox.address.needs_smtputf8() {
                let what = format!("`{}` has letters outside ASCII before the @", mailbox.address);
                self.faults.push(Fault::error(what).hint("few servers take them in a header"));
            }
        }
        let path = &content.reverse_path;
        if content.verp && (path.local_part().len() > LONGEST_LOCAL_PART || path.as_str().len() > LONGEST) {
            let what = format!("`{path}` is too long to have a tag of its own for each recipient");
            let hint = format!("set a `bounce` with at most {LONGEST_LOCAL_PART} characters before the @");
            self.faults.push(Fault::error(what).hint(hint));
        }
        let columns = || content.columns.iter().map(String::as_str);
        for name in content.defaults.keys().filter(|name| !content.columns.contains(name)) {
            let what = format!("the list has no column `{name}`: its default stands in every message");
            let fault = Fault::warning(what);
            self.faults.push(match nearest(name, columns()) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        for name in content.split.keys().filter(|name| !content.columns.contains(name)) {
            let fault = Fault::error(format!("the list has no column `{name}` to split"));
            self.faults.push(match nearest(name, columns()) {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault,
            });
        }
        if content.data.is_some() && columns().any(|column| column == DATA) {
            let what =
                format!("the list has a column `{DATA}`, which is what the data file is called in templates");
            self.faults.push(Fault::error(what).hint("name the column otherwise"));
        }
        for name in BUILT_IN[1..].iter().filter(|name| columns().any(|column| column == **name)) {
            let what = format!("the column `{name}` stands for what mailrun itself calls `{name}`");
            self.faults.push(Fault::warning(what));
        }
    }

    fn unsubscribe(&mut self, content: &Content, names: &Names) {
        let Some(part) = self.parts.iter().find(|part| part.role == Role::UnsubscribeUrl) else { return };
        let source = part.parsed.source;
        let at = parse::place(source, 0..source.text().len());
        let personal = part.used.iter().map(|used| names.value(*used)).find(|(_, value)| value.is_personal());
        match content.mode {
            Mode::Grouped => {
                if let Some((name, _)) = personal {
                    let what =
                        format!("in grouped mode all recipients share one link, and `{name}` is of one");
                    self.faults.push(Fault::error(what).at(at));
                }
            }
            Mode::Personal => {
                let values = part.used.iter().map(|used| names.value(*used).1);
                if Whose::of(content.mode, values) == Whose::Nobody {
                    let what = "the unsubscribe link is the same for everybody: it cannot say who leaves";
                    self.faults.push(Fault::warning(what).at(at).hint("put {{token}} into it"));
                }
            }
        }
    }
}

/// The templates of a message, in its order.
pub(super) fn templates(content: &Content) -> impl Iterator<Item = (Role<'_>, &Source)> {
    let headers = content.headers.iter().map(|(name, source)| (Role::Header(name.as_str()), source));
    let words = content.all_words().enumerate().flat_map(|(place, words)| {
        let bodies = [
            words.text.map(|text| (Role::Text(place), text)),
            words.html.map(|html| (Role::Html(place), html)),
        ];
        std::iter::once((Role::Subject(place), words.subject)).chain(bodies.into_iter().flatten())
    });
    words
        .chain(headers)
        .chain(content.name.iter().map(|source| (Role::Name, source)))
        .chain(content.unsubscribe.url.iter().map(|source| (Role::UnsubscribeUrl, source)))
        .chain(content.attachments.iter().enumerate().flat_map(|(number, attachment)| {
            let name = attachment.name.iter().map(move |name| (Role::FileName(number), name));
            std::iter::once((Role::File(number), &attachment.file)).chain(name)
        }))
}
