//! The files that go with a campaign's messages.
//!
//! `[[attachments]] file = "files/terms.pdf"` goes with every message; `file = "files/{{id}}.pdf"` is a
//! recipient's own. Paths are relative to the campaign's folder and lead nowhere else. The shared ones are
//! read here, so that one that is missing is told at its place; those of the recipients are read when their rows
//! are rendered.

use std::collections::BTreeSet;

use toml::Spanned;

use crate::mail::{Attachment, nearest};

use super::files::{FileError, Files};
use super::settings::{AttachmentText, Text};
use super::sheet::{Sheet, Wrong};

/// Octets of one attachment: more than any mailbox provider takes (Gmail 25 MB, SES 40 MB with its encoding).
pub const ATTACHMENT_LIMIT: u64 = 32 << 20;

/// What was found of a campaign's attachments.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    pub(super) attachments: Vec<Attachment>,
    /// Every file that was read, relative to the workspace, with the hash of its octets.
    pub(super) sources: Vec<(String, blake3::Hash)>,
}

/// Reads the attachments of the campaign in `folder`; what is wrong goes to `sheet`.
pub(super) fn read(
    files: &Files,
    folder: &str,
    typed: &[Spanned<AttachmentText>],
    sheet: &mut Sheet,
) -> Attachments {
    let mut found = Attachments::default();
    let mut seen = BTreeSet::new();
    for entry in typed {
        let text = entry.get_ref();
        let Some(path) = &text.file else {
            sheet.wrong(
                entry.span(),
                Wrong::new("this attachment has no `file`").hint("add file = \"files/..\""),
            );
            continue;
        };
        let kind = sheet.take(text.kind.as_ref(), |kind| media_type_of(kind));
        if let Err(wrong) = path_is_fit(path.get_ref()) {
            sheet.wrong(path.span(), wrong);
            continue;
        }
        if text.name.as_ref().is_some_and(|name| name.get_ref().trim().is_empty()) {
            sheet.wrong(entry.span(), Wrong::new("an attachment needs a name").hint("leave `name` out"));
        }
        if !seen.insert((path.get_ref(), text.name.as_ref().map(Spanned::get_ref))) {
            sheet.warn(path.span(), Wrong::new(format!("{:?} is attached twice", path.get_ref())));
        }
        let mut attachment = Attachment {
            file: sheet.source(path),
            name: text.name.as_ref().map(|name| sheet.source(name)),
            kind,
            hash: None,
        };
        // A file that all have is looked at here even where each gets it under another name.
        if !path.get_ref().contains("{{")
            && let Some(hash) = hash(files, folder, path, sheet)
        {
            found.sources.push((format!("{folder}/{}", path.get_ref()), hash));
            attachment.hash = (!attachment.is_personal()).then(|| *hash.as_bytes());
        }
        found.attachments.push(attachment);
    }
    found
}

fn hash(files: &Files, folder: &str, path: &Text, sheet: &mut Sheet) -> Option<blake3::Hash> {
    let typed = path.get_ref();
    match files.enclosed(folder, typed, ATTACHMENT_LIMIT) {
        Ok(octets) => {
            if octets.is_empty() {
                sheet.warn(path.span(), Wrong::new(format!("{folder}/{typed} is empty")));
            }
            Some(blake3::hash(&octets))
        }
        Err(error) => {
            let wrong = Wrong::new(format!("{folder}/{typed}: {}", error.told()));
            let wrong = match &error {
                FileError::Missing => wrong.hint(similar(files, folder, typed)),
                FileError::TooLarge { .. } => wrong.hint("put it on a server and link to it"),
                FileError::Astray
                | FileError::Outside
                | FileError::NotRegular
                | FileError::NotText { .. }
                | FileError::System(_) => wrong,
            };
            sheet.wrong(path.span(), wrong);
            None
        }
    }
}

/// What could have been meant by a path that leads to nothing.
fn similar(files: &Files, folder: &str, typed: &str) -> String {
    let (parent, name) = typed.rsplit_once('/').unwrap_or(("", typed));
    let names = files.names(&format!("{folder}/{parent}"), "").unwrap_or_default();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) if parent.is_empty() => format!("did you mean {near:?}?"),
        Some(near) => format!("did you mean \"{parent}/{near}\"?"),
        None => format!("paths are relative to {folder}"),
    }
}

/// A path of the recipients' own begins with a folder, so that no cell of a list can name the list itself.
fn path_is_fit(path: &str) -> Result<(), Wrong> {
    let upwards = path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if upwards && !path.contains("{{")
        || path.starts_with('/')
        || path.starts_with("../")
        || path.starts_with('~')
    {
        let wrong = Wrong::new(format!("{path:?} does not lie in the campaign's folder"));
        return Err(wrong.hint("write it like \"files/terms.pdf\""));
    }
    match path.split_once("{{") {
        Some((before, _)) if !before.contains('/') => {
            let wrong = Wrong::new("a cell of the list alone decides which file is attached");
            Err(wrong.hint(format!("put the files into a folder of their own: \"files/{path}\"")))
        }
        Some(_) | None => Ok(()),
    }
}

/// A media type of a part in base64 (RFC 2045, 5.1 and 6.4).
fn media_type_of(text: &str) -> Result<String, Wrong> {
    let is_token = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let lower = text.to_ascii_lowercase();
    match lower.split_once('/') {
        Some(("message" | "multipart", _)) => {
            Err(Wrong::new(format!("{text:?} cannot be attached as such")).hint("leave `type` out"))
        }
        Some((kind, sub)) if is_token(kind) && is_token(sub) => Ok(lower),
        Some(_) | None => {
            Err(Wrong::new(format!("{text:?} is not a media type")).hint("write it like \"application/pdf\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder_of_the_campaign() {
        let table = [
            ("files/terms.pdf", true),
            ("terms.pdf", true),
            ("files/{{id}}.pdf", true),
            ("files/{{../id}}.pdf", true),
            ("{{file}}", false),
            ("a{{id}}.pdf", false),
            ("/etc/passwd", false),
            ("../other/terms.pdf", false),
            ("files/../terms.pdf", false),
            ("files//terms.pdf", false),
            ("~/terms.pdf", false),
        ];
        for (path, fit) in table {
            assert_eq!(path_is_fit(path).is_ok(), fit, "{path}");
        }
    }

    #[test]
    fn types_are_those_that_travel_in_base64() {
        let table = [
            ("application/pdf", Some("application/pdf")),
            ("Image/PNG", Some("image/png")),
            ("application/vnd.ms-excel", Some("application/vnd.ms-excel")),
            ("pdf", None),
            ("text/plain; charset=x", None),
            ("a/b\r\nX: y", None),
            ("message/rfc822", None),
            ("multipart/mixed", None),
        ];
        for (text, kind) in table {
            assert_eq!(media_type_of(text).ok().as_deref(), kind, "{text}");
        }
    }
}
