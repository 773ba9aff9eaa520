//! What a campaign wants made of its HTML bodies: `[html]` and `language`.

use crate::mail::{Making, language_tag};

use super::settings::CampaignText;
use super::sheet::{Sheet, Wrong};

/// Whether pictures beside the template are brought along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pictures {
    /// Under a Content-ID.
    Embedded,
    /// Not at all.
    Linked,
}

/// What is made of the HTML bodies unless the campaign says otherwise: all there is.
pub(super) fn making(text: &CampaignText) -> (Making, Pictures) {
    let typed = &text.html;
    let pictures = if typed.embed.unwrap_or(true) { Pictures::Embedded } else { Pictures::Linked };
    let making = Making {
        inline_css: typed.inline_css.unwrap_or(true),
        text: typed.text.unwrap_or(true),
        ..Making::default()
    };
    (making, pictures)
}

/// The language of the messages (RFC 5646).
pub(super) fn language(text: &CampaignText, sheet: &mut Sheet) -> Option<String> {
    sheet.take(text.language.as_ref(), |typed| match language_tag(typed) {
        Some(_) => Ok(typed.trim().replace('_', "-")),
        None => {
            Err(Wrong::new(format!("{typed:?} is not a language")).hint("write it like \"de\" or \"pt-BR\""))
        }
    })
}
