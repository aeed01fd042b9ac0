//! Ranges of a file or a block device.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use auscult_model::Sha256;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 20;

/// What was measured of a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RegionDigest {
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// The value that all its bytes have, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<u8>,
}

/// Measures ranges, on all cores. A range that is not wholly there or cannot be read gives the error.
pub fn regions(file: &File, ranges: &[(u64, u64)]) -> Vec<io::Result<RegionDigest>> {
    let measure =
        |buffer: &mut Vec<u8>, &(offset, length): &(u64, u64)| region(file, offset, length, buffer);
    ranges.par_iter().map_init(|| vec![0; PIECE_BYTES], measure).collect()
}

fn region(file: &File, offset: u64, length: u64, buffer: &mut [u8]) -> io::Result<RegionDigest> {
    let mut hasher = sha2::Sha256::new();
    let (mut at, mut left) = (offset, length);
    let mut fill: Option<u8> = None;
    let mut filled = true;
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        hasher.update(&*piece);
        let first = *fill.get_or_insert(piece.first().copied().unwrap_or_default());
        filled = filled && piece.iter().all(|&byte| byte == first);
        let read = u64::try_from(wanted).unwrap_or(u64::MAX);
        at = at.checked_add(read).ok_or(io::ErrorKind::UnexpectedEof)?;
        left -= read;
    }
    let sha256 = Sha256(hasher.finalize().into());
    Ok(RegionDigest { offset, length, sha256, fill: fill.filter(|_| filled) })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use auscult_model::Sha256;

    use super::regions;

    #[test]
    fn ranges_are_measured_and_those_past_the_end_are_errors() {
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = vec![0xff; 3 << 20];
        bytes[..4].copy_from_slice(b"boot");
        file.write_all(&bytes).unwrap();
        let measured = regions(
            &file,
            &[(0, 4), (4, (3 << 20) - 4), (0, 5), (8, 0), (u64::MAX, 1), (4, 3 << 20)],
        );
        let good = |index: usize| measured[index].as_ref().unwrap();
        assert_eq!((good(0).sha256, good(0).fill), (Sha256::of(b"boot"), None));
        assert_eq!(good(1).fill, Some(0xff));
        assert_eq!(good(2).fill, None);
        assert_eq!((good(3).sha256, good(3).fill), (Sha256::of(b""), None));
        assert!(measured[4].is_err() && measured[5].is_err());
    }
}
