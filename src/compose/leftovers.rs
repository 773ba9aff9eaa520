//! Finds what other tools would fill in and mailrun would send as it stands: `*|FNAME|*`, `%name%`, `{name}`.
//!
//! Brackets and signs stand in letters for other reasons too, so that most forms are told only where they hold a
//! name of the campaign. What no letter has by chance is told whatever it holds. Stylesheets and scripts are left
//! alone: braces are theirs.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::mail::{Content, Fault, Source, nearest};

use super::lint::templates;
use super::names::{DATA, Names, ROWS};
use super::parse;
use super::scan;

/// Characters of what stands between the signs.
const LONGEST: usize = 60;

/// How a tool marks what it fills in.
struct Form {
    open: &'static str,
    close: &'static str,
    certainty: Certainty,
}

/// Whether a form stands in a letter by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Always,
    /// Only a name of the campaign makes it one.
    WithName,
}

/// The longer before those that they begin with.
const FORMS: [Form; 6] = [
    Form { open: "*|", close: "|*", certainty: Certainty::Always },
    Form { open: "{ {", close: "}", certainty: Certainty::Always },
    Form { open: "{", close: "}", certainty: Certainty::WithName },
    Form { open: "[[", close: "]]", certainty: Certainty::WithName },
    Form { open: "[", close: "]", certainty: Certainty::WithName },
    Form { open: "%", close: "%", certainty: Certainty::WithName },
];

/// What other tools call what campaigns mostly call otherwise, without signs between the words.
const KNOWN_AS: [(&str, &[&str]); 8] = [
    ("fname", &["firstname", "givenname", "name"]),
    ("lname", &["lastname", "surname", "familyname"]),
    ("firstname", &["givenname", "name"]),
    ("lastname", &["surname", "familyname"]),
    ("name", &["fullname", "firstname"]),
    ("emailaddress", &["email"]),
    ("unsub", &["unsubscribeurl"]),
    ("unsubscribe", &["unsubscribeurl"]),
];

/// Elements whose text is none that people read.
const SILENT: [&str; 3] = ["style", "script", "mj-style"];

/// What the templates and partials of `content` have of other tools.
pub(super) fn look(content: &Content, names: &Names) -> Vec<Fault> {
    let mut seen = BTreeSet::new();
    let sources = templates(content).map(|(_, source)| source).chain(content.partials.values());
    let mut faults = Vec::new();
    for source in sources {
        // Markdown is HTML and text at once, and languages share what they have no file for.
        if seen.insert((source.file.as_str(), source.span.start)) {
            faults.extend(found_in(source, names));
        }
    }
    faults
}

fn found_in(source: &Source, names: &Names) -> Vec<Fault> {
    let text = source.text();
    let Ok(tags) = scan::tags(text) else { return Vec::new() };
    let mut silent = quiet(text);
    silent.extend(tags.into_iter().map(|tag| tag.span));
    silent.sort_by_key(|span| span.start);
    silent.push(text.len()..text.len());
    let mut faults = Vec::new();
    let mut start = 0;
    for span in silent {
        if span.start > start {
            faults.extend(found_between(source, start..span.start, names));
        }
        start = start.max(span.end);
    }
    faults
}

/// Where elements stand that nobody reads.
fn quiet(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for name in SILENT {
        let (open, close) = (format!("<{name}"), format!("</{name}"));
        let mut at = 0;
        while let Some(start) = lower[at..].find(&open).map(|found| at + found) {
            at = start + open.len();
            if lower[at..].starts_with(['>', ' ', '\t', '\r', '\n']) {
                at = lower[at..].find(&close).map_or(text.len(), |found| at + found);
                found.push(start..at);
            }
        }
    }
    found
}

fn found_between(source: &Source, within: Range<usize>, names: &Names) -> Vec<Fault> {
    let text = &source.text()[within.clone()];
    let mut faults = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(['*', '{', '[', '%']).map(|found| at + found) {
        // Two braces are a tag that is escaped, and meant to be read.
        let found = if text[..next].ends_with('{') { None } else { leftover(&text[next..], names) };
        match found {
            Some((length, fault)) => {
                let place = within.start + next..within.start + next + length;
                faults.push(fault.at(parse::place(source, place)));
                at = next + length;
            }
            None => at = next + 1,
        }
    }
    faults
}

