//! Registry hives of Windows (`regf`), as far as keys and values are looked up by name.
//!
//! The format is not published; it is read as the descriptions by Maxim Suhanov
//! (github.com/msuhanov/regf) and by Joachim Metz (libregf) have it. Transaction logs are not applied:
//! a hive that was not closed cleanly says so. Classes, security and deleted cells are not read.

use std::cell::Cell as Counter;

use auscult_unpack::{Endian, View};

/// Where the cells begin.
const BASE: usize = 0x1000;
/// Cells that are looked at in one hive.
const CELLS_MAX: u32 = 4_000_000;
/// Keys below one key, and values of one key.
const CHILDREN_MAX: usize = 65_536;
/// A value is not longer.
const VALUE_BYTES_MAX: usize = 1 << 20;
/// A list of keys may be parted into lists once.
const LISTS_DEPTH_MAX: u32 = 2;

/// An opened hive.
pub(super) struct Hive<'bytes> {
    bytes: &'bytes [u8],
    root: u32,
    cells_left: Counter<u32>,
}

/// A key.
#[derive(Clone, Copy)]
pub(super) struct Key<'hive> {
    hive: &'hive Hive<'hive>,
    /// Offset of its cell behind [`BASE`].
    at: u32,
    cell: &'hive [u8],
}

/// A value.
pub(super) struct Value {
    kind: u32,
    data: Vec<u8>,
}

impl<'bytes> Hive<'bytes> {
    /// Opens a hive; none where the bytes are no hive.
    pub(super) fn open(bytes: &'bytes [u8]) -> Option<Self> {
        bytes.strip_prefix(b"regf")?;
        Some(Self { bytes, root: u32_at(bytes, 0x24)?, cells_left: Counter::new(CELLS_MAX) })
    }

    /// Whether changes may stand in its log that are not in it: the sequence numbers differ.
    pub(super) fn is_dirty(&self) -> bool {
        u32_at(self.bytes, 4) != u32_at(self.bytes, 8)
    }

    pub(super) fn root(&'bytes self) -> Option<Key<'bytes>> {
        self.key(self.root)
    }

    fn key(&'bytes self, at: u32) -> Option<Key<'bytes>> {
        let cell = self.cell(at)?;
        cell.starts_with(b"nk").then_some(Key { hive: self, at, cell })
    }

    /// The content of a cell that is in use; its length stands in front of it, negative.
    fn cell(&self, at: u32) -> Option<&[u8]> {
        self.cells_left.set(self.cells_left.get().checked_sub(1)?);
        let start = BASE.checked_add(usize::try_from(at).ok()?)?;
        let length = u32_at(self.bytes, start)?.cast_signed().checked_neg()?;
        let length = usize::try_from(length).ok()?;
        self.bytes.get(start.checked_add(4)?..start.checked_add(length)?)
    }

    /// The cells of the keys in a list.
    fn listed(&self, at: u32, depth: u32, found: &mut Vec<u32>) -> Option<()> {
        let cell = self.cell(at)?;
        let count = usize::from(u16_at(cell, 2)?);
        let (size, nested) = match cell.get(..2)? {
            b"lf" | b"lh" => (8, false),
            b"li" => (4, false),
            b"ri" => (4, true),
            _ => return None,
        };
        for index in 0..count {
            let Some(entry) = u32_at(cell, 4 + index * size) else { break };
            if found.len() >= CHILDREN_MAX {
                break;
            }
            if nested {
                let depth = depth.checked_sub(1)?;
                // One damaged part does not hide the others.
                let _ = self.listed(entry, depth, found);
            } else {
                found.push(entry);
            }
        }
        Some(())
    }

    /// The data of a value; more than 16,344 bytes are parted into segments.
    fn data(&self, cell: &[u8]) -> Option<Vec<u8>> {
        const INLINE: u32 = 1 << 31;
        let size = u32_at(cell, 4)?;
        let length = usize::try_from(size & !INLINE).ok()?;
        if size & INLINE != 0 {
            return cell.get(8..8 + length.min(4)).map(<[u8]>::to_vec);
        }
        if length > VALUE_BYTES_MAX {
            return None;
        }
        let content = self.cell(u32_at(cell, 8)?)?;
        let Some(rest) = content.strip_prefix(b"db") else {
            return content.get(..length).map(<[u8]>::to_vec);
        };
        let (count, list) = (u16_at(rest, 0)?, self.cell(u32_at(rest, 2)?)?);
        let mut data = Vec::new();
        for index in 0..usize::from(count) {
            let segment = self.cell(u32_at(list, index * 4)?)?;
            let wanted = (length - data.len()).min(16_344);
            data.extend_from_slice(segment.get(..wanted)?);
        }
        Some(data)
    }
}

impl<'hive> Key<'hive> {
    pub(super) fn name(&self) -> String {
        let length = usize::from(u16_at(self.cell, 0x48).unwrap_or(0));
        let name = self.cell.get(0x4c..0x4c + length).unwrap_or_default();
        text(name, u16_at(self.cell, 2).is_some_and(|flags| flags & 0x20 != 0))
    }

    /// The offset of its cell in the hive.
    pub(super) fn offset(&self) -> u64 {
        u64::from(self.at).saturating_add(0x1000)
    }

    /// The keys below it, as far as they can be read.
    pub(super) fn keys(&self) -> Vec<Key<'hive>> {
        let mut cells = Vec::new();
        if u32_at(self.cell, 0x14).is_some_and(|count| count > 0) {
            let list = u32_at(self.cell, 0x1c);
            let _ = list.and_then(|list| self.hive.listed(list, LISTS_DEPTH_MAX, &mut cells));
        }
        cells.into_iter().filter_map(|at| self.hive.key(at)).collect()
    }

    /// The key that a path of names leads to; case does not count.
    pub(super) fn find(&self, path: &str) -> Option<Key<'hive>> {
        path.split('\\').try_fold(*self, |key, name| {
            key.keys().into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
        })
    }

