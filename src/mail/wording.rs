//! What a campaign says: in several variants that are compared, in several languages.
//!
//! Subject and bodies of a [`Content`] are its first wording, which most campaigns have alone. Others stand
//! beside it, one for each pair of variant and language. Which of them a recipient gets follows from their
//! address and their row alone, so that it is the same in a preview, in a plan, in every attempt and in a
//! report.

use serde::{Deserialize, Serialize};

use super::plan::{Content, Source};
use super::recipient::Recipient;

/// One of the variants of a campaign that are compared with each other (an A/B test).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// What the operator calls it.
    pub name: String,
    /// How many of all shares get it; at least 1.
    pub share: u32,
}

/// Subject and bodies of one variant in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// The place of its variant in [`Content::variants`]; 0 where there are none.
    pub variant: usize,
    /// Its language (RFC 5646, lower case); none: for those whose language has no wording of its own.
    pub language: Option<String>,
    /// The Subject.
    pub subject: Source,
    /// The text body; at least one of the two bodies is there.
    pub text: Option<Source>,
    /// The HTML body.
    pub html: Option<Source>,
}

/// What the front matter of a body says of how it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Front {
    /// The name of the partial around the body; none: the usual one.
    pub layout: Option<Source>,
    /// A template, in plain text, of what mail programs show beside the subject in a list of messages.
    pub preheader: Option<Source>,
}

/// Subject and bodies of a wording, borrowed from its content.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// Its language; none: any.
    pub language: Option<&'a str>,
    /// The Subject.
    pub subject: &'a Source,
    /// The text body.
    pub text: Option<&'a Source>,
    /// The HTML body.
    pub html: Option<&'a Source>,
}

impl Content {
    /// All wordings, the first one first; [`Content::wording_of`] counts in this order.
    pub fn all_words(&self) -> impl Iterator<Item = Words<'_>> {
        let first = Words {
            language: None,
            subject: &self.subject,
            text: self.text.as_ref(),
            html: self.html.as_ref(),
        };
        std::iter::once(first).chain(self.wordings.iter().map(|wording| Words {
            language: wording.language.as_deref(),
            subject: &wording.subject,
            text: wording.text.as_ref(),
            html: wording.html.as_ref(),
        }))
    }

    /// The place of the variant of each of [`Content::all_words`].
    pub fn variants_of_words(&self) -> impl Iterator<Item = usize> {
        std::iter::once(0).chain(self.wordings.iter().map(|wording| wording.variant))
    }

    /// The place of the variant that `recipient` gets; 0 where there are none.
    pub fn variant_of(&self, recipient: &Recipient) -> usize {
        let shares: u64 = self.variants.iter().map(|variant| u64::from(variant.share)).sum();
        if shares == 0 {
            return 0;
        }
        let mut hasher = blake3::Hasher::new_derive_key("mailrun variant of a recipient v1");
        hasher.update(self.campaign.as_bytes()).update(&[0]).update(&recipient.address.key().0.to_be_bytes());
        let head = hasher.finalize();
        let head = u64::from_be_bytes(*head.as_bytes().first_chunk().expect("a hash has 32 octets"));
        // Far more values than shares: what the remainder favours is less than one recipient in 2^32.
        let mut drawn = head % shares;
        for (place, variant) in self.variants.iter().enumerate() {
            match drawn.checked_sub(u64::from(variant.share)) {
                Some(rest) => drawn = rest,
                None => return place,
            }
        }
        0
    }

    /// Which of [`Content::all_words`] `recipient` gets, counted from 0: that of their variant in their
    /// language, or else in the language without its region, or else in none in particular.
    pub fn wording_of(&self, recipient: &Recipient) -> usize {
        if self.wordings.is_empty() {
            return 0;
        }
        let variant = self.variant_of(recipient);
        let cell = self.language_column.and_then(|column| recipient.fields.get(column)).unwrap_or_default();
        let wanted = language_tag(cell);
        let mut tag = wanted.as_deref();
        while let Some(language) = tag {
            if let Some(found) = self.wording(variant, Some(language)) {
                return found;
            }
            tag = language.rsplit_once('-').map(|(less, _)| less);
        }
        self.wording(variant, None).unwrap_or(0)
    }

    fn wording(&self, variant: usize, language: Option<&str>) -> Option<usize> {
        if (variant, language) == (0, None) {
            return Some(0);
        }
        let is_meant =
            |wording: &Wording| (wording.variant, wording.language.as_deref()) == (variant, language);
        self.wordings.iter().position(is_meant).map(|place| place + 1)
    }
}

