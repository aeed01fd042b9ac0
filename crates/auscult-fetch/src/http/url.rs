//! As much of addresses (RFC 3986) as feeds need.

use std::fmt::Write as _;

/// The scheme and the host with its port: whom a request goes to.
pub(crate) fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at.saturating_add(3));
    let rest = url.get(after_scheme..).unwrap_or_default();
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url.get(..after_scheme.saturating_add(host)).unwrap_or(url)
}

/// The host with its port.
pub(crate) fn host(url: &str) -> &str {
    let origin = origin(url);
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// The path without query and fragment, without its first slash.
pub(crate) fn path(url: &str) -> &str {
    let rest = url.get(origin(url).len()..).unwrap_or_default();
    rest.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/')
}

/// Resolves a reference against the address that it was found at.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    let reference = reference.trim();
    if reference.contains("://") {
        return reference.to_owned();
    }
    let (scheme, _) = base.split_once("://").unwrap_or(("https", base));
    if let Some(rest) = reference.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let origin = origin(base);
    if reference.starts_with('/') {
        return format!("{origin}{reference}");
    }
    let path = base.get(origin.len()..).unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let folder = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
    format!("{origin}{folder}{reference}")
}

/// Joins a folder and a name below it.
pub(crate) fn join(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// Encodes what may not stand in a path (RFC 3986 section 2.1).
pub(crate) fn encode(part: &str) -> String {
    let mut encoded = String::new();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{encode, host, origin, path, resolve};

    #[test]
    fn references_are_resolved() {
        let base = "https://host:1/a/b?x=1/2";
        for (reference, expected) in [
            ("c", "https://host:1/a/c"),
            ("/c", "https://host:1/c"),
            ("//other/c", "https://other/c"),
            ("http://other/c", "http://other/c"),
        ] {
            assert_eq!(resolve(base, reference), expected);
        }
        assert_eq!(resolve("https://host", "c"), "https://host/c");
        assert_eq!(origin("https://host?x"), "https://host");
        assert_eq!(host(base), "host:1");
        assert_eq!(path(base), "a/b");
        assert_eq!(encode("Red Hat"), "Red%20Hat");
    }
}
