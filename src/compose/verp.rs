//! Reverse-paths of their own, one a batch, that say whose bounce it is and cannot be forged (VERP).
//!
//! `bounces@example.com` becomes `bounces+TAG@example.com`. The tag is base32 in small letters, as servers may
//! change the case of a local part, of 25 octets: campaign (5), whom it names (10), and a keyed hash over both
//! (10) under a word of its own for each kind. A message to one person names them by the beginning of the hash
//! that tokens name them by; one that several share names its batch, and nobody. Whoever takes bounces in must
//! use [`read`], which looks at nothing before the hash is right.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::mail::{Address, BatchId, PlanId};

use super::token::{CampaignTag, Keys, RecipientTag, base32};

const CAMPAIGN: usize = 5;
const NAMED: usize = 10;
const HASH: usize = 10;
const SIGNED: usize = CAMPAIGN + NAMED;
/// Letters of a tag: five bits each.
const LETTERS: usize = (SIGNED + HASH) * 8 / 5;
/// Octets of the local part that a tag is put behind: RFC 5321 (4.5.3.1.1) allows 64, and `+` takes one.
pub(super) const LONGEST_LOCAL_PART: usize = 64 - 1 - LETTERS;
/// Octets of the whole address: RFC 5321 (4.5.3.1.3) allows 254.
pub(super) const LONGEST: usize = 254 - 1 - LETTERS;

/// What a tag is about, as its keyed hash takes it.
const OF_RECIPIENT: &str = "verp recipient";
const OF_BATCH: &str = "verp batch";

/// Whom a bounce is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounced {
    campaign: [u8; CAMPAIGN],
    whom: Whom,
}

/// Whom a reverse-path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whom {
    Recipient([u8; NAMED]),
    Batch { plan: [u8; 4], number: u32, part: u16 },
}

impl Bounced {
    /// Whether it comes from a message of that campaign.
    pub fn is_of(&self, campaign: CampaignTag) -> bool {
        campaign.0.starts_with(&self.campaign)
    }

    /// Whether it names that recipient.
    pub fn names(&self, recipient: RecipientTag) -> bool {
        match &self.whom {
            Whom::Recipient(named) => recipient.0.starts_with(named),
            Whom::Batch { .. } => false,
        }
    }

    /// The batch that several shared: its number and part in a plan whose id begins with these octets. None if
    /// the message was to one person.
    pub fn batch(&self) -> Option<([u8; 4], u32, u16)> {
        match self.whom {
            Whom::Recipient(_) => None,
            Whom::Batch { plan, number, part } => Some((plan, number, part)),
        }
    }
}

/// The reverse-path of a message to one person.
pub(super) fn of_recipient(
    keys: &Keys,
    base: &Address,
    campaign: CampaignTag,
    recipient: RecipientTag,
) -> Address {
    let named: [u8; NAMED] = *recipient.0.first_chunk().expect("a tag has sixteen octets");
    path(keys, base, campaign, OF_RECIPIENT, named)
}

/// The reverse-path of a message that several share.
pub(super) fn of_batch(
    keys: &Keys,
    base: &Address,
    campaign: CampaignTag,
    plan: PlanId,
    batch: BatchId,
) -> Address {
    let mut named = [0; NAMED];
    named[..4].copy_from_slice(&plan.0[..4]);
    named[4..8].copy_from_slice(&batch.number.to_be_bytes());
    named[8..].copy_from_slice(&batch.part.to_be_bytes());
    path(keys, base, campaign, OF_BATCH, named)
}

fn path(keys: &Keys, base: &Address, campaign: CampaignTag, purpose: &str, named: [u8; NAMED]) -> Address {
    let mut tag = [0; SIGNED + HASH];
    tag[..CAMPAIGN].copy_from_slice(&campaign.0[..CAMPAIGN]);
    tag[CAMPAIGN..SIGNED].copy_from_slice(&named);
    let hash: [u8; HASH] = keys.hash(purpose, &[&tag[..SIGNED]]);
    tag[SIGNED..].copy_from_slice(&hash);
    let text = [base.local_part(), "+", &base32(&tag), "@", base.domain()].concat();
    Address::parse(&text).expect("the lint has found room for a tag behind the local part")
}

/// Whom a bounce to `address` is about; none if it is no reverse-path of ours, or was changed.
///
/// ```
/// use mailrun::compose::{Keys, read_verp};
/// use mailrun::mail::Address;
/// let forged = Address::parse("bounces+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.com").expect("an address");
/// assert_eq!(read_verp(&Keys::new(&[7; 32]), &forged), None);
/// ```
pub fn read(keys: &Keys, address: &Address) -> Option<Bounced> {
    let (_, tag) = address.local_part().rsplit_once('+')?;
    let octets = octets(tag)?;
    let (signed, hash) = octets.split_first_chunk::<SIGNED>()?;
    let is_genuine = |purpose| {
        let genuine: [u8; HASH] = keys.hash(purpose, &[signed]);
        verify_slices_are_equal(&genuine, hash).is_ok()
    };
    let (campaign, named) = signed.split_first_chunk::<CAMPAIGN>()?;
    let named: [u8; NAMED] = named.try_into().ok()?;
    let whom = if is_genuine(OF_RECIPIENT) {
        Whom::Recipient(named)
    } else if is_genuine(OF_BATCH) {
        let (plan, rest) = named.split_first_chunk()?;
        let (number, part) = rest.split_first_chunk()?;
        Whom::Batch {
            plan: *plan,
            number: u32::from_be_bytes(*number),
            part: u16::from_be_bytes(part.try_into().ok()?),
        }
    } else {
        return None;
    };
    Some(Bounced { campaign: *campaign, whom })
}

