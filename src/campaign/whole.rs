//! Bodies that are one file for everything: Markdown, which gives HTML and text, and MJML.
//!
//! A file in Markdown may begin with front matter, lines of `name: value` between two lines of `---`. The text itself
//! is taken as it is; what it means is for those who compose.

use crate::mail::{Fault, Place, Source, nearest};

use super::sheet::Sheet;

/// What parts the front matter from the body.
const FENCE: &str = "---";
/// What the front matter may say.
const KEYS: [&str; 1] = ["subject"];

/// The subject that front matter gives, the text body and the HTML body.
type Bodies = (Option<Source>, Option<Source>, Option<Source>);

/// The bodies of a letter, of which `markdown` and `mjml` stand for what `text` and `html` do not.
pub(super) fn bodies(
    markdown: Option<Source>,
    mjml: Option<Source>,
    (text, html): (Option<Source>, Option<Source>),
    sheet: &mut Sheet,
) -> Bodies {
    let given: Vec<&str> =
        [&html, &markdown, &mjml].into_iter().flatten().map(|source| source.file.as_str()).collect();
    if given.len() > 1 {
        let fault = Fault::error(format!("the HTML body stands in {}", given.join(" and in ")));
        sheet.push(fault.hint("keep one of them"));
    }
    let (subject, markdown) = match markdown {
        Some(source) => {
            let (subject, body) = without_front(source, sheet);
            (subject, Some(body))
        }
        None => (None, None),
    };
    let html = html.or(mjml).or_else(|| markdown.clone());
    (subject, text.or(markdown), html)
}

/// The subject that the front matter of `source` gives, and what follows the front matter.
fn without_front(source: Source, sheet: &mut Sheet) -> (Option<Source>, Source) {
    let document = source.document.clone();
    let mut lines = document.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == FENCE) else { return (None, source) };
    let (mut start, mut subject) = (first.len(), None);
    let place = |span| Place::new(source.file.as_str(), document.clone(), span);
    for line in lines {
        let (from, said) = (start, line.trim_end());
        start += line.len();
        if said == FENCE {
            let span = start..document.len();
            return (subject, Source { span, ..source });
        }
        if said.is_empty() {
            continue;
        }
        let Some((key, value)) = said.split_once(':') else {
            let fault = Fault::error("the front matter has lines of `name: value`");
            sheet.push(fault.at(place(from..from + said.len())).hint("subject: Hello {{first_name}}"));
            continue;
        };
        if !KEYS.contains(&key.trim()) {
            let fault = Fault::error(format!("the front matter takes no `{}`", key.trim()));
            let hint = match nearest(key.trim(), KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes {}", KEYS.join(", ")),
            };
            sheet.push(fault.at(place(from..from + key.len())).hint(hint));
            continue;
        }
        let blanks = value.len() - value.trim_start().len();
        let begins = from + key.len() + 1 + blanks;
        let span = begins..from + said.len();
        subject = Some(Source { file: source.file.clone(), document: document.clone(), span });
    }
    let fault = Fault::error("the front matter never ends");
    sheet.push(fault.at(place(0..FENCE.len())).hint("end it with a line of ---"));
    (None, source)
}

#[cfg(test)]
mod tests {
    use super::super::wordings::one_line;
    use super::*;

    #[test]
    fn front_matter_gives_the_subject_and_is_no_part_of_the_body() {
        let mut sheet = Sheet::new("c.toml", "");
        let source = Source::file("body.md.hbs", "---\nsubject: Hello {{name}}: you\n---\n# Title\n");
        let (subject, text, html) = bodies(Some(source), None, (None, None), &mut sheet);
        let subject = one_line(subject.expect("a subject"));
        assert_eq!(subject.text(), "Hello {{name}}: you");
        assert_eq!(text.as_ref().map(Source::text), Some("# Title\n"));
        assert_eq!(html, text);
        assert!(sheet.into_faults().is_empty());
    }

    #[test]
    fn front_matter_that_is_none_is_pointed_at() {
        let table = [
            ("---\nsubjct: x\n---\n", "body.md.hbs:2:1: the front matter takes no `subjct`"),
            ("---\nsubject\n---\n", "body.md.hbs:2:1: the front matter has lines of `name: value`"),
            ("---\nsubject: x\n", "body.md.hbs:1:1: the front matter never ends"),
        ];
        for (text, said) in table {
            let mut sheet = Sheet::new("c.toml", "");
            bodies(Some(Source::file("body.md.hbs", text)), None, (None, None), &mut sheet);
            let faults: Vec<String> = sheet.into_faults().iter().map(Fault::to_string).collect();
            assert_eq!(faults, [said], "{text}");
        }
    }
}
