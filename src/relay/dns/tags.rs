//! Lists of tags, as DKIM and DMARC have them (RFC 6376, 3.2).

/// Reads `name=value; name=value`; the last may end in a semicolon.
///
/// # Errors
/// What is no tag, or stands there twice.
pub(super) fn read(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut tags: Vec<(&str, &str)> = Vec::new();
    let parts: Vec<&str> = text.trim().trim_end_matches(';').split(';').collect();
    for part in parts {
        let Some((name, value)) = part.split_once('=') else {
            return Err(format!("{:?} is no tag", part.trim()));
        };
        let (name, value) = (name.trim(), value.trim());
        if tags.iter().any(|(known, _)| *known == name) {
            return Err(format!("the tag {name:?} stands in it twice"));
        }
        tags.push((name, value));
    }
    Ok(tags)
}

/// The value of a tag.
pub(super) fn value<'a>(tags: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_white_space_and_a_last_semicolon() {
        let tags = read("v=DMARC1; p = none ;rua=mailto:a@b.c?x=y; ").expect("tags");
        assert_eq!(tags, [("v", "DMARC1"), ("p", "none"), ("rua", "mailto:a@b.c?x=y")]);
        assert_eq!(value(&tags, "p"), Some("none"));
        assert_eq!(value(&tags, "sp"), None);
        assert!(read("v=DMARC1 p; x").is_err());
        assert!(read("v=DKIM1; p=a; p=b").is_err());
    }
}
