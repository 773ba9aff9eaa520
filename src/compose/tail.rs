//! What stands behind the bodies of a message: pictures and attachments, each a part in base64.
//!
//! What all messages share is encoded once, with the boundaries around it, and every message bears the same
//! octets. Where one of several files is a recipient's own, the files before and behind it are still shared.
//! `mixed(related(alternative(text, html), pictures), attachments)` (RFC 2046, 5.1.3; RFC 2387), and only
//! those of the levels that are needed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::campaign::media_type;
use crate::mail::{Attachment, Content, Fault, Image, Piece, Words};

use super::mime;
use super::parameter;
use super::parse;

/// Reads the file at a path beneath the campaign's folder, or says why it cannot be read.
pub type Reader = Arc<dyn Fn(&str) -> Result<Bytes, String> + Send + Sync>;

/// The files that a content names, read by those who may read files.
pub struct Enclosed {
    /// The pictures, in the order of the content.
    pub images: Vec<Bytes>,
    /// The attachments, in the order of the content; none where each recipient has a file of their own.
    pub attachments: Vec<Option<Bytes>>,
    /// Reads a recipient's own file.
    pub read: Reader,
}

impl fmt::Debug for Enclosed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (images, attachments) = (self.images.len(), self.attachments.len());
        let mut shown = formatter.debug_struct("Enclosed");
        shown.field("images", &images).field("attachments", &attachments).finish_non_exhaustive()
    }
}

/// A recipient's own file, by path, name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnFile {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) kind: String,
}

/// The boundaries of a message's levels, outermost last; none is the beginning of another.
#[derive(Debug, Clone)]
pub(super) struct Boundaries {
    pub(super) alternative: String,
    pub(super) related: Option<String>,
    pub(super) mixed: Option<String>,
}

impl Boundaries {
    /// Those of the messages of `content`; all begin with `boundary`, which is the only one where there is but
    /// one level.
    pub(super) fn new(content: &Content, boundary: &str) -> Self {
        let related = (!content.images.is_empty()).then(|| format!("{boundary}r"));
        let mixed = (!content.attachments.is_empty()).then(|| format!("{boundary}m"));
        let outer = related.is_some() || mixed.is_some();
        Self { alternative: if outer { format!("{boundary}a") } else { boundary.to_owned() }, related, mixed }
    }
}

/// A part of the tail.
#[derive(Debug)]
enum Run {
    Shared(Piece),
    /// The file of this number among a recipient's own.
    Own(usize),
}

/// What stands behind the bodies.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The pictures of each wording that shows any, and the end of their level.
    pictures: Vec<Option<Piece>>,
    runs: Vec<Run>,
}

impl Tail {
    /// The tail of all messages of `content`, whose files are `enclosed`.
    ///
    /// # Errors
    /// The files that are not those of the content.
    pub(super) fn new(
        content: &Content,
        boundaries: &Boundaries,
        enclosed: &Enclosed,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut runs = Vec::new();
        let mut shared = Vec::new();
        for (image, octets) in content.images.iter().zip(&enclosed.images) {
            if *blake3::hash(octets).as_bytes() != image.hash {
                faults.push(changed(&image.file));
            }
        }
        let pictures = boundaries.related.iter().flat_map(|boundary| {
            content.all_words().map(move |words| pictures(content, words, boundary, &enclosed.images))
        });
        let pictures = pictures.collect();
        if let Some(boundary) = &boundaries.mixed {
            let mut own = 0..;
            for (attachment, octets) in content.attachments.iter().zip(&enclosed.attachments) {
                let Some(octets) = octets else {
                    runs.extend(share(std::mem::take(&mut shared)));
                    runs.extend(own.next().map(Run::Own));
                    continue;
                };
                if attachment.hash != Some(*blake3::hash(octets).as_bytes()) {
                    let fault = changed(attachment.file.text());
                    faults.push(fault.at(parse::place(&attachment.file, 0..attachment.file.text().len())));
                }
                let file = OwnFile::of(attachment, attachment.file.text(), attachment_name(attachment));
                attach(&mut shared, boundary, &file, octets);
            }
            end(&mut shared, boundary);
        }
        runs.extend(share(shared));
        if faults.is_empty() { Ok(Self { pictures, runs }) } else { Err(faults) }
    }

    /// Whether a wording shows pictures, so that there is a level for them.
    pub(super) fn shows(&self, wording: usize) -> bool {
        self.pictures.get(wording).is_some_and(Option::is_some)
    }

    /// The tail of one message in that wording, whose own files are `own`.
    pub(super) fn pieces(&self, wording: usize, own: &[Piece]) -> Vec<Piece> {
        let piece = |run: &Run| match run {
            Run::Shared(piece) => piece.clone(),
            Run::Own(number) => own[*number].clone(),
        };
        let pictures = self.pictures.get(wording).and_then(Clone::clone);
        pictures.into_iter().chain(self.runs.iter().map(piece)).collect()
    }

