//! Matched bytes as a short printable text for evidence.

/// The longest evidence text, in characters.
const SHOWN_MAX: usize = 80;

/// The bytes as one printable line: what does not print becomes a dot, the end is cut.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut text: String = bytes
        .iter()
        .take(SHOWN_MAX)
        .map(|&byte| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' })
        .collect();
    if bytes.len() > SHOWN_MAX {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn prints_one_short_line() {
        assert_eq!(printable(b"BusyBox v1.35.0\n\0\xff"), "BusyBox v1.35.0...");
        assert_eq!(printable(&[b'a'; 100]).chars().count(), 81);
    }
}
