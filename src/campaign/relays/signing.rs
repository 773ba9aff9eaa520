//! `[dkim."example.com"]` and `sign`: who signs which mail, and with which keys.
//!
//! Only names and places are found here. A key file is read when somebody is about to sign, by the rules of
//! passwords, and what is in it is for those who compose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use toml::Spanned;

use crate::mail::{Fault, Place};

use super::super::secrets::{self, SecretError};
use super::super::settings::Text;
use super::super::sheet::{Sheet, Wrong};
use super::fields::host_name;
use super::{Relay, RelayText};

/// Octets of a selector, and of one of its labels (RFC 1035, 2.3.4), with room for `._domainkey` and a domain.
const SELECTOR_LIMIT: usize = 128;
const LABEL_LIMIT: usize = 63;
/// Amazon's servers, under whatever name of a region.
const AMAZON: &str = ".amazonaws.com";

/// Whether mailrun puts a DKIM-Signature into what goes through a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signing {
    /// It must: without a key for the domain of From nothing is sent.
    Always,
    /// It does where there is a key for the domain of From: nobody has said anything.
    WhereKeyed,
    /// It does not: the provider signs, or the operator wants none.
    Never,
}

/// The keys of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningDomain {
    /// The domain, in A-labels and small letters.
    pub domain: String,
    /// Its keys, never none, in their order.
    pub keys: Vec<SigningKey>,
}

/// One key: where it is published, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The selector (RFC 6376, 3.1): the public half stands at `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The file with the private half, as it was typed: relative to the workspace, or absolute.
    pub file: PathBuf,
    /// Where the file is named.
    pub place: Place,
}

impl SigningKey {
    /// Reads the file, which lies beneath `root` unless its path is absolute.
    ///
    /// # Errors
    /// A fault at the place where it is named: it is not there, not ours, or others may read it.
    pub fn read(&self, root: &Path) -> Result<SecretString, Box<Fault>> {
        secrets::read_text(&root.join(&self.file)).map_err(|error| {
            let what = match &error {
                SecretError::File { source, .. } => format!("{error}: {}", source.to_string().to_lowercase()),
                SecretError::NotSet(_)
                | SecretError::NotText(_)
                | SecretError::Exposed { .. }
                | SecretError::Command { .. }
                | SecretError::Failed { .. }
                | SecretError::Unusable { .. } => error.to_string(),
            };
            let what = format!("the key of selector `{}` cannot be read: {what}", self.selector);
            let hint = "write the path as seen from the workspace; the file is for your eyes only";
            Box::new(Fault::error(what).at(self.place.clone()).hint(hint))
        })
    }
}

impl SigningDomain {
    /// Those of `known` that sign mail from `domain`: its own keys, or else those of the nearest domain above it
    /// (RFC 6376, 3.10).
    pub fn covering<'a>(known: &'a [Self], domain: &str) -> Option<&'a Self> {
        let mut name = domain;
        loop {
            if let Some(found) = known.iter().find(|signing| signing.domain == name) {
                return Some(found);
            }
            (_, name) = name.split_once('.')?;
        }
    }
}

impl Relay {
    /// Whether it writes a Date and a Message-ID of its own over ours, as Amazon SES does, so that neither can
    /// be signed.
    pub fn rewrites_stamps(&self) -> bool {
        self.preset.name() == "ses" || self.host.ends_with(AMAZON)
    }
}

/// What `sign` means, with the preset's word where nothing was typed.
pub(super) fn signing(text: &RelayText, known: &RelayText) -> Signing {
    match text.sign.as_ref().or(known.sign.as_ref()).map(|sign| *sign.get_ref()) {
        Some(true) => Signing::Always,
        Some(false) => Signing::Never,
        None => Signing::WhereKeyed,
    }
}

/// `[dkim."example.com"]` as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DkimText {
    keys: Option<Spanned<Vec<Spanned<KeyText>>>>,
}

/// One of `keys`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeyText {
    selector: Option<Text>,
    file: Option<Text>,
}

/// The domains that have keys; what is wrong goes to the sheet.
pub(super) fn domains(typed: &BTreeMap<Text, Spanned<DkimText>>, sheet: &mut Sheet) -> Vec<SigningDomain> {
    let mut known: Vec<SigningDomain> = Vec::new();
    for (name, text) in typed {
        let domain = sheet.take(Some(name), |name| match host_name(name) {
            Ok(domain) if domain.contains('.') && domain.parse::<std::net::IpAddr>().is_err() => Ok(domain),
            Ok(_) | Err(_) => {
                Err(Wrong::new(format!("{name:?} is not a domain"))
                    .hint("write it like [dkim.\"example.com\"]"))
            }
        });
        let keys = keys(name, text, sheet);
        let Some(domain) = domain else { continue };
        if known.iter().any(|other| other.domain == domain) {
            sheet.wrong(name.span(), Wrong::new(format!("{domain} stands here twice")));
        } else {
            known.push(SigningDomain { domain, keys });
        }
    }
    known
}

fn keys(name: &Text, text: &Spanned<DkimText>, sheet: &mut Sheet) -> Vec<SigningKey> {
    let hint = "add keys = [{ selector = \"s1\", file = \"keys/s1.pem\" }]";
    let typed = text.get_ref().keys.as_ref();
    let Some(typed) = typed.filter(|keys| !keys.get_ref().is_empty()) else {
        let span = typed.map_or(name.span(), Spanned::span);
        sheet.wrong(span, Wrong::new(format!("no key is named for {:?}", name.get_ref())).hint(hint));
        return Vec::new();
    };
    let mut keys: Vec<SigningKey> = Vec::new();
    for key in typed.get_ref() {
        let text = key.get_ref();
        for (missing, is_missing) in [("selector", text.selector.is_none()), ("file", text.file.is_none())] {
            if is_missing {
                sheet.wrong(key.span(), Wrong::new(format!("this key has no `{missing}`")).hint(hint));
            }
        }
        let selector = sheet.take(text.selector.as_ref(), |selector| self::selector(selector));
        let file = sheet.take(text.file.as_ref(), |file| match file.trim() {
            "" => Err(Wrong::new("no file is named").hint("write file = \"keys/s1.pem\"")),
            named if named.contains("-----BEGIN") => {
                Err(Wrong::new("a key stands here in the clear").hint("write it to a file, and name that"))
            }
            named => Ok(PathBuf::from(named)),
        });
        let (Some(selector), Some(file), Some(typed)) = (selector, file, &text.file) else { continue };
        if keys.iter().any(|other| other.selector == selector) {
            let wrong = Wrong::new(format!("selector `{selector}` stands here twice"));
            sheet.wrong(key.span(), wrong.hint("each key is published under a selector of its own"));
            continue;
        }
        keys.push(SigningKey { selector, file, place: sheet.place(typed.span()) });
    }
    keys
}

/// RFC 6376, 3.1: labels with dots between them.
fn selector(text: &str) -> Result<String, Wrong> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let label = |label: &str| !label.is_empty() && label.len() <= LABEL_LIMIT && label.bytes().all(fits);
    if text.len() <= SELECTOR_LIMIT && text.split('.').all(label) {
        Ok(text.to_ascii_lowercase())
    } else {
        let wrong = Wrong::new(format!("{text:?} is not a selector"));
        Err(wrong.hint("it is what stands before ._domainkey in DNS, like \"s1\""))
    }
}
