//! The single settings of a relay, from the typed text to their meaning.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use crate::policy::{Period, Quota, Unit};

use super::super::presets::Preset;
use super::super::secrets::SecretSource;
use super::super::settings::Text;
use super::super::sheet::{Sheet, Wrong};
use super::super::terms;
use super::{PasswordText, QuotaText, RelayText, SandboxText, SourceText, Tls};

/// Sessions open at once, unless a relay says otherwise: what every provider known to us takes.
pub(super) const SESSIONS: u32 = 4;
/// Messages after which a session is closed, unless a relay says otherwise: what most servers take.
pub(super) const MESSAGES_PER_SESSION: u32 = 100;
/// RFC 5321, 4.5.3.1.8: every server takes at least 100 recipients.
pub(super) const RECIPIENTS_PER_MESSAGE: u32 = 100;
/// Age at which a session is closed, unless a relay says otherwise: `SparkPost` asks for it to be renewed
/// every 15 minutes, others are silent.
const SESSION_AGE: Duration = Duration::from_mins(15);

/// Messages in flight on one session, unless a relay says otherwise: over a line of 50 ms a session that
/// waits for each reply sends 20 messages a second, and one with 16 in flight about 300.
const WINDOW: u32 = 16;
/// More in flight gains nothing, and each is a recipient whose fate a dead line leaves open.
const WIDEST_WINDOW: u32 = 256;

/// RFC 8314, 3.3; RFC 6409, 3.1; RFC 5321.
const IMPLICIT_TLS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;
const SMTP_PORT: u16 = 25;
/// Amazon's second port of each kind.
const OTHER_IMPLICIT_TLS_PORT: u16 = 2465;

/// A relay's name stands in reports, file names and options.
pub(super) fn check_name(name: &Text, sheet: &mut Sheet) {
    let text = name.get_ref();
    let fits = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        let wrong = Wrong::new(format!("{text:?} cannot be the name of a relay"));
        sheet.wrong(name.span(), wrong.hint("use letters, digits, dots, - and _"));
    }
}

/// A host name or address, in the one form that is looked up.
pub(super) fn host_name(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new(format!("{text:?} is not a host")).hint("write it like smtp.example.com");
    let typed = text.trim();
    let bare = typed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(typed);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let ascii = idna::domain_to_ascii(typed).map_err(|_| wrong())?;
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if ascii.len() <= 253 && ascii.trim_end_matches('.').split('.').all(label) {
        Ok(ascii)
    } else {
        Err(wrong())
    }
}

/// Whether nothing said to this host leaves the machine.
fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().map_or(host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback())
}

pub(super) fn host(name: &Text, text: &RelayText, preset: Preset, sheet: &mut Sheet) -> Option<String> {
    if preset.is_sandbox() {
        for typed in [&text.host, &text.tls, &text.user].into_iter().flatten() {
            sheet.wrong(typed.span(), Wrong::new("a sandbox relay has no host, no TLS and no login"));
        }
        return Some("127.0.0.1".to_owned());
    }
    if text.host.is_some() {
        return sheet.take(text.host.as_ref(), |host| host_name(host));
    }
    let known = preset.text();
    if known.host.is_none() {
        let wrong = Wrong::new(format!("relay `{}` has no host", name.get_ref()));
        let hint = match preset.host_example() {
            Some(example) => format!("add host = \"{example}\"; preset `{preset}` cannot know yours"),
            None => "add host = \"..\", or a preset: `mailrun relay list --presets` shows them".to_owned(),
        };
        sheet.wrong(name.span(), wrong.hint(hint));
    }
    known.host.as_ref().map(|host| host.get_ref().clone())
}

