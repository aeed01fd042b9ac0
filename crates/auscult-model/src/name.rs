//! Names as bytes: file systems of devices hold names that are no UTF-8.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A file name or path as the image holds it: bytes, in no promised encoding.
///
/// Its text form is reversible: bytes that are no printable UTF-8, and `%`, `@` and `:` (which
/// have a meaning in a [`Locator`](crate::Locator)), are written `%HH`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteName(pub Vec<u8>);

impl ByteName {
    /// Reads the text form back to bytes.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes().iter();
        while let Some(&byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let high = char::from(*rest.next()?).to_digit(16)?;
            let low = char::from(*rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        }
        Some(Self(bytes))
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last component of the path.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
    }

    /// The path without its leading slashes.
    pub fn relative(&self) -> &[u8] {
        let start = self.0.iter().position(|&byte| byte != b'/').unwrap_or(self.0.len());
        self.0.get(start..).unwrap_or_default()
    }
}

impl<T: AsRef<[u8]>> From<T> for ByteName {
    fn from(bytes: T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl fmt::Display for ByteName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || matches!(character, '%' | '@' | ':') {
                    let mut buffer = [0; 4];
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        write!(formatter, "%{byte:02x}")?;
                    }
                } else {
                    write!(formatter, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(formatter, "%{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for ByteName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| D::Error::custom("bad %HH escape in a name"))
    }
}

#[cfg(test)]
mod tests {
    use super::ByteName;

    #[test]
    fn text_form_is_reversible() {
        for bytes in [&b"/etc/passwd"[..], b"a@b:c%d", b"\xff\xfe\n", "/ü/\u{7f}".as_bytes(), b""]
        {
            let name = ByteName::from(bytes);
            assert_eq!(ByteName::from_text(&name.to_string()).unwrap(), name);
        }
        assert_eq!(ByteName::from(b"a@b\xff").to_string(), "a%40b%ff");
        assert_eq!(ByteName::from_text("%4"), None);
    }
}
