//! The campaigns: what is in their files, and who is on their lists.

use std::fmt::Write;

use serde_json::json;

use super::bodies;
use super::files;
use super::oddities::{IN_A_BODY, IN_A_LINE};
use super::words::{Chance, SCRIPTS, Script, text};
use crate::stage::Workspace;

/// The columns of every list, in their order.
pub(super) const COLUMNS: [&str; 8] =
    ["email", "first_name", "last_name", "company", "city", "words", "odd", "items"];
/// What separates the items of a cell.
pub(super) const SEPARATOR: char = ';';
/// Stands in expected texts where the recipient's own way out stands in a message: only the message knows it.
pub(super) const WAY_OUT: &str = "⟦way out⟧";
/// The partial that some templates put in, without a line break at its end.
pub(super) const PARTIAL: &str = "You get this as a reader in {{city}}.";

/// A name and an address.
pub(crate) struct Person {
    pub(super) name: &'static str,
    pub(super) typed: &'static str,
    /// The address as it travels.
    pub(super) address: &'static str,
}

const NEWS: Person = Person { name: "Example News", typed: "news@example.com", address: "news@example.com" };
const BOOKS: Person = Person {
    name: "Bücher & Co, Inh. J. \"Joe\" Größe",
    typed: "post@bücher.example",
    address: "post@xn--bcher-kva.example",
};
const HELP: Person = Person { name: "Помощь", typed: "help@example.com", address: "help@example.com" };

/// What stands in the cells of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    /// All scripts, a sentence or a few.
    Varied,
    /// All scripts, up to 40 kB.
    Long,
    /// Lines of up to 40 kB without a space.
    Unbroken,
    /// Arabic and Hebrew.
    RightToLeft,
    /// What looks like syntax.
    Odd,
}

/// One campaign.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(super) from: Person,
    pub(super) reply_to: Option<Person>,
    pub(super) subject: &'static str,
    pub(super) text: Option<&'static str>,
    pub(super) html: Option<&'static str>,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) list_id: Option<&'static str>,
    pub(super) unsubscribe: &'static str,
    pub(super) cells: Cells,
    /// Where its people live.
    domain: &'static str,
    /// The same as it travels.
    sent_domain: &'static str,
    /// What is attached, as it stands in `campaign.toml`; empty for nothing.
    pub(super) attached: &'static str,
    /// Octets that its templates have beside what is written here.
    filler: usize,
    /// The one file that both bodies are made of, and what stands in it; none where `text` and `html` are the
    /// templates, not only what becomes of them.
    made_of: Option<(&'static str, &'static str)>,
    /// What stands in its `campaign.toml` beside all that.
    settings: &'static str,
    /// The fields that `settings` asks for.
    pub(super) fields: &'static [(&'static str, &'static str)],
}

const TEXT: &str = "Dear {{first_name}} {{last_name}},\n\n{{words}}\n\nYours,\n{{company}}, {{city}}\n\n{{unsubscribe_url}}\n";
const HTML: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{{city}}</title></head>\n\
    <body>\n<table role=\"presentation\" width=\"600\"><tr><td align=\"left\">\n\
    <h1>Dear {{first_name}} {{last_name}},</h1>\n<p title=\"{{company}}\">{{words}}</p>\n\
    <p>Yours,<br>{{company}}, {{city}}</p>\n<p><a href=\"{{unsubscribe_url}}\">Leave the list</a></p>\n\
    </td></tr></table>\n</body></html>\n";
const LINK: &str = "url = \"https://u.example.com/leave/{{token}}\"\n";
const MAIL: &str = "mailto = \"unsubscribe@example.com\"\n";
const BOTH: &str = "url = \"https://u.example.com/leave/{{token}}\"\nmailto = \"unsubscribe@example.com\"\n";

/// What most campaigns have.
const PLAIN: Kind = Kind {
    name: "both",
    from: NEWS,
    reply_to: None,
    subject: "{{first_name}}, the letter from {{city}}",
    text: Some(TEXT),
    html: Some(HTML),
    headers: &[],
    list_id: Some("news.example.com"),
    unsubscribe: BOTH,
    cells: Cells::Varied,
    domain: "example.net",
    sent_domain: "example.net",
    attached: "",
    filler: 0,
    made_of: None,
    settings: "",
    fields: &[],
};

