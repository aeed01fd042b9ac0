//! Percent-encoding of versions (VERS 5.3.3.2, RFC 3986 section 2.1).

use std::fmt::Write as _;

use crate::error::Fault;

/// Characters that mean something in a VERS.
const RESERVED: &[u8] = b"><=!*|%";

/// Encodes what may not stand in a VERS: its own signs, blanks, and what is not printable ASCII.
pub(super) fn encode(version: &str) -> String {
    let mut text = String::with_capacity(version.len());
    for byte in version.bytes() {
        if byte.is_ascii_graphic() && !RESERVED.contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Decodes once.
pub(super) fn decode(text: &str) -> Result<String, Fault> {
    let invalid = || Fault::Encoding(text.to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (plain, encoded) = rest.split_at_checked(at).ok_or_else(invalid)?;
        bytes.extend(plain.bytes());
        let digits = encoded.get(1..3).ok_or_else(invalid)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| invalid())?);
        rest = encoded.get(3..).unwrap_or_default();
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).map_err(|_| invalid())
}
