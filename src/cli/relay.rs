//! `mailrun relay`: which relays there are, what is left of their quotas, and whether they answer.
//!
//! What is known of providers is shown by `presets`.

use clap::Subcommand;
use serde_json::json;

use crate::campaign::{Relay, Tls, Workspace};
use crate::engine::{self, Asked, EngineError, Look, RelayState};
use crate::mail::nearest;

use super::ask;
use super::dns::{self, DnsArgs};
use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::Operator;
use super::plan::warn_of;
use super::printer::{data, json};
use super::send::block_on;
use super::table::{Align, Rows, Width};
use super::words::{duration, listed, number};

mod presets;
mod seen;
mod signs;

const TEST_HELP: &str = "\
Examples:
  mailrun relay test gmail
  mailrun relay test gmail -v                   with the dialogue (the password is never shown)
  mailrun relay test own --dns                  and whether DNS has the keys that sign
  mailrun relay test office --verify postmaster";

const LIST_HELP: &str = "\
Examples:
  mailrun relay list                            your relays
  mailrun relay list --presets                  the providers that mailrun knows
  mailrun relay list --presets gmail            each number with its source";

/// The commands of `relay`.
#[derive(Debug, Subcommand)]
pub(crate) enum RelayCommand {
    /// Every relay, and what is left of its quotas
    #[command(after_help = LIST_HELP)]
    List(ListArgs),
    /// Connect, encrypt, log in, and say what the server offers; sends no mail
    #[command(after_help = TEST_HELP)]
    Test(TestArgs),
}

/// Flags of `relay list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Show the presets instead: all, or NAME with the source of each number; needs no workspace
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "the flag may be missing, alone, or with a name")]
    presets: Option<Option<String>>,
}

/// Flags of `relay test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The relay; may be left out if there is one only
    #[arg(value_name = "RELAY")]
    relay: Option<String>,
    /// Ask whether there is such a mailbox (VRFY); may be given several times
    #[arg(long, value_name = "ADDR")]
    verify: Vec<String>,
    /// Ask who is on a mailing list (EXPN); may be given several times
    #[arg(long, value_name = "LIST")]
    expand: Vec<String>,
    /// Ask for the server's help (HELP)
    #[arg(long)]
    ask_help: bool,
    #[command(flatten)]
    dns: DnsArgs,
}

impl TestArgs {
    fn questions(&self) -> Vec<Asked> {
        let help = self.ask_help.then_some(Asked::Help);
        let verify = self.verify.iter().cloned().map(Asked::Verify);
        help.into_iter().chain(verify).chain(self.expand.iter().cloned().map(Asked::Expand)).collect()
    }
}

/// Does it.
///
/// # Errors
/// As the engine's; no relay of that name.
pub(crate) fn run(command: &RelayCommand, operator: &Operator) -> Result<Exit, CliError> {
    match command {
        RelayCommand::List(ListArgs { presets: Some(name) }) => presets::run(name.as_deref(), operator),
        RelayCommand::List(ListArgs { presets: None }) => list(&operator.workspace()?, operator),
        RelayCommand::Test(args) => test(&operator.workspace()?, operator, args),
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
    warn_of(&states.iter().flat_map(|state| state.relay.doubts()).collect::<Vec<_>>());
    operator.printer.next("mailrun relay test RELAY", "connects and logs in; sends no mail");
    Ok(Exit::Done)
}

fn cells(state: &RelayState) -> Vec<String> {
    let relay = &state.relay;
    let server = if relay.is_sandbox() {
        "sandbox".to_owned()
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
        ) + mark(relay, "quotas")
    });
    vec![
        escape::line(relay.name.as_str()).into_owned(),
        server,
        tls(relay.tls).to_owned(),
        escape::line(relay.user.as_deref().unwrap_or("-")).into_owned(),
        number(u64::from(relay.sessions)) + mark(relay, "sessions"),
        relay.rate.map_or_else(
            || "-".to_owned(),
            |rate| rate_words(rate.count.get(), rate.per) + mark(relay, "rate"),
        ),
        Some(left.collect::<Vec<_>>().join("\n"))
            .filter(|left| !left.is_empty())
            .unwrap_or_else(|| "no quota".to_owned()),
    ]
}

/// What marks a limit that the relay's preset only guesses.
fn mark(relay: &Relay, key: &str) -> &'static str {
    if relay.guesses.contains(&key) { "?" } else { "" }
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
        "preset": relay.preset.name(),
        "host": relay.host,
        "port": relay.port,
        "tls": tls(relay.tls),
        "user": relay.user,
        "sessions": relay.sessions,
        "sandbox": relay.is_sandbox(),
        "guesses": relay.guesses,
        "quotas": state.quotas,
    })
}

/// The relay that is meant: the one named, or the only one.
fn choose<'a>(states: &'a [RelayState], named: Option<&str>) -> Result<&'a RelayState, CliError> {
    let known: Vec<&str> = states.iter().map(|state| state.relay.name.as_str()).collect();
    let quoted = || known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    let found = states.iter().find(|state| Some(state.relay.name.as_str()) == named);
    if let Some(found) = found {
        return Ok(found);
    }
    match (named, states) {
        (Some(named), _) => Err(CliError::NotFound {
            what: format!("no relay is called `{}`", escape::line(named)),
            hint: match nearest(named, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("campaigns/relays.toml names {}", listed(&quoted())),
            },
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(CliError::Usage {
            what: "which relay?".to_owned(),
            hint: format!("name one of {}", listed(&quoted())),
        }),
    }
}

fn test(workspace: &Workspace, operator: &Operator, args: &TestArgs) -> Result<Exit, CliError> {
    let states = engine::relays(workspace)?;
    let state = choose(&states, args.relay.as_deref())?;
    let name = &state.relay.name;
    let password = match &state.relay {
        Relay { user: Some(user), password: None, token: None, .. } => {
            Some(ask::password(name, user, operator.asking)?)
        }
        _ => None,
    };
    if state.relay.is_sandbox() {
        operator.printer.say("Starting the built-in sandbox to look at it...");
    } else {
        operator.printer.say(&format!("Connecting to {}...", escape::line(name.as_str())));
    }
    let signers = engine::signers_of(workspace, &state.relay)?;
    let look = Look { questions: args.questions(), password };
    let looked = block_on(async { Ok(engine::look_at(workspace, name, look).await) })?;
    let seen = match looked {
        Ok(seen) => seen,
        Err(error) => {
            if let EngineError::Unreachable { transcript, .. } = &error {
                show_dialogue(transcript, operator);
            }
            return Err(error.into());
        }
    };
    let published = if args.dns.dns {
        block_on(async { Ok(engine::look_up_signers(&signers, args.dns.resolver).await) })?
    } else {
        Vec::new()
    };
    if operator.printer.is_json() {
        let mut value = seen::as_json(name, &seen);
        value["signs"] = signs::as_json(&signers);
        if args.dns.dns {
            value["dns"] = dns::as_json(&published);
        }
        json(&value)?;
        return Ok(dns::exit(&published));
    }
    show_dialogue(&seen.transcript, operator);
    data(&(seen::text(name, &seen) + &signs::text(&signers) + &dns::text(&published)))?;
    Ok(dns::exit(&published))
}

/// The dialogue, to those who want details.
fn show_dialogue(transcript: &[String], operator: &Operator) {
    if operator.printer.is_verbose() {
        for line in transcript {
            operator.printer.say(&format!("  {}", escape::line(line)));
        }
    }
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
