//! Whether a request that changes something comes from our own pages.
//!
//! Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`, and no page can
//! forge either. A request with a cookie and neither of them is refused.

use axum::http::{HeaderMap, header};

/// Tells whether one of our own pages sent this.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        // `none`: typed into the address bar; it is no page that sends it.
        return matches!(site, "same-origin" | "none");
    }
    let (Some(origin), Some(host)) = (text(header::ORIGIN.as_str()), text(header::HOST.as_str()))
    else {
        return false;
    };
    origin.strip_prefix("https://").is_some_and(|origin| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::is_own;

    fn check(pairs: &[(&'static str, &'static str)], expect: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(is_own(&headers), expect, "{pairs:?}");
    }

    #[test]
    fn only_our_own_pages_count() {
        check(&[], false);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "https://a:8443"), ("host", "a:8443")], true);
        check(&[("origin", "https://a:8443"), ("host", "a")], false);
        check(&[("origin", "http://a"), ("host", "a")], false);
        check(&[("origin", "null"), ("host", "a")], false);
        // What the browser says of the site counts, whatever Origin is.
        let both = [("sec-fetch-site", "cross-site"), ("origin", "https://a"), ("host", "a")];
        check(&both, false);
    }
}
