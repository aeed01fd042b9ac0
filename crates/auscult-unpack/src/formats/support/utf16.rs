//! Names in UTF-16, as Windows stores them. What is no text becomes the replacement character.

/// Little-endian units as UTF-8.
pub(crate) fn from_little_endian(bytes: &[u8]) -> Vec<u8> {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    from_units(units)
}

/// Units as UTF-8.
pub(crate) fn from_units(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let text: String =
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::from_little_endian;

    #[test]
    fn pairs_and_halves() {
        assert_eq!(from_little_endian(b"\xe4\0\x3d\xd8\x00\xdea"), "ä😀".as_bytes());
        assert_eq!(from_little_endian(b"\x3d\xd8b\0"), "\u{fffd}b".as_bytes());
    }
}
