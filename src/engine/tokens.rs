//! Tokens that come back out of unsubscribe links: whose they are.
//!
//! A token names a recipient by a keyed hash, so whoever it names is found by hashing everybody: those on the
//! suppression list, of the plans, and of the lists as they are now. A plan that was purged names nobody any
//! more. Nothing is searched before the token is known to be genuine.

use std::collections::{HashMap, HashSet};

use crate::campaign::{Campaign, Entry, List, Workspace};
use crate::compose::{Keys, Named, RecipientTag, verify_token};
use crate::mail::Address;
use crate::store::{self, Plan, StoreError, plans};

use super::error::EngineError;
use super::suppress::suppressions;

/// Letters of a token: base64url of 41 octets.
const TOKEN: usize = 55;
/// Letters of a line in which a token is looked for, at most: no log has longer lines than that.
const LINE: usize = 16 << 10;

/// Reads tokens, and finds out whom they name.
#[derive(Debug)]
pub struct Tokens<'a> {
    workspace: &'a Workspace,
    keys: Keys,
}

/// What a line says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// One that this workspace made, for one recipient.
    Of(RecipientTag),
    /// One that this workspace made, and that all messages of a grouped campaign share.
    Shared,
    /// Something as long as a token that this workspace did not make: it was forged, changed or cut.
    Foreign,
    /// Nothing like a token.
    Nothing,
}

impl<'a> Tokens<'a> {
    /// Reads tokens of `workspace`.
    ///
    /// # Errors
    /// The secret of the workspace cannot be read.
    pub fn of(workspace: &'a Workspace) -> Result<Self, EngineError> {
        let keys = Keys::new(store::Keys::open(workspace.state_dir())?.secret());
        Ok(Self { workspace, keys })
    }

    /// The token in a text: alone, in a link, or in a line of a log. The first that is genuine counts.
    pub fn read(&self, text: &str) -> Read {
        let mut found = Read::Nothing;
        let end = text.floor_char_boundary(LINE);
        let words =
            text[..end].split(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)));
        for word in words.filter(|word| word.len() >= TOKEN) {
            // `%20` and `id-` may stand right before one, so it may begin anywhere.
            for start in 0..=word.len() - TOKEN {
                match verify_token(&self.keys, &word[start..start + TOKEN]) {
                    Some(Named { recipient: Some(tag), .. }) => return Read::Of(tag),
                    Some(Named { recipient: None, .. }) => return Read::Shared,
                    None => found = Read::Foreign,
                }
            }
        }
        found
    }

    /// The addresses of `wanted`, as far as anything of the workspace still knows them.
    ///
    /// # Errors
    /// The state or a list cannot be read. A campaign whose files are not in order is passed over.
    pub fn people(
        &self,
        wanted: HashSet<RecipientTag>,
    ) -> Result<HashMap<RecipientTag, Address>, EngineError> {
        let mut search = Search { keys: &self.keys, wanted, found: HashMap::new() };
        for entry in suppressions(self.workspace)? {
            search.look_at(&entry.address);
        }
        self.search_plans(&mut search)?;
        if !search.is_over() {
            self.search_lists(&mut search)?;
        }
        Ok(search.found)
    }

    fn search_plans(&self, search: &mut Search<'_>) -> Result<(), EngineError> {
        let state = self.workspace.state_dir();
        for id in plans(state)? {
            if search.is_over() {
                return Ok(());
            }
            let plan = match Plan::open(state, id) {
                Ok(plan) => plan,
                // Removed since it was listed.
                Err(StoreError::NoPlan(_) | StoreError::Purged { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            for recipient in plan.scan(0..plan.len()) {
                search.look_at(&recipient?.address);
            }
        }
        Ok(())
    }

    fn search_lists(&self, search: &mut Search<'_>) -> Result<(), EngineError> {
        for name in self.workspace.campaign_names()? {
            let Ok(campaign) = Campaign::load(self.workspace, &name) else { continue };
            let mut list = List::open(self.workspace, &campaign)?;
            while let Some(entry) = list.next()? {
                match entry {
                    Entry::Good(recipient) => search.look_at(&recipient.address),
                    Entry::Invalid { .. } | Entry::Filtered { .. } | Entry::Undecided { .. } => {}
                }
                if search.is_over() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Those who are looked for, and those who were found.
struct Search<'a> {
    keys: &'a Keys,
    wanted: HashSet<RecipientTag>,
    found: HashMap<RecipientTag, Address>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.wanted.is_empty()
    }

    fn look_at(&mut self, address: &Address) {
        if self.is_over() {
            return;
        }
        let tag = RecipientTag::new(self.keys, address);
        if self.wanted.remove(&tag) {
            self.found.insert(tag, address.clone());
        }
    }
}
