//! Words that a later version of mailrun will know.
//!
//! They are refused by name, never ignored and never taken for a slip of the finger, so that whoever
//! read of them elsewhere knows where they stand.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands to come.
const COMMANDS: [&str; 7] = ["retry", "test", "completions", "man", "config", "collect", "serve"];

/// Flags to come, by the command they belong to.
const FLAGS: [(&str, &str); 7] = [
    ("preview", "--serve"),
    ("preview", "--branches"),
    ("preview", "--diff"),
    ("report", "--html"),
    ("status", "--watch"),
    ("send", "--rehearse"),
    ("init", "--example"),
];

/// The word of a later version that made clap stumble, as the operator may type it: `pause`,
/// `report --html`. None if it was a mistake.
pub(crate) fn meant(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(error, ContextKind::InvalidSubcommand)?;
            if word == "add" {
                return Some("relay add".to_owned());
            }
            COMMANDS.contains(&word).then(|| word.to_owned())
        }
        ErrorKind::UnknownArgument => {
            let word = context(error, ContextKind::InvalidArg)?;
            let (command, flag) = FLAGS.iter().find(|(_, flag)| *flag == word)?;
            Some(format!("{command} {flag}"))
        }
        _ => None,
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word),
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn words_of_later_versions_are_known() {
        let table: [(&[&str], Option<&str>); 7] = [
            (&["retry"], Some("retry")),
            (&["test", "--to", "a@example.com"], Some("test")),
            (&["preview", "autumn", "--serve"], Some("preview --serve")),
            (&["report", "--html", "x.html"], Some("report --html")),
            (&["status", "--watch"], Some("status --watch")),
            (&["relay", "add"], Some("relay add")),
            (&["snd"], None),
        ];
        for (words, expected) in table {
            let error = Cli::try_parse_from([&["mailrun"], words].concat()).expect_err("not of this version");
            assert_eq!(meant(&error).as_deref(), expected, "{words:?}");
        }
    }
}
