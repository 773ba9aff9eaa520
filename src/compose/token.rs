//! Tokens and Message-IDs: what names a recipient or a batch outside, and cannot be forged.
//!
//! A token stands in the unsubscribe link. It names campaign and recipient by keyed hashes, so it gives
//! no address away, and ends in a tag that only the holder of the keys can make. Whoever takes tokens
//! back must use [`verify`], which looks at nothing before the tag is right.
//!
//! A token is base64url without padding (RFC 4648, 5) of 41 octets: version, campaign (8), recipient
//! (16), tag (16). All hashes are HMAC-SHA256 (RFC 2104), cut short, over a word for the purpose and
//! fields that carry their length, so that no two purposes or fields can be taken for one another.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::mail::{Address, BatchId, PlanId};

const VERSION: u8 = 1;
const CAMPAIGN: usize = 8;
const RECIPIENT: usize = 16;
const TAG: usize = 16;
const SIGNED: usize = 1 + CAMPAIGN + RECIPIENT;

/// The secret from which tokens and Message-IDs are made; one a workspace.
#[derive(Clone)]
pub struct Keys(hmac::Key);

impl Keys {
    /// Takes 32 secret octets.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The first `N` octets, at most 32, of the keyed hash over `purpose` and `fields`.
    pub(super) fn hash<const N: usize>(&self, purpose: &str, fields: &[&[u8]]) -> [u8; N] {
        let mut context = hmac::Context::with_key(&self.0);
        for field in std::iter::once(purpose.as_bytes()).chain(fields.iter().copied()) {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        *context.sign().as_ref().first_chunk().expect("no hash is longer than 32 octets")
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys(..)")
    }
}

/// A campaign in one edition, as tokens name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CampaignTag(pub [u8; CAMPAIGN]);

impl CampaignTag {
    /// How tokens name `edition` of `campaign`.
    pub fn new(keys: &Keys, campaign: &str, edition: u32) -> Self {
        Self(keys.hash("campaign", &[campaign.as_bytes(), &edition.to_be_bytes()]))
    }
}

/// An address, as tokens name it: the same in all campaigns, and whatever the case of its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecipientTag(pub [u8; RECIPIENT]);

impl RecipientTag {
    /// How tokens name `address`.
    pub fn new(keys: &Keys, address: &Address) -> Self {
        let text = address.as_str();
        if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            Self(keys.hash("recipient", &[text.as_bytes()]))
        } else {
            Self(keys.hash("recipient", &[text.to_lowercase().as_bytes()]))
        }
    }
}

/// What a token that is genuine names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The campaign and its edition.
    pub campaign: CampaignTag,
    /// The recipient; none in the one token that all messages of a grouped campaign share.
    pub recipient: Option<RecipientTag>,
}

/// The token of `address` in `edition` of `campaign`.
pub fn issue(keys: &Keys, campaign: &str, edition: u32, address: &Address) -> String {
    sign(keys, CampaignTag::new(keys, campaign, edition), Some(RecipientTag::new(keys, address)))
}

/// The token of a recipient of a campaign, or of the campaign itself.
pub(super) fn sign(keys: &Keys, campaign: CampaignTag, recipient: Option<RecipientTag>) -> String {
    let mut token = [0; SIGNED + TAG];
    token[0] = VERSION;
    token[1..=CAMPAIGN].copy_from_slice(&campaign.0);
    token[1 + CAMPAIGN..SIGNED].copy_from_slice(&recipient.map_or([0; RECIPIENT], |tag| tag.0));
    let tag: [u8; TAG] = keys.hash("token", &[&token[..SIGNED]]);
    token[SIGNED..].copy_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(token)
}

/// What `token` names; none if it was not made with these keys, or was changed.
///
/// ```
/// use mailrun::compose::{Keys, RecipientTag, issue_token, verify_token};
/// use mailrun::mail::Address;
/// let keys = Keys::new(&[7; 32]);
/// let ada = Address::parse("ada@example.com").expect("an address");
/// let link = issue_token(&keys, "autumn", 1, &ada);
/// let named = verify_token(&keys, &link).expect("genuine");
/// assert_eq!(named.recipient, Some(RecipientTag::new(&keys, &ada)));
/// assert_eq!(verify_token(&Keys::new(&[8; 32]), &link), None);
/// ```
pub fn verify(keys: &Keys, token: &str) -> Option<Named> {
    let octets: [u8; SIGNED + TAG] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (signed, tag) = octets.split_first_chunk::<SIGNED>()?;
    let genuine: [u8; TAG] = keys.hash("token", &[signed]);
    verify_slices_are_equal(&genuine, tag).ok()?;
    let [VERSION, rest @ ..] = signed else { return None };
    let (campaign, recipient) = rest.split_first_chunk::<CAMPAIGN>()?;
    let recipient: [u8; RECIPIENT] = recipient.try_into().ok()?;
    Some(Named {
        campaign: CampaignTag(*campaign),
        recipient: (recipient != [0; RECIPIENT]).then_some(RecipientTag(recipient)),
    })
}

