//! Files of a recipient's own: which they are, their octets, and the seal that a plan keeps of them.
//!
//! A seal is a hash over path, name and octets of all of them. It stands in the plan behind the cells of the
//! row, and a message is only composed from files that still have it: what leaves is what was planned.

use bytes::Bytes;

use crate::mail::{Mode, Piece, Recipient};

use super::composer::{Composer, head};
use super::error::{Checked, FaultKind, RowFault, Unsound};
use super::rendered::{Blank, Rendered};
use super::tail::{OwnFile, last_part};
use super::template::{Template, View};

/// Octets that a whole message may have, attachments and all. No provider takes as much: Gmail 25 MB, SES 40 MB.
const MESSAGE: usize = 64 << 20;

/// Octets of HTML beyond which Gmail shows a link in the place of the rest: 102 kB, by many reports.
const CLIPPED: usize = 102 << 10;

/// The templates of a file that each recipient has of their own.
pub(super) struct OwnTemplates {
    /// The number of the attachment in the content.
    pub(super) number: usize,
    pub(super) file: Template,
    pub(super) name: Option<Template>,
}

impl Composer {
    /// Renders everything for `recipient`, reads their own files, and tells what a plan has to know of it.
    ///
    /// # Errors
    /// Why the row gives no message; composing it would fail for the same reason.
    pub(super) fn checked(&self, recipient: &Recipient) -> Result<Checked, RowFault> {
        let mut blank = self.blank();
        let rendered = self.render(recipient, &mut blank)?;
        let mut findings =
            self.heed[rendered.wording].findings(self.engine.names(), recipient, &rendered.subject);
        let (octets, html) = self.measure(recipient, &rendered, &mut blank)?;
        findings.extend(self.clipped(recipient, &rendered, html));
        let mut whole = octets + self.tail.shared_octets(rendered.wording);
        let mut seal = None;
        if !rendered.files.is_empty() {
            let mut hasher = blake3::Hasher::new();
            for (number, file) in rendered.files.iter().enumerate() {
                let octets = self.own_octets(recipient, number, file)?;
                add(&mut hasher, file, &octets);
                whole += file.part_octets(self.mixed(), octets.len());
            }
            let found = sealed(&hasher);
            self.unchanged(recipient, &rendered, &found)?;
            seal = Some(found);
        }
        if whole > MESSAGE {
            let subject = self.parts.letters[rendered.wording].subject();
            let stop = subject.stop(Unsound::TooLarge { limit: MESSAGE });
            return Err(self.fault(recipient, "message", subject, stop));
        }
        let variant = match self.content.mode {
            Mode::Personal => None,
            // Date and Message-ID are the same in all of them here.
            Mode::Grouped => Some(told_apart(&blank.octets, seal.as_deref())),
        };
        self.take_back(rendered, blank.octets);
        Ok(Checked { octets: whole, html, seal, variant, findings })
    }

    /// The parts that bring the recipient's own files.
    pub(super) fn own_pieces(
        &self,
        recipient: &Recipient,
        rendered: &Rendered,
    ) -> Result<Vec<Piece>, RowFault> {
        if rendered.files.is_empty() {
            return Ok(Vec::new());
        }
        let mut hasher = blake3::Hasher::new();
        let mut pieces = Vec::with_capacity(rendered.files.len());
        for (number, file) in rendered.files.iter().enumerate() {
            let octets = self.own_octets(recipient, number, file)?;
            add(&mut hasher, file, &octets);
            pieces.push(file.piece(self.mixed(), &octets));
        }
        self.unchanged(recipient, rendered, &sealed(&hasher))?;
        Ok(pieces)
    }

    /// Renders paths and names of the recipient's own files.
    pub(super) fn own_files(&self, recipient: &Recipient, view: &View<'_>) -> Result<Vec<OwnFile>, RowFault> {
        let mut files = Vec::with_capacity(self.parts.files.len());
        for (number, own) in self.parts.files.iter().enumerate() {
            let render = |template: &Template| {
                template
                    .text(&self.engine, view)
                    .map_err(|stop| self.fault(recipient, "attachment", template, stop))
            };
            let path = render(&own.file)?;
            let name = match &own.name {
                Some(template) => render(template)?,
                None => match &self.content.attachments[own.number].name {
                    Some(name) => name.text().to_owned(),
                    None => last_part(&path).to_owned(),
                },
            };
            let file = OwnFile::of(&self.content.attachments[own.number], &path, &name);
            if file.name.is_empty() {
                return Err(self.own_fault(recipient, number, Unsound::Empty));
            }
            files.push(file);
        }
        Ok(files)
    }

    /// What Gmail shows of an HTML body of so many octets, if that is not all of it.
    fn clipped(&self, recipient: &Recipient, rendered: &Rendered, octets: usize) -> Option<RowFault> {
        let template = self.parts.letters[rendered.wording].html.as_ref().filter(|_| octets > CLIPPED)?;
        let what = format!("its HTML has {octets} octets, and Gmail clips it at {CLIPPED}");
        let place = template.stop(Unsound::Empty).place;
        Some(RowFault { kind: FaultKind::Clipped, row: recipient.row, column: None, what, place })
    }

    fn mixed(&self) -> &str {
        self.boundaries.mixed.as_deref().unwrap_or_default()
    }

    fn own_octets(&self, recipient: &Recipient, number: usize, file: &OwnFile) -> Result<Bytes, RowFault> {
        let read = match &self.reader {
            Some(reader) => reader(&file.path),
            None => Err("nobody reads files here".to_owned()),
        };
        read.map_err(|what| {
            self.own_fault(recipient, number, Unsound::File { path: file.path.clone(), what })
        })
    }

    /// Compares with the seal of the plan, where there is one.
    fn unchanged(&self, recipient: &Recipient, rendered: &Rendered, seal: &str) -> Result<(), RowFault> {
        match recipient.fields.get(self.content.columns.len()) {
            Some(planned) if planned != seal => {
                let paths: Vec<String> =
                    rendered.files.iter().map(|file| format!("`{}`", file.path)).collect();
                Err(self.own_fault(recipient, 0, Unsound::Changed { paths: paths.join(" or ") }))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn own_fault(&self, recipient: &Recipient, number: usize, unsound: Unsound) -> RowFault {
        let template = &self.parts.files[number].file;
        self.fault(recipient, "attachment", template, template.stop(unsound))
    }

    /// Octets of the message without its tail, and of its HTML body.
    fn measure(
        &self,
        recipient: &Recipient,
        rendered: &Rendered,
        blank: &mut Blank,
    ) -> Result<(usize, usize), RowFault> {
        blank.octets = self.assemble_marked(recipient, rendered, std::mem::take(&mut blank.octets))?;
        Ok((blank.octets.len(), rendered.html.as_ref().map_or(0, |html| html.text().len())))
    }
}

/// What messages of these octets and with these own files have alone.
fn told_apart(octets: &[u8], seal: Option<&str>) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(octets).update(seal.unwrap_or_default().as_bytes());
    u128::from_be_bytes(head(&hasher.finalize()))
}

fn add(hasher: &mut blake3::Hasher, file: &OwnFile, octets: &[u8]) {
    for part in [file.path.as_bytes(), file.name.as_bytes(), octets] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
}

/// The first sixteen octets, in hexadecimal.
fn sealed(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex()[..32].to_owned()
}
