//! Versions that stand in a file and are not the file's own: a library's that a macro of its header
//! left in the caller (`deflateInit_`, `png_create_read_struct`), the compiler's, and standards that
//! look like versions.

use memchr::memmem;

/// A version in a file that is not the file's.
pub(crate) enum Foreign {
    /// Of a library whose header hands its own version to the library, `MAJOR.x.y`; its rule.
    Library { rule: &'static str, major: &'static str, minors: std::ops::RangeInclusive<u32> },
    /// The compiler's.
    Whole(String),
    /// Unicode's, `14.0.0`; IEEE 802; nothing (`0.0.x`).
    Standard,
}

/// Functions that take the version of the header they were compiled with.
const HEADER_VERSIONS: &[(&[u8], &str, &str, std::ops::RangeInclusive<u32>)] = &[
    (b"flateInit", "zlib", "1", 1..=3),
    (b"flateBackInit", "zlib", "1", 1..=3),
    (b"png_create_", "libpng", "1", 0..=8),
    (b"protobuf_c_", "protobuf-c", "1", 0..=9),
    (b"lzo_init", "lzo", "2", 0..=19),
];

/// What of others may stand in these bytes.
pub(crate) fn foreign(bytes: &[u8]) -> Vec<Foreign> {
    let calls = HEADER_VERSIONS.iter().filter(|(name, ..)| memmem::find(bytes, name).is_some());
    let libraries = calls.map(|(_, rule, major, minors)| {
        let minors = minors.clone();
        Foreign::Library { rule, major, minors }
    });
    libraries.chain(compiler(bytes).map(Foreign::Whole)).chain([Foreign::Standard]).collect()
}

/// The version in the compiler's banner: `GCC: (Debian 12.2.0-14) 12.2.0`.
fn compiler(bytes: &[u8]) -> Option<String> {
    let start = memmem::find(bytes, b"GCC: (")?;
    let line = bytes.get(start..)?.split(|&byte| byte == 0).next()?;
    let line = line.get(..128).unwrap_or(line);
    Some(String::from_utf8_lossy(line.rsplit(|&byte| byte == b' ').next()?).into_owned())
}

impl Foreign {
    /// Whether this version is the other thing's.
    pub(crate) fn is(&self, version: &str) -> bool {
        let parts: Vec<&str> = version.split('.').collect();
        match self {
            Self::Library { major, minors, .. } => {
                let minor = parts.get(1).and_then(|part| part.parse::<u32>().ok());
                parts.first() == Some(major) && minor.is_some_and(|minor| minors.contains(&minor))
            }
            Self::Whole(other) => other == version,
            Self::Standard => matches!(
                parts.as_slice(),
                ["802", ..]
                    | ["0", "0", _]
                    | ["5" | "6" | "7" | "8" | "9" | "10" | "11", "0", "0"]
                    | ["12" | "13" | "14" | "15" | "16" | "17", _, "0"]
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::foreign;

    #[test]
    fn what_is_of_others() {
        let bytes = b"deflateInit2_\0GCC: (Debian 12.2.1-14) 12.2.1\0";
        let others = foreign(bytes);
        for (version, expect) in [
            ("1.2.11", true),
            ("12.2.1", true),
            ("802.15.4", true),
            ("1.20.1", false),
            ("1.6.39", false),
        ] {
            assert_eq!(others.iter().any(|other| other.is(version)), expect, "{version}");
        }
    }
}
