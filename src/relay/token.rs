//! Access tokens from the operator's own command, kept while they are good.
//!
//! The command runs without a shell and prints a token, or JSON that holds one and says how long it is good
//! for. Whoever opens a session asks [`Tokens`]; one run of the command serves everybody who asks
//! meanwhile. A token lives in memory only and is never written anywhere.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use secrecy::zeroize::Zeroize as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::error::RelayError;
use super::wording::tidy;
use crate::mail::Permanence;

/// How long the command may take: it may have to ask a server of its own.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);
/// How long a token is kept of which nothing is told; Google's and Microsoft's are good for an hour.
const KEPT_BY_DEFAULT: Duration = Duration::from_mins(5);
/// How long before its end a token is given up, so that it does not end in the middle of a login.
const MARGIN: Duration = Duration::from_mins(1);
/// Octets that the command may print: more than any token has.
const OUTPUT_LIMIT: u64 = 64 << 10;
/// Octets of its complaints that are looked at.
const COMPLAINT_LIMIT: u64 = 4 << 10;
/// A word of a complaint that is this long, in characters, may be a secret.
const SECRET_LENGTH: usize = 64;
/// From here on a number of seconds since 1970 is one of milliseconds: the year 5138.
const MILLISECONDS: f64 = 1e11;

/// The command that prints a token.
#[derive(Debug, Clone)]
pub struct TokenCommand {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// The clock, for tokens that say at which moment they end.
    pub now: fn() -> Timestamp,
}

/// A token, and which run of the command gave it.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    pub(super) origin: Origin,
    run: u64,
}

/// Whether a token was there before somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was kept from before, and may have been revoked meanwhile.
    Kept,
    /// The command has just printed it.
    Fresh,
}

/// The tokens of one relay.
#[derive(Debug)]
pub(super) struct Tokens {
    command: TokenCommand,
    /// How often the command was run to its end.
    runs: AtomicU64,
    last: Mutex<Last>,
}

/// What the last run of the command came to.
#[derive(Debug, Default)]
enum Last {
    /// It was never run, or what it gave was refused.
    #[default]
    Nothing,
    Token {
        secret: SecretString,
        until: Instant,
    },
    Failed(Failure),
}

/// Why there is no token. Holds no part of one.
#[derive(Debug, Clone)]
struct Failure {
    what: String,
    permanence: Permanence,
}

impl Tokens {
    /// Tokens from `command`, which is not run yet.
    pub(super) fn new(command: TokenCommand) -> Self {
        Self { command, runs: AtomicU64::new(0), last: Mutex::default() }
    }

    /// A token that is good for another while. Runs the command if none is kept, once for all who ask
    /// at the same time.
    ///
    /// # Errors
    /// The command failed, for each of them.
    pub(super) async fn token(&self) -> Result<Token, RelayError> {
        let asked = self.runs.load(Ordering::Acquire);
        // Held while the command runs: that is what makes one run of it serve all.
        let mut last = self.last.lock().await;
        let run = self.runs.load(Ordering::Acquire);
        match &*last {
            Last::Token { secret, until } if run > asked || Instant::now() < *until => {
                let origin = if run > asked { Origin::Fresh } else { Origin::Kept };
                return Ok(Token { secret: secret.clone(), origin, run });
            }
            Last::Failed(failure) if run > asked => return Err(self.error(failure)),
            Last::Token { .. } | Last::Failed(_) | Last::Nothing => {}
        }
        let printed = self.command.run().await;
        let before = self.runs.fetch_add(1, Ordering::AcqRel);
        match printed {
            Ok((secret, lifetime)) => {
                let kept = lifetime.map_or(KEPT_BY_DEFAULT, |lifetime| lifetime.saturating_sub(MARGIN));
                *last = Last::Token { secret: secret.clone(), until: Instant::now() + kept };
                Ok(Token { secret, origin: Origin::Fresh, run: before + 1 })
            }
            Err(failure) => {
                // What has given tokens before fails for a reason that may pass.
                let proven = matches!(*last, Last::Token { .. });
                let permanence = if proven { Permanence::Transient } else { failure.permanence };
                let failure = Failure { permanence, ..failure };
                let error = self.error(&failure);
                *last = Last::Failed(failure);
                Err(error)
            }
        }
    }

    /// Forgets a token that the server did not take, unless a newer one is there already.
    pub(super) async fn forget(&self, token: &Token) {
        let mut last = self.last.lock().await;
        if self.runs.load(Ordering::Acquire) == token.run {
            *last = Last::Nothing;
        }
    }

