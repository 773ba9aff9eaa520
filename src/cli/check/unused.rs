//! What no template asks for, with `--unused`.

use serde_json::{Value, json};

use crate::compose::{Unused, UnusedKind};

use super::super::escape;
use super::super::page::Page;
use super::super::table::{Align, Rows, Width};

/// One line a thing; nothing where nobody asked.
pub(super) fn text(campaign: &str, unused: Option<&[Unused]>) -> String {
    let mut page = Page::default();
    match unused {
        None => {}
        Some([]) => {
            page.line(format_args!("{campaign}: every column, default, key of the data and partial is used"));
        }
        Some(unused) => {
            let mut rows = Rows::new(&[("no template uses", Align::Left), ("which", Align::Left)]);
            for unused in unused {
                let name = escape::line(&unused.name);
                let which = match &unused.file {
                    Some(file) => format!("{name} ({})", escape::line(file)),
                    None => name.into_owned(),
                };
                rows.add([name_of(unused.kind).to_owned(), which]);
            }
            page.add(&rows.shown(Width::of_stdout()));
            page.gap();
        }
    }
    page.into_text()
}

/// The same for scripts.
pub(super) fn as_json(unused: &[Unused]) -> Value {
    let object =
        |unused: &Unused| json!({ "kind": name_of(unused.kind), "name": unused.name, "file": unused.file });
    unused.iter().map(object).collect()
}

fn name_of(kind: UnusedKind) -> &'static str {
    match kind {
        UnusedKind::Column => "column",
        UnusedKind::Default => "default",
        UnusedKind::Data => "data",
        UnusedKind::Partial => "partial",
    }
}
