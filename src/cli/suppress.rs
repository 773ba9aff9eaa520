//! `mailrun suppress`: those who must never be written to.
//!
//! The list belongs to the operator and holds for every campaign of the workspace. A change reaches a run
//! that is under way, up to the final dot of each message.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use crate::campaign::Workspace;
use crate::engine::{self, Change};
use crate::mail::{Address, Fault, Place, Suppression};

use super::csv;
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::Operator;
use super::preview::address;
use super::printer::{data, json};
use super::table::{Align, Rows, Width};
use super::words::{counted, exact, number};

mod tokens;

/// The commands of `suppress`.
#[derive(Debug, Subcommand)]
pub(crate) enum SuppressCommand {
    /// Never write to these addresses again
    #[command(
        after_help = "Examples:\n  mailrun suppress add ada@example.com --reason 'asked by phone'\n  mailrun suppress add --token ARzBnF8LAF3a.. --reason unsubscribed"
    )]
    Add {
        /// The addresses
        #[arg(value_name = "ADDRESS", required_unless_present = "token")]
        addresses: Vec<String>,
        /// Whom this token, out of an unsubscribe link, names; may be given several times
        #[arg(long, value_name = "T", allow_hyphen_values = true)]
        token: Vec<String>,
        /// Why, in your own words
        #[arg(long, value_name = "WORDS", default_value = "")]
        reason: String,
    },
    /// Take addresses off the list: they may be written to again
    Remove {
        /// The addresses
        #[arg(value_name = "ADDRESS", required = true)]
        addresses: Vec<String>,
    },
    /// Keep only a hash of these addresses: still never written to, no longer known by name
    Forget {
        /// The addresses
        #[arg(value_name = "ADDRESS", required = true)]
        addresses: Vec<String>,
    },
    /// Show the list
    List,
    /// Add every address of a file: one a line, or the column `email` of a CSV
    #[command(
        after_help = "Examples:\n  mailrun suppress import unsubscribed.csv --reason unsubscribed\n  mailrun suppress import --tokens access.log --reason unsubscribed\n  pass show complaints | mailrun suppress import -"
    )]
    Import {
        /// The file; `-` is stdin
        #[arg(value_name = "FILE", required_unless_present = "tokens")]
        file: Option<PathBuf>,
        /// A file with a token out of an unsubscribe link in each line, such as a web server's log; `-` is stdin
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        tokens: Option<PathBuf>,
        /// Why, in your own words
        #[arg(long, value_name = "WORDS", default_value = "imported")]
        reason: String,
    },
    /// Write the list as CSV
    Export {
        /// The file; stdout if none is named
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Does it.
///
/// # Errors
/// As the engine's; what is no address.
pub(crate) fn run(command: &SuppressCommand, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    match command {
        SuppressCommand::Add { addresses, token, reason } => {
            let mut wanted = parsed(addresses)?;
            wanted.extend(tokens::addresses_of(&workspace, token)?);
            let entries = entries(wanted, reason, engine::now());
            change(&workspace, operator, &Change::Add(entries), "added")
        }
        SuppressCommand::Remove { addresses } => {
            change(&workspace, operator, &Change::Remove(parsed(addresses)?), "removed")
        }
        SuppressCommand::Forget { addresses } => {
            change(&workspace, operator, &Change::Forget(parsed(addresses)?), "forgotten")
        }
        SuppressCommand::List => list(&workspace, operator),
        SuppressCommand::Import { file, tokens, reason } => {
            let named = match (file, tokens) {
                (_, Some(file)) => Named::ByToken(file),
                (Some(file), None) => Named::ByAddress(file),
                (None, None) => unreachable!("one of the two is required"),
            };
            import(&workspace, operator, named, reason)
        }
        SuppressCommand::Export { file } => export(&workspace, operator, file.as_deref()),
    }
}

fn parsed(typed: &[String]) -> Result<Vec<Address>, CliError> {
    typed.iter().map(|typed| address(typed)).collect()
}

fn entries(addresses: Vec<Address>, reason: &str, added: Timestamp) -> Vec<Suppression> {
    let entry = |address| Suppression { address, reason: reason.to_owned(), added };
    addresses.into_iter().map(entry).collect()
}

fn change(
    workspace: &Workspace,
    operator: &Operator,
    wanted: &Change,
    done: &'static str,
) -> Result<Exit, CliError> {
    let changed = engine::suppress(workspace, wanted)?;
    let printer = operator.printer;
    if printer.is_json() {
        json(
            &json!({ "changed": changed.changed, "unchanged": changed.unchanged, "running": changed.told }),
        )?;
        return Ok(Exit::Done);
    }
    let same = if changed.unchanged > 0 {
        let standing = match wanted {
            Change::Add(_) => "there before",
            Change::Remove(_) | Change::Forget(_) => "not on the list",
        };
        format!(", {} {standing}", number(changed.unchanged))
    } else {
        String::new()
    };
    printer.say(&format!("{} {done}{same}", counted(changed.changed, "address")));
    if changed.told {
        printer.say("The run under way heeds it from now on.");
    }
    printer.next("mailrun suppress list", "shows the list");
    Ok(Exit::Done)
}

fn list(workspace: &Workspace, operator: &Operator) -> Result<Exit, CliError> {
    let entries = engine::suppressions(workspace)?;
    let printer = operator.printer;
    if printer.is_json() {
        json(&entries)?;
        return Ok(Exit::Done);
    }
    if entries.is_empty() {
        printer.say("Nobody is suppressed.");
        printer.next("mailrun suppress add ADDRESS", "never writes to it again");
        return Ok(Exit::Done);
    }
    let mut rows = Rows::new(&[("address", Align::Left), ("since", Align::Left), ("reason", Align::Left)]);
    for entry in &entries {
        rows.add([
            escape::line(entry.address.as_str()).into_owned(),
            exact(entry.added, &operator.zone),
            escape::line(&entry.reason).into_owned(),
        ]);
    }
    data(&rows.shown(Width::of_stdout()))?;
    Ok(Exit::Done)
}

/// How a file names people.
#[derive(Debug, Clone, Copy)]
enum Named<'a> {
    ByAddress(&'a Path),
    ByToken(&'a Path),
}

/// Adds what can be added, as too many suppressed is the safer mistake; what names nobody is an error.
fn import(
    workspace: &Workspace,
    operator: &Operator,
    named: Named<'_>,
    reason: &str,
) -> Result<Exit, CliError> {
    let (addresses, faults) = match named {
        Named::ByAddress(file) => {
            let (name, text) = read(file)?;
            addresses_of(&name, &text)
        }
        Named::ByToken(file) => {
            let (name, text) = read(file)?;
            tokens::addresses_in(workspace, &name, &text)?
        }
    };
    let exit = if addresses.is_empty() {
        Exit::Done
    } else {
        let entries = entries(addresses, reason, engine::now());
        change(workspace, operator, &Change::Add(entries), "added")?
    };
    if faults.is_empty() {
        return Ok(exit);
    }
    operator.printer.say("");
    Err(CliError::Lines(faults))
}

fn read(file: &Path) -> Result<(String, String), CliError> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|source| CliError::file("read", Path::new("stdin"), source))?;
        return Ok(("stdin".to_owned(), text));
    }
    let text = fs::read_to_string(file).map_err(|source| CliError::file("read", file, source))?;
    Ok((file.display().to_string(), text))
}