    fn error(&self, failure: &Failure) -> RelayError {
        RelayError::Token {
            program: self.command.words.first().cloned().unwrap_or_default(),
            what: failure.what.clone(),
            permanence: failure.permanence,
        }
    }
}

impl TokenCommand {
    /// Runs the command: the token, and how long it is good for, if that is told.
    async fn run(&self) -> Result<(SecretString, Option<Duration>), Failure> {
        let never = |what: String| Failure { what, permanence: Permanence::Permanent };
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(never("is no program".to_owned()));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| never(format!("cannot be run: {error}")))?;
        let output = child.stdout.take().expect("its output was asked for");
        let complaint = child.stderr.take().expect("its complaints were asked for");
        let all = async {
            tokio::join!(read(output, OUTPUT_LIMIT + 1), read(complaint, COMPLAINT_LIMIT), child.wait())
        };
        let Ok((mut output, complaint, status)) = timeout(COMMAND_LIMIT, all).await else {
            return Err(never(format!("took longer than {} s", COMMAND_LIMIT.as_secs())));
        };
        let result = match status {
            Err(error) => Err(never(format!("was lost sight of: {error}"))),
            // It may have ended because nobody read on.
            Ok(_) if output.len() as u64 > OUTPUT_LIMIT => Err(never("prints more than 64 KiB".to_owned())),
            Ok(status) if !status.success() => {
                Err(never(complained(&format!("failed ({status})"), &complaint)))
            }
            Ok(_) => parse(&output, (self.now)()).map_err(|what| never(complained(what, &complaint))),
        };
        output.zeroize();
        result
    }
}

/// The first octets of what somebody says, who is then heard to the end.
async fn read(mut from: impl AsyncRead + Unpin, limit: u64) -> Vec<u8> {
    // Room for all of it at once, so that no growing leaves a copy behind.
    let mut octets = Vec::with_capacity(usize::try_from(limit).unwrap_or_default());
    // What cannot be read any more was not said.
    let _ = (&mut from).take(limit).read_to_end(&mut octets).await;
    if limit < OUTPUT_LIMIT {
        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    }
    octets
}

/// What went wrong, and what the command said of it: without what may be a secret, in one short line.
fn complained(what: &str, complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let words =
        text.split_whitespace().map(|word| if word.chars().count() < SECRET_LENGTH { word } else { "****" });
    let said = words.collect::<Vec<_>>().join(" ");
    if said.is_empty() { what.to_owned() } else { format!("{what}: {}", tidy(&said)) }
}

/// What commands print, by the names that Google's and Microsoft's tools and RFC 6749, 5.1 use.
#[derive(Deserialize)]
struct Printed {
    #[serde(alias = "accessToken", alias = "token")]
    access_token: String,
    expires_in: Option<Value>,
    expires_at: Option<Value>,
    expires_on: Option<Value>,
    expiry: Option<Value>,
}

/// Reads what a command printed: the token, and how long it is good for.
fn parse(output: &[u8], now: Timestamp) -> Result<(SecretString, Option<Duration>), &'static str> {
    let text = std::str::from_utf8(output).map_err(|_| "prints what is no text")?.trim();
    let (token, lifetime) = if text.starts_with('{') {
        let printed: Printed =
            serde_json::from_str(text).map_err(|_| "prints JSON without an \"access_token\"")?;
        let told = printed.expires_in.as_ref().and_then(seconds);
        let mut moment = [printed.expires_at, printed.expires_on, printed.expiry].into_iter().flatten();
        let left = moment.find_map(|value| moment_of(&value));
        let left = left.map(|end| Duration::try_from(end.duration_since(now)).unwrap_or_default());
        (printed.access_token, told.or(left))
    } else {
        (text.lines().next().unwrap_or_default().trim().to_owned(), None)
    };
    if token.is_empty() {
        return Err("prints nothing");
    }
    if !token.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err("prints what is no token");
    }
    Ok((token.into(), lifetime))
}

/// A number, also where it stands in quotes.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(number(value)?.max(0.0)).ok()
}

/// A moment: RFC 3339, or seconds or milliseconds since 1970.
fn moment_of(value: &Value) -> Option<Timestamp> {
    if let Some(number) = number(value) {
        let since = if number < MILLISECONDS { number } else { number / 1000.0 };
        return Timestamp::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(since).ok()?).ok();
    }
    value.as_str()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
