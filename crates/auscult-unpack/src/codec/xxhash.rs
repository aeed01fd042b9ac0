//! XXH32, the checksum of the LZ4 frame format (xxHash fast digest algorithm, section XXH32).

const PRIME_1: u32 = 0x9e37_79b1;
const PRIME_2: u32 = 0x85eb_ca77;
const PRIME_3: u32 = 0xc2b2_ae3d;
const PRIME_4: u32 = 0x27d4_eb2f;
const PRIME_5: u32 = 0x1656_67b1;

/// XXH32 with seed 0.
pub(super) fn xxh32(bytes: &[u8]) -> u32 {
    let (stripes, tail) = bytes.as_chunks::<16>();
    let mut hash = if stripes.is_empty() { PRIME_5 } else { lanes(stripes) };
    hash = hash.wrapping_add(low_half(bytes.len()));
    let (words, rest) = tail.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIME_3));
        hash = hash.rotate_left(17).wrapping_mul(PRIME_4);
    }
    for &byte in rest {
        hash = hash.wrapping_add(u32::from(byte).wrapping_mul(PRIME_5));
        hash = hash.rotate_left(11).wrapping_mul(PRIME_1);
    }
    hash = (hash ^ (hash >> 15)).wrapping_mul(PRIME_2);
    hash = (hash ^ (hash >> 13)).wrapping_mul(PRIME_3);
    hash ^ (hash >> 16)
}

/// Runs the four accumulators over all whole stripes and joins them.
fn lanes(stripes: &[[u8; 16]]) -> u32 {
    let mut one = PRIME_1.wrapping_add(PRIME_2);
    let mut two = PRIME_2;
    let mut three = 0;
    let mut four = 0_u32.wrapping_sub(PRIME_1);
    for &[a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] in stripes {
        one = round(one, [a0, a1, a2, a3]);
        two = round(two, [b0, b1, b2, b3]);
        three = round(three, [c0, c1, c2, c3]);
        four = round(four, [d0, d1, d2, d3]);
    }
    one.rotate_left(1)
        .wrapping_add(two.rotate_left(7))
        .wrapping_add(three.rotate_left(12))
        .wrapping_add(four.rotate_left(18))
}

fn round(lane: u32, word: [u8; 4]) -> u32 {
    let sum = lane.wrapping_add(u32::from_le_bytes(word).wrapping_mul(PRIME_2));
    sum.rotate_left(13).wrapping_mul(PRIME_1)
}

/// The length counts modulo 2^32.
fn low_half(length: usize) -> u32 {
    u32::try_from(length & 0xffff_ffff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    #[test]
    fn published_values() {
        assert_eq!(xxh32(b""), 0x02cc_5d05);
        assert_eq!(xxh32(b"a"), 0x550d_7456);
        assert_eq!(xxh32(b"abc"), 0x32d1_53ff);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xe229_3b2f);
    }
}
