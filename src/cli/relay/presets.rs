//! `mailrun relay list --presets`: what is known of providers, each number with its source.
//!
//! Needs no workspace. The table shows what a relay comes to that names nothing but the preset, defaults
//! included; a single preset is shown in the words of `relays.toml`, ready to be copied.

use console::measure_text_width;
use serde_json::{Map, Value, json};

use crate::campaign::{Confidence, FactSource, Preset, Relay, Tls};
use crate::cli::error::CliError;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;
use crate::cli::page::Page;
use crate::cli::printer::{data, heading, json};
use crate::cli::table::{Align, Rows, Width};
use crate::cli::words::{number, per as per_words};
use crate::mail::nearest;

use super::{rate_words, tls};

/// Keys that say how mailrun goes about it, and nothing of what the provider allows.
const OWN_CHOICES: [&str; 3] = ["reserve", "window", "sign"];
/// Columns of text where no window says otherwise.
const TEXT_WIDTH: usize = 100;
/// Columns before the words of a source.
const INDENT: usize = 6;

const LEGEND: &str = "
  rcpts     recipients a message
  sessions  at once × messages each
  trust     H the provider's own words, M quoted by others, L a guess
  ?         a guess: check it with your provider, and set it in relays.toml
";

/// Shows all presets, or the one called `name`.
///
/// # Errors
/// There is none of that name.
pub(super) fn run(name: Option<&str>, operator: &Operator) -> Result<Exit, CliError> {
    let printer = operator.printer;
    let Some(name) = name else {
        if printer.is_json() {
            json(&Preset::all().map(as_json).collect::<Vec<_>>())?;
        } else {
            data(&table(Width::of_stdout()))?;
            printer.next("mailrun relay list --presets NAME", "shows each number with its source");
        }
        return Ok(Exit::Done);
    };
    let preset = find(name)?;
    if printer.is_json() {
        json(&as_json(preset))?;
    } else {
        data(&sheet(preset, Width::of_stdout()))?;
        printer
            .next("mailrun relay test RELAY", "connects and logs in once it stands in campaigns/relays.toml");
    }
    Ok(Exit::Done)
}

fn find(name: &str) -> Result<Preset, CliError> {
    Preset::all().find(|preset| preset.name() == name).ok_or_else(|| CliError::NotFound {
        what: format!("no preset is called `{}`", escape::line(name)),
        hint: match nearest(name, Preset::all().map(Preset::name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "`mailrun relay list --presets` shows all; a relay without a preset names its host".to_owned()
            }
        },
    })
}

/// All presets, as wide as the window lets them be.
fn table(width: Width) -> String {
    let wide = wide().shown(Width::Free);
    let shown = match width {
        Width::Fits(columns) if wide.lines().any(|line| measure_text_width(line) > usize::from(columns)) => {
            narrow().shown(width)
        }
        Width::Fits(_) | Width::Free => wide,
    };
    shown + LEGEND
}

/// One line for a server, and one for each limit.
fn wide() -> Rows {
    let mut rows = Rows::new(&[
        ("preset", Align::Left),
        ("server", Align::Left),
        ("limits", Align::Left),
        ("rcpts", Align::Right),
        ("sessions", Align::Right),
        ("trust", Align::Left),
    ]);
    grouped(&mut rows, |preset, relay| {
        vec![
            preset.name().to_owned(),
            server(preset, relay),
            or_dash(limits(preset, relay).join("\n")),
            aligned(recipients(preset, relay)),
            aligned(sessions(preset, relay)),
            trust(preset).to_string(),
        ]
    });
    rows
}

/// Server and limits below each other, where the window is too narrow for both.
fn narrow() -> Rows {
    let mut rows = Rows::new(&[
        ("preset", Align::Left),
        ("server, limits, rcpts, sessions", Align::Left),
        ("trust", Align::Left),
    ]);
    grouped(&mut rows, |preset, relay| {
        let limits = limits(preset, relay).join(", ");
        let (recipients, sessions) = (recipients(preset, relay), sessions(preset, relay));
        let each = format!("{recipients} rcpts a message, {sessions} messages");
        let lines = [server(preset, relay), limits, each];
        let told: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        vec![preset.name().to_owned(), told.join("\n"), trust(preset).to_string()]
    });
    rows
}

/// A row for each preset, and an empty one between those of different kinds.
fn grouped(rows: &mut Rows, cells: impl Fn(Preset, &Relay) -> Vec<String>) {
    let mut last = None;
    for preset in Preset::all() {
        if last.is_some_and(|last| last != preset.kind()) {
            rows.add([""]);
        }
        last = Some(preset.kind());
        rows.add(cells(preset, &Relay::of_preset(preset)));
    }
}

