//! One row of CSV a recipient: what `report --csv` writes. The columns are only ever added to.

use std::io::{self, BufWriter, Write as _};

use crate::cli::csv;
use crate::cli::error::CliError;
use crate::engine::Row;

/// The columns, in their order.
const HEADER: [&str; 15] = [
    "row",
    "email",
    "state",
    "class",
    "relay",
    "attempts",
    "time",
    "code",
    "enhanced",
    "reply",
    "queue_id",
    "message_id",
    "size",
    "variant",
    "language",
];

/// Writes the header and a row for each recipient to stdout.
///
/// # Errors
/// Nobody reads any more, or the stream failed.
pub(super) fn write(rows: impl Iterator<Item = Row>) -> Result<(), CliError> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    stdout.write_all(csv::row(HEADER).as_bytes())?;
    for row in rows {
        stdout.write_all(line(&row).as_bytes())?;
    }
    Ok(stdout.flush()?)
}

fn line(row: &Row) -> String {
    let text = |value: Option<String>| value.unwrap_or_default();
    // Who is uncertain got no reply; what happened instead is worth the column.
    let reply = match &row.doubt {
        Some(doubt) if row.reply.is_empty() => doubt,
        Some(_) | None => &row.reply,
    };
    csv::row([
        row.row.to_string().as_str(),
        &row.email,
        row.state.name(),
        row.class.map_or("", |class| class.name()),
        &row.relay,
        &row.attempts.to_string(),
        &text(row.time.map(|time| time.to_string())),
        &text(row.code.map(|code| code.to_string())),
        row.enhanced.as_deref().unwrap_or_default(),
        reply,
        &row.queue_id,
        &row.message_id,
        &row.size.to_string(),
        &row.variant,
        &row.language,
    ])
}

#[cfg(test)]
mod tests {
    use super::super::breakdown::tests::row;
    use super::*;
    use crate::mail::State;

    #[test]
    fn a_row_has_every_column_and_no_formula() {
        let row = row("=a@example.com", State::Rejected, 550, "550 5.1.1 \"no\", such user");
        assert_eq!(
            line(&row),
            "2,'=a@example.com,rejected,recipient_dead,office,1,2026-11-24T06:00:00Z,550,5.1.1,\
             \"550 5.1.1 \"\"no\"\", such user\",,<x@example.com>,3712,,\n"
        );
        assert_eq!(line(&row).matches(',').count(), HEADER.len());
    }
}