/// The octets of a tag, in letters of either case (RFC 4648, 6).
fn octets(tag: &str) -> Option<[u8; SIGNED + HASH]> {
    if tag.len() != LETTERS {
        return None;
    }
    let mut octets = [0; SIGNED + HASH];
    // Eight letters are five octets.
    for (letters, five) in tag.as_bytes().chunks(8).zip(octets.chunks_mut(5)) {
        let mut bits = 0_u64;
        for letter in letters {
            let value = match letter.to_ascii_lowercase() {
                letter @ b'a'..=b'z' => letter - b'a',
                digit @ b'2'..=b'7' => digit - b'2' + 26,
                _ => return None,
            };
            bits = bits << 5 | u64::from(value);
        }
        five.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::RunNo;

    fn keys() -> Keys {
        Keys::new(&[7; 32])
    }

    fn base() -> Address {
        Address::parse("bounces@example.com").expect("an address")
    }

    fn ada() -> RecipientTag {
        RecipientTag::new(&keys(), &Address::parse("ada@example.net").expect("an address"))
    }

    fn batch(number: u32, part: u16) -> BatchId {
        BatchId { run: RunNo(1), number, part }
    }

    #[test]
    fn a_bounce_names_who_was_written_to_in_which_campaign() {
        let keys = keys();
        let [autumn, winter] = ["autumn", "winter"].map(|name| CampaignTag::new(&keys, name, 1));
        let path = of_recipient(&keys, &base(), autumn, ada());
        assert!(path.as_str().starts_with("bounces+") && path.as_str().ends_with("@example.com"), "{path}");
        assert_eq!(path.local_part().len(), 8 + LETTERS);
        let bounced = read(&keys, &path).expect("ours");
        assert!(bounced.is_of(autumn) && !bounced.is_of(winter));
        assert!(bounced.names(ada()) && bounced.batch().is_none());
        let eve = RecipientTag::new(&keys, &Address::parse("eve@example.net").expect("an address"));
        assert!(!bounced.names(eve));
        // Many servers change the case of a local part.
        let shouted = Address::parse(&path.as_str().to_uppercase()).expect("an address");
        assert_eq!(read(&keys, &shouted), Some(bounced));
    }

    #[test]
    fn a_bounce_of_a_shared_message_names_its_batch_and_nobody() {
        let keys = keys();
        let campaign = CampaignTag::new(&keys, "autumn", 1);
        let path = of_batch(&keys, &base(), campaign, PlanId([9; 16]), batch(70_000, 3));
        let bounced = read(&keys, &path).expect("ours");
        assert_eq!(bounced.batch(), Some(([9; 4], 70_000, 3)));
        assert!(bounced.is_of(campaign) && !bounced.names(ada()));
    }

    #[test]
    fn a_path_stays_what_it_was() {
        let campaign = CampaignTag::new(&keys(), "autumn", 1);
        let path = of_recipient(&keys(), &base(), campaign, ada());
        assert_eq!(path, of_recipient(&keys(), &base(), campaign, ada()));
        assert_eq!(path.as_str(), "bounces+dtazyxylu2akgmup3d64and4ll4yzs5uvxeldr4i@example.com");
    }

    #[test]
    fn no_letter_of_a_tag_can_be_changed() {
        let campaign = CampaignTag::new(&keys(), "autumn", 1);
        for path in [
            of_recipient(&keys(), &base(), campaign, ada()),
            of_batch(&keys(), &base(), campaign, PlanId([9; 16]), batch(1, 0)),
        ] {
            assert_eq!(read(&Keys::new(&[8; 32]), &path), None, "another key");
            let text = path.as_str();
            for place in 8..8 + LETTERS {
                let other = if text.as_bytes()[place] == b'a' { "b" } else { "a" };
                let forged = format!("{}{other}{}", &text[..place], &text[place + 1..]);
                let forged = Address::parse(&forged).expect("an address");
                assert_eq!(read(&keys(), &forged), None, "{forged}");
            }
        }
        for other in ["bounces@example.com", "bounces+@example.com", "bounces+abc@example.com"] {
            assert_eq!(read(&keys(), &Address::parse(other).expect("an address")), None, "{other}");
        }
    }

    #[test]
    fn the_longest_local_part_leaves_room_for_a_tag() {
        let longest = format!("{}@example.com", "b".repeat(LONGEST_LOCAL_PART));
        let base = Address::parse(&longest).expect("an address");
        let path = of_recipient(&keys(), &base, CampaignTag::new(&keys(), "autumn", 1), ada());
        assert_eq!(path.local_part().len(), 64);
    }

    proptest! {
        #[test]
        fn nothing_made_up_is_ours(tag in "[a-z2-7]{40}") {
            let address = Address::parse(&format!("bounces+{tag}@example.com")).expect("an address");
            prop_assert_eq!(read(&keys(), &address), None);
        }
    }
}
