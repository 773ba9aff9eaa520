//! Tokens out of unsubscribe links, in place of addresses.

use std::collections::HashSet;

use crate::campaign::Workspace;
use crate::compose::RecipientTag;
use crate::engine::{Read, Tokens};
use crate::mail::{Address, Fault, Place};

use super::super::error::CliError;
use super::super::escape;

/// Why nobody can be found any more.
const UNKNOWN: &str = "its recipient is in no plan and no list any more";
/// What to do then.
const ASK: &str = "suppress the address itself: `mailrun suppress add ADDRESS`";
/// Where tokens of this workspace come from.
const SOURCE: &str = "copy it whole from the link in a message that this workspace sent";
/// What a token that everybody has is good for.
const SHARED: &str = "it is the same for everybody of a grouped campaign, and names nobody";

/// The addresses that typed tokens name.
///
/// # Errors
/// A token that is none of this workspace, or whose recipient is not known any more: then nobody is suppressed.
pub(super) fn addresses_of(workspace: &Workspace, typed: &[String]) -> Result<Vec<Address>, CliError> {
    if typed.is_empty() {
        return Ok(Vec::new());
    }
    let tokens = Tokens::of(workspace)?;
    let mut tags: Vec<(&str, RecipientTag)> = Vec::new();
    for token in typed {
        let refuse = |why: &str, hint: &str| CliError::Usage {
            what: format!("token `{}`: {why}", escape::line(token)),
            hint: hint.to_owned(),
        };
        match tokens.read(token) {
            Read::Of(tag) => tags.push((token, tag)),
            Read::Shared => return Err(refuse(SHARED, ASK)),
            Read::Foreign | Read::Nothing => {
                return Err(refuse("it was not made by this workspace, or it was changed", SOURCE));
            }
        }
    }
    let people = tokens.people(tags.iter().map(|(_, tag)| *tag).collect())?;
    let address = |(token, tag): (&str, RecipientTag)| {
        people.get(&tag).cloned().ok_or_else(|| CliError::NotFound {
            what: format!("token `{}`: {UNKNOWN}", escape::line(token)),
            hint: ASK.to_owned(),
        })
    };
    tags.into_iter().map(address).collect()
}

/// The addresses that the tokens in a text name, a token a line, and what is wrong with the other lines.
///
/// # Errors
/// The state or a list cannot be read.
pub(super) fn addresses_in(
    workspace: &Workspace,
    name: &str,
    text: &str,
) -> Result<(Vec<Address>, Vec<Fault>), CliError> {
    let tokens = Tokens::of(workspace)?;
    let (mut tags, mut faults) = (Vec::new(), Vec::new());
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (start, content) = (at, line.trim_end());
        at += line.len();
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let place = || Place::new(name, text, start..start + content.len());
        match tokens.read(content) {
            Read::Of(tag) => tags.push((place(), tag)),
            Read::Shared => faults.push(Fault::error(SHARED).at(place()).hint(ASK)),
            Read::Foreign => {
                let what = "the token in this line was not made by this workspace, or it was changed";
                faults.push(Fault::error(what).at(place()));
            }
            // The names of the columns.
            Read::Nothing if index == 0 => {}
            Read::Nothing => faults.push(Fault::error("this line holds no token").at(place())),
        }
    }
    let wanted: HashSet<RecipientTag> = tags.iter().map(|(_, tag)| *tag).collect();
    let people = tokens.people(wanted)?;
    let mut addresses = Vec::new();
    for (place, tag) in tags {
        match people.get(&tag) {
            Some(address) => addresses.push(address.clone()),
            None => faults.push(Fault::error(UNKNOWN).at(place).hint(ASK)),
        }
    }
    faults.sort_by_key(|fault| fault.place.as_ref().map(|place| place.line));
    addresses.sort_unstable();
    addresses.dedup();
    Ok((addresses, faults))
}
