//! Rows of a CSV file that no spreadsheet runs as a formula.
//!
//! RFC 4180 with line feeds. A cell that a spreadsheet could take for a formula gets an apostrophe before
//! it (OWASP, "CSV Injection"): the data is changed, so whoever needs it unchanged asks for JSON.

use std::fmt::Write as _;

/// Characters with which a formula begins, and their full-width forms.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Writes one row, line feed included.
pub(crate) fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push(&mut text, cell);
    }
    text.push('\n');
    text
}

/// Takes away the apostrophe that [`row`] puts before a cell.
pub(crate) fn bare(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        Some(_) | None => cell,
    }
}

fn is_formula(cell: &str) -> bool {
    // A leading space hides a formula from us and not from a spreadsheet.
    cell.starts_with(FORMULA) || cell.trim_start().starts_with(FORMULA)
}

fn push(text: &mut String, cell: &str) {
    let apostrophe = if is_formula(cell) { "'" } else { "" };
    if cell.contains(['"', ',', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        write!(text, "\"{apostrophe}{}\"", cell.replace('"', "\"\"")).expect("a String takes everything");
    } else {
        text.push_str(apostrophe);
        text.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let table = [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0\n"),
            ("+49 30 1234", "'+49 30 1234\n"),
            ("-1", "'-1\n"),
            ("@SUM(A1)", "'@SUM(A1)\n"),
            ("\t=1", "'\t=1\n"),
            (" =1", "\"' =1\"\n"),
            ("＝1", "'＝1\n"),
            ("ada@example.com", "ada@example.com\n"),
            ("550 5.1.1 \"no\", sorry", "\"550 5.1.1 \"\"no\"\", sorry\"\n"),
        ];
        for (cell, line) in table {
            assert_eq!(row([cell]), line);
        }
        assert_eq!(row(["2", "", "a"]), "2,,a\n");
    }

    #[test]
    fn an_address_survives_the_way_out_and_in() {
        for address in ["+news@example.com", "=x@example.com", "o'hara@example.com", "'quoted@example.com"] {
            assert_eq!(bare(row([address]).trim_end()), address);
        }
    }
}
