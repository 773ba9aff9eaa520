//! `mailrun relay`: which relays there are, what is left of their quotas, and whether they answer.

use clap::Subcommand;
use serde_json::json;

use crate::campaign::{Tls, Workspace};
use crate::engine::{self, EngineError, RelayState, Seen};
use crate::mail::{RelayName, nearest};

use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::Operator;
use super::page::Page;
use super::printer::{data, heading, json};
use super::send::block_on;
use super::table::{Align, Rows, Width};
use super::words::{duration, listed, number};

/// The commands of `relay`.
#[derive(Debug, Subcommand)]
pub(crate) enum RelayCommand {
    /// Every relay, and what is left of its quotas
    List,
    /// Connect, encrypt, log in, and say what the server offers; sends no mail
    #[command(
        after_help = "Examples:\n  mailrun relay test gmail\n  mailrun relay test gmail -v      with the dialogue (the password is never shown)"
    )]
    Test {
        /// The relay; may be left out if there is one only
        #[arg(value_name = "RELAY")]
        relay: Option<String>,
    },
}

/// Does it.
///
/// # Errors
/// As the engine's; no relay of that name.
pub(crate) fn run(command: &RelayCommand, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    match command {
        RelayCommand::List => list(&workspace, operator),
        RelayCommand::Test { relay } => test(&workspace, operator, relay.as_deref()),
    }
}

fn list(workspace: &Workspace, operator: &Operator) -> Result<Exit, CliError> {
    let states = engine::relays(workspace)?;
    if operator.printer.is_json() {
        json(&states.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let mut rows = Rows::new(&[
        ("relay", Align::Left),
        ("server", Align::Left),
        ("TLS", Align::Left),
        ("user", Align::Left),
        ("sessions", Align::Right),
        ("rate", Align::Right),
        ("quota left", Align::Left),
    ]);
    for state in &states {
        rows.add(cells(state));
    }
    data(&rows.shown(Width::of_stdout()))?;
    operator.printer.next("mailrun relay test RELAY", "connects and logs in; sends no mail");
    Ok(Exit::Done)
}

fn cells(state: &RelayState) -> Vec<String> {
    let relay = &state.relay;
    let server = if relay.is_sandbox() {
        "the built-in sandbox".to_owned()
    } else {
        format!("{}:{}", escape::line(&relay.host), relay.port)
    };
    let left = state.quotas.iter().map(|quota| {
        let left = quota.limit.saturating_sub(quota.used);
        format!(
            "{} of {} {} {}",
            number(left),
            number(quota.limit),
            quota.unit,
            super::words::per(&quota.per)
        )
    });
    vec![
        escape::line(relay.name.as_str()).into_owned(),
        server,
        tls(relay.tls).to_owned(),
        escape::line(relay.user.as_deref().unwrap_or("-")).into_owned(),
        number(u64::from(relay.sessions)),
        relay.rate.map_or_else(|| "-".to_owned(), |rate| rate_words(rate.count.get(), rate.per)),
        Some(left.collect::<Vec<_>>().join("\n"))
            .filter(|left| !left.is_empty())
            .unwrap_or_else(|| "no quota".to_owned()),
    ]
}

fn rate_words(count: u32, per: std::time::Duration) -> String {
    if per.as_secs() == 1 && per.subsec_nanos() == 0 {
        format!("{}/s", number(u64::from(count)))
    } else {
        format!("{} per {}", number(u64::from(count)), duration(per))
    }
}

fn tls(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit => "implicit",
        Tls::StartTls => "starttls",
        Tls::None => "none",
    }
}

fn as_json(state: &RelayState) -> serde_json::Value {
    let relay = &state.relay;
    json!({
        "relay": relay.name,
        "host": relay.host,
        "port": relay.port,
        "tls": tls(relay.tls),
        "user": relay.user,
        "sessions": relay.sessions,
        "sandbox": relay.is_sandbox(),
        "quotas": state.quotas,
    })
}

/// The relay that is meant: the one named, or the only one.
fn choose(states: &[RelayState], named: Option<&str>) -> Result<RelayName, CliError> {
    let known: Vec<&str> = states.iter().map(|state| state.relay.name.as_str()).collect();
    let quoted = || known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match (named, states) {
        (Some(named), _) if known.contains(&named) => Ok(RelayName::new(named)),
        (Some(named), _) => Err(CliError::NotFound {
            what: format!("no relay is called `{}`", escape::line(named)),
            hint: match nearest(named, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("campaigns/relays.toml names {}", listed(&quoted())),
            },
        }),
        (None, [only]) => Ok(only.relay.name.clone()),
        (None, _) => Err(CliError::Usage {
            what: "which relay?".to_owned(),
            hint: format!("name one of {}", listed(&quoted())),
        }),
    }
}

fn test(workspace: &Workspace, operator: &Operator, named: Option<&str>) -> Result<Exit, CliError> {
    let states = engine::relays(workspace)?;
    let relay = choose(&states, named)?;
    if states.iter().any(|state| state.relay.name == relay && state.relay.is_sandbox()) {
        operator
            .printer
            .say(&format!("`{relay}` is the built-in sandbox: it begins and ends with each run."));
        operator.printer.next("mailrun sandbox", "runs it by itself");
        return Ok(Exit::Done);
    }
    operator.printer.say(&format!("Connecting to {}...", escape::line(relay.as_str())));
    let looked = block_on(async { Ok(engine::look_at(workspace, &relay, Vec::new()).await) })?;
    let seen = match looked {
        Ok(seen) => seen,
        Err(error) => {
            if let EngineError::Unreachable { transcript, .. } = &error {
                show_dialogue(transcript, operator);
            }
            return Err(error.into());
        }
    };
    if operator.printer.is_json() {
        json(&seen_as_json(&relay, &seen))?;
        return Ok(Exit::Done);
    }
    show_dialogue(&seen.transcript, operator);
    let mut page = Page::default();
    page.line(format_args!("{}", heading(&format!("{} works", escape::line(relay.as_str())))));
    page.fact("TLS", &escape::line(seen.tls.as_deref().unwrap_or("none")));
    for line in &seen.certificate {
        page.under(&escape::line(line));
    }
    page.fact("login", &escape::line(seen.login.as_deref().unwrap_or("not asked for")));
    page.fact("offers", &escape::line(&seen.extensions.join(", ")));
    data(&page.into_text())?;
    Ok(Exit::Done)
}

/// The dialogue, to those who want details.
fn show_dialogue(transcript: &[String], operator: &Operator) {
    if operator.printer.is_verbose() {
        for line in transcript {
            operator.printer.say(&format!("  {}", escape::line(line)));
        }
    }
}

fn seen_as_json(relay: &RelayName, seen: &Seen) -> serde_json::Value {
    json!({
        "relay": relay,
        "works": true,
        "tls": seen.tls,
        "certificate": seen.certificate,
        "login": seen.login,
        "extensions": seen.extensions,
        "transcript": seen.transcript,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_shown_as_they_are_written() {
        assert_eq!(rate_words(14, Duration::from_secs(1)), "14/s");
        assert_eq!(rate_words(1_000, Duration::from_secs(30)), "1,000 per 30 s");
    }
}
