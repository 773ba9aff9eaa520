//! How an error looks: `error:` what, the line of the file with a caret, `caused by:`, `hint:`.
//!
//! miette draws the line and the caret. Everything that came from a file or a server is made harmless
//! first, and a line too long for any window is cut around the place that matters.

use std::fmt;
use std::ops::Range;

use console::{Style, Term};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use crate::engine::{EngineError, LeftOut, Unfit};
use crate::mail::{Fault, Place, Severity};

use super::check::reason;
use super::error::CliError;
use super::escape;
use super::page::Page;
use super::printer::complain;
use super::words::{counted, number};

/// Faults shown in full; the rest is counted.
const FAULTS_SHOWN: usize = 20;
/// Rows shown as a sample.
const ROWS_SHOWN: usize = 5;
/// Octets of a line kept on either side of the place.
const MARGIN: usize = 100;

/// Writes an error to stderr, with everything that is known about it.
pub(crate) fn show(error: &CliError) {
    if matches!(error, CliError::NobodyReads) {
        return;
    }
    let faults = error.faults();
    if faults.is_empty() {
        complain(&format!("{} {}", label(Severity::Error), escape::block(&error.to_string())));
        for cause in causes(error) {
            complain(&format!("{} {}", strong("caused by:"), escape::block(&cause)));
        }
    } else {
        show_faults(&faults);
    }
    if let CliError::Engine(EngineError::Rows(
        Unfit::Unrendered { samples, count, .. } | Unfit::TooManyInvalid { samples, count, .. },
    )) = error
    {
        show_rows(samples, *count);
    }
    if let CliError::Engine(EngineError::Differs { what }) = error {
        for difference in what {
            complain(&format!("  {}", escape::line(difference)));
        }
    }
    if let Some(hint) = error.hint() {
        complain(&format!("{} {}", strong("hint:"), escape::line(&hint)));
    }
}

/// Writes faults to stderr, errors first, as many as a person reads.
pub(crate) fn show_faults(faults: &[Fault]) {
    let mut ordered: Vec<&Fault> = faults.iter().collect();
    ordered.sort_by_key(|fault| fault.severity);
    for fault in ordered.iter().take(FAULTS_SHOWN) {
        complain(drawn(fault, Look::of_stderr()).trim_end());
    }
    if let Some(rest) = ordered.len().checked_sub(FAULTS_SHOWN).filter(|rest| *rest > 0) {
        complain(&format!("... and {}", counted(rest as u64, "more fault")));
    }
}

fn show_rows(samples: &[LeftOut], all: u64) {
    for sample in samples.iter().take(ROWS_SHOWN) {
        let email =
            if sample.email.is_empty() { String::new() } else { format!(" {}", escape::line(&sample.email)) };
        complain(&format!("  row {}{email}: {}", number(u64::from(sample.row)), reason(sample)));
    }
    let shown = samples.len().min(ROWS_SHOWN) as u64;
    if all > shown {
        complain(&format!("  ... and {}", counted(all - shown, "more row")));
    }
}

/// What caused the error, outermost first, each text once.
fn causes(error: &CliError) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        // Some facts end with their cause.
        if texts.last().is_none_or(|last| !last.ends_with(&text)) {
            texts.push(text);
        }
        source = cause.source();
    }
    texts.split_off(1)
}

fn strong(text: &str) -> String {
    Style::new().for_stderr().bold().apply_to(text).to_string()
}

/// `error:` or `warning:`.
pub(crate) fn label(severity: Severity) -> String {
    let style = Style::new().for_stderr().bold();
    match severity {
        Severity::Error => style.red().apply_to("error:").to_string(),
        Severity::Warning => style.yellow().apply_to("warning:").to_string(),
    }
}

/// How a fault is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// In colour, for a window of so many columns.
    Colour(usize),
    /// Without.
    Plain(usize),
}

impl Look {
    fn of_stderr() -> Self {
        let columns = Term::stderr().size_checked().map_or(100, |(_, columns)| usize::from(columns));
        if console::colors_enabled_stderr() { Self::Colour(columns) } else { Self::Plain(columns) }
    }
}

/// A fault as text of one or several lines.
fn drawn(fault: &Fault, look: Look) -> String {
    let (kind, advice) = match (look, fault.severity) {
        (Look::Colour(_), severity) => (label(severity), strong("hint:")),
        (Look::Plain(_), Severity::Error) => ("error:".to_owned(), "hint:".to_owned()),
        (Look::Plain(_), Severity::Warning) => ("warning:".to_owned(), "hint:".to_owned()),
    };
    let mut page = Page::default();
    page.line(format_args!("{kind} {}", escape::block(&fault.what)));
    if let Some(place) = &fault.place {
        page.add(&snippet(place, look));
    }
    if let Some(hint) = &fault.hint {
        page.line(format_args!("{advice} {}", escape::line(hint)));
    }
    page.into_text()
}

