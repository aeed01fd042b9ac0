//! What archives promise of their members: checksums, verified side by side when one is opened.
//!
//! What is looked into is decoded anyway, and the vault keeps what was decoded: only the sum is
//! added. Content that fails stays, since damaged bytes may still tell something.

use crc::{CRC_16_ARC, Crc};
use rayon::prelude::*;
use sha1::{Digest as _, Sha1};

use crate::{
    Extent, Fault,
    checksum::{Crc32, agrees, each_piece},
};

/// Faults that are listed one by one; the rest is counted.
const FAULTS_MAX: usize = 100;

static CRC16_ARC: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);

/// A checksum as an archive stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// CRC-32 of ISO 3309.
    Crc32(u32),
    /// CRC-16 with the reflected polynomial a001: LHA, ARC, ZOO.
    Crc16(u16),
    /// MD5.
    Md5([u8; 16]),
    /// SHA-1.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// A member's content with its checksum.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    /// The member, for the fault.
    pub(crate) name: Vec<u8>,
    /// Where it stands in the archive.
    pub(crate) place: u64,
    /// Its bytes.
    pub(crate) content: Extent,
    /// What they come to.
    pub(crate) sum: Sum,
}

/// Checks all of them. What cannot be read whole is a fault, too.
pub(crate) fn verify(promises: &[Promise]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = promises.par_iter().filter_map(Promise::broken).collect();
    let more = faults.len().saturating_sub(FAULTS_MAX);
    if more > 0 {
        faults.truncate(FAULTS_MAX);
        faults.push(Fault::new(0, "verify the members", format!("{more} more like these")));
    }
    faults
}

impl Promise {
    fn broken(&self) -> Option<Fault> {
        let what = || format!("verify {}", String::from_utf8_lossy(&self.name));
        match self.sum.holds(&self.content) {
            Ok(true) => None,
            Ok(false) => Some(Fault::new(self.place, what(), "the checksum is wrong")),
            Err(fault) => {
                Some(Fault::new(self.place, what(), format!("{}: {}", fault.what, fault.why)))
            }
        }
    }
}

impl Sum {
    fn holds(&self, content: &Extent) -> Result<bool, Fault> {
        Ok(match self {
            Self::Crc32(stored) => agrees(*stored, Crc32::of_extent(content)?),
            Self::Crc16(stored) => agrees(*stored, crc16(content)?),
            Self::Sha256(stored) => agrees(*stored, sha256(content)?),
            Self::Md5(stored) => {
                let mut digest = md5::Md5::new();
                each_piece(content, |bytes| digest.update(bytes))?;
                agrees(*stored, digest.finalize().into())
            }
            Self::Sha1(stored) => {
                let mut digest = Sha1::new();
                each_piece(content, |bytes| digest.update(bytes))?;
                agrees(*stored, digest.finalize().into())
            }
        })
    }
}

/// The CRC-16 of LHA, of bytes at hand.
pub(crate) fn crc16_arc(bytes: &[u8]) -> u16 {
    CRC16_ARC.checksum(bytes)
}

fn sha256(content: &Extent) -> Result<[u8; 32], Fault> {
    let mut digest = sha2::Sha256::new();
    each_piece(content, |bytes| digest.update(bytes))?;
    Ok(digest.finalize().into())
}

fn crc16(content: &Extent) -> Result<u16, Fault> {
    let mut digest = CRC16_ARC.digest();
    each_piece(content, |bytes| digest.update(bytes))?;
    Ok(digest.finalize())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{Promise, Sum, verify};
    use crate::{Extent, Vault};

    #[test]
    fn check_values_of_the_catalogue_hold() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let content = Extent::from_memory(&vault, &b"123456789"[..]);
        let promise =
            |sum| Promise { name: b"a".to_vec(), place: 7, content: content.clone(), sum };
        let good = [Sum::Crc32(0xcbf4_3926), Sum::Crc16(0xbb3d)];
        assert_eq!(verify(&good.map(promise)), []);
        let bad = [Sum::Md5([0; 16]), Sum::Sha1([0; 20]), Sum::Crc16(0)];
        let faults = verify(&bad.map(promise));
        assert!(faults.len() == 3 && faults[0].offset == 7, "{faults:?}");
    }
}
