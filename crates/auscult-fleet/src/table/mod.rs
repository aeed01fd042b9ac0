//! Tables, whatever file they come in.

mod csv_file;
mod workbook;

use serde::{Deserialize, Serialize};

/// Bytes of a file; a hundred thousand rows of fifty columns have a third of it.
const BYTES_MAX: usize = 128 << 20;
/// Rows of a table.
const ROWS_MAX: usize = 500_000;
/// Columns of a table.
const COLUMNS_MAX: usize = 512;

/// A table with its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The names of the columns, as the file has them.
    pub header: Vec<String>,
    /// The rows below the header, without those that are blank.
    pub rows: Vec<TableRow>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRow {
    /// Its number in the file, as a spreadsheet shows it: the header is row 1, or further down.
    pub number: usize,
    /// Its cells, as many as the header has.
    pub cells: Vec<String>,
}

/// Why a file is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Nothing is in it.
    #[error("the file has no row that could name its columns")]
    Empty,
    /// It is larger than any inventory.
    #[error("the file has more than {max} {what}: divide it")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much is read.
        max: usize,
    },
    /// A row of a CSV file has more cells than the header.
    #[error(
        "row {row} has {found} cells, the header has {expected}: a separator or a quotation mark \
         is out of place"
    )]
    Ragged {
        /// The row.
        row: usize,
        /// Its cells.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// Two columns have one name.
    #[error("two columns are called {0:?}: rename one")]
    TwiceNamed(String),
    /// A workbook that cannot be read.
    #[error("read the workbook: {0}; save it anew as .xlsx or .csv")]
    Workbook(String),
    /// A CSV file that cannot be read.
    #[error("read row {row} of the file: {why}")]
    Csv {
        /// The row.
        row: usize,
        /// Why not.
        why: String,
    },
}

impl Table {
    /// Bytes of the largest file that is read.
    pub const BYTES_MAX: usize = BYTES_MAX;

    /// Reads a CSV or XLSX file; which of them is told by its first bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, TableError> {
        if bytes.len() > BYTES_MAX {
            return Err(TableError::TooLarge { what: "bytes", max: BYTES_MAX });
        }
        let rows = if bytes.starts_with(b"PK\x03\x04") {
            workbook::rows(bytes)?
        } else {
            csv_file::rows(bytes)?
        };
        Self::of_rows(rows)
    }

    /// The header is the first row with at least two names, or the first of all: exports put titles
    /// and dates above it.
    fn of_rows(rows: Vec<TableRow>) -> Result<Self, TableError> {
        let filled = |row: &TableRow| row.cells.iter().filter(|cell| !cell.is_empty()).count();
        let mut rows: Vec<TableRow> = rows.into_iter().filter(|row| filled(row) > 0).collect();
        let at = rows.iter().position(|row| filled(row) > 1).unwrap_or(0);
        if rows.is_empty() {
            return Err(TableError::Empty);
        }
        let below = rows.split_off(at + 1);
        let mut header = rows.pop().map(|row| row.cells).unwrap_or_default();
        while header.last().is_some_and(String::is_empty) {
            header.pop();
        }
        if header.len() > COLUMNS_MAX {
            return Err(TableError::TooLarge { what: "columns", max: COLUMNS_MAX });
        }
        let mut names: Vec<&String> = header.iter().filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        let mut pairs = names.iter().zip(names.iter().skip(1));
        if let Some((name, _)) = pairs.find(|(one, other)| one == other) {
            return Err(TableError::TwiceNamed((*name).clone()));
        }
        let rows = below.into_iter().map(|row| fit(row, header.len())).collect::<Result<_, _>>()?;
        Ok(Self { header, rows })
    }
}

/// Gives a row as many cells as the header has; what it lacks at its end is blank.
fn fit(mut row: TableRow, columns: usize) -> Result<TableRow, TableError> {
    while row.cells.len() > columns && row.cells.last().is_some_and(String::is_empty) {
        row.cells.pop();
    }
    if row.cells.len() > columns {
        let found = row.cells.len();
        return Err(TableError::Ragged { row: row.number, found, expected: columns });
    }
    row.cells.resize(columns, String::new());
    Ok(row)
}

/// Refuses a table that goes on and on.
fn check_count(rows: &[TableRow]) -> Result<(), TableError> {
    let max = ROWS_MAX;
    if rows.len() > max { Err(TableError::TooLarge { what: "rows", max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Table, TableError};

    fn shown(bytes: &[u8]) -> String {
        let table = Table::read(bytes).unwrap();
        let row = |row: &super::TableRow| format!("{}:{}", row.number, row.cells.join("|"));
        let rows: Vec<String> = table.rows.iter().map(row).collect();
        format!("{} / {}", table.header.join("|"), rows.join(" / "))
    }

    #[test]
    fn the_separator_and_the_encoding_are_found() {
        let expected = "Tag|Raum / 2:1|Süd 2 / 4:2|";
        let utf8 = "Tag,Raum\n1,Süd 2\n\n2,\n";
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(utf8.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        for bytes in [
            utf8.as_bytes().to_vec(),
            utf8.replace(',', ";").into_bytes(),
            utf8.replace(',', "\t").replace('\n', "\r\n").into_bytes(),
            format!("\u{feff}{utf8}").into_bytes(),
            b"Tag,Raum\n1,S\xfcd 2\n\n2,\n".to_vec(),
            utf16,
        ] {
            assert_eq!(shown(&bytes), expected);
        }
    }

    #[test]
    fn titles_above_the_header_are_passed_over_and_quotes_kept() {
        let text = "Inventory of 2026-11-01\n\nTag,Model\n7,\"Pump, \"\"two\"\"\nlines\"\n8,X\n";
        assert_eq!(shown(text.as_bytes()), "Tag|Model / 4:7|Pump, \"two\"\nlines / 6:8|X");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(Table::read(b""), Err(TableError::Empty));
        assert_eq!(Table::read(b"\n,,\n"), Err(TableError::Empty));
        assert_eq!(
            Table::read(b"a,b\n1,2\n1,2,3\n"),
            Err(TableError::Ragged { row: 3, found: 3, expected: 2 })
        );
        assert_eq!(Table::read(b"a,b,a\n"), Err(TableError::TwiceNamed("a".into())));
        assert!(matches!(Table::read(b"PK\x03\x04broken"), Err(TableError::Workbook(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(table) = Table::read(&bytes) {
                for row in &table.rows {
                    prop_assert_eq!(row.cells.len(), table.header.len());
                }
            }
        }
    }
}
