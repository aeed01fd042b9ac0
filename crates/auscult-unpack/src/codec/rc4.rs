//! RC4, where a format uses it as a disguise: the key is known or stands beside the data.

/// RC4 with this key, from the start of its stream; the key must not be empty.
pub(crate) fn rc4(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|index| index.to_le_bytes()[0]);
    let mut j = 0_u8;
    for (index, key) in (0..256).zip(key.iter().cycle()) {
        let here = state.get(index).copied().unwrap_or(0);
        j = j.wrapping_add(here).wrapping_add(*key);
        state.swap(index, usize::from(j));
    }
    let (mut i, mut j) = (0_u8, 0_u8);
    let next = |byte: &u8| {
        i = i.wrapping_add(1);
        let at_i = state.get(usize::from(i)).copied().unwrap_or(0);
        j = j.wrapping_add(at_i);
        let at_j = state.get(usize::from(j)).copied().unwrap_or(0);
        state.swap(usize::from(i), usize::from(j));
        byte ^ state.get(usize::from(at_i.wrapping_add(at_j))).copied().unwrap_or(0)
    };
    bytes.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::rc4;

    /// Values that are known from the time when the cipher became public.
    #[test]
    fn known_values_hold() {
        assert_eq!(rc4(b"Key", b"Plaintext")[..4], [0xbb, 0xf3, 0x16, 0xe8]);
        assert_eq!(rc4(b"Wiki", b"pedia"), [0x10, 0x21, 0xbf, 0x04, 0x20]);
    }
}
