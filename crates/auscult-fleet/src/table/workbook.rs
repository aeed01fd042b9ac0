//! Workbooks of spreadsheets (Office Open XML, ECMA-376): the first sheet that has anything in it.

use std::io::{self, Cursor, Read as _};

use calamine::{DataRef, Reader as _, Xlsx, XlsxError};
use zip::ZipArchive;

use super::{COLUMNS_MAX, ROWS_MAX, TableError, TableRow};

/// Bytes of all parts when unpacked: a workbook packs ten to one, a bomb a thousand.
const UNPACKED_MAX: u64 = 1 << 30;

pub(super) fn rows(bytes: &[u8]) -> Result<Vec<TableRow>, TableError> {
    check_unpacked(bytes)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(fault)?;
    for name in workbook.sheet_names() {
        let rows = sheet(&mut workbook, &name)?;
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    Err(TableError::Empty)
}

fn fault(error: impl std::fmt::Display) -> TableError {
    TableError::Workbook(error.to_string())
}

/// What a part says of its size is not believed.
fn check_unpacked(bytes: &[u8]) -> Result<(), TableError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(fault)?;
    let mut left = UNPACKED_MAX;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(fault)?;
        let read = io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(fault)?;
        left =
            left.checked_sub(read).ok_or_else(|| fault("its parts unpack to more than a GiB"))?;
    }
    Ok(())
}

/// Reads cell by cell: a range between two far corners would be held whole.
fn sheet(workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Result<Vec<TableRow>, TableError> {
    let mut cells = match workbook.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        // A sheet of a chart has no cells.
        Err(XlsxError::NotAWorksheet(_)) => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut rows: Vec<TableRow> = Vec::new();
    while let Some(cell) = cells.next_cell().map_err(fault)? {
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let (row, column) = cell.get_position();
        let (number, column) = (row as usize + 1, column as usize);
        if column >= COLUMNS_MAX {
            return Err(TableError::TooLarge { what: "columns", max: COLUMNS_MAX });
        }
        if rows.last().is_none_or(|last| last.number != number) {
            if rows.len() >= ROWS_MAX {
                return Err(TableError::TooLarge { what: "rows", max: ROWS_MAX });
            }
            rows.push(TableRow { number, cells: Vec::new() });
        }
        let Some(last) = rows.last_mut() else { continue };
        if last.cells.len() <= column {
            last.cells.resize(column + 1, String::new());
        }
        if let Some(cell) = last.cells.get_mut(column) {
            *cell = text;
        }
    }
    Ok(rows)
}

/// A cell as text, a day as `2026-12-31`; a formula is what it came to.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty | DataRef::Error(_) => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Int(number) => number.to_string(),
        // Without an exponent: serial numbers of digits alone are kept as numbers.
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, ..) = moment.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTime(duration) => duration.as_f64().to_string(),
    }
}