/// The left side of a Message-ID: the same for a batch over all its attempts and runs.
pub(super) fn message_id(keys: &Keys, campaign: CampaignTag, plan: PlanId, batch: BatchId) -> String {
    let number = batch.number.to_be_bytes();
    base32(&keys.hash::<16>("message", &[&campaign.0, &plan.0, &number, &batch.part.to_be_bytes()]))
}

/// What divides the parts of a campaign's messages, so that a preview shows what is sent. `=_` can stand neither in quoted-printable nor in base64
/// (RFC 2045, 6.7, note 2), and the rest cannot be guessed.
pub(super) fn boundary(keys: &Keys, campaign: CampaignTag) -> String {
    format!("=_{}", base32(&keys.hash::<16>("boundary", &[&campaign.0])))
}

/// RFC 4648, 6, in small letters and without padding.
pub(super) fn base32(octets: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(octets.len() * 8 / 5 + 1);
    let (mut bits, mut held) = (0_u32, 0);
    for octet in octets {
        bits = bits << 8 | u32::from(*octet);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(LETTERS[(bits >> held & 31) as usize]));
        }
    }
    if held > 0 {
        text.push(char::from(LETTERS[(bits << (5 - held) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::RunNo;

    fn keys() -> Keys {
        Keys::new(&[7; 32])
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        let table = [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")];
        for (octets, text) in table {
            assert_eq!(base32(octets.as_bytes()), text);
        }
    }

    #[test]
    fn a_token_stays_what_it_was() {
        let token = issue(&keys(), "autumn", 1, &address("ada@example.com"));
        assert_eq!(token.len(), 55);
        assert_eq!(token, issue(&keys(), "autumn", 1, &address("Ada@EXAMPLE.com")));
        assert_eq!(token, "ARzBnF8LAF3aJjrhut0JmtwcW_uSycukFh6cZP4UCBX1zyqZ7YDHUkg");
    }

    #[test]
    fn a_token_of_all_names_nobody() {
        let keys = keys();
        let campaign = CampaignTag::new(&keys, "autumn", 2);
        let named = verify(&keys, &sign(&keys, campaign, None)).expect("genuine");
        assert_eq!(named, Named { campaign, recipient: None });
        assert_ne!(campaign, CampaignTag::new(&keys, "autumn", 1));
    }

    #[test]
    fn no_octet_of_a_token_can_be_changed() {
        let keys = keys();
        let token = issue(&keys, "autumn", 1, &address("ada@example.com"));
        let octets = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        for place in 0..octets.len() {
            let mut forged = octets.clone();
            forged[place] ^= 1;
            assert_eq!(verify(&keys, &URL_SAFE_NO_PAD.encode(forged)), None, "octet {place}");
        }
        assert_eq!(verify(&keys, &token[..54]), None);
        assert_eq!(verify(&keys, &format!("{token}A")), None);
        assert_eq!(verify(&keys, ""), None);
    }

    #[test]
    fn a_message_id_depends_on_the_batch_and_not_on_the_run() {
        let keys = keys();
        let campaign = CampaignTag::new(&keys, "autumn", 1);
        let id = |run, number, part| {
            message_id(&keys, campaign, PlanId([1; 16]), BatchId { run: RunNo(run), number, part })
        };
        assert_eq!(id(1, 5, 0), id(2, 5, 0));
        assert_ne!(id(1, 5, 0), id(1, 6, 0));
        assert_ne!(id(1, 5, 0), id(1, 5, 1));
        assert_eq!(id(1, 5, 0).len(), 26);
    }

    proptest! {
        #[test]
        fn nothing_made_up_is_genuine(token in "[A-Za-z0-9_-]{0,60}") {
            prop_assert_eq!(verify(&keys(), &token), None);
        }
    }
}
