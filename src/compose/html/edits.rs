//! Octets of a text to be replaced, and nothing else of it changed.

use std::ops::Range;

/// What is to be put in the place of some octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) span: Range<usize>,
    pub(super) with: String,
}

/// The text with all edits done; they do not overlap, in whatever order they come.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.span.start);
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
    let mut done = 0;
    for edit in edits {
        out.push_str(&text[done..edit.span.start]);
        out.push_str(&edit.with);
        done = edit.span.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_edited_stays() {
        let edit = |span, with: &str| Edit { span, with: with.to_owned() };
        assert_eq!(edited("abcdef", vec![edit(4..4, "!"), edit(1..3, "X")]), "aXd!ef");
        assert_eq!(edited("abc", Vec::new()), "abc");
    }
}
