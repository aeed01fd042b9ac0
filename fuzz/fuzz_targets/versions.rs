//! Any text as versions and as version ranges: lines are versions and specifiers, and one that is a
//! type, a blank and something more is a native range of that type.
#![no_main]

use std::cmp::Ordering;

use auscult_version::{Scheme, Vers, compare, key};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for line in text.lines() {
        if let Ok(vers) = Vers::parse(line) {
            assert_eq!(vers.to_string(), line);
            assert_eq!(Vers::canonicalize(line), Ok(vers));
        }
        if let Ok(vers) = Vers::canonicalize(line) {
            assert_eq!(Vers::canonicalize(&vers.to_string()), Ok(vers));
        }
        if let Some((kind, native)) = line.split_once(' ')
            && let Ok(vers) = Vers::from_native(kind, native)
        {
            let _ = vers.contains(native);
            assert!(Vers::canonicalize(&vers.to_string()).is_ok(), "{vers}");
        }
    }
    let mut lines = text.lines();
    let (Some(a), Some(b), Some(c)) = (lines.next(), lines.next(), lines.next()) else { return };
    for &scheme in Scheme::ALL {
        let (ab, bc, ac) = (compare(scheme, a, b), compare(scheme, b, c), compare(scheme, a, c));
        assert_eq!(ab, compare(scheme, b, a).map(Ordering::reverse), "{scheme:?} {a:?} {b:?}");
        // A version without a release is equal to each of its releases there.
        if scheme == Scheme::Alpm {
            continue;
        }
        if ab == bc && ab.is_some() {
            assert_eq!(ac, ab, "{scheme:?} {a:?} {b:?} {c:?}");
        }
        if let (Some(a), Some(b), Some(order)) = (key(scheme, a), key(scheme, b), ab) {
            assert_eq!(a.cmp(&b), order, "{scheme:?}");
        }
    }
});