/// A language as wordings name it: `de_AT` and `DE-at` are `de-at`. None for what is no language tag (RFC
/// 5646, 2.1, of which the letters, digits and hyphens are judged).
pub fn language_tag(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-").to_ascii_lowercase();
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    let is_language = (2..=8).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_language && parts.all(is_part)).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Address, Mailbox};

    fn content(shares: &[u32], languages: &[&str]) -> Content {
        let subject = Source::file("s.hbs", "Hello");
        let variants: Vec<Variant> = shares
            .iter()
            .enumerate()
            .map(|(n, share)| Variant { name: format!("v{n}"), share: *share })
            .collect();
        let mut wordings = Vec::new();
        for variant in 0..variants.len().max(1) {
            let tags = languages.iter().map(|tag| Some((*tag).to_owned()));
            for language in std::iter::once(None).chain(tags) {
                if (variant, &language) != (0, &None) {
                    let (subject, text) = (subject.clone(), None);
                    wordings.push(Wording { variant, language, subject, text, html: None });
                }
            }
        }
        Content {
            reverse_path: Address::parse("news@example.com").expect("an address"),
            wordings,
            variants,
            language_column: Some(1),
            ..Content::new(
                "autumn",
                Mailbox::parse("news@example.com").expect("a mailbox"),
                subject,
                ["email", "lang"],
            )
        }
    }

    fn recipient(number: usize, language: &str) -> Recipient {
        let address = format!("p{number}@example.net");
        Recipient {
            row: 2,
            address: Address::parse(&address).expect("an address"),
            fields: [address.as_str(), language].into_iter().collect(),
            more: Vec::new(),
        }
    }

    #[test]
    fn shares_are_kept_and_an_address_keeps_its_variant() {
        let content = content(&[1, 3], &[]);
        let count = (0..10_000).filter(|number| content.variant_of(&recipient(*number, "")) == 1).count();
        assert!((7_300..7_700).contains(&count), "{count} of 10,000 got the variant of three shares in four");
        let mut louder = recipient(7, "");
        let quiet = content.variant_of(&louder);
        louder.address = Address::parse("P7@EXAMPLE.net").expect("an address");
        assert_eq!(content.variant_of(&louder), quiet);
    }

    #[test]
    fn a_language_falls_back_to_less_of_itself_and_then_to_none() {
        let content = content(&[], &["de", "pt-br"]);
        let words: Vec<Option<&str>> = content.all_words().map(|words| words.language).collect();
        for (cell, language) in [
            ("de", Some("de")),
            ("DE_at", Some("de")),
            (" pt-BR ", Some("pt-br")),
            ("pt", None),
            ("fr", None),
            ("", None),
            ("d<e", None),
        ] {
            assert_eq!(words[content.wording_of(&recipient(1, cell))], language, "{cell:?}");
        }
    }

    #[test]
    fn a_variant_speaks_every_language() {
        let content = content(&[1, 1], &["de"]);
        for number in 0..50 {
            let person = recipient(number, "de");
            let wording = &content.wordings[content.wording_of(&person) - 1];
            assert_eq!(wording.variant, content.variant_of(&person));
            assert_eq!(wording.language.as_deref(), Some("de"));
        }
    }
}
