//! Names in Mac OS Roman, as UTF-8 (Apple, `ROMAN.TXT` of the Unicode consortium).

/// The characters of the bytes from 80 on; F0 is the apple, which is in no standard.
const UPPER: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
                     ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

/// The text of these bytes.
pub(crate) fn text(bytes: &[u8]) -> String {
    let character = |&byte: &u8| {
        if byte.is_ascii() {
            return char::from(byte);
        }
        UPPER.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    bytes.iter().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::{UPPER, text};

    #[test]
    fn every_byte_has_its_character() {
        assert_eq!(UPPER.chars().count(), 128);
        assert_eq!(text(b"a\x80\x8a\xca\xdb\xf0\xff"), "aÄä\u{a0}€\u{f8ff}ˇ");
    }
}