/// The addresses of a text: one a line, or the column `email` or `address` of a simple CSV.
fn addresses_of(name: &str, text: &str) -> (Vec<Address>, Vec<Fault>) {
    let (mut addresses, mut faults) = (Vec::new(), Vec::new());
    let mut column = 0;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (start, content) = (at, line.trim_start_matches('\u{feff}').trim_end());
        at += line.len();
        if content.trim().is_empty() || content.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> =
            content.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"')).collect();
        if index == 0 && !content.contains('@') {
            let named =
                |cell: &&str| ["email", "e-mail", "address", "mail"].contains(&cell.to_lowercase().as_str());
            column = cells.iter().position(named).unwrap_or(0);
            continue;
        }
        match Address::parse(csv::bare(cells.get(column).copied().unwrap_or_default())) {
            Ok(address) => addresses.push(address),
            Err(error) => {
                let place = Place::new(name, text, start..start + line.trim_end().len());
                faults.push(Fault::error(format!("this line holds no address: {error}")).at(place));
            }
        }
    }
    (addresses, faults)
}

fn export(workspace: &Workspace, operator: &Operator, file: Option<&Path>) -> Result<Exit, CliError> {
    let entries = engine::suppressions(workspace)?;
    let mut text = csv::row(["email", "reason", "added"]);
    for entry in &entries {
        text.push_str(&csv::row([entry.address.as_str(), &entry.reason, &entry.added.to_string()]));
    }
    match file {
        Some(file) => {
            fs::write(file, text).map_err(|source| CliError::file("write", file, source))?;
            operator.printer.say(&format!(
                "{} written to {}",
                counted(entries.len() as u64, "address"),
                file.display()
            ));
        }
        None => data(&text)?,
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_takes_lines_and_simple_tables() {
        let table = [
            ("a@example.com\nb@example.com\n", 2, 0),
            ("email,reason\n\"a@example.com\",x\n'=b@example.com,y\n", 2, 0),
            ("\u{feff}name;E-Mail\nAda;ada@example.com\r\n", 1, 0),
            ("# comment\n\na@example.com\nnonsense\n", 1, 1),
            ("", 0, 0),
        ];
        for (text, good, bad) in table {
            let (addresses, faults) = addresses_of("x.csv", text);
            assert_eq!((addresses.len(), faults.len()), (good, bad), "{text:?}: {faults:?}");
        }
    }

    #[test]
    fn a_line_without_an_address_is_pointed_at() {
        let (_, faults) = addresses_of("x.csv", "a@example.com\nnonsense\n");
        assert_eq!(faults[0].place.as_ref().map(ToString::to_string).as_deref(), Some("x.csv:2:1"));
    }
}