/// What stands at the beginning of `text`, if another tool would fill it in, and its length.
fn leftover(text: &str, names: &Names) -> Option<(usize, Fault)> {
    let form = FORMS.iter().find(|form| text.starts_with(form.open))?;
    let behind = &text[form.open.len()..];
    let mut ends = behind.char_indices().take(LONGEST);
    let inner = &behind[..ends.find(|(at, _)| behind[*at..].starts_with(form.close))?.0];
    let mut length = form.open.len() + inner.len() + form.close.len();
    let word = inner.trim();
    let is_word = |c: char| c.is_alphanumeric() || "_-. :".contains(c);
    if word.is_empty() || !word.chars().all(is_word) {
        return None;
    }
    let rest = &text[length..];
    if form.open == "{ {" {
        let space = rest.len() - rest.trim_start_matches(' ').len();
        length += rest[space..].strip_prefix('}').map(|_| space + 1)?;
    }
    // A link of Markdown, or a note at the foot.
    if form.close == "]" && rest.starts_with(['(', '[', ':']) {
        return None;
    }
    let name = name_for(word, names);
    if form.certainty == Certainty::WithName && name.is_none() {
        return None;
    }
    let in_braces = |name: &str| {
        let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if is_plain { format!("{{{{{name}}}}}") } else { format!("{{{{[{name}]}}}}") }
    };
    let hint = match (name, nearest(word, names.iter())) {
        (Some(name), _) => format!("write {}", in_braces(name)),
        (None, Some(near)) => format!("did you mean {}?", in_braces(near)),
        (None, None) => "write a name of this campaign in two braces, like {{email}}".to_owned(),
    };
    let what = format!("`{}` is sent as it stands", &text[..length]);
    Some((length, Fault::warning(what).hint(hint)))
}

/// The name of the campaign that `word` is, whatever stands between its words, or that others call so.
fn name_for<'a>(word: &str, names: &'a Names) -> Option<&'a str> {
    let bare = |word: &str| -> String {
        word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = bare(word);
    let is_meant =
        |wanted: &str| names.iter().find(|name| bare(name) == wanted && *name != DATA && *name != ROWS);
    let known_as = KNOWN_AS.iter().filter(|(others, _)| *others == wanted).flat_map(|(_, ours)| *ours);
    is_meant(&wanted).or_else(|| known_as.copied().find_map(is_meant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::tests::content;

    fn said(text: &str) -> Vec<String> {
        let mut content = content();
        content.columns.push("Last Name".into());
        content.name = None;
        content.subject = Source::file("s.hbs", "x");
        content.text = Some(Source::file("t", text));
        let faults = look(&content, &Names::new(&content));
        faults.iter().map(|fault| format!("{fault}; {}", fault.hint.as_deref().unwrap_or_default())).collect()
    }

    #[test]
    fn what_other_tools_would_fill_in_is_told_with_what_to_write() {
        let table = [
            ("Dear {first_name}", "t:1:6: `{first_name}` is sent as it stands; write {{first_name}}"),
            ("Dear {FirstName}", "t:1:6: `{FirstName}` is sent as it stands; write {{first_name}}"),
            ("Dear { {city} }!", "t:1:6: `{ {city} }` is sent as it stands; write {{city}}"),
            (
                "Dear { { order no }}!",
                "t:1:6: `{ { order no }}` is sent as it stands; write a name of this campaign in two braces, like {{email}}",
            ),
            ("Dear %CITY%", "t:1:6: `%CITY%` is sent as it stands; write {{city}}"),
            ("Dear\n*|FNAME|*,", "t:2:1: `*|FNAME|*` is sent as it stands; write {{first_name}}"),
            (
                "*|MC:SUBJECT|*",
                "t:1:1: `*|MC:SUBJECT|*` is sent as it stands; write a name of this campaign in two braces, like {{email}}",
            ),
            ("<a href=\"*|UNSUB|*\">", "t:1:10: `*|UNSUB|*` is sent as it stands; write {{unsubscribe_url}}"),
            ("*|CITTY|*", "t:1:1: `*|CITTY|*` is sent as it stands; did you mean {{city}}?"),
            ("Dear [[first_name]]", "t:1:6: `[[first_name]]` is sent as it stands; write {{first_name}}"),
            ("{{city}} [Last name]", "t:1:10: `[Last name]` is sent as it stands; write {{[Last Name]}}"),
            ("<p style=\"x\">{title}</p>", "t:1:14: `{title}` is sent as it stands; write {{title}}"),
        ];
        for (text, what) in table {
            assert_eq!(said(text), [what], "{text}");
        }
    }

    #[test]
    fn what_stands_in_letters_for_other_reasons_is_left_alone() {
        let table = [
            "{{first_name}} {{{city}}} \\{{city}} {{!-- {city} --}}",
            "<style>p{color:red} {city}</style><STYLE type=x>{city}</STYLE>",
            "<script>if (city) {title}</script><mj-style>{city}</mj-style>",
            "{color:red} {} { } [x] [ ] 100% of 50% [1] {town} *bold* a*|b|c",
            "[city](https://e.com) [city]: https://e.com",
            "https://e.com/?q=%20city%20&a=%7Bcity%7D",
            "@media screen { .city { color: red } }",
            "[data] { {",
        ];
        for text in table {
            assert_eq!(said(text), [] as [&str; 0], "{text}");
        }
    }
}
