//! The pattern of a `like`: `%` stands for any text, `_` for any one character.

/// A pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    case: Case,
}

/// Whether letters are told apart by their case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// `like`.
    Told,
    /// `ilike`.
    Ignored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// `%`.
    Any,
    /// `_`.
    One,
    Letter(char),
}

impl Pattern {
    /// Reads a pattern, in which a backslash takes its meaning from the `%`, `_` or backslash behind it; none if
    /// something else is behind one.
    pub(super) fn read(text: &str, case: Case) -> Option<Self> {
        let text = case.of(text);
        let mut pieces = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            pieces.push(match character {
                '%' => Piece::Any,
                '_' => Piece::One,
                '\\' => Piece::Letter(characters.next().filter(|escaped| "%_\\".contains(*escaped))?),
                letter => Piece::Letter(letter),
            });
        }
        pieces.dedup_by(|one, before| *one == Piece::Any && *before == Piece::Any);
        Some(Self { pieces, case })
    }

    /// Whether all of `text` is as the pattern says.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = self.case.of(text).chars().collect();
        let (mut at, mut piece) = (0, 0);
        // Where to go on if what was taken for the last `%` was too short.
        let mut back: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.pieces.get(piece) {
                Some(Piece::Any) => {
                    piece += 1;
                    back = Some((at, piece));
                }
                Some(Piece::One) => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Letter(letter)) if *letter == text[at] => (at, piece) = (at + 1, piece + 1),
                Some(Piece::Letter(_)) | None => {
                    let Some((from, behind)) = back else { return false };
                    back = Some((from + 1, behind));
                    (at, piece) = (from + 1, behind);
                }
            }
        }
        self.pieces[piece..].iter().all(|piece| *piece == Piece::Any)
    }
}

impl Case {
    fn of(self, text: &str) -> String {
        match self {
            Self::Told => text.to_owned(),
            Self::Ignored => text.to_lowercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by its definition: slow, and plainly right.
    fn matches(pieces: &[Piece], text: &[char]) -> bool {
        match pieces.split_first() {
            None => text.is_empty(),
            Some((Piece::Any, rest)) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
            Some((Piece::One, rest)) => !text.is_empty() && matches(rest, &text[1..]),
            Some((Piece::Letter(letter), rest)) => text.first() == Some(letter) && matches(rest, &text[1..]),
        }
    }

    #[test]
    fn patterns_match_the_whole_cell() {
        let table = [
            ("A%", "Ada", true),
            ("A%", "ada", false),
            ("%@example.com", "ada@example.com", true),
            ("%@example.com", "ada@example.com.evil", false),
            ("_da", "Ada", true),
            ("_da", "da", false),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("%", "", true),
            ("", "", true),
            ("", "x", false),
            ("Ł_dź", "Łódź", true),
        ];
        for (pattern, text, expected) in table {
            let read = Pattern::read(pattern, Case::Told).expect(pattern);
            assert_eq!(read.matches(text), expected, "{pattern} and {text}");
        }
        assert!(Pattern::read("łódź%", Case::Ignored).expect("a pattern").matches("ŁÓDŹ-Bałuty"));
        assert_eq!(Pattern::read("100\\x", Case::Told), None);
        assert_eq!(Pattern::read("100\\", Case::Told), None);
    }

    #[test]
    fn many_wildcards_take_no_time() {
        let pattern = Pattern::read(&"%a".repeat(200), Case::Told).expect("a pattern");
        assert!(!pattern.matches(&format!("{}b", "a".repeat(20_000))));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_it_is_defined(pattern in "[ab%_]{0,8}", text in "[ab]{0,10}") {
            let read = Pattern::read(&pattern, Case::Told).expect("nothing is escaped");
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(read.matches(&text), matches(&read.pieces, &characters));
        }
    }
}
