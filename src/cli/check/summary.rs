//! What `check` found in the rows, by kind: a table for people, objects for scripts.

use serde_json::{Value, json};

use crate::engine::{Found, RowKind, Summary};
use crate::mail::Severity;

use super::super::table::{Align, Rows};
use super::super::words::number;
use super::reason;

/// Row numbers that are named of each kind.
const NAMED: usize = 5;

/// One line a kind: what it is, how many rows, which are the first, and what is wrong with the first.
pub(super) fn table(summary: &Summary) -> Rows {
    let mut rows = Rows::new(&[
        ("found", Align::Left),
        ("rows", Align::Right),
        ("first rows", Align::Left),
        ("in the first", Align::Left),
    ]);
    for (kind, found) in summary.iter() {
        // What is in order needs no example.
        let example = kind.severity().and(found.first.first()).map(reason).unwrap_or_default();
        rows.add([kind.words().to_owned(), number(found.count), first_rows(found), example]);
    }
    rows
}

fn first_rows(found: &Found) -> String {
    let named: Vec<String> =
        found.first.iter().take(NAMED).map(|left_out| number(u64::from(left_out.row))).collect();
    let dots = if found.count > NAMED as u64 { " .." } else { "" };
    format!("{}{dots}", named.join(" "))
}

/// The same for scripts, the first rows with all that is known of them.
pub(super) fn as_json(summary: &Summary) -> Vec<Value> {
    let object = |(kind, found): (RowKind, &Found)| {
        let first: Vec<Value> = found
            .first
            .iter()
            .map(|row| json!({ "row": row.row, "email": row.email, "what": row.what }))
            .collect();
        json!({
            "kind": kind.name(),
            "severity": kind.severity().map(|severity| match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            }),
            "count": found.count,
            "first": first,
        })
    };
    summary.iter().map(object).collect()
}

/// Whether anything in it is worth a table: not only rows that are left out as they should be.
pub(super) fn is_telling(summary: &Summary) -> bool {
    summary.iter().any(|(kind, _)| kind.severity().is_some())
}

#[cfg(test)]
mod tests {
    use super::super::super::table::Width;
    use super::*;
    use crate::engine::LeftOut;
    use crate::mail::Reason;

    #[test]
    fn kinds_stand_with_their_first_rows_and_what_is_wrong_first() {
        console::set_colors_enabled(false);
        let mut summary = Summary::default();
        let row = |row, what: &str| LeftOut {
            row,
            reason: Reason::Invalid,
            what: what.to_owned(),
            email: "a@example.com".into(),
        };
        for number in 2..9 {
            summary.add(RowKind::LeftOut(Reason::Duplicate), || row(number, ""));
        }
        summary.add(RowKind::Undecided, || row(5, "`age` is empty"));
        summary.add(RowKind::Torn, || row(1_200, "rows 1200, 1201 differ"));
        let expected = "  found                             rows  first rows    in the first
  rows that do not belong together     1  1,200         rows 1200, 1201 differ
  cell that `where` cannot compare     1  5             `age` is empty
  duplicate                            7  2 3 4 5 6 ..
";
        let shown = table(&summary).shown(Width::Free);
        assert_eq!(shown, expected);
        let json = as_json(&summary);
        assert_eq!((&json[0]["kind"], &json[0]["severity"]), (&"torn".into(), &"error".into()));
        assert_eq!((&json[2]["count"], &json[2]["severity"]), (&7.into(), &Value::Null));
    }
}
