//! Tables without lines: columns two spaces apart, numbers to the right.
//!
//! On a terminal a table fits the window and long cells wrap; into a file it is as wide as its cells.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use console::{Style, Term};

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// How wide a table may be, in columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// As wide as its cells.
    Free,
    /// At most so many.
    Fits(u16),
}

impl Width {
    /// That of the window behind stdout, or free where there is none.
    pub(crate) fn of_stdout() -> Self {
        Self::of(&Term::stdout())
    }

    /// As wide as stderr, if that is a terminal.
    pub(crate) fn of_stderr() -> Self {
        Self::of(&Term::stderr())
    }

    fn of(term: &Term) -> Self {
        match term.size_checked() {
            Some((_, columns)) if term.is_term() => Self::Fits(columns),
            Some(_) | None => Self::Free,
        }
    }
}

/// Rows of cells under a header.
#[derive(Debug)]
pub(crate) struct Rows {
    columns: Vec<(String, Align)>,
    cells: Vec<Vec<String>>,
}

impl Rows {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Self { columns, cells: Vec::new() }
    }

    /// Adds a column at the right.
    pub(crate) fn column(&mut self, name: &str, align: Align) {
        self.columns.push((name.to_owned(), align));
    }

    /// Adds a row; cells are text that is already harmless.
    pub(crate) fn add<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.cells.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The table as lines, each with two spaces before it and a line feed behind it.
    pub(crate) fn shown(&self, width: Width) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        table.set_header(self.columns.iter().map(|(name, _)| Cell::new(name)));
        for cells in &self.cells {
            table.add_row(cells);
        }
        match width {
            Width::Free => table.set_content_arrangement(ContentArrangement::Disabled),
            Width::Fits(columns) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns.max(40))
            }
        };
        for (column, (_, align)) in table.column_iter_mut().zip(&self.columns) {
            column.set_padding((2, 0));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        let mut shown = String::new();
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            if index == 0 {
                shown.push_str(&Style::new().dim().apply_to(line).to_string());
            } else {
                shown.push_str(line);
            }
            shown.push('\n');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Rows {
        let mut rows = Rows::new(&[("relay", Align::Left), ("accepted", Align::Right), ("why", Align::Left)]);
        rows.add(["ses-eu", "1,200", ""]);
        rows.add(["office", "7", "waits for its quota until tomorrow at nine in the morning"]);
        rows
    }

    #[test]
    fn words_stand_left_and_numbers_right() {
        console::set_colors_enabled(false);
        let expected = "  relay   accepted  why
  ses-eu     1,200
  office         7  waits for its quota until tomorrow at nine in the morning
";
        assert_eq!(sample().shown(Width::Free), expected);
    }

    #[test]
    fn a_table_fits_its_window() {
        console::set_colors_enabled(false);
        let shown = sample().shown(Width::Fits(50));
        assert!(shown.lines().all(|line| console::measure_text_width(line) <= 50), "{shown}");
        assert!(shown.lines().count() > 3);
    }
}
