//! The answers to what was asked, by name.

use std::collections::BTreeMap;

/// What kind of record was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// TXT.
    Text,
    /// MX: the hosts, in the order of the answer; `.` for none at all (RFC 7505).
    Exchanger,
    /// A.
    Address,
    /// AAAA.
    LongAddress,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// These records; never none.
    Found(Vec<String>),
    /// No such record, or no such name.
    Nothing,
    /// Nobody could say, and why.
    Unknown(String),
}

impl Answer {
    pub(super) fn of(records: Vec<String>) -> Self {
        if records.is_empty() { Self::Nothing } else { Self::Found(records) }
    }
}

/// All answers.
#[derive(Debug, Default)]
pub(super) struct Records(BTreeMap<(Kind, String), Answer>);

impl Records {
    pub(super) fn insert(&mut self, kind: Kind, name: String, answer: Answer) {
        self.0.insert((kind, name), answer);
    }

    pub(super) fn knows(&self, kind: Kind, name: &str) -> bool {
        self.0.contains_key(&(kind, name.to_owned()))
    }

    /// The answer for a name.
    ///
    /// # Errors
    /// Why nobody could say.
    pub(super) fn get(&self, kind: Kind, name: &str) -> Result<&[String], &str> {
        match self.0.get(&(kind, name.to_owned())) {
            Some(Answer::Found(records)) => Ok(records),
            Some(Answer::Nothing) => Ok(&[]),
            Some(Answer::Unknown(why)) => Err(why),
            None => Err("nobody was asked"),
        }
    }

    /// The TXT records of a name that begin with `version`, by itself or before more.
    ///
    /// # Errors
    /// Why nobody could say.
    pub(super) fn texts(&self, name: &str, version: &str) -> Result<Vec<&String>, &str> {
        let begins = |record: &&String| {
            record.get(..version.len()).is_some_and(|start| start.eq_ignore_ascii_case(version))
                && !record[version.len()..].starts_with(|letter: char| letter.is_ascii_alphanumeric())
        };
        Ok(self.get(Kind::Text, name)?.iter().filter(begins).collect())
    }
}

#[cfg(test)]
impl Records {
    /// Answers of TXT records; whatever else is asked for is not there.
    pub(super) fn of_texts(texts: &[(&str, &str)]) -> Self {
        let mut records = Self::default();
        for (name, text) in texts {
            let key = (Kind::Text, (*name).to_owned());
            let mut all = match records.0.remove(&key) {
                Some(Answer::Found(all)) => all,
                Some(Answer::Nothing | Answer::Unknown(_)) | None => Vec::new(),
            };
            all.push((*text).to_owned());
            records.0.insert(key, Answer::Found(all));
        }
        records
    }

    /// The same, with nothing under these names.
    pub(super) fn and_nothing(mut self, kind: Kind, names: &[&str]) -> Self {
        for name in names {
            self.0.entry((kind, (*name).to_owned())).or_insert(Answer::Nothing);
        }
        self
    }
}
