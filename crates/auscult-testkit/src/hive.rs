//! Registry hives of Windows: keys with numbers and texts, in one bin, as small as they get.

use crate::writer::{u16_of, u32_of};

/// A key of a hive.
#[derive(Clone, Debug, Default)]
pub struct Key {
    name: String,
    keys: Vec<Key>,
    values: Vec<(String, Data)>,
}

/// The data of a value.
#[derive(Clone, Debug)]
pub enum Data {
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_SZ`.
    Text(String),
}

impl Key {
    /// A key without anything in it.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// With a key below it.
    #[must_use]
    pub fn key(mut self, key: Self) -> Self {
        self.keys.push(key);
        self
    }

    /// With a value.
    #[must_use]
    pub fn value(mut self, name: &str, data: Data) -> Self {
        self.values.push((name.to_owned(), data));
        self
    }

    /// The hive with this key as its root.
    pub fn build(&self) -> Vec<u8> {
        // Behind the header of the only bin.
        let mut cells = vec![0; 0x20];
        let root = self.add(&mut cells);
        cells.resize(cells.len().next_multiple_of(0x1000), 0);
        let size = u32_of(cells.len());
        cells.splice(0..4, *b"hbin");
        cells.splice(8..12, size.to_le_bytes());
        let mut hive = vec![0; 0x1000];
        hive.splice(0..4, *b"regf");
        for (at, value) in [(4, 1), (8, 1), (0x14, 1), (0x18, 5), (0x24, root), (0x28, size)] {
            hive.splice(at..at + 4, u32::to_le_bytes(value));
        }
        hive.extend(cells);
        hive
    }

    fn add(&self, cells: &mut Vec<u8>) -> u32 {
        let keys: Vec<u32> = self.keys.iter().map(|key| key.add(cells)).collect();
        let mut list = b"lf".to_vec();
        list.extend(u16_of(keys.len()).to_le_bytes());
        for key in &keys {
            list.extend(key.to_le_bytes());
            list.extend([0; 4]);
        }
        let keys_at = if keys.is_empty() { u32::MAX } else { cell(cells, &list) };
        let values: Vec<u32> = self.values.iter().map(|one| add_value(cells, one)).collect();
        let list: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let values_at = if values.is_empty() { u32::MAX } else { cell(cells, &list) };
        let (name, ascii) = name_of(&self.name);
        let mut node = vec![0; 0x4c];
        node.splice(0..2, *b"nk");
        node.splice(2..4, (if ascii { 0x20_u16 } else { 0 }).to_le_bytes());
        let counts = [(0x14, u32_of(keys.len())), (0x1c, keys_at)];
        for (at, value) in
            counts.into_iter().chain([(0x24, u32_of(values.len())), (0x28, values_at)])
        {
            node.splice(at..at + 4, value.to_le_bytes());
        }
        node.splice(0x48..0x4a, u16_of(name.len()).to_le_bytes());
        node.extend(name);
        cell(cells, &node)
    }
}

fn add_value(cells: &mut Vec<u8>, (name, data): &(String, Data)) -> u32 {
    let (size, place, kind) = match data {
        Data::Number(number) => (4 | 1 << 31, *number, 4_u32),
        Data::Text(text) => {
            let bytes: Vec<u8> =
                text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            (u32_of(bytes.len()), cell(cells, &bytes), 1)
        }
    };
    let (name, ascii) = name_of(name);
    let mut value = b"vk".to_vec();
    value.extend(u16_of(name.len()).to_le_bytes());
    for number in [size, place, kind, u32::from(ascii)] {
        value.extend(number.to_le_bytes());
    }
    value.extend(name);
    cell(cells, &value)
}

/// A name as hives write it: one byte for each character where that is enough.
fn name_of(name: &str) -> (Vec<u8>, bool) {
    if name.is_ascii() {
        (name.as_bytes().to_vec(), true)
    } else {
        (name.encode_utf16().flat_map(u16::to_le_bytes).collect(), false)
    }
}

/// Adds a cell that is in use; its offset.
fn cell(cells: &mut Vec<u8>, content: &[u8]) -> u32 {
    let at = cells.len();
    let length = (content.len() + 4).next_multiple_of(8);
    cells.extend(u32_of(length).wrapping_neg().to_le_bytes());
    cells.extend(content);
    cells.resize(at + length, 0);
    u32_of(at)
}
