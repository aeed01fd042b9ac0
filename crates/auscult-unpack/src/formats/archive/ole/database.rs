//! Tables of Windows Installer: strings in a pool, tables stored column by column (as `msitools` and
//! Wine read them; there is no public specification).

use std::collections::HashMap;

use super::read_stream;
use crate::{Endian::Little, Extent, Fault, View};

/// Largest table or pool read.
const TABLE_BYTES_MAX: u64 = 64 << 20;
/// Types of columns: a string; a stream of its own, but for being nullable; bytes of an integer.
const TYPE_STRING: u16 = 0x800;
const TYPE_NULLABLE: u16 = 0x1000;
const TYPE_STREAM: u16 = 0x900;

/// Where a stream is, by its name.
pub(super) type Streams<'streams> = [(Vec<u8>, Extent)];

/// The strings and the columns of all tables.
pub(super) struct Database<'streams> {
    streams: &'streams Streams<'streams>,
    strings: Vec<Vec<u8>>,
    /// Bytes of a reference to a string.
    reference_bytes: usize,
    columns: HashMap<Vec<u8>, Vec<Column>>,
}

#[derive(Clone, Debug)]
struct Column {
    name: Vec<u8>,
    kind: u16,
}

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(Vec<u8>),
    Number(i64),
}

impl Value {
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Number(_) => b"",
        }
    }

    pub(super) fn number(&self) -> i64 {
        match self {
            Self::Text(_) => 0,
            Self::Number(number) => *number,
        }
    }
}

impl<'streams> Database<'streams> {
    pub(super) fn open(streams: &'streams Streams<'streams>) -> Result<Self, Fault> {
        let mut database =
            Self { streams, strings: Vec::new(), reference_bytes: 2, columns: HashMap::new() };
        database.read_strings()?;
        let kinds = [TYPE_STRING, 2, TYPE_STRING, 2];
        let own = kinds.map(|kind| Column { name: Vec::new(), kind });
        for row in database.rows(b"!_Columns", &own)? {
            if let [table, _, name, kind] = row.as_slice() {
                let kind = u16::try_from(kind.number() & 0xffff).unwrap_or(0);
                let column = Column { name: name.text().to_vec(), kind };
                database.columns.entry(table.text().to_vec()).or_default().push(column);
            }
        }
        Ok(database)
    }

    fn stream(&self, name: &[u8]) -> Result<bytes::Bytes, Fault> {
        let found = self.streams.iter().find(|(path, _)| path == name);
        let missing = || {
            let what = format!("read {} of the installer", String::from_utf8_lossy(name));
            Fault::new(0, what, "it is not there")
        };
        read_stream(&found.ok_or_else(missing)?.1, TABLE_BYTES_MAX)
    }

    /// The pool has a length and a count of uses for each string; of a long one, the upper half of
    /// the length stands in front as the uses of an empty one.
    fn read_strings(&mut self) -> Result<(), Fault> {
        let (pool, data) = (self.stream(b"!_StringPool")?, self.stream(b"!_StringData")?);
        let mut entries =
            pool.as_chunks::<4>().0.iter().map(|&[l0, l1, u0, u1]| {
                (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([u0, u1]))
            });
        // The first entry is the code page; its top bit makes references longer.
        if entries.next().is_some_and(|(_, flags)| flags & 0x8000 != 0) {
            self.reference_bytes = 3;
        }
        self.strings.push(Vec::new());
        let mut at = 0;
        while let Some((length, uses)) = entries.next() {
            let mut size = usize::from(length);
            if length == 0 && uses != 0 {
                let Some((low, _)) = entries.next() else { break };
                size = usize::from(uses) << 16 | usize::from(low);
            }
            let end = (at + size).min(data.len());
            self.strings.push(data.get(at..end).unwrap_or_default().to_vec());
            at = end;
        }
        Ok(())
    }

    fn width(&self, kind: u16) -> usize {
        match kind {
            _ if kind & !TYPE_NULLABLE == TYPE_STREAM => 2,
            _ if kind & TYPE_STRING != 0 => self.reference_bytes,
            _ if kind & 0xff == 4 => 4,
            _ => 2,
        }
    }

    /// All rows of a table with its columns in their order.
    fn rows(&self, stream: &[u8], columns: &[Column]) -> Result<Vec<Vec<Value>>, Fault> {
        let bytes = self.stream(stream)?;
        let row_bytes: usize = columns.iter().map(|column| self.width(column.kind)).sum();
        let count = bytes.len().checked_div(row_bytes).unwrap_or(0);
        let mut rows = vec![Vec::with_capacity(columns.len()); count];
        let mut at = 0;
        for column in columns {
            let width = self.width(column.kind);
            for (index, row) in rows.iter_mut().enumerate() {
                row.push(self.value(View(&bytes), at + index * width, column.kind)?);
            }
            at += width * count;
        }
        Ok(rows)
    }

    /// Integers are stored with their top bit turned over.
    fn value(&self, view: View<'_>, at: usize, kind: u16) -> Result<Value, Fault> {
        let width = self.width(kind);
        if kind & TYPE_STRING == 0 {
            let number = if width == 4 {
                i64::from(view.u32(at, Little)?) - (1 << 31)
            } else {
                i64::from(view.u16(at, Little)?) - (1 << 15)
            };
            return Ok(Value::Number(number));
        }
        let bytes = view.bytes(at, width)?;
        let reference = bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        Ok(Value::Text(self.strings.get(reference).cloned().unwrap_or_default()))
    }

    /// The named columns of all rows of a table; none where the table is not there.
    pub(super) fn table<const N: usize>(&self, table: &[u8], names: [&[u8]; N]) -> Vec<[Value; N]> {
        let Some(columns) = self.columns.get(table) else { return Vec::new() };
        let places = names.map(|name| columns.iter().position(|column| column.name == name));
        let rows = self.rows(&[b"!", table].concat(), columns).unwrap_or_default();
        let pick = |row: Vec<Value>| {
            places.map(|place| {
                place.and_then(|place| row.get(place)).cloned().unwrap_or(Value::Text(Vec::new()))
            })
        };
        rows.into_iter().map(pick).collect()
    }
}
