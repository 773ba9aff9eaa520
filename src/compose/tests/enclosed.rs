//! Files that go with messages: the tree of parts around them, and what is shared.

use super::*;
use crate::compose::Enclosed;
use crate::mail::{Attachment, Image, Piece};
use bytes::Bytes;

const PICTURE: &[u8] = b"\x89PNG";
const TERMS: &[u8] = b"%PDF";

fn hash(octets: &[u8]) -> [u8; 32] {
    *blake3::hash(octets).as_bytes()
}

fn picture() -> Image {
    let file = "templates/autumn/images/logo.png".to_owned();
    Image {
        src: "images/logo.png".into(),
        template: "t.hbs".into(),
        file,
        kind: "image/png".into(),
        hash: hash(PICTURE),
    }
}

fn attachment(file: &str, hash: Option<[u8; 32]>) -> Attachment {
    Attachment { file: source(file), name: None, kind: None, hash }
}

/// A composer for a content with these files; a recipient's own say their path.
fn enclosing(content: Content) -> Composer {
    let shared = |attachment: &Attachment| attachment.hash.map(|_| Bytes::from_static(TERMS));
    let enclosed = Enclosed {
        images: content.images.iter().map(|_| Bytes::from_static(PICTURE)).collect(),
        attachments: content.attachments.iter().map(shared).collect(),
        read: Arc::new(|path| match path {
            "files/none.pdf" => Err("there is no such file".to_owned()),
            path => Ok(Bytes::from(path.to_owned())),
        }),
    };
    composer(content).enclosing(enclosed).expect("the files are those of the content")
}

fn whole(composer: &Composer, cells: [&str; 4]) -> String {
    let message = composer.compose(&batch(), &[row(cells)], date()).expect("composed");
    let octets: Vec<u8> = message.pieces().flat_map(|piece| piece.to_vec()).collect();
    assert_eq!(octets.len(), message.size());
    let preview = composer.preview(&row(cells)).expect("rendered");
    assert_eq!(composer.check(&row(cells)).expect("rendered").octets, preview.octets.len());
    assert_eq!(preview.digest, message.digest);
    String::from_utf8(octets).expect("a message is text")
}

/// The tree of a message: the type of each part, indented by its depth.
fn tree(message: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    let unfolded = message.replace(";\r\n ", "; ");
    for line in unfolded.lines() {
        if let Some(kind) = line.strip_prefix("Content-Type: ") {
            let short = kind.split(';').next().unwrap_or_default();
            seen.push(format!("{}{short}", " ".repeat(open.len())));
            if let Some((_, rest)) = kind.split_once("boundary=\"") {
                open.push(rest.split('"').next().unwrap_or_default().to_owned());
            }
        } else if let Some(boundary) = line.strip_prefix("--") {
            if boundary
                .strip_suffix("--")
                .is_some_and(|boundary| open.last().is_some_and(|last| last == boundary))
            {
                open.pop();
            } else {
                assert_eq!(open.last().map(String::as_str), Some(boundary), "{message}");
            }
        }
    }
    assert!(open.is_empty(), "{open:?} is not ended in {message}");
    seen
}

type Bodies = (Option<Source>, Option<Source>);
type Case = (Bodies, Vec<Image>, Vec<Attachment>, &'static [&'static str]);

#[test]
fn only_the_levels_that_are_needed_are_there() {
    let (image, terms) = (picture(), attachment("files/terms.pdf", Some(hash(TERMS))));
    let (html, both) = (Some(source("<p>Hello</p><img src=\"images/logo.png\" alt=\"\">")), content().text);
    let table: [Case; 6] = [
        ((both.clone(), None), vec![], vec![], &["text/plain"]),
        (
            (both.clone(), html.clone()),
            vec![],
            vec![],
            &["multipart/alternative", " text/plain", " text/html"],
        ),
        (
            (both.clone(), None),
            vec![],
            vec![terms.clone()],
            &["multipart/mixed", " text/plain", " application/pdf"],
        ),
        (
            (None, html.clone()),
            vec![image.clone()],
            vec![],
            &["multipart/related", " text/html", " image/png"],
        ),
        (
            (both.clone(), html.clone()),
            vec![],
            vec![terms.clone(), attachment("files/{{title}}.txt", None)],
            &[
                "multipart/mixed",
                " multipart/alternative",
                "  text/plain",
                "  text/html",
                " application/pdf",
                " text/plain",
            ],
        ),
        (
            (both, html),
            vec![image],
            vec![attachment("files/{{title}}.txt", None), terms],
            &[
                "multipart/mixed",
                " multipart/related",
                "  multipart/alternative",
                "   text/plain",
                "   text/html",
                "  image/png",
                " text/plain",
                " application/pdf",
            ],
        ),
    ];
    for ((text, html), images, attachments, expected) in table {
        let composer = enclosing(Content { text, html, attachments, images, ..content() });
        assert_eq!(tree(&whole(&composer, ["Ada", "Ulm", "", "Dr"])), expected);
    }
}

