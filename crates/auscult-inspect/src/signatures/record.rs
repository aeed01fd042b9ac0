//! Versions kept as numbers in a record that also points to a known text.
//!
//! The numbers alone are like any others; the pointer to the text says whose they are. Which
//! relocations a builder's linker writes does not matter ([`crate::elf::pointers`]).

use serde::Deserialize;

use crate::elf::pointers;

/// The largest number that a version has: a build number has five digits at most.
const NUMBER_MAX: u16 = 9999;

/// A record in the data of an ELF file, from its start: 16-bit numbers, padding, pointers, and the
/// pointer to the text.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    /// How many of the numbers are the version.
    pub numbers: usize,
    /// Bytes in front of the first pointer.
    pub bytes: usize,
    /// Pointers between them and the one to the text.
    pub pointers: usize,
}

impl Record {
    /// The version in the one record that points to the text at this offset, and where that record
    /// stands; none if several differ.
    pub(super) fn read(&self, bytes: &[u8], text: usize) -> Option<(String, usize)> {
        let (layout, places) = pointers::to(bytes, text)?;
        let between = self.pointers.checked_mul(layout.pointer_bytes)?.checked_add(self.bytes)?;
        let mut found: Option<(String, usize)> = None;
        for start in places.iter().filter_map(|place| place.checked_sub(between)) {
            let Some(version) = self.version(bytes.get(start..)?, layout) else { continue };
            match &found {
                Some((known, _)) if *known != version => return None,
                Some(_) => {}
                None => found = Some((version, start)),
            }
        }
        found
    }

    fn version(&self, record: &[u8], layout: pointers::Layout) -> Option<String> {
        let (pairs, _) = record.get(..self.numbers.checked_mul(2)?)?.as_chunks::<2>();
        let read = if layout.is_big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
        let numbers: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
        let first = numbers.first().is_some_and(|first| (1..100).contains(first));
        let plausible = first && numbers.iter().all(|number| *number <= NUMBER_MAX);
        let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        plausible.then(|| texts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::Record;

    const RECORD: Record = Record { numbers: 3, bytes: 8, pointers: 1 };
    const TEXT_AT: usize = 0x100;

    fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A 32-bit big-endian file, loaded writable at 0x1000, with the pointer in the data.
    fn stored() -> Vec<u8> {
        let mut file = vec![0_u8; 0x200];
        put(&mut file, 0, &[0x7f, b'E', b'L', b'F', 1, 2, 1]);
        for (at, half) in [(16, 3_u16), (18, 8), (40, 52), (42, 32), (44, 1), (46, 40)] {
            put(&mut file, at, &half.to_be_bytes());
        }
        put(&mut file, 20, &1_u32.to_be_bytes());
        put(&mut file, 28, &52_u32.to_be_bytes());
        for (index, word) in [1_u32, 0, 0x1000, 0x1000, 0x200, 0x200, 6, 4].iter().enumerate() {
            put(&mut file, 52 + 4 * index, &word.to_be_bytes());
        }
        put(&mut file, TEXT_AT, b"https://example.org\0");
        for (index, number) in [1_u16, 0, 26, 11724].iter().enumerate() {
            put(&mut file, 0x180 + 2 * index, &number.to_be_bytes());
        }
        put(&mut file, 0x18c, &0x1100_u32.to_be_bytes());
        file
    }

    /// A 64-bit little-endian file with the pointer in a relocation.
    fn relocated() -> Vec<u8> {
        let mut file = vec![0_u8; 0x280];
        put(&mut file, 0, &[0x7f, b'E', b'L', b'F', 2, 1, 1]);
        for (at, half) in [(16, 3_u16), (18, 62), (52, 64), (54, 56), (56, 2), (58, 64)] {
            put(&mut file, at, &half.to_le_bytes());
        }
        put(&mut file, 20, &1_u32.to_le_bytes());
        put(&mut file, 32, &64_u64.to_le_bytes());
        let (load, dynamic) = ([0, 0x1000, 0x1000, 0x280, 0x280], [0x200, 0x1200, 0x1200, 48, 48]);
        for (at, kind, words) in [(64, 1_u32, load), (120, 2, dynamic)] {
            put(&mut file, at, &kind.to_le_bytes());
            put(&mut file, at + 4, &6_u32.to_le_bytes());
            for (index, word) in words.iter().enumerate() {
                put(&mut file, at + 8 + 8 * index, &u64::to_le_bytes(*word));
            }
        }
        put(&mut file, TEXT_AT, b"https://example.org\0");
        for (index, number) in [1_u16, 0, 26, 11724].iter().enumerate() {
            put(&mut file, 0x180 + 2 * index, &number.to_le_bytes());
        }
        // DT_RELA, DT_RELASZ, DT_NULL; one R_X86_64_RELATIVE.
        for (index, word) in [7_u64, 0x1240, 8, 24, 0, 0].iter().enumerate() {
            put(&mut file, 0x200 + 8 * index, &word.to_le_bytes());
        }
        for (index, word) in [0x1190_u64, 8, 0x1100].iter().enumerate() {
            put(&mut file, 0x240 + 8 * index, &word.to_le_bytes());
        }
        file
    }

    #[test]
    fn numbers_are_read_where_a_record_points_to_the_text() {
        let expect = Some(("1.0.26".to_owned(), 0x180));
        assert_eq!(RECORD.read(&stored(), TEXT_AT), expect);
        assert_eq!(RECORD.read(&relocated(), TEXT_AT), expect);
        assert_eq!(RECORD.read(&stored(), TEXT_AT + 1), None);
        assert_eq!(RECORD.read(b"https://example.org", 0), None);
    }

    #[test]
    fn two_records_that_differ_tell_nothing() {
        let mut file = stored();
        put(&mut file, 0x1a0, &[0, 2, 0, 1, 0, 0]);
        put(&mut file, 0x1ac, &0x1100_u32.to_be_bytes());
        assert_eq!(RECORD.read(&file, TEXT_AT), None);
    }

    #[test]
    fn no_cut_or_flipped_byte_panics() {
        for whole in [stored(), relocated()] {
            for length in 0..whole.len() {
                drop(RECORD.read(&whole[..length], TEXT_AT));
                let mut broken = whole.clone();
                for value in [0xff, 0x80, 0x00] {
                    broken[length] = value;
                    drop(RECORD.read(&broken, TEXT_AT));
                }
            }
        }
    }
}
