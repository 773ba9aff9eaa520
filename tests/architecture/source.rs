//! A Rust file as the architecture test sees it: its code without comments and strings, and the paths in it.
//!
//! No parser, on purpose: what is looked for (paths, braces, attributes) can be told apart once comments,
//! strings and characters are blanked out. Blanked code keeps its lines, so that faults can be pointed at.

use std::ops::Range;

/// A path that code names: `crate::mail::Address`, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The line, from 1.
    pub(crate) line: usize,
    /// Its parts; `{..}` in a `use` gives one path for each of its branches.
    pub(crate) parts: Vec<String>,
}

/// A function that has a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from its `fn` to its closing brace, both counted.
    pub(crate) length: usize,
}

/// Blanks out comments, strings and characters; every line stays where it is.
pub(crate) fn blank(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = end_of_text(&letters, at);
        if end == at {
            code.push(letters[at]);
            at += 1;
        } else {
            code.extend(letters[at..end].iter().map(|&letter| if letter == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the comment, string or character that begins at `at` ends; `at` itself if none begins there.
fn end_of_text(letters: &[char], at: usize) -> usize {
    let rest = &letters[at..];
    let word_before = at > 0 && is_word(letters[at - 1]);
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|&letter| letter == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + end_of_block(rest),
        ['b' | 'c', 'r', '"' | '#', ..] if !word_before => at + 1 + end_of_raw(&rest[1..]),
        ['r', '"' | '#', ..] if !word_before => at + end_of_raw(rest),
        ['b' | 'c', '"', ..] if !word_before => at + 1 + end_of_quoted(&rest[1..], '"'),
        ['"', ..] => at + end_of_quoted(rest, '"'),
        ['\'', '\\', ..] => at + end_of_quoted(rest, '\''),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// Block comments nest.
fn end_of_block(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// `r#"..."#`; 0 for a raw identifier.
fn end_of_raw(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&letter| letter == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let body = 2 + hashes;
    (body..rest.len())
        .find(|&at| {
            rest[at] == '"'
                && rest[at + 1..].iter().take(hashes).filter(|&&letter| letter == '#').count() == hashes
        })
        .map_or(rest.len(), |at| at + 1 + hashes)
}

fn end_of_quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            letter if letter == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Parts blanked code into product and tests, each with the other blanked out.
pub(crate) fn split_tests(code: &str) -> (String, String) {
    let (mut product, mut tests) = (code.to_owned(), blank_all(code));
    for span in test_spans(code) {
        tests.replace_range(span.clone(), &code[span.clone()]);
        product.replace_range(span.clone(), &blank_all(&code[span]));
    }
    (product, tests)
}

/// What `#[cfg(test)]` stands on in blanked code, with the attribute itself.
fn test_spans(code: &str) -> Vec<Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find(MARK).map(|at| from + at) {
        from = end_of_item(code, start + MARK.len());
        spans.push(start..from);
    }
    spans
}

/// How many lines of blanked code are tests.
pub(crate) fn test_lines(code: &str) -> usize {
    test_spans(code).into_iter().map(|span| code[span].lines().count()).sum()
}

/// The same number of octets, all blank but for line ends.
fn blank_all(text: &str) -> String {
    text.bytes().map(|octet| if octet == b'\n' { '\n' } else { ' ' }).collect()
}

/// The octet behind the item at `from`: behind its `;`, or behind the brace that closes it.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, letter) in code[from..].char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                // `use a::{b, c};` ends at its semicolon.
                if depth == 0 && !code[from + at + 1..].trim_start().starts_with(';') {
                    return from + at + 1;
                }
            }
            ';' if depth == 0 => return from + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The modules that stand under `#[cfg(test)]` in files of their own.
pub(crate) fn test_modules(code: &str) -> Vec<String> {
    let (_, tests) = split_tests(code);
    tests
        .split(';')
        .filter(|item| !item.contains('{'))
        .filter_map(|item| item.rsplit_once("mod "))
        .map(|(_, name)| name.trim().to_owned())
        .collect()
}

/// Every path of at least two parts in blanked code, and single words that `use` names.
pub(crate) fn paths(code: &str) -> Vec<Named> {
    let letters: Vec<char> = code.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < letters.len() {
        if starts_path(&letters, at) {
            let mut cursor = Cursor { letters: &letters, at, line };
            cursor.tree(&mut Vec::new(), &mut found);
            (at, line) = (cursor.at, cursor.line);
        } else {
            line += usize::from(letters[at] == '\n');
            at += 1;
        }
    }
    found.retain(|named| named.parts.len() > 1);
    found
}

/// Whether a word begins at `at` that no path, field access or lifetime leads to.
fn starts_path(letters: &[char], at: usize) -> bool {
    let touching = at.checked_sub(1).map(|before| letters[before]);
    is_word(letters[at])
        && !letters[at].is_ascii_digit()
        && touching.is_none_or(|letter| !is_word(letter) && letter != '\'')
        && letters[..at]
            .iter()
            .rev()
            .find(|letter| !letter.is_whitespace())
            .is_none_or(|&letter| letter != '.')
}

struct Cursor<'a> {
    letters: &'a [char],
    at: usize,
    line: usize,
}

impl Cursor<'_> {
    /// Reads `a::b::{c, d::e}` behind `parts` and notes each branch.
    fn tree(&mut self, parts: &mut Vec<String>, found: &mut Vec<Named>) {
        let known = parts.len();
        let line = self.line;
        loop {
            if self.sees("{") {
                self.step(1);
                self.branches(parts, found);
                break;
            }
            let word = self.word();
            if word.is_empty() {
                break;
            }
            parts.push(word);
            let back = (self.at, self.line);
            self.blanks();
            if !self.sees("::") {
                (self.at, self.line) = back;
                found.push(Named { line, parts: parts.clone() });
                break;
            }
            self.step(2);
            self.blanks();
            if !self.sees("{") && !self.letters.get(self.at).is_some_and(|&letter| is_word(letter)) {
                // A turbofish or a glob: the path ends before it.
                found.push(Named { line, parts: parts.clone() });
                break;
            }
        }
        parts.truncate(known);
    }

    fn branches(&mut self, parts: &mut Vec<String>, found: &mut Vec<Named>) {
        while self.at < self.letters.len() {
            self.blanks();
            if self.sees("}") {
                self.step(1);
                return;
            }
            let before = self.at;
            self.tree(parts, found);
            self.blanks();
            if self.sees(",") || self.at == before {
                self.step(1);
            }
        }
    }

    fn word(&mut self) -> String {
        let word: String =
            self.letters[self.at..].iter().take_while(|&&letter| is_word(letter)).copied().collect();
        self.step(word.chars().count());
        word
    }

    fn blanks(&mut self) {
        while self.letters.get(self.at).is_some_and(|letter| letter.is_whitespace()) {
            self.step(1);
        }
    }

    fn sees(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, letter)| self.letters.get(self.at + offset) == Some(&letter))
    }

    fn step(&mut self, letters: usize) {
        let end = (self.at + letters).min(self.letters.len());
        self.line += self.letters[self.at..end].iter().filter(|&&letter| letter == '\n').count();
        self.at = end;
    }
}

/// Every function with a body in blanked code.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("fn ").map(|at| from + at) {
        from = at + 3;
        if code[..at].chars().next_back().is_some_and(is_word) {
            continue;
        }
        let name: String = code[from..].chars().take_while(|&letter| is_word(letter)).collect();
        let end = end_of_item(code, from);
        if !name.is_empty() && code[..end].ends_with('}') {
            let line = code[..at].matches('\n').count() + 1;
            let length = code[at..end].matches('\n').count() + 1;
            found.push(Function { name, line, length });
        }
    }
    found
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
