//! What holds for any list.

use proptest::prelude::*;

use super::{compose, content, source, sources};

/// The names of the fields, in their order, unfolded lines counted once.
fn field_names(message: &str) -> Vec<String> {
    let (fields, _) = message.split_once("\r\n\r\n").expect("fields end with an empty line");
    let lines = fields.split("\r\n").filter(|line| !line.starts_with(' '));
    lines.map(|line| line.split(':').next().expect("a name").to_owned()).collect()
}

fn any_cell() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        proptest::char::range('\0', '\u{a0}').prop_map(String::from),
        Just("\r\nBcc: x@example.com\r\n".to_owned()),
        Just("=?utf-8?q?=0D=0A?=".to_owned()),
        Just("\u{2028}".to_owned()),
        "[a-z ]{0,30}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_cell_adds_or_breaks_a_header(cells in prop::array::uniform4(any_cell())) {
        let mut content = content();
        content.subject = source("Hello {{first_name}} {{city}}");
        content.name = Some(source("{{title}} {{first_name}}"));
        content.headers = sources([("X-City", "City: {{city}} {{{title}}}")]);
        content.unsubscribe.url = Some(source("https://u.example.com/?c={{url_encode city}}"));
        content.html = Some(source("<p>{{first_name}} {{{city}}}</p>"));
        let cells = cells.each_ref().map(String::as_str);
        let Ok(message) = compose(content, cells) else {
            prop_assert!(cells.iter().any(|cell| cell.contains('\0')));
            return Ok(());
        };
        let expected = [
            "Date", "Message-ID", "From", "To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "X-City",
            "MIME-Version", "Content-Type",
        ];
        prop_assert_eq!(field_names(&message), expected);
        prop_assert!(message.is_ascii() && message.ends_with("\r\n"));
        prop_assert!(message.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n', '\0'])));
        prop_assert!(message.split("\r\n").all(|line| !line.starts_with('.') && !line.starts_with("From ")));
        prop_assert_eq!(message.matches("\r\n--=_").count(), 3);
    }
}