#[test]
fn what_all_have_is_there_once() {
    let attachments = vec![attachment("files/terms.pdf", Some(hash(TERMS)))];
    let composer = enclosing(Content { attachments, ..content() });
    let tail = |cells| composer.compose(&batch(), &[row(cells)], date()).expect("composed").tail;
    let (one, other) = (tail(["Ada", "Ulm", "", ""]), tail(["Bea", "Bern", "", ""]));
    let place = |tail: &[Piece]| tail.iter().map(|piece| piece.octets().as_ptr()).collect::<Vec<_>>();
    assert_eq!((place(&one), one.len()), (place(&other), 1));
}

#[test]
fn a_plan_keeps_a_seal_of_a_recipients_own_files() {
    let attachments = vec![attachment("files/{{title}}.pdf", None)];
    let composer = enclosing(Content { attachments, ..content() });
    let mut row = row(["Ada", "Ulm", "", "7"]);
    let seal = composer.check(&row).expect("rendered").seal.expect("a seal");
    row.fields.push(&seal);
    assert!(composer.compose(&batch(), &[row.clone()], date()).is_ok());
    assert_eq!(composer.check(&row).expect("rendered").seal, Some(seal));

    let mut other = super::row(["Ada", "Ulm", "", "7"]);
    other.fields.push(&"0".repeat(32));
    let fault = composer.compose(&batch(), &[other.clone()], date()).expect_err("another file");
    assert!(fault.what.contains("it was changed"), "{fault}");
    assert_eq!(composer.check(&other).expect_err("another file"), fault);
}

#[test]
fn what_cannot_be_attached_is_told_by_row_and_column() {
    let attachments = vec![attachment("files/{{title}}.pdf", None)];
    let composer = enclosing(Content { attachments, ..content() });
    let fault = composer.check(&row(["Ada", "Ulm", "", "none"])).expect_err("no file");
    assert_eq!(
        fault.to_string(),
        "column `title`: attachment: `files/none.pdf` cannot be attached: there is no such file (t.hbs:1:1)"
    );
}

#[test]
fn a_shared_file_that_was_changed_is_refused() {
    let attachments = vec![attachment("files/terms.pdf", Some([0; 32]))];
    let content = Content { attachments, images: vec![Image { hash: [0; 32], ..picture() }], ..content() };
    let enclosed = Enclosed {
        images: vec![Bytes::from_static(PICTURE)],
        attachments: vec![Some(Bytes::from_static(TERMS))],
        read: Arc::new(|_| Ok(Bytes::new())),
    };
    let faults = composer(content).enclosing(enclosed).expect_err("other octets");
    assert_eq!(faults.len(), 2);
    assert!(faults.iter().all(|fault| fault.what.contains("it was changed")), "{faults:?}");
}

#[test]
fn no_name_adds_a_line() {
    let name = Some(source("{{title}}"));
    let attachments = vec![Attachment { name, ..attachment("files/{{title}}.pdf", None) }];
    let composer = enclosing(Content { attachments, ..content() });
    let plain = whole(&composer, ["Ada", "Ulm", "", "7"]);
    let hostile = whole(&composer, ["Ada", "Ulm", "", "a\r\nBcc: b@example.com\r\n\r\n--=_\"; x=\"y"]);
    let fields = |message: &str| message.lines().filter(|line| line.starts_with("Bcc")).count();
    assert_eq!((fields(&plain), fields(&hostile)), (0, 0));
    assert_eq!(tree(&hostile), tree(&plain));
}