fn server(preset: Preset, relay: &Relay) -> String {
    if preset.is_sandbox() {
        return "in process".to_owned();
    }
    // The example says what is to be filled in; as a host it would be in small letters.
    let host = preset.host_example().unwrap_or(&relay.host);
    let tls = if relay.tls == Tls::None { "no TLS" } else { tls(relay.tls) };
    let port = marked(relay.port.to_string(), preset, "port");
    format!("{}:{port} {tls}", marked(host.to_owned(), preset, "host"))
}

/// Quotas and rate, or why there is no quota; nothing if there is no limit.
fn limits(preset: Preset, relay: &Relay) -> Vec<String> {
    let quotas = preset.values().find(|(key, _)| *key == "quotas").and_then(|(_, quotas)| quotas.as_array());
    let word = |quota: &'static toml::Value, key: &str| quota.get(key).and_then(toml::Value::as_str);
    let quota = |quota: &'static toml::Value| {
        let limit = quota.get("limit").and_then(toml::Value::as_integer).unwrap_or_default();
        let unit = word(quota, "unit").unwrap_or_default();
        let per = word(quota, "per").map(period).unwrap_or_default();
        let zone = word(quota, "zone").map(|zone| format!(" {zone}")).unwrap_or_default();
        marked(format!("{} {unit}/{per}{zone}", number(limit.unsigned_abs())), preset, "quotas")
    };
    let quotas = quotas.into_iter().flatten().map(quota);
    let rate = relay.rate.map(|rate| rate_words(rate.count.get(), rate.per));
    let rate = rate.map(|rate| marked(format!("at most {rate}"), preset, "rate"));
    let none = relay.no_quota.map(|none| none.short.clone());
    quotas.chain(none).chain(rate).collect()
}

/// What stands behind the stroke: `24 h`, `day`, and `hour` for `1h`.
fn period(per: &str) -> String {
    match per {
        "1m" => "minute".to_owned(),
        "1h" => "hour".to_owned(),
        other => per_words(other).trim_start_matches("per ").to_owned(),
    }
}

fn recipients(preset: Preset, relay: &Relay) -> String {
    marked(number(relay.recipients_per_message.into()), preset, "recipients_per_message")
}

fn sessions(preset: Preset, relay: &Relay) -> String {
    let at_once = marked(number(relay.sessions.into()), preset, "sessions");
    let each = marked(number(relay.messages_per_session.into()), preset, "messages_per_session");
    format!("{at_once} × {each}")
}

fn marked(value: String, preset: Preset, key: &str) -> String {
    if preset.is_guess(key) { value + "?" } else { value }
}

/// Room for the mark behind numbers that have none, so that digits stand below digits.
fn aligned(number: String) -> String {
    if number.ends_with('?') { number } else { number + " " }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// That of the least certain thing that is known of the provider.
fn trust(preset: Preset) -> Confidence {
    let tells = |source: &&FactSource| {
        source.of.iter().any(|key| preset.value_of(key).is_some() && !OWN_CHOICES.contains(&key.as_str()))
    };
    let trusted = preset.sources().iter().filter(tells).map(|source| source.confidence);
    trusted.min().unwrap_or(Confidence::High)
}

/// One preset, every value with its source.
fn sheet(preset: Preset, width: Width) -> String {
    let columns = match width {
        Width::Fits(columns) => usize::from(columns).clamp(40, TEXT_WIDTH),
        Width::Free => TEXT_WIDTH,
    };
    let mut page = Page::default();
    page.line(format_args!("{}", heading(&format!("{preset}: {}", preset.about()))));
    for source in preset.sources() {
        page.gap();
        for key in &source.of {
            match (preset.value_of(key), preset.spf()) {
                (Some(value), _) => page.add(&setting(key, value, columns)),
                // It is no setting of a relay, but what DNS has to say.
                (None, Some(domain)) if key == "spf" => {
                    page.line(format_args!("  an SPF record includes {domain}"));
                }
                (None, _) if key == "smtputf8" && preset.lacks_smtputf8() => {
                    page.line(format_args!("  takes no address with letters beyond ASCII before the @"));
                }
                (None, _) => page.line(format_args!("  {key} is not set")),
            }
        }
        let guess = if source.confidence == Confidence::Low { ", a guess" } else { "" };
        let words = format!("{}{guess}, {}: {}", source.confidence, source.as_of, source.words);
        page.add(&wrapped(&words, INDENT, columns));
    }
    let hints = [("login", preset.login_hint()), ("note", preset.note())];
    for (name, words) in hints.iter().filter_map(|(name, words)| words.map(|words| (*name, words))) {
        page.gap();
        page.add(&wrapped(&format!("{name}: {words}"), 2, columns));
    }
    page.into_text()
}

/// `key = value`, a long list with a line for each element.
fn setting(key: &str, value: &str, columns: usize) -> String {
    let line = format!("  {key} = {value}\n");
    if measure_text_width(&line) <= columns || !value.contains("}, {") {
        return line;
    }
    let elements = value.trim_start_matches('[').trim_end_matches(']').replace("}, {", "},\n    {");
    format!("  {key} = [\n    {elements},\n  ]\n")
}

/// Text in lines of at most `columns`, each behind `indent` spaces; a word that is longer stands alone.
fn wrapped(text: &str, indent: usize, columns: usize) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let needed = measure_text_width(word);
        if width > 0 && width + 1 + needed <= columns {
            lines.push(' ');
            width += 1 + needed;
            lines.push_str(word);
            continue;
        }
        if width > 0 {
            lines.push('\n');
        }
        lines.push_str(&" ".repeat(indent));
        lines.push_str(word);
        width = indent + needed;
    }
    lines + "\n"
}

