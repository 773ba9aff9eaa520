//! `mailrun preview`: the very octets that will be sent, as headers, text, and HTML as text.

use std::fs;
use std::path::PathBuf;

use console::{Style, Term};
use html2text::config;
use serde_json::json;

use crate::engine::{Choice, Desk, Preview};
use crate::mail::Address;

use super::error::CliError;
use super::escape;
use super::exit::Exit;
use super::operator::Operator;
use super::page::Page;
use super::plan::warn_of;
use super::printer::{data, heading, json, octets};
use super::words::{counted, number};

/// Columns of the text that HTML becomes, at most: longer lines are hard to read.
const TEXT_WIDTH: usize = 100;

const AFTER_HELP: &str = "\
Examples:
  mailrun preview autumn                       the first recipient
  mailrun preview autumn --email ada@example.com
  mailrun preview autumn --sample 5 --seed 7   five of them, always the same five
  mailrun preview autumn --worst               longest, emptiest, most unusual rows
  mailrun preview autumn --each                every variant in every language
  mailrun preview autumn --eml previews        files that a mail program opens

Date, Message-ID and DKIM-Signature are set when a message is sent. The digest covers everything
else and equals the one in the journal.";

/// Flags of `preview`.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PreviewArgs {
    /// The campaign; may be left out if there is one only
    #[arg(value_name = "CAMPAIGN")]
    campaign: Option<String>,
    /// The recipient in this row of the list (the header is row 1)
    #[arg(long, value_name = "N", group = "choice")]
    row: Option<u32>,
    /// The recipient with this address
    #[arg(long, value_name = "ADDRESS", group = "choice")]
    email: Option<String>,
    /// So many recipients, chosen by chance
    #[arg(long, value_name = "K", group = "choice")]
    sample: Option<usize>,
    /// Which chance: the same seed chooses the same recipients
    #[arg(long, value_name = "S", requires = "sample", default_value_t = 1)]
    seed: u64,
    /// The rows most likely to look bad
    #[arg(long, group = "choice")]
    worst: bool,
    /// The first recipient of each variant and language
    #[arg(long, group = "choice")]
    each: bool,
    /// Write the octets as they are
    #[arg(long, conflicts_with_all = ["eml", "json"])]
    raw: bool,
    /// Write each message into a file of this folder
    #[arg(long, value_name = "DIR")]
    eml: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// As the engine's; no such row or address.
