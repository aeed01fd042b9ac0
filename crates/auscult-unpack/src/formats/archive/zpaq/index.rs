//! Records of an index: what became of a file in an update.

use crate::{Endian::Little, Fault, View};

/// A file as an update left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// When it was modified, in decimal; zero where it was deleted.
    pub(super) date: u64,
    /// The system that they are of, and the attributes.
    pub(super) attributes: Option<(u8, u64)>,
    /// Numbers of its fragments.
    pub(super) fragments: Vec<u32>,
}

/// Attributes of which more than this many bytes count are not known.
const ATTRIBUTES_BYTES: usize = 8;

/// Reads the record at the start: a date, a name with a zero behind it, and where the date is not
/// zero the attributes and the fragments, each with a count in front. Returns its length too.
///
/// # Errors
/// Where it is cut short.
pub(super) fn read(view: View<'_>) -> Result<(Vec<u8>, Record, usize), Fault> {
    let mut record = Record { date: view.u64(0, Little)?, ..Record::default() };
    let rest = view.0.get(8..).unwrap_or_default();
    let end = memchr::memchr(0, rest)
        .ok_or_else(|| Fault::new(8, "read a name", "a name without its end"))?;
    let name = rest.get(..end).unwrap_or_default().to_vec();
    let mut at = 8 + end + 1;
    if record.date == 0 {
        return Ok((name, record, at));
    }
    let count = usize::try_from(view.u32(at, Little)?).unwrap_or(usize::MAX);
    record.attributes = attributes(view.bytes(at + 4, count)?);
    at += 4 + count;
    let count = usize::try_from(view.u32(at, Little)?).unwrap_or(usize::MAX).saturating_mul(4);
    let (numbers, _) = view.bytes(at + 4, count)?.as_chunks::<4>();
    record.fragments = numbers.iter().map(|number| u32::from_le_bytes(*number)).collect();
    Ok((name, record, at + 4 + count))
}

/// The first byte tells the system, the next ones the attributes from the lowest byte on.
fn attributes(bytes: &[u8]) -> Option<(u8, u64)> {
    let (&system, value) = bytes.split_first()?;
    let low = value.iter().take(ATTRIBUTES_BYTES - 1).rev();
    Some((system, low.fold(0, |value, &byte| value << 8 | u64::from(byte))))
}

#[cfg(test)]
mod tests {
    use super::{Record, read};
    use crate::View;

    #[test]
    fn records_are_read_whole_or_not_at_all() {
        let bytes = [
            &20_200_102_030_405_u64.to_le_bytes()[..],
            b"a/b\0",
            &3_u32.to_le_bytes(),
            b"u\xa4\x81",
            &2_u32.to_le_bytes(),
            &7_u32.to_le_bytes(),
            &1_u32.to_le_bytes(),
        ]
        .concat();
        let record = Record {
            date: 20_200_102_030_405,
            attributes: Some((b'u', 0o100_644)),
            fragments: vec![7, 1],
        };
        let whole = (b"a/b".to_vec(), record, bytes.len());
        assert_eq!(read(View(&[&bytes[..], b"more"].concat())).unwrap(), whole);
        for length in 0..bytes.len() {
            assert!(read(View(&bytes[..length])).is_err(), "{length}");
        }
        let deleted = [&[0; 8][..], b"gone\0"].concat();
        assert_eq!(read(View(&deleted)).unwrap(), (b"gone".to_vec(), Record::default(), 13));
    }
}