/// All of them.
pub(crate) const KINDS: [Kind; 15] = [
    PLAIN,
    Kind { name: "text", html: None, list_id: None, unsubscribe: MAIL, ..PLAIN },
    Kind { name: "markup", text: None, unsubscribe: LINK, ..PLAIN },
    Kind { name: "long", cells: Cells::Long, filler: 50_000, ..PLAIN },
    Kind {
        name: "fields",
        reply_to: Some(HELP),
        subject: "{{company}}: {{odd}}",
        headers: &[
            ("X-Campaign", "autumn"),
            ("X-Company", "{{company}} in {{city}}"),
            ("X-Odd", "{{odd}}"),
            ("X-Name", "{{last_name}}, {{first_name}} ({{city}})"),
        ],
        ..PLAIN
    },
    Kind {
        name: "idn",
        from: BOOKS,
        domain: "BÜCHER.example",
        sent_domain: "xn--bcher-kva.example",
        list_id: None,
        unsubscribe: "mailto = \"leave@bücher.example\"\n",
        ..PLAIN
    },
    Kind { name: "odd", subject: "News: {{odd}}", cells: Cells::Odd, ..PLAIN },
    Kind { name: "right", cells: Cells::RightToLeft, ..PLAIN },
    Kind {
        name: "loops",
        text: Some(
            "{{first_name}}:{{#each items}} [{{this}}]{{/each}}\n{{> sign}} {{words}}\n{{unsubscribe_url}}\n",
        ),
        html: Some(
            "<ul title='{{odd}}'>{{#each items}}<li>{{this}}</li>{{/each}}</ul>\n<p>{{> sign}}</p>\n\
             <pre>{{words}}</pre>\n<a href=\"{{unsubscribe_url}}\">Leave</a>\n",
        ),
        ..PLAIN
    },
    Kind { name: "unbroken", cells: Cells::Unbroken, ..PLAIN },
    Kind { name: "files", attached: files::SETTINGS, ..PLAIN },
    Kind { name: "pictures", html: Some(bodies::PICTURED), attached: files::SETTINGS, ..PLAIN },
    Kind {
        name: "styled",
        text: Some(bodies::STYLED_AS_TEXT),
        html: Some(bodies::STYLED_AS_HTML),
        made_of: Some(("body.html", bodies::STYLED)),
        ..PLAIN
    },
    Kind {
        name: "markdown",
        text: Some(bodies::MARKDOWN_AS_TEXT),
        html: Some(bodies::MARKDOWN_AS_HTML),
        made_of: Some(("body.md", bodies::MARKDOWN)),
        ..PLAIN
    },
    Kind {
        name: "bounces",
        settings: BOUNCES,
        fields: &[
            ("Feedback-ID", "autumn:bounces:letter:example"),
            ("Precedence", "bulk"),
            ("Auto-Submitted", "auto-generated"),
        ],
        ..PLAIN
    },
];

/// Bounces that say whose they are, and fields for those who look after mailboxes.
const BOUNCES: &str = r#"
bounce = "bounces@example.com"
verp = true
feedback_id = "autumn:{{campaign}}:letter:example"
precedence = "bulk"
auto_submitted = "auto-generated"
"#;

impl Kind {
    /// The text of a template, filled up.
    pub(super) fn filled(&self, template: &str) -> String {
        if self.filler == 0 {
            return template.to_owned();
        }
        let mut chance = Chance::new(self.filler as u64);
        let filler = text(&SCRIPTS[1], self.filler, &mut chance);
        template.replacen("{{words}}", &format!("{filler}{{{{words}}}}"), 1)
    }

    /// Whether its text is made of its HTML: how many empty lines are between its words is then nobody's business.
    pub(super) fn is_text_made(&self) -> bool {
        self.made_of.is_some_and(|(file, _)| file == "body.html")
    }

    /// What its bodies are written in, by their files.
    fn templates(&self) -> Vec<(&'static str, &'static str)> {
        if let Some(template) = self.made_of {
            return vec![template];
        }
        let bodies = [("body.txt", self.text), ("body.html", self.html)];
        bodies.into_iter().filter_map(|(file, template)| Some((file, template?))).collect()
    }

