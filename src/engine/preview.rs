//! What recipients would get, to be looked at.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;

use crate::campaign::{Entry, List};
use crate::compose;
use crate::mail::{Address, PlanId, Recipient};
use crate::store::History;

use super::desk::Desk;
use super::enclosed::composer;
use super::error::EngineError;
use super::frozen::frozen_content;
use super::gather::{Gather, Gathered};
use super::prepare::Again;
use super::told::wording;

/// Whose message is looked at.
#[derive(Debug, Clone)]
pub enum Choice {
    /// That of a row of the list; the header is row 1.
    Row(u32),
    /// That of an address.
    Email(Address),
    /// The first that can be written to.
    First,
    /// Some, by chance.
    Sample {
        /// How many.
        count: usize,
        /// What decides the chance.
        seed: u64,
    },
    /// The first of each variant and language.
    Each,
    /// Those most likely to look wrong: the longest message, the shortest, the emptiest row, the longest cell.
    Worst,
}

/// One message as it will be sent, but for Date and Message-ID.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The row in the list.
    pub row: u32,
    /// The address.
    pub email: String,
    /// The octets.
    pub octets: Vec<u8>,
    /// The header, decoded.
    pub headers: Vec<(String, String)>,
    /// The text body, decoded.
    pub text: Option<String>,
    /// The HTML body, decoded.
    pub html: Option<String>,
    /// What identifies the content; the journal keeps the same.
    pub digest: String,
    /// The variant; empty where there are none.
    pub variant: String,
    /// The language; empty where nothing chose one.
    pub language: String,
    /// Name and type of each attachment, in their order.
    pub attachments: Vec<(String, String)>,
}

impl Desk {
    /// Composes the messages of those who are chosen; empty if nobody is.
    ///
    /// # Errors
    /// What is wrong with templates or list, or why a chosen row does not render.
    pub fn preview(&self, choice: &Choice) -> Result<Vec<Preview>, EngineError> {
        let history = History::read(self.workspace.state_dir())?;
        let edition = self.edition(&history, Again::No);
        let content = Arc::new(frozen_content(&self.campaign.content, edition));
        let composer = composer(&self.workspace, Arc::clone(&content), &self.keys()?, PlanId([0; 16]))?;
        let mut previews = Vec::new();
        for recipient in self.chosen(choice, &|recipient| {
            composer.check(recipient).map_or(usize::MAX, |checked| checked.octets)
        })? {
            let preview = composer.preview(&recipient).map_err(|fault| EngineError::Row {
                row: recipient.row,
                what: fault.to_string(),
                place: fault.place.map(|place| *place),
            })?;
            let (variant, language) = wording(&content, &recipient);
            let mut headers = preview.headers;
            if self.signs() {
                headers.insert(0, ("DKIM-Signature".to_owned(), compose::Preview::LATER.to_owned()));
            }
            previews.push(Preview {
                row: recipient.row,
                email: recipient.address.to_string(),
                octets: preview.octets.to_vec(),
                headers,
                text: preview.text,
                html: preview.html,
                digest: preview.digest.to_string(),
                variant: variant.to_owned(),
                language: language.to_owned(),
                attachments: preview.attachments,
            });
        }
        Ok(previews)
    }

    fn chosen(
        &self,
        choice: &Choice,
        size: &dyn Fn(&Recipient) -> usize,
    ) -> Result<Vec<Recipient>, EngineError> {
        let mut found = Vec::new();
        match choice {
            Choice::First => self.each(&mut |recipient| {
                found.push(recipient.clone());
                Go::Stop
            })?,
            Choice::Row(row) => self.each(&mut |recipient| {
                if recipient.row == *row || recipient.more.iter().any(|line| line.row == *row) {
                    found.push(recipient.clone());
                }
                Go::on_while(recipient.row < *row)
            })?,
            Choice::Email(address) => self.each(&mut |recipient| {
                let is_meant = recipient.address.key() == address.key();
                if is_meant {
                    found.push(recipient.clone());
                }
                Go::on_while(!is_meant)
            })?,
            Choice::Sample { count, seed } => {
                let mut rows = Vec::new();
                self.each(&mut |recipient| {
                    rows.push(recipient.row);
                    Go::On
                })?;
                let mut chance = SmallRng::seed_from_u64(*seed);
                let mut chosen = rows.into_iter().sample(&mut chance, *count);
                chosen.sort_unstable();
                self.each(&mut |recipient| {
                    if chosen.binary_search(&recipient.row).is_ok() {
                        found.push(recipient.clone());
                    }
                    Go::On
                })?;
            }
            Choice::Each => {
                let content = &self.campaign.content;
                let mut missing = vec![true; content.all_words().count()];
                self.each(&mut |recipient| {
                    if std::mem::take(&mut missing[content.wording_of(recipient)]) {
                        found.push(recipient.clone());
                    }
                    Go::on_while(missing.contains(&true))
                })?;
            }
            Choice::Worst => found = self.worst(size)?,
        }
        Ok(found)
    }

    fn worst(&self, size: &dyn Fn(&Recipient) -> usize) -> Result<Vec<Recipient>, EngineError> {
        let mut worst: [Option<(usize, Recipient)>; 4] = Default::default();
        self.each(&mut |recipient| {
            let octets = size(recipient);
            let empty = recipient.fields.iter().filter(|cell| cell.trim().is_empty()).count();
            let longest = recipient.fields.iter().map(str::len).max().unwrap_or(0);
            for (place, badness) in [octets, usize::MAX - octets, empty, longest].into_iter().enumerate() {
                if worst[place].as_ref().is_none_or(|(most, _)| badness > *most) {
                    worst[place] = Some((badness, recipient.clone()));
                }
            }
            Go::On
        })?;
        let mut rows: Vec<Recipient> = worst.into_iter().flatten().map(|(_, recipient)| recipient).collect();
        rows.sort_by_key(|recipient| recipient.row);
        rows.dedup_by_key(|recipient| recipient.row);
        Ok(rows)
    }

    fn each(&self, visit: &mut dyn FnMut(&Recipient) -> Go) -> Result<(), EngineError> {
        let mut list = List::open(&self.workspace, &self.campaign)?;
        let mut gather = Gather::new(&self.campaign.content, self.workspace.state_dir())?;
        while let Some(entry) = list.next()? {
            match entry {
                Entry::Good(recipient) => match &mut gather {
                    // Rows that belong to nobody are no message.
                    Some(gather) => drop(gather.add(recipient)?),
                    None if visit(recipient) == Go::Stop => break,
                    None => {}
                },
                Entry::Invalid { .. } | Entry::Filtered { .. } | Entry::Undecided { .. } => {}
            }
        }
        let Some(gather) = gather else { return Ok(()) };
        let mut people = gather.finish()?;
        while let Some(person) = people.next()? {
            match person {
                Gathered::Whole(recipient) if visit(&recipient) == Go::Stop => break,
                Gathered::Whole(_) | Gathered::Torn { .. } => {}
            }
        }
        Ok(())
    }
}

/// Whether a list is read on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Go {
    On,
    Stop,
}

impl Go {
    fn on_while(goes_on: bool) -> Self {
        if goes_on { Self::On } else { Self::Stop }
    }
}
