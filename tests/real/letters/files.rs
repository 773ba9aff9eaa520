//! What is attached: one file for all, and one for each.

use aws_lc_rs::digest::{SHA256, digest};
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

/// Writes the files of a campaign.
pub(super) fn write(workspace: &Workspace, campaign: &str, rows: &[Row]) {
    workspace.write(&format!("campaigns/{campaign}/files/terms.pdf"), shared());
    for row in rows {
        workspace.write(&format!("campaigns/{campaign}/files/{}.txt", row.cell("email")), own(row));
    }
}

/// What a reader should find, `name` being that of the recipient's own.
pub(super) fn expected(row: &Row, name: &str) -> Value {
    let file = |name: &str, kind: &str, octets: &[u8]| {
        let hash: String = digest(&SHA256, octets).as_ref().iter().copied().map(hexadecimal).collect();
        json!({ "name": name, "type": kind, "disposition": "attachment", "sha256": hash })
    };
    json!([file(SHARED_NAME, "application/pdf", &shared()), file(name, "text/plain", own(row).as_bytes()),])
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
