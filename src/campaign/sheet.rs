//! One of the operator's TOML files while it is read, and every fault in it.
//!
//! serde stops at the first thing it cannot take. A [`Sheet`] notes that as a [`Fault`] at its place, takes
//! the offending entry out and asks again, until what is left can be read: so one look shows everything
//! that is wrong. Meanings are judged by the caller, who hands what is wrong back here as [`Wrong`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use crate::mail::{Fault, Place, Source, nearest};

/// More faults of one file than anybody reads.
const FAULT_LIMIT: usize = 50;

/// Keys whose values must never be shown, however they are misspelt.
const SECRET_KEYS: [&str; 2] = ["password", "token"];

/// What is wrong with a value: the words of a fault that has no place yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A file of settings, its text, and what was found in it.
#[derive(Debug)]
pub(super) struct Sheet {
    file: String,
    document: Arc<str>,
    faults: Vec<Fault>,
}

impl Sheet {
    /// The file called `file`, relative to the workspace, with all of its text.
    pub(super) fn new(file: impl Into<String>, document: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), document: document.into(), faults: Vec::new() }
    }

    /// Reads the whole sheet; `later` are keys that a later version will know. None where it is not TOML,
    /// so that nothing more can be said about it.
    pub(super) fn read<T: DeserializeOwned>(&mut self, later: &[&str]) -> Option<T> {
        let document = Arc::clone(&self.document);
        let (mut table, errors) = DeTable::parse_recoverable(&document);
        for error in errors.iter().take(FAULT_LIMIT) {
            let what = error.message().lines().collect::<Vec<_>>().join(", ");
            self.wrong(error.span().unwrap_or_default(), Wrong::new(lowered(&what)));
        }
        if !errors.is_empty() {
            return None;
        }
        while self.faults.len() < FAULT_LIMIT {
            match T::deserialize(Deserializer::from(table.clone())) {
                Ok(read) => return Some(read),
                Err(error) => {
                    let span = error.span().unwrap_or_default();
                    let Some(key) = take_out(table.get_mut(), &span) else {
                        self.wrong(span, Wrong::new(lowered(error.message())));
                        return None;
                    };
                    self.refuse(&key, &error, later);
                }
            }
        }
        None
    }

    fn refuse(&mut self, key: &Spanned<String>, error: &Error, later: &[&str]) {
        let name = key.get_ref();
        let is_secret = nearest(name, SECRET_KEYS).is_some();
        let Some(known) = error.message().strip_prefix("unknown field ") else {
            let span = error.span().unwrap_or(key.span());
            let wrong = Wrong::new(format!("`{name}`: {}", in_words(error.message())));
            return if is_secret { self.wrong_in_secret(span, name, wrong) } else { self.wrong(span, wrong) };
        };
        if later.contains(&name.as_str()) {
            return self.later(key.span(), &format!("`{name}`"));
        }
        let listed = known.rsplit_once("expected").map_or("", |(_, listed)| listed);
        let known: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        let wrong = Wrong::new(format!("there is no key `{name}` here"));
        let near = nearest(name, known.iter().copied());
        let wrong = match near {
            Some(near) => wrong.hint(format!("did you mean `{near}`?")),
            None => wrong.hint(format!("the keys here are {}", known.join(", "))),
        };
        if is_secret {
            self.wrong_in_secret(key.span(), name, wrong);
        } else {
            self.wrong(key.span(), wrong);
        }
    }

    /// Where `span` (octets of the text) stands.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.file.clone(), Arc::clone(&self.document), span)
    }

    /// Notes that something at `span` stops the campaign.
    pub(super) fn wrong(&mut self, span: Range<usize>, wrong: Wrong) {
        let mut fault = Fault::error(wrong.what).at(self.place(span));
        fault.hint = wrong.hint;
        self.faults.push(fault);
    }

    /// Notes that something at `span` is worth a look.
    pub(super) fn warn(&mut self, span: Range<usize>, wrong: Wrong) {
        let mut fault = Fault::warning(wrong.what).at(self.place(span));
        fault.hint = wrong.hint;
        self.faults.push(fault);
    }

    /// Notes a fault that has its place already.
    pub(super) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Notes that a secret is wrong, without showing the line in which it stands.
    pub(super) fn wrong_in_secret(&mut self, span: Range<usize>, key: &str, wrong: Wrong) {
        let true_place = self.place(span);
        let document: Arc<str> = format!("{key} = ****").into();
        let place = Place { span: 0..key.len(), document, ..true_place };
        let mut fault = Fault::error(wrong.what).at(place);
        fault.hint = wrong.hint;
        self.faults.push(fault);
    }

    /// Notes a feature of a later version.
    pub(super) fn later(&mut self, span: Range<usize>, feature: &str) {
        self.wrong(span, Wrong::new(format!("{feature} is not in this version of mailrun")));
    }

    /// What `typed` means, if it was typed and means anything.
    pub(super) fn take<A, T>(
        &mut self,
        typed: Option<&Spanned<A>>,
        meaning: impl FnOnce(&A) -> Result<T, Wrong>,
    ) -> Option<T> {
        let typed = typed?;
        match meaning(typed.get_ref()) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.wrong(typed.span(), wrong);
                None
            }
        }
    }

    /// The octets of a string's own text within its quotes; none where it is written with escapes.
    pub(super) fn inner_span(&self, string: &Spanned<String>) -> Option<Range<usize>> {
        let Range { mut start, mut end } = string.span();
        for quotes in ["\"\"\"", "'''", "\"", "'"] {
            let typed = self.document.get(start..end)?;
            if typed.len() >= 2 * quotes.len() && typed.starts_with(quotes) && typed.ends_with(quotes) {
                start += quotes.len();
                end -= quotes.len();
                break;
            }
        }
        // A line break right behind an opening triple quote is not part of the string.
        let offset = self.document.get(start..end)?.find(string.get_ref().as_str())?;
        let start = start + offset;
        (self.document.get(start..end)? == string.get_ref()).then_some(start..end)
    }

    /// A string as a template that stands in this file.
    pub(super) fn source(&self, string: &Spanned<String>) -> Source {
        match self.inner_span(string) {
            Some(span) => Source { file: self.file.clone(), document: Arc::clone(&self.document), span },
            None => Source::file(self.file.clone(), string.get_ref().as_str()),
        }
    }

    /// Everything that was found, in the order of the text.
    pub(super) fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| fault.place.as_ref().map(|place| (place.line, place.column)));
        let mut seen = BTreeSet::new();
        self.faults.retain(|fault| seen.insert(fault.to_string()));
        self.faults
    }
}

