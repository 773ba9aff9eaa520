//! A pattern over recipient addresses: `*` stands for any octets, `?` for one, the rest for itself.
//!
//! Case is ignored, as an operator who writes `*@Example.com` means every spelling of it.

use serde::{Deserialize, Serialize};

/// A pattern such as `bad*@example.net`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Glob(String);

impl Glob {
    /// Takes the pattern as the operator wrote it.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Whether the whole of `text` fits. Takes time in proportion to both lengths multiplied, at worst.
    pub fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut at, mut read) = (0, 0);
        // Where to go on if what follows the last star does not fit: one octet later in the text.
        let mut star: Option<(usize, usize)> = None;
        while read < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at + 1, read));
                    at += 1;
                }
                Some(octet) if *octet == b'?' || octet.eq_ignore_ascii_case(&text[read]) => {
                    at += 1;
                    read += 1;
                }
                Some(_) | None => match star {
                    Some((after, from)) => {
                        star = Some((after, from + 1));
                        (at, read) = (after, from + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|octet| *octet == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_of_an_address() {
        let table = [
            ("*", "", true),
            ("*@example.net", "ada@example.net", true),
            ("*@example.net", "ada@EXAMPLE.net", true),
            ("*@example.net", "ada@example.net.org", false),
            ("bad*@*", "bad7@example.net", true),
            ("bad*@*", "abad7@example.net", false),
            ("r???@x", "r001@x", true),
            ("r???@x", "r01@x", false),
            ("*a*b*", "xxaxxaxxbxx", true),
            ("*a*b", "ab ab a", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, fits) in table {
            assert_eq!(Glob::new(pattern).matches(text.as_bytes()), fits, "{pattern} {text}");
        }
    }
}
