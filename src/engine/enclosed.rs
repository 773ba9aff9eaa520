//! The files that go with messages, read for those who compose.
//!
//! What all messages share is read once and must be what was planned. A recipient's own file is read when its
//! message is composed, and compared with the seal that the plan keeps of it.

use std::sync::Arc;

use bytes::Bytes;

use crate::campaign::{ATTACHMENT_LIMIT, FileError, Files, Workspace};
use crate::compose::{Composer, Enclosed, Keys};
use crate::mail::{Attachment, Content, Fault, Image, PlanId};

use super::error::EngineError;
use super::frozen::bare;

/// The templates of `content`, compiled, and the files that go with them.
///
/// # Errors
/// What is wrong with the templates; [`EngineError::Differs`] if a file is not the one that was planned.
pub(super) fn composer(
    workspace: &Workspace,
    content: Arc<Content>,
    keys: &Keys,
    plan: PlanId,
) -> Result<Composer, EngineError> {
    let enclosed = match &*content {
        Content { attachments, images, .. } if attachments.is_empty() && images.is_empty() => None,
        content => Some(enclosed(workspace, content)?),
    };
    let composer = Composer::new(content, keys, plan).map_err(EngineError::Faults)?;
    match enclosed {
        Some(enclosed) => composer.enclosing(enclosed).map_err(|faults| differs(&faults)),
        None => Ok(composer),
    }
}

/// Refuses files that are not those that `content` was planned with.
///
/// # Errors
/// [`EngineError::Differs`] with each of them.
pub(super) fn same_files(workspace: &Workspace, content: &Content) -> Result<(), EngineError> {
    let enclosed = enclosed(workspace, content)?;
    let images = content.images.iter().map(|image| (image.file.as_str(), Some(image.hash)));
    let attachments = content.attachments.iter().map(|one| (one.file.text(), one.hash));
    let read = enclosed.images.into_iter().map(Some).chain(enclosed.attachments);
    let what: Vec<String> = images
        .chain(attachments)
        .zip(read)
        .filter(|((_, hash), octets)| {
            octets.as_ref().is_some_and(|octets| Some(*blake3::hash(octets).as_bytes()) != *hash)
        })
        .map(|((file, _), _)| format!("the file {file}"))
        .collect();
    if what.is_empty() { Ok(()) } else { Err(EngineError::Differs { what }) }
}

/// The files that both contents name and that are not the same any more, in words.
pub(super) fn edits(then: &Content, now: &Content) -> Vec<String> {
    let mut edits = Vec::new();
    for attachment in &now.attachments {
        let same = |planned: &&Attachment| planned.file.text() == attachment.file.text();
        if then.attachments.iter().find(same).is_some_and(|planned| planned.hash != attachment.hash) {
            edits.push(format!("the attachment {}", attachment.file.text()));
        }
    }
    for image in &now.images {
        let same = |planned: &&Image| planned.src == image.src && planned.template == image.template;
        if then.images.iter().find(same).is_some_and(|planned| planned.hash != image.hash) {
            edits.push(format!("the picture {}", image.file));
        }
    }
    edits
}

/// An attachment as a plan keeps it.
pub(super) fn frozen(attachment: &Attachment) -> Attachment {
    let name = attachment.name.as_ref().map(bare);
    Attachment { file: bare(&attachment.file), name, ..attachment.clone() }
}

fn enclosed(workspace: &Workspace, content: &Content) -> Result<Enclosed, EngineError> {
    let files = Files::open(workspace).map_err(|error| unread("the workspace", &error))?;
    let folder = workspace.campaign_folder(&content.campaign)?;
    let read = |path: &str| files.enclosed(&folder, path, ATTACHMENT_LIMIT).map(Bytes::from);
    let mut images = Vec::with_capacity(content.images.len());
    for image in &content.images {
        let octets =
            files.read(&image.file, ATTACHMENT_LIMIT).map_err(|error| unread(&image.file, &error))?;
        images.push(Bytes::from(octets));
    }
    let mut attachments = Vec::with_capacity(content.attachments.len());
    for attachment in &content.attachments {
        let path = attachment.file.text();
        attachments.push(match attachment.hash {
            Some(_) => Some(read(path).map_err(|error| unread(path, &error))?),
            None => None,
        });
    }
    let read = Arc::new(move |path: &str| {
        files.enclosed(&folder, path, ATTACHMENT_LIMIT).map(Bytes::from).map_err(|error| error.told())
    });
    Ok(Enclosed { images, attachments, read })
}

fn unread(file: &str, error: &FileError) -> EngineError {
    EngineError::Differs { what: vec![format!("the file {file}: {}", error.told())] }
}

fn differs(faults: &[Fault]) -> EngineError {
    EngineError::Differs { what: faults.iter().map(|fault| fault.what.clone()).collect() }
}
