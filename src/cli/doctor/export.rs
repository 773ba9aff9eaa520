//! `doctor --export`: the journal as JSON Lines, as far as it can be read.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::operator::Operator;
use crate::cli::words::counted;
use crate::engine::{self, EngineError};

/// Writes it to `file`, or to stdout if that is `-`.
///
/// # Errors
/// The journal is damaged, after what comes before the damage; or the file cannot be written.
pub(super) fn write(file: &Path, operator: &Operator) -> Result<Exit, CliError> {
    let workspace = operator.workspace()?;
    let to_stdout = file == Path::new("-");
    let failed = |error: io::Error| {
        if to_stdout { CliError::from(error) } else { CliError::file("write", file, error) }
    };
    let mut out: BufWriter<Box<dyn Write>> = BufWriter::new(if to_stdout {
        Box::new(io::stdout().lock())
    } else {
        // Relays and campaigns are named in it.
        let opened = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(file);
        Box::new(opened.map_err(failed)?)
    });
    let exported = engine::export(&workspace, &mut |record| line(&mut out, record)).map_err(failed)?;
    if let Some(damage) = &exported.damage {
        line(&mut out, &json!({ "kind": "damage", "what": damage.to_string() })).map_err(failed)?;
    }
    out.flush().map_err(failed)?;
    let records = counted(exported.records, "record");
    if let Some(damage) = exported.damage {
        operator.printer.say(&format!("{records} before the damage were written"));
        return Err(EngineError::from(damage).into());
    }
    if !to_stdout {
        operator.printer.say(&format!("{records} in {}", file.display()));
    }
    Ok(Exit::Done)
}

fn line(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}
