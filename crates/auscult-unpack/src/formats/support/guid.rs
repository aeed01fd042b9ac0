//! GUIDs as Microsoft and UEFI store them (UEFI specification, appendix A), and UUIDs in the byte
//! order of the network (RFC 9562), as Linux stores them.

use std::fmt::Write as _;

/// A GUID in its text form: the first three fields are little-endian.
pub(crate) fn guid(bytes: &[u8; 16]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (index, &place) in ORDER.iter().enumerate() {
        text.push_str(if [4, 6, 8, 10].contains(&index) { "-" } else { "" });
        text.push_str(&bytes.get(place).map(|byte| format!("{byte:02x}")).unwrap_or_default());
    }
    text
}

/// A UUID in its text form.
pub(crate) fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}