    /// The values with their names.
    pub(super) fn values(&self) -> Vec<(String, Value)> {
        let count = u32_at(self.cell, 0x24).and_then(|count| usize::try_from(count).ok());
        let list = u32_at(self.cell, 0x28).filter(|_| count.is_some_and(|count| count > 0));
        let Some(list) = list.and_then(|list| self.hive.cell(list)) else { return Vec::new() };
        let count = count.unwrap_or(0).min(CHILDREN_MAX);
        let cells = (0..count).map_while(|index| u32_at(list, index * 4));
        let read = cells.filter_map(|at| {
            let cell = self.hive.cell(at).filter(|cell| cell.starts_with(b"vk"))?;
            let length = usize::from(u16_at(cell, 2)?);
            let ascii = u16_at(cell, 0x10)? & 1 != 0;
            let name = text(cell.get(0x14..0x14 + length)?, ascii);
            Some((name, Value { kind: u32_at(cell, 0xc)?, data: self.hive.data(cell)? }))
        });
        read.collect()
    }

    /// The value of this name.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let found = self.values().into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name)?.text().filter(|text| !text.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.value(name)?.number()
    }
}

impl Value {
    /// `REG_SZ`, `REG_EXPAND_SZ`, and the first text of `REG_MULTI_SZ`.
    pub(super) fn text(&self) -> Option<String> {
        matches!(self.kind, 1 | 2 | 7).then(|| text(&self.data, false))
    }

    /// `REG_DWORD`.
    pub(super) fn number(&self) -> Option<u32> {
        if self.kind == 4 { u32_at(&self.data, 0) } else { None }
    }
}

/// A text up to its end or its first zero.
fn text(bytes: &[u8], ascii: bool) -> String {
    if ascii {
        return bytes.iter().take_while(|&&byte| byte != 0).map(|&byte| char::from(byte)).collect();
    }
    let units = bytes.chunks_exact(2).map(|pair| match *pair {
        [low, high] => u16::from_le_bytes([low, high]),
        _ => 0,
    });
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    View(bytes).u16(at, Endian::Little).ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    View(bytes).u32(at, Endian::Little).ok()
}

#[cfg(test)]
mod tests {
    use auscult_testkit::hive::{Data, Key as Made};

    use super::{Hive, Key};

    fn made() -> Vec<u8> {
        Made::new("ROOT")
            .key(
                Made::new("Services")
                    .key(
                        Made::new("pump")
                            .value("Start", Data::Number(2))
                            .value("ImagePath", Data::Text("\\SystemRoot\\pump.sys".into())),
                    )
                    .key(Made::new("größe").value("", Data::Text("x".into()))),
            )
            .build()
    }

    #[test]
    fn keys_and_values_are_found_whatever_their_case() {
        let bytes = made();
        let hive = Hive::open(&bytes).unwrap();
        assert!(!hive.is_dirty());
        let root = hive.root().unwrap();
        assert_eq!(root.name(), "ROOT");
        let pump = root.find("services\\PUMP").unwrap();
        assert_eq!(pump.number("start"), Some(2));
        assert_eq!(pump.text("imagepath").as_deref(), Some("\\SystemRoot\\pump.sys"));
        assert_eq!((pump.text("Start"), pump.number("ImagePath")), (None, None));
        let names: Vec<_> = root.find("Services").unwrap().keys().iter().map(Key::name).collect();
        assert_eq!(names, ["pump", "größe"]);
        assert!(root.find("services\\none").is_none());
    }

    #[test]
    fn no_change_of_a_byte_makes_it_fail() {
        let bytes = made();
        let walk = |bytes: &[u8]| {
            let Some(hive) = Hive::open(bytes) else { return };
            let Some(root) = hive.root() else { return };
            for key in root.keys() {
                for inner in key.keys() {
                    assert!(inner.values().len() < 10 && inner.name().len() < 70_000);
                }
            }
        };
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                walk(&changed);
            }
        }
        for length in (0..bytes.len()).step_by(7) {
            walk(&bytes[..length]);
        }
    }
}
