//! Versions that stand in files as text.

/// Where a version stands in bytes as a number of its own, and not as a part of a longer one.
pub(crate) fn places<'a>(bytes: &'a [u8], version: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_own = move |at: &usize| {
        let (before, rest) = bytes.split_at(*at);
        let behind = rest.get(version.len()..).unwrap_or_default();
        let goes_on =
            behind.first() == Some(&b'.') && behind.get(1).is_some_and(u8::is_ascii_alphanumeric);
        let begins = |byte: &u8| !byte.is_ascii_digit() && *byte != b'.';
        before.last().is_none_or(begins)
            && !behind.first().is_some_and(u8::is_ascii_digit)
            && !goes_on
    };
    memchr::memmem::find_iter(bytes, version).filter(is_own)
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn a_part_of_a_longer_version_is_not_the_version() {
        let stands_in = |text: &[u8]| places(text, "2.78").next().is_some();
        assert!(stands_in(b"dnsmasq-2.78\0"));
        assert!(stands_in(b"version 2.78."));
        for text in [&b"12.78"[..], b"2.781", b"2.78.1", b"1.2.78", b"2.7"] {
            assert!(!stands_in(text));
        }
    }
}
