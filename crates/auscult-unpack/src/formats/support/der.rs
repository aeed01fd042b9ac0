//! ASN.1 values in their distinguished encoding (ITU-T X.690), and the names in certificates.
//!
//! Only what signatures need: tags of one byte, definite lengths.

/// Tags of the universal class.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// A context-specific tag of a constructed value.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// A value with its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'data> {
    pub(crate) tag: u8,
    /// The bytes of the value.
    pub(crate) body: &'data [u8],
    /// The same with tag and length.
    pub(crate) whole: &'data [u8],
}

impl<'data> Element<'data> {
    /// The values inside.
    pub(crate) fn inside(self) -> Elements<'data> {
        Elements(self.body)
    }

    /// The same value, if it has this tag.
    pub(crate) fn tagged(self, tag: u8) -> Option<Self> {
        (self.tag == tag).then_some(self)
    }
}

/// Values one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'data>(pub(crate) &'data [u8]);

impl<'data> Elements<'data> {
    /// The next value, which must have this tag.
    pub(crate) fn want(&mut self, tag: u8) -> Option<Element<'data>> {
        self.next()?.tagged(tag)
    }

    /// The next value, if it has this tag; otherwise it stays for the next call.
    pub(crate) fn want_if(&mut self, tag: u8) -> Option<Element<'data>> {
        let mut ahead = self.clone();
        let found = ahead.next()?.tagged(tag)?;
        *self = ahead;
        Some(found)
    }
}

impl<'data> Iterator for Elements<'data> {
    type Item = Element<'data>;

    /// Nothing at the end, and where no value with a plain tag and a length begins.
    fn next(&mut self) -> Option<Element<'data>> {
        let mut rest = self.0;
        let tag = *rest.split_off_first()?;
        let first = *rest.split_off_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let digits = rest.split_off(..usize::from(first & 0x7f))?;
                digits.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let body = rest.split_off(..length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        (tag & 0x1f != 0x1f).then_some(Element { tag, body, whole })
    }
}

/// An object identifier as text: `1.2.840.113549`.
pub(crate) fn identifier(body: &[u8]) -> String {
    let (mut numbers, mut value) = (Vec::new(), 0_u64);
    for byte in body.iter().take(64) {
        value = value.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let top = (value / 40).min(2);
                numbers.push(top.to_string());
                value -= top * 40;
            }
            numbers.push(value.to_string());
            value = 0;
        }
    }
    numbers.join(".")
}

/// Attributes of names with the short form of RFC 4514.
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// A distinguished name as text, the most special attribute first (RFC 4514).
pub(crate) fn name(name: Element<'_>) -> String {
    let mut parts = Vec::new();
    for set in name.inside() {
        for attribute in set.inside() {
            let mut fields = attribute.inside();
            let (Some(kind), Some(value)) = (fields.want(OBJECT_IDENTIFIER), fields.next()) else {
                continue;
            };
            let known = ATTRIBUTES.iter().find(|known| known.0 == kind.body);
            let key = known.map_or_else(|| identifier(kind.body), |known| known.1.to_owned());
            parts.push(format!("{key}={}", text(value)));
        }
    }
    parts.reverse();
    parts.join(", ")
}

/// A string of any of the types that names use.
pub(crate) fn text(value: Element<'_>) -> String {
    const BMP_STRING: u8 = 0x1e;
    let text = if value.tag == BMP_STRING {
        let units = value.body.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
        String::from_utf16_lossy(&units.collect::<Vec<_>>())
    } else {
        String::from_utf8_lossy(value.body).into_owned()
    };
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Elements, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, identifier, name};

    #[test]
    fn values_are_read_with_short_and_long_lengths() {
        let mut bytes = vec![SEQUENCE, 0x81, 0x85, INTEGER, 1, 5, 4, 0x81, 0x7f];
        bytes.extend([7; 0x7f]);
        bytes.push(0xff);
        let sequence = Elements(&bytes).want(SEQUENCE).unwrap();
        assert_eq!(sequence.whole.len(), bytes.len() - 1);
        let mut inside = sequence.inside();
        assert!(inside.want_if(OBJECT_IDENTIFIER).is_none());
        assert_eq!(inside.want(INTEGER).unwrap().body, [5]);
        assert_eq!(inside.next().unwrap().body.len(), 0x7f);
        assert!(inside.next().is_none());
        assert!(Elements(&bytes[..20]).next().is_none());
        assert!(Elements(&[SEQUENCE, 0x80, 0, 0]).next().is_none());
    }

    #[test]
    fn names_and_identifiers_are_text() {
        assert_eq!(identifier(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
        let bytes = b"\x30\x1e\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03Dev\x31\x0e\x30\x0c\
                      \x06\x03\x55\x04\x03\x1e\x05\0U\0p\0";
        assert_eq!(name(Elements(bytes).next().unwrap()), "CN=Up, O=Dev");
    }
}
