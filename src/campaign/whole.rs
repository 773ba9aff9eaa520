//! Bodies that are one file for everything: Markdown, which gives HTML and text, and MJML.
//!
//! A file in Markdown may begin with front matter, lines of `name: value` between two lines of `---`. The text itself
//! is taken as it is; what it means is for those who compose.

use crate::mail::{Fault, Front, Place, Source, nearest};

use super::sheet::Sheet;

/// What parts the front matter from the body.
const FENCE: &str = "---";
/// What the front matter may say.
const KEYS: [&str; 3] = ["subject", "layout", "preheader"];

/// What the files of a letter say.
#[derive(Debug)]
pub(super) struct Bodies {
    /// The subject that front matter gives.
    pub(super) subject: Option<Source>,
    /// What else front matter says, by the file; none where it says nothing.
    pub(super) front: Option<(String, Front)>,
    pub(super) text: Option<Source>,
    pub(super) html: Option<Source>,
}

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
    let mut said = Said::default();
    let markdown = markdown.map(|source| said.without_front(source, sheet));
    let Said { subject, front } = said;
    let front =
        markdown.as_ref().filter(|_| front != Front::default()).map(|source| (source.file.clone(), front));
    let html = html.or(mjml).or_else(|| markdown.clone());
    Bodies { subject, front, text: text.or(markdown), html }
}

/// What front matter says.
#[derive(Debug, Default)]
struct Said {
    subject: Option<Source>,
    front: Front,
}

impl Said {
    /// Takes what the front matter of `source` says, and gives back what follows it.
    fn without_front(&mut self, source: Source, sheet: &mut Sheet) -> Source {
        let document = source.document.clone();
        let mut lines = document.split_inclusive('\n');
        let Some(first) = lines.next().filter(|line| line.trim_end() == FENCE) else { return source };
        let mut start = first.len();
        let place = |span| Place::new(source.file.as_str(), document.clone(), span);
        for line in lines {
            let (from, said) = (start, line.trim_end());
            start += line.len();
            if said == FENCE {
                return Source { span: start..document.len(), ..source };
            }
            if said.is_empty() {
                continue;
            }
            let Some((key, value)) = said.split_once(':') else {
                let fault = Fault::error("the front matter has lines of `name: value`");
                sheet.push(fault.at(place(from..from + said.len())).hint("subject: Hello {{first_name}}"));
                continue;
            };
            let blanks = value.len() - value.trim_start().len();
            let span = from + key.len() + 1 + blanks..from + said.len();
            let value = Source { file: source.file.clone(), document: document.clone(), span };
            if let Err(fault) = self.take(key.trim(), value) {
                sheet.push(fault.at(place(from..from + key.len())));
            }
        }
        let fault = Fault::error("the front matter never ends");
        sheet.push(fault.at(place(0..FENCE.len())).hint("end it with a line of ---"));
        source
    }

    /// Takes one line of front matter.
    fn take(&mut self, key: &str, value: Source) -> Result<(), Box<Fault>> {
        let slot = match key {
            "subject" => &mut self.subject,
            "layout" => &mut self.front.layout,
            "preheader" => &mut self.front.preheader,
            other => {
                let fault = Fault::error(format!("the front matter takes no `{other}`"));
                return Err(Box::new(match nearest(other, KEYS) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault.hint(format!("it takes {}", KEYS.join(", "))),
                }));
            }
        };
        if slot.is_some() {
            let fault = Fault::error(format!("the front matter says `{key}` twice"));
            return Err(Box::new(fault.hint("keep one of them")));
        }
        if value.text().is_empty() {
            let fault = Fault::error(format!("the front matter gives `{key}` no value"));
            return Err(Box::new(fault.hint("write one, or take the line out")));
        }
        *slot = Some(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wordings::one_line;
    use super::*;

    #[test]
    fn front_matter_gives_the_subject_and_is_no_part_of_the_body() {
        let mut sheet = Sheet::new("c.toml", "");
        let source = Source::file("body.md.hbs", "---\nsubject: Hello {{name}}: you\n---\n# Title\n");
        let Bodies { subject, front, text, html } = bodies(Some(source), None, (None, None), &mut sheet);
        let subject = one_line(subject.expect("a subject"));
        assert_eq!(subject.text(), "Hello {{name}}: you");
        assert_eq!(text.as_ref().map(Source::text), Some("# Title\n"));
        assert_eq!((html, front), (text, None));
        assert!(sheet.into_faults().is_empty());
    }

    #[test]
    fn front_matter_names_a_layout_and_a_preheader() {
        let mut sheet = Sheet::new("c.toml", "");
        let text = "---\npreheader: {{name}}: news\nlayout:  letter \n---\nx\n";
        let found = bodies(Some(Source::file("body.md.hbs", text)), None, (None, None), &mut sheet).front;
        let (file, front) = found.expect("front matter");
        assert_eq!(file, "body.md.hbs");
        assert_eq!(front.layout.as_ref().map(Source::text), Some("letter"));
        assert_eq!(front.preheader.as_ref().map(Source::text), Some("{{name}}: news"));
        assert!(sheet.into_faults().is_empty());
    }

    #[test]
    fn front_matter_that_is_none_is_pointed_at() {
        let table = [
            ("---\nsubjct: x\n---\n", "body.md.hbs:2:1: the front matter takes no `subjct`"),
            ("---\nsubject\n---\n", "body.md.hbs:2:1: the front matter has lines of `name: value`"),
            ("---\nlayout: a\nlayout: b\n---\n", "body.md.hbs:3:1: the front matter says `layout` twice"),
            ("---\npreheader:\n---\n", "body.md.hbs:2:1: the front matter gives `preheader` no value"),
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
