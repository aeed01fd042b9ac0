//! Names in the code page of the IBM PC, 437, as UTF-8.

/// The characters of the bytes from 80 on.
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬\
                     ╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The character of a byte.
pub(crate) fn character(byte: u8) -> char {
    if byte.is_ascii() {
        return char::from(byte);
    }
    UPPER.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The text of these bytes.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::{UPPER, text};

    #[test]
    fn every_byte_has_its_character() {
        assert_eq!(UPPER.chars().count(), 128);
        assert_eq!(text(b"a\x80\x8e\xb0\xe1\xfe\xff"), "aÇÄ░ß■\u{a0}");
    }
}
