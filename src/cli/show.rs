//! `mailrun show`: one recipient's whole life, with the SMTP replies.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::json;

use crate::engine::{self, Attempt, Life};

use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::limits;
use super::operator::Operator;
use super::page::Page;
use super::preview::address;
use super::printer::{data, heading, json};
use super::words::{exact, number, shortened};

/// Columns of a cell that is shown, at most.
const CELL: usize = 200;

/// Flags of `show`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  mailrun show autumn ada@example.com\n  mailrun show ada@example.com          if there is one campaign only"
)]
pub(crate) struct ShowArgs {
    /// The campaign, which may be left out if there is one only, and the address
    #[arg(value_names = ["CAMPAIGN", "ADDRESS"], num_args = 1..=2, required = true)]
    words: Vec<String>,
}

/// Does it.
///
/// # Errors
/// As the engine's; nobody of that address.
pub(crate) fn run(args: &ShowArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let (campaign, email) = match &*args.words {
        [campaign, email] => (Some(campaign.as_str()), email),
        [email, ..] => (None, email),
        [] => unreachable!("clap asks for one word at least"),
    };
    let email = address(email)?;
    let campaign = operator.campaign(&workspace, campaign)?;
    let Some(life) = engine::life(&workspace, &campaign, &email)? else {
        return Err(CliError::NotFound {
            what: format!("`{campaign}` knows nobody of the address {email}"),
            hint: format!("`mailrun report {campaign} --csv` lists everybody"),
        });
    };
    if operator.printer.is_json() {
        json(&as_json(&life))?;
    } else {
        data(&text(&life, &operator.zone))?;
    }
    Ok(Exit::Done)
}

fn text(life: &Life, zone: &TimeZone) -> String {
    let state = match life.excluded {
        Some(reason) => format!("left out ({})", limits::reason(reason)),
        None => life.state.to_string(),
    };
    let mut page = Page::default();
    page.line(format_args!("{}\n", heading(&format!("{}: {state}", escape::line(&life.email)))));
    page.fact("row", &number(u64::from(life.row)));
    if !life.message_id.is_empty() {
        page.fact("message-id", &escape::line(&life.message_id));
    }
    for (name, choice) in [("variant", &life.variant), ("language", &life.language)] {
        if !choice.is_empty() {
            page.fact(name, &escape::line(choice));
        }
    }
    if let Some(suppression) = &life.suppressed {
        let reason = if suppression.reason.is_empty() { "no reason given" } else { &suppression.reason };
        page.fact(
            "suppressed",
            &format!("since {}: {}", exact(suppression.added, zone), escape::line(reason)),
        );
    }
    if !life.fields.is_empty() {
        page.line(format_args!("\n  what the list says"));
        for (name, value) in &life.fields {
            page.line(format_args!("    {}: {}", escape::line(name), shortened(&escape::line(value), CELL)));
        }
    }
    for (row, fields) in &life.more {
        page.line(format_args!("\n  and in row {}", number(u64::from(*row))));
        for (name, value) in fields {
            page.line(format_args!("    {}: {}", escape::line(name), shortened(&escape::line(value), CELL)));
        }
    }
    if life.attempts.is_empty() {
        page.line(format_args!("\n  never attempted"));
    }
    for attempt in &life.attempts {
        attempted(attempt, zone, &mut page);
    }
    page.into_text()
}

fn attempted(attempt: &Attempt, zone: &TimeZone, page: &mut Page) {
    page.line(format_args!(
        "\n  attempt {}, {}, through {}: {}",
        attempt.number,
        exact(attempt.time, zone),
        escape::line(&attempt.relay),
        attempt.state
    ));
    if let Some(reply) = &attempt.reply {
        let phase = attempt.phase.map(|phase| format!("at {phase}: ")).unwrap_or_default();
        page.line(format_args!("    {phase}{}", escape::line(reply)));
    }
    if let Some(class) = attempt.class {
        page.line(format_args!("    class {class}: {}", limits::class(class)));
    }
    if let Some(queue_id) = attempt.queue_id.as_deref().filter(|id| !id.is_empty()) {
        page.line(format_args!("    queued there as {}", escape::line(queue_id)));
    }
    if let Some(due) = attempt.due {
        page.line(format_args!("    next attempt {}", exact(due, zone)));
    }
}

fn as_json(life: &Life) -> serde_json::Value {
    let attempts: Vec<_> = life
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "time": attempt.time,
                "relay": attempt.relay,
                "number": attempt.number,
                "state": attempt.state,
                "phase": attempt.phase,
                "reply": attempt.reply,
                "class": attempt.class,
                "queue_id": attempt.queue_id,
                "due": attempt.due,
            })
        })
        .collect();
    let named = |fields: &[(String, String)]| fields.iter().cloned().collect::<BTreeMap<_, _>>();
    let more: Vec<_> =
        life.more.iter().map(|(row, fields)| json!({ "row": row, "fields": named(fields) })).collect();
    json!({
        "row": life.row,
        "email": life.email,
        "state": life.state,
        "excluded": life.excluded,
        "variant": life.variant,
        "language": life.language,
        "suppressed": life.suppressed,
        "message_id": life.message_id,
        "fields": named(&life.fields),
        "more": more,
        "attempts": attempts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Class, Phase, State};

    fn life() -> Life {
        let attempt = Attempt {
            time: "2026-11-24T06:00:00Z".parse().expect("a time"),
            relay: "office".into(),
            number: 1,
            state: State::Rejected,
            phase: Some(Phase::Rcpt),
            reply: Some("550 5.1.1 no such user\u{1b}[2J".into()),
            class: Some(Class::RecipientDead),
            queue_id: None,
            due: None,
        };
        Life {
            row: 17,
            email: "ada@example.com".into(),
            state: State::Rejected,
            fields: vec![("first_name".into(), "Ada".into())],
            more: Vec::new(),
            attempts: vec![attempt],
            message_id: "<x@example.com>".into(),
            suppressed: None,
            excluded: None,
            variant: "question".into(),
            language: String::new(),
        }
    }

    #[test]
    fn a_life_is_told_with_its_replies() {
        console::set_colors_enabled(false);
        let expected = "\
ada@example.com: rejected

  row         17
  message-id  <x@example.com>
  variant     question

  what the list says
    first_name: Ada

  attempt 1, 2026-11-24 06:00:00 UTC, through office: rejected
    at RCPT: 550 5.1.1 no such user\\u{1b}[2J
    class recipient_dead: no such mailbox
";
        assert_eq!(text(&life(), &TimeZone::UTC), expected);
        assert_eq!(as_json(&life())["attempts"][0]["class"], "recipient_dead");
    }
}