pub(crate) fn run(args: &PreviewArgs, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let campaign = operator.campaign(&workspace, args.campaign.as_deref())?;
    let choice = choice(args)?;
    let desk = Desk::load(workspace, &campaign, None)?;
    warn_of(&desk.warnings());
    let previews = desk.preview(&choice)?;
    if previews.is_empty() {
        return Err(CliError::NotFound {
            what: format!("nobody in the list of `{campaign}` is meant by that"),
            hint: format!("`mailrun check {campaign}` lists rows that are left out"),
        });
    }
    if let Some(folder) = &args.eml {
        return keep(&previews, folder, operator);
    }
    if args.raw {
        return raw(&previews);
    }
    if operator.printer.is_json() {
        json(&previews.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let width = usize::from(Term::stdout().size_checked().map_or(100, |(_, columns)| columns));
    for (index, preview) in previews.iter().enumerate() {
        let place = (previews.len() > 1).then(|| format!(" ({} of {})", index + 1, previews.len()));
        data(&text(preview, place.as_deref().unwrap_or_default(), width))?;
    }
    operator.printer.next(&format!("mailrun send {campaign}"), "asks, and sends it");
    Ok(Exit::Done)
}

fn choice(args: &PreviewArgs) -> Result<Choice, CliError> {
    if let Some(row) = args.row {
        return Ok(Choice::Row(row));
    }
    if let Some(email) = &args.email {
        return Ok(Choice::Email(address(email)?));
    }
    Ok(match args.sample {
        Some(count) => Choice::Sample { count, seed: args.seed },
        None if args.worst => Choice::Worst,
        None if args.each => Choice::Each,
        None => Choice::First,
    })
}

/// An address from the command line.
pub(crate) fn address(typed: &str) -> Result<Address, CliError> {
    Address::parse(typed).map_err(|error| CliError::Usage {
        what: format!("`{}` is not an address: {error}", escape::line(typed)),
        hint: "write it as in the list: ada@example.com".to_owned(),
    })
}

/// Writes files named after the rows, so that nothing from outside names a file.
fn keep(previews: &[Preview], folder: &std::path::Path, operator: &Operator) -> Result<Exit, CliError> {
    fs::create_dir_all(folder).map_err(|source| CliError::file("make", folder, source))?;
    for preview in previews {
        let file = folder.join(format!("row-{:07}.eml", preview.row));
        fs::write(&file, &preview.octets).map_err(|source| CliError::file("write", &file, source))?;
        data(&escape::line(&file.display().to_string()))?;
    }
    operator
        .printer
        .say(&format!("{} written; a mail program opens them", counted(previews.len() as u64, "message")));
    Ok(Exit::Done)
}

/// The octets as they are into a pipe or file; on a terminal nothing that could drive it.
fn raw(previews: &[Preview]) -> Result<Exit, CliError> {
    for preview in previews {
        if Term::stdout().is_term() {
            data(&escape::block(&String::from_utf8_lossy(&preview.octets)))?;
        } else {
            octets(&preview.octets)?;
        }
    }
    Ok(Exit::Done)
}

fn text(preview: &Preview, place: &str, width: usize) -> String {
    let dim = Style::new().dim();
    let (row, email) = (number(u64::from(preview.row)), escape::line(&preview.email));
    let size = counted(preview.octets.len() as u64, "octet");
    let mut page = Page::default();
    page.line(format_args!("{}", heading(&format!("Row {row}: {email}{place}"))));
    for (name, choice) in [("variant", &preview.variant), ("language", &preview.language)] {
        if !choice.is_empty() {
            page.line(format_args!("{}", dim.apply_to(format!("{name} {}", escape::line(choice)))));
        }
    }
    page.line(format_args!("{}", dim.apply_to(format!("{size}, digest {}", escape::line(&preview.digest)))));
    page.gap();
    for (name, value) in &preview.headers {
        let name = Style::new().cyan().apply_to(format!("{}:", escape::line(name)));
        page.line(format_args!("{name} {}", escape::line(value)));
    }
    for (file, kind) in &preview.attachments {
        let name = Style::new().cyan().apply_to("Attachment:");
        page.line(format_args!("{name} {} ({})", escape::line(file), escape::line(kind)));
    }
    for (title, body) in [("text", preview.text.clone()), ("HTML as text", html(preview, width))] {
        if let Some(body) = body {
            page.gap();
            page.line(format_args!("{}", rule(title, width)));
            page.line(format_args!("{}", escape::block(body.trim_end())));
        }
    }
    page.gap();
    page.into_text()
}

/// A title in a line across the window.
fn rule(title: &str, width: usize) -> String {
    let line = "─".repeat(width.min(TEXT_WIDTH).saturating_sub(title.len() + 4));
    Style::new().dim().apply_to(format!("── {title} {line}")).to_string()
}

fn html(preview: &Preview, width: usize) -> Option<String> {
    let html = preview.html.as_deref()?;
    let width = width.clamp(20, TEXT_WIDTH);
    let shown = config::plain().no_table_borders().string_from_read(html.as_bytes(), width);
    let shown = shown.unwrap_or_else(|_| "(this HTML cannot be shown as text)".to_owned());
    // Cells of a table are filled up to their width.
    Some(shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

fn as_json(preview: &Preview) -> serde_json::Value {
    json!({
        "row": preview.row,
        "email": preview.email,
        "size": preview.octets.len(),
        "digest": preview.digest,
        "variant": preview.variant,
        "language": preview.language,
        "headers": preview.headers,
        "text": preview.text,
        "html": preview.html,
        "attachments": preview
            .attachments
            .iter()
            .map(|(name, kind)| json!({ "name": name, "type": kind }))
            .collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview() -> Preview {
        Preview {
            row: 2,
            email: "ada@example.com".into(),
            octets: b"Subject: x\r\n\r\nHi\r\n".to_vec(),
            headers: vec![("Subject".into(), "Hello \u{1b}]0;x\u{7}".into())],
            text: Some("Hi Ada\r\n\u{1b}[2J".into()),
            html: Some("<table><tr><td><h1>Hi</h1><p>Ada <a href=\"https://example.com/a\">here</a></td></tr></table>".into()),
            digest: "00ff".into(),
            variant: "question".into(),
            language: "de".into(),
            attachments: vec![("a.pdf".into(), "application/pdf".into())],
        }
    }

    #[test]
    fn a_preview_is_readable_and_harmless() {
        console::set_colors_enabled(false);
        let shown = text(&preview(), "", 80);
        assert!(
            shown.starts_with("Row 2: ada@example.com\nvariant question\nlanguage de\n18 octets, digest 00ff\n\nSubject: Hello \\u{1b}"),
            "{shown}"
        );
        assert!(shown.contains("── text ─"), "{shown}");
        assert!(shown.contains("Attachment: a.pdf (application/pdf)\n"), "{shown}");
        assert!(shown.contains("https://example.com/a"), "{shown}");
        assert!(!shown.contains('\u{1b}') && !shown.contains("<td>"), "{shown}");
    }

    #[test]
    fn files_are_named_after_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        let operator = crate::cli::samples::operator(folder.path());
        let target = folder.path().join("out");
        keep(&[preview()], &target, &operator).expect("written");
        assert_eq!(fs::read(target.join("row-0000002.eml")).expect("there"), preview().octets);
    }
}
