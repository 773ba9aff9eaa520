//! In which words recipients were refused: what the operator needs to see when a campaign stops.

/// So many kinds of refusal are told apart; a campaign has few, or each server has words of its own.
const KINDS: usize = 32;
/// So many are shown.
const SHOWN: usize = 3;

/// The refusals of a run by their words, digits aside.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// The words that tell kinds apart, a whole example, and how often.
    kinds: Vec<(String, String, u64)>,
}

impl Samples {
    /// Notes a permanent refusal; `words` are escaped and without addresses.
    pub(super) fn add(&mut self, words: &str) {
        let letters = |word: &&str| !word.bytes().any(|octet| octet.is_ascii_digit());
        let kind = words.split_whitespace().filter(letters).collect::<Vec<_>>().join(" ").to_lowercase();
        match self.kinds.iter().position(|(known, ..)| *known == kind) {
            Some(place) => self.kinds[place].2 += 1,
            None if self.kinds.len() < KINDS => self.kinds.push((kind, words.to_owned(), 1)),
            None => {}
        }
    }

    /// The most frequent kinds, each with an example and how often it was seen; none if nobody was refused.
    pub(super) fn shown(&self) -> Option<String> {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(.., times)| std::cmp::Reverse(*times));
        let shown: Vec<String> =
            kinds.iter().take(SHOWN).map(|(_, words, times)| format!("{words:?}, {times} times")).collect();
        (!shown.is_empty()).then(|| shown.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_refusals_are_shown_with_an_example() {
        let mut samples = Samples::default();
        assert_eq!(samples.shown(), None);
        for number in 0..200 {
            samples.add(&format!("550 5.1.1 <address>: no such user, id 4F{number}"));
            if number % 2 == 0 {
                samples.add("554 5.7.1 spam");
            }
            samples.add(&format!("550 {}", "a".repeat(number)));
        }
        let shown = samples.shown().expect("some");
        let expected =
            "\"550 5.1.1 <address>: no such user, id 4F0\", 200 times; \"554 5.7.1 spam\", 100 times; ";
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(shown.matches(" times").count(), 3);
        assert!(samples.kinds.len() <= KINDS);
    }
}