pub(super) fn tls_and_port(
    text: &RelayText,
    preset: Preset,
    host: Option<&str>,
    sheet: &mut Sheet,
) -> (Tls, u16) {
    if preset.is_sandbox() {
        return (Tls::None, 0);
    }
    let known = preset.text();
    let loopback = host.is_some_and(is_loopback);
    let port = text.port.as_ref().map(|port| *port.get_ref());
    // A port of one's own goes before what the preset would do on its port.
    let typed = text.tls.as_ref().or(known.tls.as_ref().filter(|_| port.is_none()));
    let tls = sheet.take(typed, |tls| match tls.as_str() {
        "implicit" => Ok(Tls::Implicit),
        "starttls" => Ok(Tls::StartTls),
        "none" => Ok(Tls::None),
        _ => Err(Wrong::new(format!("{tls:?} is no kind of TLS"))
            .hint("write \"implicit\", \"starttls\" or \"none\"")),
    });
    let tls = tls.unwrap_or(match port {
        Some(IMPLICIT_TLS_PORT | OTHER_IMPLICIT_TLS_PORT) => Tls::Implicit,
        _ if loopback => Tls::None,
        Some(_) => Tls::StartTls,
        None => Tls::Implicit,
    });
    if tls == Tls::None
        && !loopback
        && host.is_some()
        && text.insecure.as_ref().is_none_or(|insecure| !insecure.get_ref())
        && let Some(typed) = &text.tls
    {
        let wrong = Wrong::new("without TLS mail and password could be read on the way");
        sheet.wrong(
            typed.span(),
            wrong.hint("write tls = \"starttls\"; only on the loopback is \"none\" safe"),
        );
    }
    if let Some(zero) = text.port.as_ref().filter(|port| *port.get_ref() == 0) {
        sheet.wrong(zero.span(), Wrong::new("there is no port 0"));
    }
    let own_port = match tls {
        Tls::Implicit => IMPLICIT_TLS_PORT,
        Tls::StartTls => SUBMISSION_PORT,
        Tls::None => SMTP_PORT,
    };
    let known_port = known.port.as_ref().filter(|_| text.tls.is_none()).map(|port| *port.get_ref());
    (tls, port.or(known_port).unwrap_or(own_port))
}

pub(super) fn insecure(text: &RelayText, sheet: &mut Sheet) -> bool {
    let Some(typed) = text.insecure.as_ref().filter(|insecure| *insecure.get_ref()) else { return false };
    sheet.warn(typed.span(), Wrong::new("anybody on the way could read and change what this relay is sent"));
    true
}

pub(super) fn user(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Wrong::new("that is no login"));
    }
    Ok(text.to_owned())
}

pub(super) fn password(text: &RelayText, sheet: &mut Sheet) -> Option<SecretSource> {
    let typed = text.password.as_ref()?;
    if text.user.is_none() {
        let wrong = Wrong::new("there is a password and no `user`").hint("add user = \"..\"");
        sheet.wrong_in_secret(typed.span(), "password", wrong);
    }
    let sources = "write { env = \"..\" }, { file = \"..\" } or { command = [..] }";
    let source = match typed.get_ref() {
        PasswordText::InTheClear => {
            let wrong = Wrong::new("a password stands here in the clear");
            sheet.wrong_in_secret(typed.span(), "password", wrong.hint(sources));
            return None;
        }
        PasswordText::Source(source) => source,
    };
    match source {
        SourceText { env: Some(name), file: None, command: None } if is_variable(name) => {
            let wrong = Wrong::new(format!("others on this machine may see ${name} in /proc"));
            sheet.warn(typed.span(), wrong.hint("a { command = [..] } or a { file = \"..\" } is safer"));
            Some(SecretSource::Env(name.clone()))
        }
        SourceText { env: None, file: Some(file), command: None } if !file.is_empty() => {
            Some(SecretSource::File(PathBuf::from(file)))
        }
        SourceText { env: None, file: None, command: Some(words) }
            if words.first().is_some_and(|program| !program.is_empty()) =>
        {
            Some(SecretSource::Command(words.clone()))
        }
        SourceText { .. } => {
            let wrong = Wrong::new("one source of the password is needed").hint(sources);
            sheet.wrong_in_secret(typed.span(), "password", wrong);
            None
        }
    }
}

/// Anything else is more likely a secret in the wrong place than a variable.
fn is_variable(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(fits) && !name.starts_with(|first: char| first.is_ascii_digit())
}

pub(super) fn at_least_one(number: u32) -> Result<u32, Wrong> {
    if number == 0 { Err(Wrong::new("at least 1 is needed")) } else { Ok(number) }
}

pub(super) fn window(text: &RelayText, known: &RelayText, sheet: &mut Sheet) -> u32 {
    let typed = text.window.as_ref().or(known.window.as_ref());
    let window = sheet.take(typed, |window| match window {
        1..=WIDEST_WINDOW => Ok(*window),
        _ => Err(Wrong::new(format!("a window is 1 to {WIDEST_WINDOW} messages"))
            .hint("1 sends one message after the other on a session")),
    });
    window.unwrap_or(WINDOW)
}

