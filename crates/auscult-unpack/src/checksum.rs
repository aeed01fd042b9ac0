//! Checksums that headers store against damage. None of them proves where bytes come from.

use crc::{CRC_32_ISCSI, CRC_64_XZ, Crc, Digest, Table};
use sha2::{Digest as _, Sha256};

use crate::{Extent, Fault};

/// Bytes read at once where a checksum covers many.
const STEP_BYTES: u64 = 1 << 20;

/// The checksum of gzip and ZIP (ISO 3309, polynomial edb88320).
#[derive(Debug, Default)]
pub(crate) struct Crc32(flate2::Crc);

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
pub fn each_piece(extent: &Extent, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
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

/// A check that is computed while bytes pass by.
pub(crate) enum Check {
    /// Nothing to compute.
    None,
    /// CRC-32 of ISO 3309.
    Crc32(Crc32),
    /// CRC-64 of ECMA-182, reflected, as .xz uses it.
    Crc64(Digest<'static, u64, Table<16>>),
    /// SHA-256.
    Sha256(Box<Sha256>),
}

/// Tables of sixteen bytes at once.
static CRC_64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

impl Check {
    pub(crate) fn none() -> Self {
        Self::None
    }

    pub(crate) fn crc32() -> Self {
        Self::Crc32(Crc32::default())
    }

    pub(crate) fn crc64() -> Self {
        Self::Crc64(CRC_64.digest())
    }

    pub(crate) fn sha256() -> Self {
        Self::Sha256(Box::default())
    }

    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Crc32(crc) => crc.update(bytes),
            Self::Crc64(crc) => crc.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    /// The value as it is stored, integers with their low byte first; none if there is nothing to
    /// compare.
    pub(crate) fn value(&self) -> Option<Vec<u8>> {
        Some(match self {
            Self::None => return None,
            Self::Crc32(crc) => crc.value().to_le_bytes().to_vec(),
            Self::Crc64(crc) => crc.clone().finalize().to_le_bytes().to_vec(),
            Self::Sha256(hash) => hash.clone().finalize().to_vec(),
        })
    }
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
