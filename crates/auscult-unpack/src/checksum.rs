//! Checksums that headers store against damage. None of them proves where bytes come from.

use crc::{CRC_32_ISCSI, Table};
use flate2::Crc;

use crate::{Extent, Fault};

/// Bytes read at once where a checksum covers many.
const STEP_BYTES: u64 = 1 << 20;

/// The checksum of gzip and ZIP (ISO 3309, polynomial edb88320).
#[derive(Debug, Default)]
pub(crate) struct Crc32(Crc);

impl Crc32 {
    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes added so far.
    pub(crate) fn value(&self) -> u32 {
        self.0.sum()
    }

    /// The checksum of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::default();
        crc.update(bytes);
        crc.value()
    }

    /// The checksum of all bytes of an extent, read in pieces.
    ///
    /// # Errors
    /// The fault that stops reading.
    pub(crate) fn of_extent(extent: &Extent) -> Result<u32, Fault> {
        let mut crc = Self::default();
        each_piece(extent, |bytes| crc.update(bytes))?;
        Ok(crc.value())
    }
}

static CASTAGNOLI: crc::Crc<u32, Table<16>> = crc::Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The checksum of iSCSI (RFC 3720, polynomial 82f63b78) as the kernel's `crc32c(seed, bytes)`,
/// which inverts nothing: the usual value is `!crc32c_seeded(!0, bytes)`.
pub(crate) fn crc32c_seeded(seed: u32, bytes: &[u8]) -> u32 {
    // The digest of the crate starts from the reversed seed.
    let mut digest = CASTAGNOLI.digest_with_initial(seed.reverse_bits());
    digest.update(bytes);
    !digest.finalize()
}

/// Shows all bytes of an extent to `take`, in pieces of bounded size.
///
/// # Errors
/// The fault that stops reading.
pub(crate) fn each_piece(extent: &Extent, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
    let mut position = 0;
    while position < extent.len() {
        let bytes = extent.read_up_to(position, STEP_BYTES)?;
        take(&bytes);
        position += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    }
    Ok(())
}

/// Whether a stored checksum is the computed one. While fuzzing every checksum is right: the
/// fuzzer would spend its time on guessing them instead of on what they protect.
pub(crate) fn agrees<T: PartialEq + Copy>(stored: T, computed: T) -> bool {
    cfg!(fuzzing) || stored == computed
}

#[cfg(test)]
mod tests {
    use super::crc32c_seeded;

    #[test]
    fn published_values_of_crc32c() {
        assert_eq!(crc32c_seeded(!0, b"123456789"), !0xe306_9283);
        let half = crc32c_seeded(!0, b"12345");
        assert_eq!(crc32c_seeded(half, b"6789"), !0xe306_9283);
    }
}
