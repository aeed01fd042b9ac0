//! File-name patterns with `*` (any run of bytes) and `?` (any one byte); nothing else is special.

/// Tells whether the whole name matches the pattern.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where to resume when the bytes after the last star do not fit: one byte further on.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, name));
                pattern = rest;
            }
            (Some((wanted, rest)), Some((byte, remaining)))
                if *wanted == b'?' || wanted == byte =>
            {
                (pattern, name) = (rest, remaining);
            }
            (None, None) => return true,
            _ => {
                let Some((after_star, from)) = retry else { return false };
                let Some((_, shorter)) = from.split_first() else { return false };
                retry = Some((after_star, shorter));
                (pattern, name) = (after_star, shorter);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expect) in [
            ("libz.so*", "libz.so.1.2.11", true),
            ("libz.so*", "libzip.so", false),
            ("*.ko", "a.ko.ko", true),
            ("lib?rypto*", "libcrypto.so.3", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab a", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expect, "{pattern} {name}");
        }
    }
}