fn snippet(place: &Place, look: Look) -> String {
    let (styles, width) = match look {
        Look::Colour(width) => (ThemeStyles::ansi(), width),
        Look::Plain(width) => (ThemeStyles::none(), width),
    };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_context_lines(1)
        .without_primary_span_start()
        .without_cause_chain();
    let mut text = String::new();
    match handler.render_report(&mut text, &Pointed::at(place)) {
        // The report begins with a line for the message, which is empty here: it was said above.
        Ok(()) => {
            let is_empty = |line: &&str| {
                console::strip_ansi_codes(line).chars().all(|character| matches!(character, ' ' | '×' | '⚠'))
            };
            let mut page = Page::default();
            for line in text.lines().skip_while(is_empty) {
                page.line(format_args!("{}", line.trim_end()));
            }
            page.into_text()
        }
        Err(_) => format!("   at {place}\n"),
    }
}

/// The line that a place lies in, cut to what fits, for miette.
#[derive(Debug)]
struct Pointed {
    name: String,
    text: String,
    span: Range<usize>,
    /// The number of the line, from 0.
    line: usize,
}

impl Pointed {
    fn at(place: &Place) -> Self {
        let document = &*place.document;
        let start = floor(document, place.span.start);
        let from = document[..start].rfind('\n').map_or(0, |end| end + 1);
        let to = document[start..].find('\n').map_or(document.len(), |end| start + end);
        let end = floor(document, place.span.end.clamp(start, to));
        let (left, right) = (start.saturating_sub(MARGIN).max(from), (end + MARGIN).min(to));
        let (left, right) = (floor(document, left), floor(document, right));
        let (before, after) = (if left > from { "…" } else { "" }, if right < to { "…" } else { "" });
        let cut = escape::in_place(document[left..right].trim_end_matches('\r'));
        let shift = before.len();
        Self {
            name: format!("{}:{}:{}", escape::line(&place.file), place.line, place.column),
            text: format!("{before}{cut}{after}"),
            span: start - left + shift..end.max(start) - left + shift,
            line: place.line.saturating_sub(1),
        }
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

impl SourceCode for Pointed {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            self.line + inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}

impl Diagnostic for Pointed {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(None, self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}

impl fmt::Display for Pointed {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Pointed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(document: &str, span: Range<usize>) -> Fault {
        let place = Place::new("campaigns/a/campaign.toml", document, span);
        Fault::error("unknown key `subjekt`").at(place).hint("did you mean `subject`?")
    }

    #[test]
    fn a_fault_points_at_its_place() {
        let text = drawn(&fault("from = \"a\"\nsubjekt = \"x\"\n", 11..18), Look::Plain(80));
        let expected = "\
error: unknown key `subjekt`
   ╭─[campaigns/a/campaign.toml:2:1]
 2 │ subjekt = \"x\"
   · ───────
   ╰────
hint: did you mean `subject`?
";
        assert_eq!(text, expected);
    }

    #[test]
    fn colours_change_no_line() {
        let fault = fault("from = \"a\"\nsubjekt = \"x\"\n", 11..18);
        let plain = drawn(&fault, Look::Plain(80));
        let coloured = drawn(&fault, Look::Colour(80));
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }

    #[test]
    fn a_line_from_outside_is_harmless_and_cut() {
        let document = format!("{}\u{1b}[2J{}", "x".repeat(5_000), "y".repeat(5_000));
        let text = drawn(&fault(&document, 5_000..5_001), Look::Plain(80));
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.contains("…xxx") && text.contains("yyy…"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 230), "{text}");
        assert!(text.contains("campaign.toml:1:5001"), "{text}");
    }

    #[test]
    fn a_fault_at_the_end_of_a_file_is_shown() {
        for (document, span) in [("", 0..0), ("a\n", 2..2), ("a\r\nb\r\n", 3..6), ("ü", 1..2)] {
            let text = drawn(&fault(document, span), Look::Plain(80));
            assert!(text.contains("campaign.toml:"), "{document:?}: {text}");
        }
    }

    #[test]
    fn a_cause_is_said_once() {
        let source = || std::io::Error::other("no space left");
        let file = CliError::file("write", std::path::Path::new("/w/x"), source());
        assert_eq!(causes(&file), ["no space left"]);
        let told = CliError::from(EngineError::Io { path: "/w/x".into(), source: source() });
        assert_eq!(told.to_string(), "/w/x: no space left");
        assert!(causes(&told).is_empty());
    }
}
