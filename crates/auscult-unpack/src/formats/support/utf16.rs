//! Names in UTF-16 as bytes.
//!
//! File systems of Windows and Apple do not check their names: half of a surrogate pair may stand
//! alone. Such a unit is coded in three bytes like any other (WTF-8), so that no two names fall
//! together and nothing is lost.

/// The name of little-endian units, up to a NUL.
pub(crate) fn little_endian(bytes: &[u8]) -> Vec<u8> {
    let (units, _) = bytes.as_chunks();
    name(units.iter().copied().map(u16::from_le_bytes))
}

/// The name of big-endian units, up to a NUL.
pub(crate) fn big_endian(bytes: &[u8]) -> Vec<u8> {
    let (units, _) = bytes.as_chunks();
    name(units.iter().copied().map(u16::from_be_bytes))
}

/// The name of these units, up to a NUL.
pub(crate) fn name(units: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in char::decode_utf16(units.into_iter().take_while(|&unit| unit != 0)) {
        match unit {
            Ok(letter) => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                // 1110xxxx 10xxxxxx 10xxxxxx
                bytes.extend([
                    0xe0 | high >> 4,
                    0x80 | (high & 0xf) << 2 | low >> 6,
                    0x80 | low & 0x3f,
                ]);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{big_endian, little_endian, name};

    #[test]
    fn surrogates_pair_up_or_stay_apart() {
        assert_eq!(little_endian(b"a\0\xe4\0\x3d\xd8\0\xde\0\0b\0"), "aä😀".as_bytes());
        assert_eq!(big_endian(b"\0a\x20\xac\xff"), "a€".as_bytes());
        assert_eq!(name([0xd83d, 0x61, 0xde00]), b"\xed\xa0\xbda\xed\xb8\x80");
    }
}