    /// Octets that every message in that wording has of it.
    pub(super) fn shared_octets(&self, wording: usize) -> usize {
        let octets = |run: &Run| match run {
            Run::Shared(piece) => piece.octets().len(),
            Run::Own(_) => 0,
        };
        let pictures = self.pictures.get(wording).and_then(Option::as_ref);
        let pictures = pictures.map_or(0, |piece| piece.octets().len());
        pictures + self.runs.iter().map(octets).sum::<usize>()
    }
}

/// The pictures that a wording shows, itself or in a partial, each once, and the end of their level.
fn pictures(content: &Content, words: Words<'_>, boundary: &str, octets: &[Bytes]) -> Option<Piece> {
    let body = &words.html?.file;
    let is_shown = |image: &Image| {
        image.template == *body || content.partials.values().any(|partial| partial.file == image.template)
    };
    let mut out = Vec::new();
    let mut brought = Vec::new();
    for (image, octets) in content.images.iter().zip(octets).filter(|(image, _)| is_shown(image)) {
        if !brought.contains(&image.hash) {
            picture(&mut out, boundary, image, octets);
            brought.push(image.hash);
        }
    }
    if out.is_empty() {
        return None;
    }
    end(&mut out, boundary);
    Some(piece(out))
}

impl OwnFile {
    /// The file of `attachment` that lies at `path` and arrives as `name`.
    pub(super) fn of(attachment: &Attachment, path: &str, name: &str) -> Self {
        let kind = attachment.kind.clone().unwrap_or_else(|| media_type(path));
        Self { path: path.to_owned(), name: parameter::file_name(name), kind }
    }

    /// The part that brings it, with the boundary before it.
    pub(super) fn piece(&self, boundary: &str, octets: &[u8]) -> Piece {
        let mut out = Vec::with_capacity(512 + mime::base64_octets(octets.len()));
        attach(&mut out, boundary, self, octets);
        Piece::new(Bytes::from(out))
            .expect("fields and base64 are lines of ASCII, and none begins with a dot")
    }

    /// Octets of that part, for a file of so many octets.
    pub(super) fn part_octets(&self, boundary: &str, octets: usize) -> usize {
        let mut head = Vec::new();
        attach(&mut head, boundary, self, &[]);
        head.len() + mime::base64_octets(octets)
    }
}

/// Name and type of each attachment of `content` in their order, `own` among them.
pub(super) fn listed(content: &Content, own: &[OwnFile]) -> Vec<(String, String)> {
    let mut own = own.iter();
    let mut list = Vec::with_capacity(content.attachments.len());
    for attachment in &content.attachments {
        let file = if attachment.is_personal() { own.next().cloned() } else { None };
        let file = file
            .unwrap_or_else(|| OwnFile::of(attachment, attachment.file.text(), attachment_name(attachment)));
        list.push((file.name, file.kind));
    }
    list
}

/// The name under which a shared attachment arrives.
fn attachment_name(attachment: &Attachment) -> &str {
    match &attachment.name {
        Some(name) => name.text(),
        None => last_part(attachment.file.text()),
    }
}

/// The part of a path behind its last slash.
pub(super) fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a picture is called in its part and in `src` (RFC 2392): the same for the same octets.
pub(super) fn content_id(image: &Image) -> String {
    let hash = blake3::Hash::from_bytes(image.hash).to_hex();
    format!("{}@mailrun.invalid", &hash[..24])
}

fn changed(file: &str) -> Fault {
    Fault::error(format!("`{file}` is not the file that was planned: it was changed"))
}

fn share(octets: Vec<u8>) -> Option<Run> {
    (!octets.is_empty()).then(|| Run::Shared(piece(octets)))
}

fn piece(octets: Vec<u8>) -> Piece {
    Piece::new(Bytes::from(octets)).expect("fields and base64 are lines of ASCII, and none begins with a dot")
}

fn begin(out: &mut Vec<u8>, boundary: &str) {
    for part in ["\r\n--", boundary, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn end(out: &mut Vec<u8>, boundary: &str) {
    for part in ["\r\n--", boundary, "--\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn picture(out: &mut Vec<u8>, boundary: &str, image: &Image, octets: &[u8]) {
    let file = OwnFile {
        path: image.file.clone(),
        name: parameter::file_name(last_part(&image.src)),
        kind: image.kind.clone(),
    };
    begin(out, boundary);
    let id = content_id(image);
    part(out, &file, "inline", &format!("\r\nContent-ID: <{id}>"), octets);
}

fn attach(out: &mut Vec<u8>, boundary: &str, file: &OwnFile, octets: &[u8]) {
    begin(out, boundary);
    part(out, file, "attachment", "", octets);
}

fn part(out: &mut Vec<u8>, file: &OwnFile, disposition: &str, more: &str, octets: &[u8]) {
    out.extend_from_slice(b"Content-Type: ");
    out.extend_from_slice(file.kind.as_bytes());
    if file.kind.starts_with("text/") && std::str::from_utf8(octets).is_ok() {
        out.extend_from_slice(b"; charset=utf-8");
    }
    parameter::write(out, "name", &parameter::plain(&file.name));
    for text in [more, "\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: ", disposition] {
        out.extend_from_slice(text.as_bytes());
    }
    parameter::write(out, "filename", &file.name);
    out.extend_from_slice(b"\r\n\r\n");
    mime::base64(out, octets);
}