    /// Writes the files of the campaign.
    pub(super) fn write(&self, workspace: &Workspace, rows: &[Row]) {
        let Self { name, .. } = self;
        // JSON's strings are strings of TOML too.
        let mailbox = |person: &Person| {
            json!(format!("\"{}\" <{}>", person.name.replace('"', "\\\""), person.typed)).to_string()
        };
        let mut settings = format!(
            "subject = {}\nfrom = {}\ntemplate = {}\nrelays = [\"desk\"]\n",
            json!(self.subject),
            mailbox(&self.from),
            json!(name)
        );
        let mut add = |line: String| {
            settings.push_str(&line);
            settings.push('\n');
        };
        if let Some(person) = &self.reply_to {
            add(format!("reply_to = {}", mailbox(person)));
        }
        if let Some(id) = self.list_id {
            add(format!("list_id = {}", json!(id)));
        }
        add(self.settings.to_owned());
        if self.text.is_none() {
            add("[html]\ntext = false".to_owned());
        }
        add("[headers]".to_owned());
        for (name, value) in self.headers {
            add(format!("{name} = {}", json!(value)));
        }
        add("[list]\nfile = \"people.csv\"\nname = \"{{first_name}} {{last_name}}\"".to_owned());
        add(format!("split = {{ items = \"{SEPARATOR}\" }}\n[unsubscribe]\n{}", self.unsubscribe));
        add(self.attached.to_owned());
        if !self.attached.is_empty() {
            files::write(workspace, name, rows);
        }
        workspace.write(&format!("campaigns/{name}/campaign.toml"), settings);
        workspace.write("templates/partials/sign.hbs", PARTIAL);
        for (file, template) in self.templates() {
            workspace.write(&format!("templates/{name}/{file}.hbs"), self.filled(template));
            files::write_pictures(workspace, name, template);
        }
        let mut list = COLUMNS.join(",");
        for row in rows {
            let cells = row.cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            write!(list, "\r\n{}", cells.collect::<Vec<_>>().join(","))
                .expect("a text takes what is written");
        }
        workspace.write(&format!("campaigns/{name}/people.csv"), list + "\r\n");
    }
}

/// One person.
pub(super) struct Row {
    /// In the order of [`COLUMNS`].
    pub(super) cells: [String; COLUMNS.len()],
    address: String,
}

impl Row {
    /// The address as it travels.
    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// The cell of a column.
    pub(super) fn cell(&self, column: &str) -> &str {
        let index = COLUMNS.iter().position(|name| *name == column);
        &self.cells[index.unwrap_or_else(|| panic!("there is no column {column}"))]
    }
}

/// One person of a campaign.
pub(super) fn row(kind: &Kind, person: usize, chance: &mut Chance) -> Row {
    let script: &Script = match kind.cells {
        Cells::RightToLeft => &SCRIPTS[4 + person % 2],
        Cells::Varied | Cells::Long | Cells::Unbroken | Cells::Odd => &SCRIPTS[person % SCRIPTS.len()],
    };
    let odd = IN_A_LINE[person % IN_A_LINE.len()];
    let local = match person % 5 {
        0 => format!("reader{person}+{}", kind.name),
        1 => format!("o'neil_{person}-{}", kind.name),
        2 => format!("first.last.{person}.{}", kind.name),
        3 => format!("UPPER{person}{}", kind.name),
        _ => format!("{}{person}", "x".repeat(48)) + kind.name,
    };
    let words = match kind.cells {
        Cells::Varied | Cells::RightToLeft => {
            let octets = 20 << chance.below(7);
            text(script, octets, chance)
        }
        Cells::Long => text(script, 1_000 << chance.below(6), chance),
        Cells::Unbroken => {
            let piece: String = chance.one_of(&script.sentences).split(' ').collect();
            piece.repeat((500 << chance.below(7)) / piece.len() + 1)
        }
        Cells::Odd => IN_A_BODY[person % IN_A_BODY.len()].to_owned(),
    };
    let own = |value: &str| if kind.cells == Cells::Odd { odd.to_owned() } else { value.to_owned() };
    let items: Vec<&str> = (0..=person % 4).map(|_| chance.one_of(&script.city)).collect();
    Row {
        cells: [
            format!("{local}@{}", kind.domain),
            own(chance.one_of(&script.first)),
            own(chance.one_of(&script.last)),
            own(script.company),
            chance.one_of(&script.city).to_owned(),
            words,
            odd.to_owned(),
            items.join(&SEPARATOR.to_string()),
        ],
        address: format!("{local}@{}", kind.sent_domain),
    }
}
