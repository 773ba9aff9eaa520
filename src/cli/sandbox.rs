//! `mailrun sandbox`: the built-in SMTP server by itself, for other programs to send to.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine;
use crate::mail::{Fault, Place};
use crate::sandbox::{Counters, Glob, Mailbox, Persona, Refusal, RefusalPhase, Refuse, Server};

use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::Operator;
use super::printer::{data, json_line};
use super::send::block_on;
use super::words::{counted, number, size};

/// Messages kept as files; the rest is counted.
const KEPT: u64 = 10_000;

const AFTER_HELP: &str = "\
Examples:
  mailrun sandbox --count
  mailrun sandbox --listen 127.0.0.1:2525 --keep mail --latency 50ms
  mailrun sandbox --quota 500 --refuse 'gone*@*=550 5.1.1 no such user'

The address stands on stdout as soon as the server listens. It delivers nothing to anybody.
Ctrl-C ends it.";

/// Flags of `sandbox`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SandboxArgs {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2525")]
    listen: SocketAddr,
    /// Keep messages as .eml files in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "count")]
    keep: Option<PathBuf>,
    /// Only count messages [default]
    #[arg(long)]
    count: bool,
    /// Note each acceptance in this file, before it is told
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Recipients that are taken within 24 hours
    #[arg(long, value_name = "N")]
    quota: Option<u64>,
    /// Recipients that are taken in one transaction
    #[arg(long, value_name = "N")]
    recipients_per_message: Option<NonZeroU64>,
    /// How long each reply takes
    #[arg(long, value_name = "TIME", value_parser = latency)]
    latency: Option<Duration>,
    /// Answer RCPT for addresses that fit a pattern; may be given several times
    #[arg(long, value_name = "PATTERN=REPLY", value_parser = refuse)]
    refuse: Vec<Refuse>,
    /// Do not announce PIPELINING
    #[arg(long)]
    no_pipelining: bool,
    /// Do not announce CHUNKING
    #[arg(long)]
    no_chunking: bool,
    /// Behave as this file says: the keys of `[relays.NAME.sandbox]`
    #[arg(long, value_name = "FILE")]
    persona: Option<PathBuf>,
}

fn latency(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "write it as 50ms or 2s".to_owned())?;
    Duration::try_from(span).map_err(|_| "a latency is not negative".to_owned())
}

fn refuse(text: &str) -> Result<Refuse, String> {
    let (pattern, reply) = text.split_once('=').ok_or("write it as 'PATTERN=550 5.1.1 words'")?;
    let reply = Refusal::parse(reply).map_err(|error| format!("`{reply}` cannot be a reply: {error}"))?;
    Ok(Refuse { recipient: Glob::new(pattern), reply, phase: RefusalPhase::Rcpt })
}

/// Does it.
///
/// # Errors
/// The address is taken; the persona is not valid; files cannot be written.
pub(crate) fn run(args: &SandboxArgs, operator: &Operator) -> Result<Exit, CliError> {
    let persona = persona(args)?;
    let mailbox = mailbox(args);
    block_on(async {
        let failed = |source| CliError::Io { doing: "serving", source };
        let taken = |source| CliError::Usage {
            what: format!("could not listen on {}: {source}", args.listen),
            hint: "--listen 127.0.0.1:0 takes any free port".to_owned(),
        };
        let server = Server::start(args.listen, persona, mailbox).map_err(taken)?;
        data(&server.address().to_string())?;
        operator.printer.say("The sandbox listens and delivers nothing to anybody; Ctrl-C ends it.");
        let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hung_up = signal(SignalKind::hangup()).map_err(failed)?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed)?,
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
        tell(&server.stop().await, args, operator)
    })
}

/// The persona of the file, with what the flags change in it.
fn persona(args: &SandboxArgs) -> Result<Persona, CliError> {
    let mut persona = match &args.persona {
        Some(file) => read(file)?,
        None => Persona::default(),
    };
    persona.quota = args.quota.or(persona.quota);
    persona.recipients_per_message = args.recipients_per_message.or(persona.recipients_per_message);
    persona.latency = args.latency.unwrap_or(persona.latency);
    persona.refuse.extend(args.refuse.iter().cloned());
    persona.pipelining &= !args.no_pipelining;
    persona.chunking &= !args.no_chunking;
    Ok(persona)
}

fn read(file: &Path) -> Result<Persona, CliError> {
    let text = fs::read_to_string(file).map_err(|source| CliError::file("read", file, source))?;
    toml::from_str(&text).map_err(|error| {
        let place = Place::new(file.display().to_string(), text.as_str(), error.span().unwrap_or(0..0));
        CliError::Lines(vec![Fault::error(error.message().to_owned()).at(place)])
    })
}

fn mailbox(args: &SandboxArgs) -> Mailbox {
    let mailbox = match &args.keep {
        Some(folder) => Mailbox::keep(folder, KEPT),
        None => Mailbox::count(),
    };
    match &args.log {
        Some(file) => mailbox.logged(file, engine::now()),
        None => mailbox,
    }
}

fn tell(counters: &Counters, args: &SandboxArgs, operator: &Operator) -> Result<Exit, CliError> {
    let printer = operator.printer;
    if printer.is_json() {
        json_line(&json!({
            "messages": counters.messages,
            "recipients": counters.recipients,
            "octets": counters.octets,
            "refused": counters.refused,
            "over_quota": counters.over_quota,
            "protocol_errors": counters.protocol_errors,
            "sessions": counters.sessions,
            "peak_sessions": counters.peak_sessions,
            "drops": counters.drops,
        }))?;
        return Ok(Exit::Done);
    }
    data(&format!(
        "{} to {} ({}) in {}, at most {} at once; {} refused, {} over quota",
        counted(counters.messages, "message"),
        counted(counters.recipients, "recipient"),
        size(counters.octets),
        counted(counters.sessions, "session"),
        number(counters.peak_sessions),
        number(counters.refused),
        number(counters.over_quota),
    ))?;
    if let Some(folder) = &args.keep {
        printer.say(&format!(
            "The messages lie in {} as .eml files.",
            escape::line(&folder.display().to_string())
        ));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn args(words: &[&str]) -> SandboxArgs {
        let cli = Cli::try_parse_from([&["mailrun", "sandbox"], words].concat()).expect("parses");
        match cli.command {
            Command::Sandbox(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_make_a_persona() {
        let words = [
            "--quota",
            "500",
            "--latency",
            "50ms",
            "--no-chunking",
            "--refuse",
            "gone*@*=550 5.1.1 no such user",
        ];
        let persona = persona(&args(&words)).expect("valid");
        assert_eq!((persona.quota, persona.latency), (Some(500), Duration::from_millis(50)));
        assert!(persona.pipelining && !persona.chunking);
        assert_eq!(persona.refuse[0].reply.code(), 550);
    }

    #[test]
    fn a_wrong_persona_is_pointed_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bad.toml");
        fs::write(&file, "latency = \"50ms\"\nqouta = 5\n").expect("written");
        let file = file.to_str().expect("readable");
        let error = persona(&args(&["--persona", file])).expect_err("unknown key");
        assert_eq!(error.faults()[0].place.as_ref().map(|place| place.line), Some(2));
        assert!(latency("-1s").is_err() && latency("soon").is_err());
    }
}
