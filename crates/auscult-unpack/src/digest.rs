//! Digests that firmware headers store: MD5 (RFC 1321), SHA-1 (FIPS 180-4) and the SHA-2 family.
//!
//! MD5 and SHA-1 prove nothing about origin; they are checked to tell whole images from damaged ones.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

const BLOCK_BYTES: usize = 64;

/// The digest of this name, as a device tree or a header names it; nothing for other names.
pub(crate) fn of(algorithm: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm {
        "md5" => md5(bytes).to_vec(),
        "sha1" => sha1(bytes).to_vec(),
        "sha256" => Sha256::digest(bytes).to_vec(),
        "sha384" => Sha384::digest(bytes).to_vec(),
        "sha512" => Sha512::digest(bytes).to_vec(),
        _ => return None,
    })
}

/// Pads as both functions do: a one bit, zeros, the length in bits.
fn blocks(bytes: &[u8], length: [u8; 8], mut each: impl FnMut(&[u8; BLOCK_BYTES])) {
    let (whole, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    whole.iter().for_each(&mut each);
    let mut tail = rest.to_vec();
    tail.push(0x80);
    while tail.len() % BLOCK_BYTES != BLOCK_BYTES - length.len() {
        tail.push(0);
    }
    tail.extend(length);
    tail.as_chunks::<BLOCK_BYTES>().0.iter().for_each(each);
}

fn bits(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(0).wrapping_mul(8)
}

/// The rotations of MD5's four rounds.
const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// Floor of 2^32 times the absolute sine of 1 to 64 radians (RFC 1321 section 3.4).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product lies between 0 and 2^32 by definition"
)]
fn sines() -> Vec<u32> {
    (1..=64).map(|i| (f64::from(i).sin().abs() * 4_294_967_296.0) as u32).collect()
}

/// The MD5 digest.
pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    let sines = sines();
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    blocks(bytes, bits(bytes).to_le_bytes(), |block| {
        let words: Vec<u32> =
            block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let [mut a, mut b, mut c, mut d] = state;
        for (step, sine) in sines.iter().enumerate() {
            let (mixed, place) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), 5 * step + 1),
                2 => (b ^ c ^ d, 3 * step + 5),
                _ => (c ^ (b | !d), 7 * step),
            };
            let word = words.get(place % 16).copied().unwrap_or(0);
            let turn = TURNS.get(step / 16).and_then(|turns| turns.get(step % 4)).copied();
            let sum = a.wrapping_add(mixed).wrapping_add(*sine).wrapping_add(word);
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(turn.unwrap_or(0)));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d]) {
            *total = total.wrapping_add(part);
        }
    });
    let mut digest = [0; 16];
    for (target, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *target = word.to_le_bytes();
    }
    digest
}

/// The SHA-1 digest.
#[expect(clippy::many_single_char_names, reason = "the names of FIPS 180-4 section 6.1.2")]
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    blocks(bytes, bits(bytes).to_be_bytes(), |block| {
        let mut words: Vec<u32> =
            block.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        for step in 16..80 {
            let back = |count: usize| words.get(step - count).copied().unwrap_or(0);
            let word = back(3) ^ back(8) ^ back(14) ^ back(16);
            words.push(word.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (step, word) in words.iter().enumerate() {
            let (mixed, constant) = match step / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999_u32),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let sum = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum.wrapping_add(*word));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *total = total.wrapping_add(part);
        }
    });
    let mut digest = [0; 20];
    for (target, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *target = word.to_be_bytes();
    }
    digest
}

/// Bytes as lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::{hex, of};

    #[test]
    fn published_values() {
        let check = |name: &str, bytes: &[u8], expected: &str| {
            assert_eq!(hex(&of(name, bytes).unwrap()), expected, "{name}");
        };
        check("md5", b"", "d41d8cd98f00b204e9800998ecf8427e");
        check("md5", b"message digest", "f96b697d7cb7938d525a2f31aaf161d0");
        check("md5", &b"1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a");
        check("sha1", b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check("sha1", &vec![b'a'; 1_000_000], "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
        assert_eq!(of("crc8", b""), None);
    }
}