pub(super) fn session_age(text: &RelayText, known: &RelayText, sheet: &mut Sheet) -> Duration {
    let typed = text.session_age.as_ref().or(known.session_age.as_ref());
    sheet.take(typed, |age| terms::positive_duration(age)).unwrap_or(SESSION_AGE)
}

pub(super) fn quota(typed: &Spanned<QuotaText>, sheet: &mut Sheet) -> Option<Quota> {
    let text = typed.get_ref();
    let missing = |key: &str, example: &str| {
        Wrong::new(format!("this quota has no `{key}`")).hint(format!("add {key} = {example}"))
    };
    if text.limit.is_none() {
        sheet.wrong(typed.span(), missing("limit", "500"));
    }
    if text.unit.is_none() {
        sheet.wrong(typed.span(), missing("unit", "\"messages\" or \"recipients\""));
    }
    if text.per.is_none() {
        sheet.wrong(typed.span(), missing("per", "\"24h\" or \"day\""));
    }
    let unit =
        sheet.take(text.unit.as_ref(), |unit| match unit.as_str() {
            "messages" => Ok(Unit::Messages),
            "recipients" => Ok(Unit::Recipients),
            _ => Err(Wrong::new(format!("{unit:?} cannot be counted"))
                .hint("write \"messages\" or \"recipients\"")),
        });
    let zone = match &text.zone {
        Some(_) => sheet.take(text.zone.as_ref(), |zone| terms::zone(zone)),
        None => Some(terms::machine_zone()),
    };
    let per = zone.and_then(|zone| sheet.take(text.per.as_ref(), |per| terms::period(per, &zone)));
    if let (Some(zone), Some(Period::Rolling(_))) = (&text.zone, &per) {
        let wrong = Wrong::new("a zone is only for per = \"day\"");
        sheet.wrong(zone.span(), wrong.hint("a time like \"24h\" rolls and needs none"));
    }
    Some(Quota { limit: text.limit?, unit: unit?, per: per? })
}

/// The quotas of a preset.
pub(super) fn known_quotas(known: &RelayText) -> Vec<Quota> {
    // The spans of a preset point into its own file, so a sheet of its own takes what could be wrong.
    let mut sheet = Sheet::new("presets.toml", "");
    known.quotas.iter().flatten().filter_map(|quota| self::quota(quota, &mut sheet)).collect()
}

pub(super) fn check_reserve(text: &RelayText, quotas: &[Quota], reserve: u64, sheet: &mut Sheet) {
    let Some(smallest) = quotas.iter().map(|quota| quota.limit).min() else { return };
    if smallest > reserve {
        return;
    }
    let wrong = Wrong::new(format!("a reserve of {reserve} leaves nothing of a quota of {smallest}"));
    let wrong = wrong.hint(match text.quotas {
        Some(_) => "lower `reserve`, or raise `limit`",
        None => "lower `reserve`, or set `quotas` in the place of the preset's",
    });
    if let Some(typed) = &text.reserve {
        sheet.wrong(typed.span(), wrong);
    } else if let Some(typed) = text.quotas.iter().flatten().next() {
        sheet.wrong(typed.span(), wrong);
    }
}

/// The limits that a preset guesses where the operator says nothing.
pub(super) fn guesses(text: &RelayText, preset: Preset) -> Vec<&'static str> {
    let limits = [
        ("quotas", text.quotas.is_some()),
        ("rate", text.rate.is_some()),
        ("recipients_per_message", text.recipients_per_message.is_some()),
        ("sessions", text.sessions.is_some()),
        ("messages_per_session", text.messages_per_session.is_some()),
        ("session_age", text.session_age.is_some()),
    ];
    let guessed = limits.into_iter().filter(|(key, is_typed)| !is_typed && preset.is_guess(key));
    guessed.map(|(key, _)| key).collect()
}

pub(super) fn sandbox(text: &RelayText, preset: Preset, sheet: &mut Sheet) -> Option<SandboxText> {
    let typed = text.sandbox.as_ref()?;
    let place = sheet.place(typed.span());
    if !preset.is_sandbox() {
        let wrong = Wrong::new("only a sandbox relay pretends anything");
        sheet.wrong(typed.span(), wrong.hint("add preset = \"sandbox\", or remove this table"));
    }
    Some(SandboxText { table: typed.get_ref().clone(), place })
}

/// A number of octets: `64MiB`, `10MB`.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    let read = text.parse::<bytesize::ByteSize>().map(|size| size.as_u64());
    read.map_err(|_| Wrong::new(format!("{text:?} is not a size")).hint("write it like 64MiB"))
}
