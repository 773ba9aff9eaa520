//! Three thousand varied letters: a workspace that writes them, and what whoever reads one must find in it.
//!
//! [`Corpus::write`] makes fifteen campaigns to two hundred people each, from one seed: all scripts, short and
//! long, text and HTML and what is made of Markdown, fields from columns, pictures and files, and cells that look
//! like syntax to somebody on the way. All are signed, with RSA and Ed25519. What each message should say is put
//! together here, by plain replacing, and not by anything of mailrun's; it lies beside the messages as JSON, for
//! judges in other languages (`judges/`).
//!
//! [`Corpus::of_pages`] writes campaigns of one letter each instead, whose HTML is a page that somebody else made.
//!
//! - `words`: what people are called and what they read;
//! - `oddities`: cells that break things;
//! - `bodies`: of which something else becomes than what they say;
//! - `files`: what is attached, and what pictures are shown;
//! - `kinds`: the campaigns;
//! - `expect`: what a message should say.

mod bodies;
mod expect;
mod files;
mod kinds;
mod oddities;
mod words;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server_log::ServerLog;
use crate::stage::{Workspace, fates};

pub(crate) use kinds::KINDS;

/// How many people each campaign is for.
pub(crate) const PEOPLE: usize = 200;
/// How many letters there are.
pub(crate) const LETTERS: usize = KINDS.len() * PEOPLE;

/// A page that somebody else made.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// What its campaign is called.
    pub(crate) name: String,
    /// The template.
    pub(crate) written: String,
    /// What should come of it.
    pub(crate) read: String,
}

/// What is done to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is sent as it is.
    Nothing,
    /// Its styles are written into its elements.
    InlinedStyles,
    /// It is made of MJML, by another than who made what it is compared with.
    Mjml,
}

impl Treatment {
    /// What must stay the same, as `judges/python_email.py` knows it.
    fn compared(self) -> &'static str {
        match self {
            Self::Nothing => "octets",
            Self::InlinedStyles => "all but styles",
            Self::Mjml => "words",
        }
    }
}

/// The campaigns of one workspace, and what their letters should say.
pub(crate) struct Corpus {
    /// Where they lie.
    pub(crate) workspace: Workspace,
    /// The names of the campaigns, each with the number of its letters.
    campaigns: Vec<(String, usize)>,
    /// What each letter should say, by recipient.
    expected: HashMap<String, Value>,
}

impl Corpus {
    /// Writes the campaigns, which go through `relays` as they stand in `relays.toml`; one is called `desk`.
    pub(crate) fn write(relays: &str) -> Self {
        let workspace = Workspace::empty();
        workspace.write("campaigns/relays.toml", format!("{relays}\n{DKIM}"));
        write_keys(&workspace);
        let mut expected = HashMap::new();
        for (number, kind) in KINDS.iter().enumerate() {
            let mut chance = words::Chance::new(number as u64);
            let rows: Vec<kinds::Row> =
                (0..PEOPLE).map(|person| kinds::row(kind, person, &mut chance)).collect();
            kind.write(&workspace, &rows);
            for row in &rows {
                expected.insert(row.address(), expect::expected(kind, row));
            }
        }
        assert_eq!(expected.len(), LETTERS, "everybody has an address of their own");
        let campaigns = KINDS.iter().map(|kind| (kind.name.to_owned(), PEOPLE)).collect();
        Self { workspace, campaigns, expected }
    }

    /// Writes a campaign for each page, to one person through the built-in sandbox.
    pub(crate) fn of_pages(pages: &[Page], treatment: Treatment) -> Self {
        let workspace = Workspace::empty();
        workspace.write("campaigns/relays.toml", "[relays.desk]\npreset = \"sandbox\"\n");
        let mut expected = HashMap::new();
        let (css, file) = match treatment {
            Treatment::Nothing => ("false", "body.html.hbs"),
            Treatment::InlinedStyles => ("true", "body.html.hbs"),
            Treatment::Mjml => ("true", "body.mjml.hbs"),
        };
        for Page { name, written, read } in pages {
            let address = format!("{name}@example.net");
            workspace.write(&format!("campaigns/{name}/campaign.toml"), expect::PAGE_CAMPAIGN);
            workspace.write(&format!("campaigns/{name}/recipients.csv"), format!("email\n{address}\n"));
            workspace.write(&format!("templates/{name}/{file}"), written);
            workspace.edit(&format!("campaigns/{name}/campaign.toml"), "NAME", name);
            workspace.edit(&format!("campaigns/{name}/campaign.toml"), "CSS", css);
            expected.insert(address.clone(), expect::of_page(name, &address, read, treatment.compared()));
        }
        Self { workspace, campaigns: pages.iter().map(|page| (page.name.clone(), 1)).collect(), expected }
    }

