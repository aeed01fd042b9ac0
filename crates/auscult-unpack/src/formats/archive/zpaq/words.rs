//! What comments, dates and attributes say.

use crate::formats::support::date::DateTime;

/// The end of a comment that makes a block one of a journal.
const JOURNAL: &[u8] = b"jDC\x01";

/// Attributes start with the system that they are of.
const UNIX: u8 = b'u';
const WINDOWS: u8 = b'w';
/// The attribute of Windows for a directory.
const WINDOWS_DIRECTORY: u64 = 0x10;

/// A comment: the size of the segment, then for files the date and the attributes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Bytes of the segment.
    pub(super) size: Option<u64>,
    date: Option<u64>,
    attributes: Option<(u8, u64)>,
    /// Whether the block is one of a journal.
    pub(super) journal: bool,
}

impl Words {
    /// Reads a comment as the programs write it; whatever else it says is left.
    pub(super) fn parse(comment: &[u8]) -> Self {
        let mut words = Self { journal: comment.ends_with(JOURNAL), ..Self::default() };
        for (index, word) in comment.split(|&byte| byte == b' ').enumerate() {
            match *word {
                [system @ (UNIX | WINDOWS), ref digits @ ..] => {
                    words.attributes = number(digits).map(|value| (system, value));
                }
                _ if index == 0 => words.size = number(word),
                [_, .., _] if word.len() == 14 => words.date = number(word),
                _ => {}
            }
        }
        words
    }

    /// Permission bits.
    pub(super) fn mode(&self) -> Option<u32> {
        mode(self.attributes?)
    }

    /// Seconds since 1970.
    pub(super) fn modified(&self) -> Option<i64> {
        seconds(self.date?)
    }
}

/// Permission bits of attributes.
pub(super) fn mode((system, value): (u8, u64)) -> Option<u32> {
    (system == UNIX).then(|| u32::try_from(value & 0o7777).unwrap_or(0))
}

/// Whether attributes are those of a directory.
pub(super) fn is_directory((system, value): (u8, u64)) -> bool {
    match system {
        UNIX => value & 0o170_000 == 0o040_000,
        WINDOWS => value & WINDOWS_DIRECTORY != 0,
        _ => false,
    }
}

/// A decimal number that is all there is.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// A date in UTC, written in decimal as year, month, day, hour, minute and second, as seconds since
/// 1970.
pub(super) fn seconds(date: u64) -> Option<i64> {
    let pair = |unit: u64| u8::try_from(date / unit % 100).ok();
    let date = DateTime {
        year: u16::try_from(date / 10_000_000_000).ok()?,
        month: pair(100_000_000)?,
        day: pair(1_000_000)?,
        hour: pair(10_000)?,
        minute: pair(100)?,
        second: pair(1)?,
    };
    date.seconds()
}

/// A name with the separators of Unix.
pub(super) fn path(name: &[u8]) -> Vec<u8> {
    let mut path = name.to_vec();
    path.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
    path
}

#[cfg(test)]
mod tests {
    use super::{Words, is_directory, mode, seconds};

    #[test]
    fn comments_are_read_as_far_as_they_are_known() {
        let words = Words::parse(b"3964335 20261126070444 u33188");
        assert_eq!((words.size, words.mode()), (Some(3_964_335), Some(0o644)));
        assert_eq!(words.modified(), Some(1_795_676_684));
        let journal = Words::parse(b"8 jDC\x01");
        assert!(journal.journal && journal.size == Some(8) && journal.modified().is_none());
        assert_eq!(Words::parse(b"w32 anything +5"), Words::parse(b"w32"));
        assert_eq!(Words::parse(b""), Words::default());
    }

    #[test]
    fn dates_and_attributes_are_those_of_their_systems() {
        assert_eq!(seconds(19_700_101_000_001), Some(1));
        assert_eq!(seconds(20_261_301_000_000), None);
        assert_eq!(seconds(u64::MAX), None);
        assert!(is_directory((b'u', 0o40_755)) && is_directory((b'w', 0x10)));
        assert!(!is_directory((b'u', 0o100_755)) && !is_directory((b'x', 0x10)));
        assert_eq!((mode((b'u', 0o104_755)), mode((b'w', 32))), (Some(0o4755), None));
    }
}
