//! CSV (RFC 4180), with the separators and encodings that spreadsheets write.

use std::borrow::Cow;

use encoding_rs::{UTF_8, WINDOWS_1252};

use super::{TableError, TableRow, check_count};

const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) fn rows(bytes: &[u8]) -> Result<Vec<TableRow>, TableError> {
    let text = decoded(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(&text))
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(rows),
            Err(error) => {
                let row = error.position().map_or(rows.len() + 1, line);
                return Err(TableError::Csv { row, why: error.to_string() });
            }
        }
        let number = record.position().map_or(rows.len() + 1, |at| line(at) + blank(&text, at));
        let cells = record.iter().map(|cell| cell.trim().to_owned()).collect();
        rows.push(TableRow { number, cells });
        check_count(&rows)?;
    }
}

/// Where a row begins: a quoted cell may have lines of its own.
fn line(position: &csv::Position) -> usize {
    usize::try_from(position.line()).unwrap_or(usize::MAX)
}

/// How many blank lines are passed over there before the row begins.
fn blank(text: &str, position: &csv::Position) -> usize {
    let begin = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(begin..).unwrap_or_default();
    let breaks = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    breaks.filter(|byte| **byte == b'\n').count()
}

/// The byte-order mark decides; without one it is UTF-8 if it can be, or what Windows writes.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let (text, _, damaged) = UTF_8.decode(bytes);
    if damaged { WINDOWS_1252.decode(bytes).0 } else { text }
}

/// The separator that stands most often in the first lines, outside of quotation marks.
fn separator(text: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut lines = 0;
    for byte in text.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => lines += 1,
            _ if !quoted => {
                for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
                    *count += usize::from(byte == separator);
                }
            }
            _ => {}
        }
        if lines > 10 {
            break;
        }
    }
    let most = counts.iter().zip(SEPARATORS).rev().max_by_key(|(count, _)| **count);
    most.map_or(b',', |(_, separator)| separator)
}
