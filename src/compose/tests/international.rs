//! Texts of all scripts in fields and parameters, and addresses of all scripts in the envelope.

use super::*;
use crate::mail::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 5322, 2.1.1: octets of a line that should not be exceeded.
const LINE: usize = 78;
/// RFC 2047, 2: octets of an encoded word.
const WORD: usize = 75;

/// The message to `to` in which the subject is `subject`, and the same as text.
fn message(to: &str, content: Content, subject: &str) -> (Message, String) {
    let recipient = Recipient { address: address(to), ..row([subject, "", "", ""]) };
    let message = composer(content).compose(&batch(), &[recipient], date()).expect("composed");
    let text = String::from_utf8(message.octets.to_vec()).expect("a message is text");
    (message, text)
}

/// The lines of the field of that name, without its end.
fn field<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = message.split("\r\n").skip_while(|line| !line.starts_with(&format!("{name}: ")));
    let first = lines.next().expect(name);
    std::iter::once(first).chain(lines.take_while(|line| line.starts_with(' '))).collect()
}

/// The text of one encoded word, which is whole by itself (RFC 2047, 5).
fn decoded(word: &str) -> String {
    assert!(word.len() <= WORD, "{word} is longer than {WORD}");
    let inner = word.strip_prefix("=?utf-8?").and_then(|rest| rest.strip_suffix("?=")).expect("UTF-8");
    let octets = match inner.split_once('?').expect("an encoding") {
        ("b", base64) => STANDARD.decode(base64).expect("base64"),
        ("q", quoted) => {
            let mut octets = Vec::new();
            let mut rest = quoted.bytes();
            while let Some(byte) = rest.next() {
                octets.push(match byte {
                    b'=' => {
                        let digits = [rest.next(), rest.next()].map(|digit| digit.expect("a digit"));
                        let digits = std::str::from_utf8(&digits).expect("digits").to_owned();
                        u8::from_str_radix(&digits, 16).expect("hexadecimal")
                    }
                    b'_' => b' ',
                    byte => byte,
                });
            }
            octets
        }
        (other, _) => panic!("{other} is no encoding"),
    };
    String::from_utf8(octets).expect("no word ends within a character")
}

#[test]
fn subjects_of_all_scripts_fold_between_words_that_are_whole_by_themselves() {
    let table = [
        "🎉",
        "👩‍👩‍👧‍👦 🇩🇪 and a skin 👍🏽",
        "שלום לכולם, חדשות הסתיו",
        "رسالة الخريف إليك يا صديقي العزيز، وفيها أخبار كثيرة من المدينة كلها",
        &"秋の手紙をお届けします".repeat(20),
        &"가을 편지 ".repeat(30),
        "Grüße aus Köln, wo es viel zu erzählen gibt, und aus Düsseldorf, wo es noch mehr zu erzählen gibt",
        "e\u{301}e\u{301}e\u{301}",
        "\u{202e}reversed\u{202c} and back",
    ];
    for subject in table {
        let content = Content { subject: source("{{first_name}}"), ..content() };
        let (_, message) = message("ada@example.org", content, subject);
        let lines = field(&message, "Subject");
        let mut read = String::new();
        let mut encoded_before = false;
        for (number, line) in lines.iter().enumerate() {
            assert!(line.len() <= LINE && line.is_ascii(), "{line}");
            for word in line.strip_prefix("Subject: ").unwrap_or(line).trim_start().split(' ') {
                let encoded = word.starts_with("=?");
                if !(encoded && encoded_before || read.is_empty() && number == 0) {
                    read.push(' ');
                }
                read.push_str(&if encoded { decoded(word) } else { word.to_owned() });
                encoded_before = encoded;
            }
        }
        assert_eq!(read.trim(), subject.trim(), "{lines:?}");
    }
}

#[test]
fn domains_of_all_scripts_leave_as_a_labels_and_ask_for_no_smtputf8() {
    let table = [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
    ];
    for (typed, ascii) in table {
        let from = Mailbox::parse(&format!("Bücher <{typed}>")).expect("a mailbox");
        let content = Content { from, reverse_path: address(typed), ..content() };
        let (message, text) = message(typed, content, "Ada");
        let envelope = &message.envelope;
        assert!(!envelope.needs_smtputf8(), "{typed}");
        assert_eq!(envelope.forward_paths[0].as_str(), ascii);
        assert_eq!(envelope.reverse_path.as_ref().map(Address::as_str), Some(ascii));
        assert_eq!(field(&text, "To"), [format!("To: Ada <{ascii}>")]);
        assert_eq!(field(&text, "From"), [format!("From: =?utf-8?q?B=C3=BCcher?= <{ascii}>")]);
        assert!(text.is_ascii());
    }
}

#[test]
fn only_a_local_part_beyond_ascii_asks_for_smtputf8() {
    let table = [("jürgen@example.org", true), ("用户@例え.jp", true), ("jurgen@例え.jp", false)];
    for (typed, asked) in table {
        let (message, _) = message(typed, content(), "Ada");
        assert_eq!(message.envelope.needs_smtputf8(), asked, "{typed}");
    }
}
