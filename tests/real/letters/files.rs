//! What goes with letters: pictures that they show, a file attached to all, and one for each.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::kinds::Row;
use crate::stage::Workspace;

/// As it stands in `campaign.toml`; [`OWN_NAME`] and [`SHARED_NAME`] are in it.
pub(super) const SETTINGS: &str = r#"
[[attachments]]
file = "files/terms.pdf"
name = "Terms – Bücher, 条款; \u0022all\u0022.pdf"
[[attachments]]
file = "files/{{email}}.txt"
name = "For {{first_name}} {{last_name}} ({{city}}).txt"
"#;
const SHARED_NAME: &str = "Terms – Bücher, 条款; \"all\".pdf";
pub(super) const OWN_NAME: &str = "For {{first_name}} {{last_name}} ({{city}}).txt";
/// Octets of the file for all: more than a line, and no whole number of them.
const SHARED: usize = 70_001;

/// The pictures that a template may show, by their paths beside it: PNG of one dot, in base64.
const PICTURES: [(&str, &str); 2] = [
    (
        "images/logo.png",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGMwyd0OAAIxAVm+7c3jAAAAAElFTkSuQmCC",
    ),
    (
        "images/leaf.png",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPYwKAAAAI0ANFrSt0YAAAAAElFTkSuQmCC",
    ),
];

/// Writes the files of a campaign.
pub(super) fn write(workspace: &Workspace, campaign: &str, rows: &[Row]) {
    workspace.write(&format!("campaigns/{campaign}/files/terms.pdf"), shared());
    for row in rows {
        workspace.write(&format!("campaigns/{campaign}/files/{}.txt", row.cell("email")), own(row));
    }
}

/// Writes the pictures that a template shows.
pub(super) fn write_pictures(workspace: &Workspace, campaign: &str, template: &str) {
    for (path, picture) in shown(template) {
        workspace.write(&format!("templates/{campaign}/{path}"), octets(picture));
    }
}

/// What a reader should find attached, `name` being that of the recipient's own.
pub(super) fn expected(row: &Row, name: &str) -> Vec<Value> {
    let file = |name: &str, kind: &str, octets: &[u8]| file(name, kind, "attachment", octets);
    vec![file(SHARED_NAME, "application/pdf", &shared()), file(name, "text/plain", own(row).as_bytes())]
}

/// The pictures that a reader should find within a page, each once.
pub(super) fn expected_pictures(template: &str) -> Vec<Value> {
    let picture = |(path, picture)| file(name_of(path), "image/png", "inline", &octets(picture));
    shown(template).map(picture).collect()
}

/// A page with `⟦cid NAME⟧` in the place of each picture: only the message knows its Content-ID.
pub(super) fn with_pictures(page: String) -> String {
    PICTURES.iter().fold(page, |page, (path, _)| page.replace(path, &format!("⟦cid {}⟧", name_of(path))))
}

fn shown(template: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    PICTURES.into_iter().filter(move |(path, _)| template.contains(path))
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().expect("a path has a last part")
}

fn octets(picture: &str) -> Vec<u8> {
    STANDARD.decode(picture).expect("base64 that was written here")
}

fn file(name: &str, kind: &str, disposition: &str, octets: &[u8]) -> Value {
    let hash: String = digest(&SHA256, octets).as_ref().iter().copied().map(hexadecimal).collect();
    json!({ "name": name, "type": kind, "disposition": disposition, "sha256": hash })
}

fn hexadecimal(octet: u8) -> String {
    format!("{octet:02x}")
}

/// Every octet there is, in an order that no text has.
fn shared() -> Vec<u8> {
    (0..SHARED).map(|number| u8::try_from(number * 7 % 256).expect("a remainder")).collect()
}

/// Lines that look like those of a message, and the recipient's own words.
fn own(row: &Row) -> String {
    format!(".\r\nFrom {}\n--=_\n\n{}\r.", row.cell("first_name"), row.cell("words"))
}
