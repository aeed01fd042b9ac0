//! Records of the master file table, and the protection that they share with blocks of indexes.

use crate::{Endian::Little, Fault, View};

use super::{attribute::Attribute, fault_at};

/// The protection replaces the last word of each of these.
const STRIDE_BYTES: usize = 512;
/// `flags`: in use; a directory.
const IN_USE: u16 = 1;
const DIRECTORY: u16 = 2;
/// The type that ends the attributes.
const END: u32 = u32::MAX;

/// The number of a record with how often that was given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) number: u64,
    pub(super) sequence: u16,
}

impl Reference {
    pub(super) fn of(packed: u64) -> Self {
        let [.., low, high] = packed.to_le_bytes();
        Self { number: packed & 0xffff_ffff_ffff, sequence: u16::from_le_bytes([low, high]) }
    }
}

/// A record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) sequence: u16,
    pub(super) is_used: bool,
    pub(super) is_directory: bool,
    /// The record that this one continues.
    pub(super) base: Option<Reference>,
    bytes: Vec<u8>,
    first_attribute: usize,
}

impl Record {
    /// Reads a record and takes off its protection.
    ///
    /// # Errors
    /// What is wrong with it; the offset is 0.
    pub(super) fn parse(mut bytes: Vec<u8>, number: u64) -> Result<Self, Fault> {
        mend(&mut bytes, *b"FILE")?;
        let view = View(&bytes);
        let flags = view.u16(22, Little)?;
        let base = view.u64(32, Little)?;
        let used = usize::try_from(view.u32(24, Little)?).unwrap_or(usize::MAX);
        let record = Self {
            number,
            sequence: view.u16(16, Little)?,
            is_used: flags & IN_USE != 0,
            is_directory: flags & DIRECTORY != 0,
            base: (base != 0).then(|| Reference::of(base)),
            first_attribute: usize::from(view.u16(20, Little)?),
            bytes,
        };
        if record.first_attribute < 40 || used > record.bytes.len() {
            return Err(fault_at(0, "read a record", "its sizes do not agree"));
        }
        Ok(record)
    }

    /// Its attributes; what is wrong with one ends them.
    pub(super) fn attributes(&self, faults: &mut Vec<Fault>) -> Vec<Attribute> {
        let mut found = Vec::new();
        let mut at = self.first_attribute;
        loop {
            let view = View(self.bytes.get(at..).unwrap_or_default());
            let (Ok(kind), Ok(length)) = (view.u32(0, Little), view.u32(4, Little)) else {
                break;
            };
            if kind == END {
                break;
            }
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let attribute = match view.bytes(0, length) {
                Ok(bytes) if length >= 16 => Attribute::parse(bytes, self.number, at),
                _ => Err(fault_at(0, "", format!("{length} bytes long"))),
            };
            match attribute {
                Ok(attribute) => found.push(attribute),
                Err(fault) => {
                    let why = format!("attribute {kind:#x} of record {}: {fault}", self.number);
                    faults.push(fault_at(0, "read attributes", why));
                    break;
                }
            }
            at += length;
        }
        found
    }
}

/// Whether the last word of any of a record's stretches is somewhere in these bytes of it. What is
/// there in the image is not what it means.
pub(super) fn is_protected(start: usize, length: usize) -> bool {
    let end = start + length;
    start / STRIDE_BYTES != end.saturating_sub(1) / STRIDE_BYTES
        || end % STRIDE_BYTES > STRIDE_BYTES - 2
        || end.is_multiple_of(STRIDE_BYTES)
}

/// Checks and takes off the protection: the last word of each 512 bytes is a number that counts
/// writes, and what belongs there stands in a list.
pub(super) fn mend(bytes: &mut [u8], magic: [u8; 4]) -> Result<(), Fault> {
    let fault = |why: String| fault_at(0, "read a protected block", why);
    let view = View(bytes);
    let found: [u8; 4] = view.array(0)?;
    if found != magic {
        return Err(fault(format!("it starts with {:?}", String::from_utf8_lossy(&found))));
    }
    let (place, count) = (usize::from(view.u16(4, Little)?), usize::from(view.u16(6, Little)?));
    let list = view.bytes(place, count * 2)?.to_vec();
    let (words, _) = list.as_chunks::<2>();
    let Some((number, words)) = words.split_first() else {
        return Err(fault("it has no list of words".to_owned()));
    };
    if words.len() != bytes.len() / STRIDE_BYTES {
        return Err(fault(format!("{} words for {} bytes", words.len(), bytes.len())));
    }
    for (stretch, word) in bytes.chunks_exact_mut(STRIDE_BYTES).zip(words) {
        let Some(last) = stretch.last_chunk_mut::<2>() else { break };
        if last != number {
            return Err(fault("it was not written whole".to_owned()));
        }
        *last = *word;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_protected;

    #[test]
    fn protected_words_are_noticed() {
        for (start, length, expected) in [
            (0, 510, false),
            (0, 511, true),
            (0, 512, true),
            (100, 10, false),
            (510, 1, true),
            (511, 2, true),
            (512, 510, false),
            (500, 20, true),
        ] {
            assert_eq!(is_protected(start, length), expected, "{start} {length}");
        }
    }
}
