//! Any text as a context, a policy, a locator, a name, a version.
#![no_main]

use std::cmp::Ordering;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = auscult_priority::parse_context(text);
    let _ = auscult_priority::Policy::parse(text);
    if let Ok(locator) = text.parse::<auscult_model::Locator>() {
        assert_eq!(locator.to_string().parse(), Ok(locator));
    }
    if let Some(name) = auscult_model::ByteName::from_text(text) {
        assert_eq!(auscult_model::ByteName::from_text(&name.to_string()), Some(name));
    }
    let Some((one, other)) = text.split_once('\n') else { return };
    for scheme in auscult_version::Scheme::ALL {
        let forth = auscult_version::compare(*scheme, one, other);
        let back = auscult_version::compare(*scheme, other, one).map(Ordering::reverse);
        assert_eq!(forth, back, "{scheme:?} {one:?} {other:?}");
    }
});