/// Takes the entry that an error at `span` is about out of `table`, and gives its key: the one whose key
/// stands there, or else the innermost one around it. (The span of a table is that of its header, in which
/// the keys of the tables around it stand as well.)
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Spanned<String>> {
    take_out_where(table, &|key, _| key == span)
        .or_else(|| take_out_where(table, &|key, value| holds(key, span) || holds(value, span)))
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Takes out the innermost entry whose key's and value's spans are as asked.
fn take_out_where(
    table: &mut DeTable<'_>,
    wanted: &dyn Fn(&Range<usize>, &Range<usize>) -> bool,
) -> Option<Spanned<String>> {
    if let Some(key) = table.iter_mut().find_map(|(_, value)| take_out_within(value.get_mut(), wanted)) {
        return Some(key);
    }
    let (key, _) = table.iter().find(|(key, value)| wanted(&key.span(), &value.span()))?;
    let key = Spanned::new(key.span(), key.get_ref().clone().into_owned());
    table.remove(key.get_ref().as_str());
    Some(key)
}

fn take_out_within(
    value: &mut DeValue<'_>,
    wanted: &dyn Fn(&Range<usize>, &Range<usize>) -> bool,
) -> Option<Spanned<String>> {
    match value {
        DeValue::Table(table) => take_out_where(table, wanted),
        DeValue::Array(array) => {
            array.iter_mut().find_map(|element| take_out_within(element.get_mut(), wanted))
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}

/// serde's words with ours in the place of Rust's.
fn in_words(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else { return lowered(message) };
    let expected = match expected {
        "u16" => "a whole number up to 65535",
        "u32" | "u64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("{}expected {expected}", lowered(before))
}

fn lowered(words: &str) -> String {
    let mut characters = words.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Text {
        subject: Option<Spanned<String>>,
        size: Option<Spanned<u64>>,
        inner: BTreeMap<Spanned<String>, InnerText>,
        rows: Vec<Spanned<InnerText>>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct InnerText {
        from: Option<Spanned<String>>,
    }

    fn read(text: &str) -> (Option<Text>, Vec<String>) {
        let mut sheet = Sheet::new("a.toml", text);
        let read = sheet.read(&["warmup"]);
        let told = |fault: &Fault| match &fault.hint {
            Some(hint) => format!("{fault} ({hint})"),
            None => fault.to_string(),
        };
        (read, sheet.into_faults().iter().map(told).collect())
    }

    #[test]
    fn every_fault_is_told_at_its_place_and_the_rest_is_read() {
        let text = "subjekt = \"x\"\nsize = -1\n[inner.a]\nform = \"y\"\nwarmup = 1\n[inner.b]\nfrom = \"z\"\n\
                    [[rows]]\nfrom = 3\n[[rows]]\nfrom = \"w\"\n[other]\n";
        let (read, faults) = read(text);
        assert_eq!(
            faults,
            [
                "a.toml:1:1: there is no key `subjekt` here (did you mean `subject`?)",
                "a.toml:2:8: `size`: invalid value: integer `-1`, expected a whole number",
                "a.toml:4:1: there is no key `form` here (did you mean `from`?)",
                "a.toml:5:1: `warmup` is not in this version of mailrun",
                "a.toml:9:8: `from`: invalid type: integer `3`, expected a string",
                "a.toml:12:2: there is no key `other` here (the keys here are subject, size, inner, rows)",
            ]
        );
        let read = read.expect("TOML");
        assert_eq!(read.inner.len(), 2);
        assert_eq!(read.rows.len(), 2);
        assert!(read.subject.is_none() && read.size.is_none());
        let z = read.inner.values().find_map(|inner| inner.from.as_ref()).expect("read");
        assert_eq!(z.get_ref(), "z");
    }

    #[test]
    fn what_is_not_toml_is_told_at_its_place() {
        let (none, faults) = read("subject = \"x\nsize = 3\n");
        assert!(none.is_none() && faults[0].starts_with("a.toml:1:"), "{faults:?}");
        let (_, faults) = read("size = 1\nsize = 2\n");
        assert!(faults[0].starts_with("a.toml:2:1: duplicate key"), "{faults:?}");
    }

    #[test]
    fn a_misspelt_secret_is_not_shown() {
        let mut sheet = Sheet::new("a.toml", "[inner.a]\npasword = \"canary\"\n");
        let _: Option<Text> = sheet.read(&[]);
        let faults = sheet.into_faults();
        assert!(!format!("{faults:?}").contains("canary"));
        assert_eq!(faults[0].place.as_ref().map(|place| (place.line, place.column)), Some((2, 1)));
    }

    #[test]
    fn a_template_in_a_setting_is_found_within_its_quotes() {
        let table = [
            ("subject = \"{{name}}\"", 11, true),
            ("subject = '{{name}}'", 11, true),
            ("subject = '''\n{{name}}'''", 14, true),
            ("subject = \"{{n\\u0061me}}\"", 0, false),
        ];
        for (text, start, in_place) in table {
            let mut sheet = Sheet::new("a.toml", text);
            let read: Text = sheet.read(&[]).expect("TOML");
            let source = sheet.source(&read.subject.expect("read"));
            assert_eq!(source.text(), "{{name}}", "{text}");
            assert_eq!(source.span.start, start, "{text}");
            assert_eq!(&*source.document == text, in_place, "{text}");
        }
    }
}