    /// The same through the built-in sandbox, sent.
    #[track_caller]
    pub(crate) fn through_the_sandbox() -> Self {
        let corpus = Self::write("[relays.desk]\npreset = \"sandbox\"\n");
        corpus.send(&[]);
        corpus
    }

    /// Sends all campaigns, with more variables in the environment; everybody is accepted.
    #[track_caller]
    pub(crate) fn send(&self, variables: &[(&str, &str)]) {
        for (name, letters) in &self.campaigns {
            let run = self.workspace.start_with(variables, &["send", name, "--yes"]).wait();
            run.ends(0).never_says("panicked");
            let fates = fates(&self.workspace.mailrun(&["report", name, "--csv"]).ends(0));
            let accepted = fates.iter().filter(|fate| fate.state == "accepted" && fate.code == "250");
            assert_eq!(accepted.count(), *letters, "{name}");
        }
    }

    /// Everybody was sent one letter by the server with this log, and nobody was refused.
    #[track_caller]
    pub(crate) fn was_taken(&self, log: &ServerLog) {
        assert!(log.refused.is_empty(), "{:?}", log.refused);
        let unequal: Vec<_> = self
            .recipients()
            .filter(|recipient| log.taken.get(*recipient).map_or(0, Vec::len) != 1)
            .map(|recipient| (recipient, log.taken.get(recipient)))
            .collect();
        assert!(unequal.is_empty(), "{} are not as they should be: {:?}", unequal.len(), &unequal[..1]);
        assert_eq!(log.taken.len(), LETTERS, "nobody else was written to");
    }

    /// Whom the letters are for.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = &str> {
        self.expected.keys().map(String::as_str)
    }

    /// Copies what the sandbox took into a folder, every `step`th message of it, and writes beside them what
    /// each should say: `expected.json`, a list with the file of each. Returns how many there are.
    #[track_caller]
    pub(crate) fn lay_out(&self, folder: &Path, step: usize) -> usize {
        let mut letters: Vec<(String, PathBuf)> = self
            .workspace
            .files(".mailrun/sandbox", "index.tsv")
            .iter()
            .flat_map(|index| {
                let lines = fs::read_to_string(index).expect("the sandbox keeps an index");
                let place = index.parent().expect("a file stands in a folder").to_owned();
                let letter = |line: &str| {
                    let mut cells = line.split('\t');
                    let file = place.join(cells.next().expect("the index names a file"));
                    let recipient = cells.nth(1).expect("the index names a recipient").to_owned();
                    (recipient, file)
                };
                lines.lines().map(letter).collect::<Vec<_>>()
            })
            .collect();
        letters.sort();
        assert_eq!(letters.len(), self.expected.len(), "one message each");
        let mut listed = Vec::new();
        for (number, (recipient, file)) in letters.iter().step_by(step).enumerate() {
            let name = format!("{number:04}.eml");
            fs::copy(file, folder.join(&name)).expect("a message can be copied");
            let mut expected =
                self.expected.get(recipient).unwrap_or_else(|| panic!("nobody wrote to {recipient}")).clone();
            expected["file"] = json!(name);
            listed.push(expected);
        }
        let write = |name: &str, value: &Value| {
            let text = serde_json::to_vec_pretty(value).expect("values become text");
            fs::write(folder.join(name), text).expect("a folder of our own");
        };
        let count = listed.len();
        write("expected.json", &Value::Array(listed));
        write("keys.json", &self.published());
        count
    }

    /// What DNS must say of the keys, by name.
    #[track_caller]
    fn published(&self) -> Value {
        let tested = self.workspace.mailrun(&["relay", "test", "desk", "--json"]).ends(0).json();
        let keys = |signer: &Value| signer["keys"].as_array().cloned().unwrap_or_default();
        let keys = tested["signs"].as_array().expect("a list").iter().flat_map(keys);
        keys.map(|key| (key["name"].as_str().expect("a name").to_owned(), key["record"].clone())).collect()
    }
}

/// Who signs, as it stands in `relays.toml`.
const DKIM: &str = r#"
[dkim."example.com"]
keys = [{ selector = "s1", file = "keys/s1.pem" }, { selector = "s2", file = "keys/s2.pem" }]
[dkim."xn--bcher-kva.example"]
keys = [{ selector = "s1", file = "keys/s1.pem" }, { selector = "s2", file = "keys/s2.pem" }]
"#;

/// New keys, of RSA and of Ed25519, which only their owner may read.
fn write_keys(workspace: &Workspace) {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let (rsa, ed25519) = (rsa.as_der().expect("its octets"), ed25519.to_pkcs8v1().expect("its octets"));
    for (name, der) in [("s1", rsa.as_ref()), ("s2", ed25519.as_ref())] {
        let path = format!("keys/{name}.pem");
        let pem = STANDARD.encode(der);
        workspace.write(&path, format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"));
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(workspace.path(&path), mode).expect("a file of our own");
    }
}
