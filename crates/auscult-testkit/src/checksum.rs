//! Checksums that container headers carry: CRC-32 (IEEE 802.3) and MD5 (RFC 1321); digests that feeds
//! publish: SHA-256 and SHA-512.
//!
//! MD5 stands here because old vendor headers use it as a checksum; nothing trusts it.

/// CRC-32 of the IEEE polynomial, as in gzip, zip, uImage and GPT.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// MD5 of the bytes (RFC 1321 section 3).
pub fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut message = bytes.to_vec();
    message.push(0x80);
    message.resize(message.len().next_multiple_of(64), 0);
    if message.len() - bytes.len() < 9 {
        message.resize(message.len() + 64, 0);
    }
    let bit_length = u64::try_from(bytes.len()).expect("fits 64 bits").wrapping_mul(8);
    message.truncate(message.len() - 8);
    message.extend_from_slice(&bit_length.to_le_bytes());

    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in message.chunks_exact(64) {
        state = md5_block(state, block);
    }
    let mut digest = [0; 16];
    for (place, word) in digest.chunks_exact_mut(4).zip(state) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

fn md5_block(state: [u32; 4], block: &[u8]) -> [u32; 4] {
    /// Rotations of RFC 1321 section 3.4, four per round.
    const ROTATE: [[u32; 4]; 4] =
        [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let words: Vec<u32> = block
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
        .collect();
    let [mut a, mut b, mut c, mut d] = state;
    for (step, constant) in (0_usize..64).zip(sine_table()) {
        let (mix, word) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
            2 => (b ^ c ^ d, (3 * step + 5) % 16),
            _ => (c ^ (b | !d), (7 * step) % 16),
        };
        let word = words.get(word).copied().unwrap_or_default();
        let rotate = ROTATE.get(step / 16).and_then(|round| round.get(step % 4)).copied();
        let sum = a.wrapping_add(mix).wrapping_add(constant).wrapping_add(word);
        let next = b.wrapping_add(sum.rotate_left(rotate.unwrap_or_default()));
        (a, b, c, d) = (d, next, b, c);
    }
    let [a0, b0, c0, d0] = state;
    [a0.wrapping_add(a), b0.wrapping_add(b), c0.wrapping_add(c), d0.wrapping_add(d)]
}

/// RFC 1321 section 3.4: the i-th constant is the integer part of 2^32 × |sin i|, i from 1.
fn sine_table() -> impl Iterator<Item = u32> {
    (1..=64_u32).map(|i| {
        let scaled = f64::from(i).sin().abs() * 4_294_967_296.0;
        // The value is below 2^32; going through decimal text avoids a lossy cast.
        format!("{:.0}", scaled.floor()).parse().expect("below 2^32")
    })
}

/// SHA-256 (FIPS 180-4) in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(bytes))
}

/// SHA-512 (FIPS 180-4) in lower-case hexadecimal.
pub fn sha512_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha512::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("below 16");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::{crc32, md5};

    /// The test suite of RFC 1321 appendix A.5 (its 0, 3, 26 and 80 byte cases).
    #[test]
    fn md5_agrees_with_the_rfc() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (&"1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a"),
        ] {
            let value = u128::from_be_bytes(md5(text.as_bytes()));
            assert_eq!(format!("{value:032x}"), digest, "{text}");
        }
    }

    #[test]
    fn crc32_has_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
