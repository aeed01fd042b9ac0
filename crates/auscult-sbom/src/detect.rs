//! Tells from its bytes which kind of SBOM document an input is.
//!
//! It looks for the marks that each format requires and decides nothing else: a document that is
//! recognised can still be invalid. It does not look into archives.

/// A kind of document that is recognised. Only [`CycloneDxJson`](Self::CycloneDxJson) can be read
/// so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// CycloneDX, JSON form.
    CycloneDxJson,
    /// CycloneDX, XML form.
    CycloneDxXml,
    /// SPDX 2.x, JSON form.
    SpdxJson,
    /// SPDX 3.x, JSON-LD form.
    Spdx3Json,
    /// SPDX 2.x, tag-value form.
    SpdxTagValue,
}

impl DocumentKind {
    /// The name to use towards people.
    pub fn name(self) -> &'static str {
        match self {
            Self::CycloneDxJson => "CycloneDX JSON",
            Self::CycloneDxXml => "CycloneDX XML",
            Self::SpdxJson => "SPDX 2 JSON",
            Self::Spdx3Json => "SPDX 3 JSON-LD",
            Self::SpdxTagValue => "SPDX 2 tag-value",
        }
    }

    /// Tells whether this crate reads documents of this kind.
    pub fn is_readable(self) -> bool {
        self == Self::CycloneDxJson
    }
}

/// Recognises a document, or returns `None` when the bytes are none of the known kinds.
pub fn detect(bytes: &[u8]) -> Option<DocumentKind> {
    let text = std::str::from_utf8(without_byte_order_mark(bytes)).ok()?.trim_start();
    match text.chars().next()? {
        '{' if text.contains("\"bomFormat\"") => Some(DocumentKind::CycloneDxJson),
        '{' if text.contains("\"spdxVersion\"") => Some(DocumentKind::SpdxJson),
        '{' if text.contains("https://spdx.org/rdf/3.") => Some(DocumentKind::Spdx3Json),
        '<' if text.contains("http://cyclonedx.org/schema/bom/") => {
            Some(DocumentKind::CycloneDxXml)
        }
        'S' if text.starts_with("SPDXVersion:") => Some(DocumentKind::SpdxTagValue),
        _ => None,
    }
}

/// Drops the UTF-8 byte order mark that some programs put before JSON.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::{DocumentKind, detect};

    #[test]
    fn marks_decide() {
        for (bytes, kind) in [
            (&b"\xef\xbb\xbf\n{\"bomFormat\": 1}"[..], Some(DocumentKind::CycloneDxJson)),
            (b"{\"spdxVersion\":\"SPDX-2.3\"}", Some(DocumentKind::SpdxJson)),
            (
                b"{\"@context\":\"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"}",
                Some(DocumentKind::Spdx3Json),
            ),
            (
                b"<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"/>",
                Some(DocumentKind::CycloneDxXml),
            ),
            (b"SPDXVersion: SPDX-2.2\n", Some(DocumentKind::SpdxTagValue)),
            (b"{\"name\": \"package.json\"}", None),
            (b"\x27\x05\x19\x56\x00\xff", None),
            (b"", None),
        ] {
            assert_eq!(detect(bytes), kind, "{bytes:?}");
        }
    }
}
