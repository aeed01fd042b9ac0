//! How random bytes are: what is left to say of those that no format claims.

use auscult_model::{EntropyStretch, looks_like};

use crate::Extent;

/// Blocks that a profile is made of, at most, and the size of the smallest: less than 4 KiB of random
/// bytes measure too low.
const BLOCKS_MAX: u64 = 256;
const BLOCK_BYTES_MIN: u64 = 4096;

/// How the entropy runs through these bytes: blocks that look alike are joined. Short or unreadable
/// bytes have no profile.
pub(crate) fn profile(region: &Extent) -> Vec<EntropyStretch> {
    let block_bytes = (region.len() / BLOCKS_MAX).max(BLOCK_BYTES_MIN).next_power_of_two();
    let mut stretches: Vec<EntropyStretch> = Vec::new();
    let mut offset = 0;
    // A rest shorter than half a block says little and belongs to the block before it.
    while region.len() - offset >= block_bytes {
        let rest = region.len() - offset - block_bytes;
        let length = if rest < block_bytes / 2 { block_bytes + rest } else { block_bytes };
        let Ok(bytes) = region.read(offset, length) else { return Vec::new() };
        let entropy = entropy_centibits(&bytes);
        match stretches.last_mut() {
            Some(last) if looks_like(last.entropy_centibits) == looks_like(entropy) => {
                let sum =
                    u64::from(last.entropy_centibits) * last.bytes + u64::from(entropy) * length;
                last.bytes += length;
                last.entropy_centibits = u16::try_from(sum / last.bytes).unwrap_or(800);
            }
            _ => {
                stretches.push(EntropyStretch {
                    offset,
                    bytes: length,
                    entropy_centibits: entropy,
                });
            }
        }
        offset += length;
        if offset == region.len() {
            break;
        }
    }
    stretches
}

/// How often each byte value occurs. Four tables, since equal bytes in a row would otherwise wait
/// for each other's count.
fn histogram(bytes: &[u8]) -> [u32; 256] {
    let mut tables = [[0_u32; 256]; 4];
    let (quads, rest) = bytes.as_chunks::<4>();
    for quad in quads {
        for (table, &byte) in tables.iter_mut().zip(quad) {
            if let Some(count) = table.get_mut(usize::from(byte)) {
                *count = count.wrapping_add(1);
            }
        }
    }
    let [mut sum, others @ ..] = tables;
    for &byte in rest {
        if let Some(count) = sum.get_mut(usize::from(byte)) {
            *count = count.wrapping_add(1);
        }
    }
    for table in others {
        for (sum, count) in sum.iter_mut().zip(table) {
            *sum = sum.wrapping_add(count);
        }
    }
    sum
}

/// Shannon entropy of the byte values, in hundredths of a bit per byte (0 to 800).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the result lies between 0 and 800 by definition"
)]
pub(crate) fn entropy_centibits(bytes: &[u8]) -> u16 {
    let counts = histogram(bytes);
    let total = bytes.len() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let share = f64::from(count) / total;
            -share * share.log2()
        })
        .sum();
    (bits * 100.0).round() as u16
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::{Limits, looks_like};

    use super::{entropy_centibits, profile};
    use crate::{Extent, Vault, formats::testing::hostile::noise};

    #[test]
    fn entropy_is_zero_for_one_value_and_eight_bits_for_all() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!((entropy_centibits(&[7; 99]), entropy_centibits(&all)), (0, 800));
    }

    #[test]
    fn a_profile_tells_where_encryption_begins() {
        let text = b"some words of text, over and over; ".repeat(2000);
        let cut = text.len().next_multiple_of(4096);
        let bytes = [text, vec![b'.'; 4096], noise(300_000)].concat();
        let vault = Arc::new(Vault::new(Limits::default()));
        let region = Extent::from_memory(&vault, bytes.clone());
        let stretches = profile(&region);
        let total: u64 = stretches.iter().map(|stretch| stretch.bytes).sum();
        assert_eq!(total, bytes.len() as u64);
        let last = stretches.last().unwrap();
        assert_eq!(looks_like(last.entropy_centibits), "encrypted or compressed data");
        assert!(last.offset.abs_diff(cut as u64) <= 8192, "{stretches:?}");
        assert_eq!(profile(&region.clamp(0, 4000)), []);
    }
}