fn as_json(preset: Preset) -> Value {
    let relay: Map<String, Value> =
        preset.values().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    let guesses: Vec<&str> = preset.values().map(|(key, _)| key).filter(|key| preset.is_guess(key)).collect();
    json!({
        "preset": preset.name(),
        "about": preset.about(),
        "kind": preset.kind(),
        "relay": relay,
        "host_example": preset.host_example(),
        "no_quota": preset.no_quota().map(|none| &none.words),
        "trust": trust(preset),
        "guesses": guesses,
        "sources": preset.sources(),
        "login": preset.login_hint(),
        "note": preset.note(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str) -> Preset {
        find(name).expect(name)
    }

    fn plain(show: impl Fn() -> String) -> String {
        console::set_colors_enabled(false);
        show()
    }

    #[test]
    fn a_window_of_120_columns_has_a_line_for_each_server() {
        let shown = plain(|| table(Width::Fits(120)));
        assert!(shown.lines().all(|line| measure_text_width(line) <= 120));
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_window_of_80_columns_has_servers_and_limits_below_each_other() {
        let shown = plain(|| table(Width::Fits(80)));
        assert!(shown.lines().all(|line| measure_text_width(line) <= 80));
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_single_preset_shows_where_each_number_comes_from() {
        for name in ["office365", "resend", "ses"] {
            let shown = plain(|| sheet(preset(name), Width::Fits(80)));
            assert!(shown.lines().all(|line| measure_text_width(line) <= 80), "{shown}");
            insta::assert_snapshot!(name, shown);
        }
    }

    #[test]
    fn a_guess_is_marked() {
        let brevo = preset("brevo");
        assert_eq!(recipients(brevo, &Relay::of_preset(brevo)), "99?");
        let outlook = preset("outlook");
        assert_eq!(sessions(outlook, &Relay::of_preset(outlook)), "3? × 100");
        assert_eq!(limits(outlook, &Relay::of_preset(outlook))[0], "1,000 recipients/24 h?");
        // That a provider signs is only guessed as well, and nobody relies on it for a limit.
        assert_eq!((trust(preset("icloud")), trust(brevo)), (Confidence::Medium, Confidence::Low));
    }

    #[test]
    fn programs_get_the_values_as_they_are_typed() {
        let emailit = as_json(preset("emailit"));
        assert_eq!(emailit["relay"]["port"], 465);
        assert_eq!(emailit["relay"]["quotas"][0]["zone"], "UTC");
        assert_eq!(emailit["sources"][1]["confidence"], "H");
        assert_eq!(as_json(preset("ovh"))["guesses"], json!(["port", "quotas", "tls"]));
    }

    #[test]
    fn an_unknown_preset_brings_the_nearest() {
        let error = find("mailgum").expect_err("misspelt");
        assert_eq!(
            (error.hint().as_deref(), error.exit(None)),
            (Some("did you mean `mailgun`?"), Exit::NotFound)
        );
    }

    #[test]
    fn words_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 2, 9), "  one two\n  three\n");
        assert_eq!(wrapped("a_word_that_is_long b", 2, 9), "  a_word_that_is_long\n  b\n");
    }
}
