//! What is risky about where a value stands in HTML.

use super::scan::Tag;

/// Whether the tag at `start` (octets of `text`) stands in an attribute's value without quotes, as in
/// `<a href={{link}}>`: a space in the value would then begin another attribute.
pub(super) fn is_unquoted_attribute(text: &str, tags: &[Tag], start: usize) -> bool {
    // Only the text of the element that is open here counts, without the tags in it.
    let mut quote = None;
    let mut word: Option<bool> = None;
    let mut in_element = false;
    let mut place = 0;
    let mut next = tags.iter().peekable();
    let Some(open) = text[..start].rfind('<') else { return false };
    while let Some(character) = text[open + place..start].chars().next() {
        let at = open + place;
        while next.peek().is_some_and(|tag| tag.span.end <= at) {
            next.next();
        }
        if let Some(tag) = next.peek().filter(|tag| tag.span.start <= at) {
            place = tag.span.end - open;
            continue;
        }
        place += character.len_utf8();
        match quote {
            Some(mark) if character == mark => (quote, word) = (None, None),
            Some(_) => {}
            None => match character {
                '<' => in_element = true,
                '>' => in_element = false,
                '"' | '\'' => quote = Some(character),
                '=' => word = Some(true),
                character if character.is_whitespace() && word == Some(true) => {
                    // `href = {{x}}` is an attribute too.
                    if !text[..at].ends_with('=') {
                        word = None;
                    }
                }
                character if character.is_whitespace() => word = None,
                _ => word = word.or(Some(false)),
            },
        }
    }
    in_element && quote.is_none() && word == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::scan;

    #[test]
    fn values_in_attributes_want_quotes() {
        let table = [
            ("<a href={{x}}>", true),
            ("<a href=https://e.com/{{x}}>", true),
            ("<a class=\"b\" href={{x}}>", true),
            ("<a class=\"{{#if (eq a \"b\")}}c{{/if}}\" href={{x}}>", true),
            ("<a href=\"{{x}}\">", false),
            ("<a href='https://e.com/?a={{x}}'>", false),
            ("<p style=\"color: red; a={{x}}\">", false),
            ("<a href=\"y\">a={{x}}</a>", false),
            ("a={{x}}", false),
            ("<td {{x}}>", false),
        ];
        for (text, unquoted) in table {
            let tags = scan::tags(text).expect(text);
            let start = text.find("{{x}}").expect("a tag");
            assert_eq!(is_unquoted_attribute(text, &tags, start), unquoted, "{text}");
        }
    }
}
