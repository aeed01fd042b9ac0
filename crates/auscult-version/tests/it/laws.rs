//! An order must be an order, whatever text it is given.

use std::cmp::Ordering;

use auscult_version::{Scheme, compare};
use proptest::prelude::*;

/// Texts that look like versions of one scheme or another, and some that do not.
fn version() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,2}(\\.[0-9]{1,3}){0,3}",
        "[0-9]{1,2}(\\.[0-9]{1,2}){0,2}[a-z]{0,2}([-_.~+](alpha|beta|rc|pre|p|dev|post|r)[0-9]{0,2}){0,2}",
        "([0-9]:)?[0-9]{1,2}(\\.[0-9a-z~+^]{1,3}){0,3}(-[0-9a-z~+.]{1,4})?",
        "[0-9a-zA-Z.~^+:_-]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn turning_the_sides_turns_the_order(left in version(), right in version()) {
        for &scheme in Scheme::ALL {
            let forth = compare(scheme, &left, &right);
            prop_assert_eq!(forth, compare(scheme, &right, &left).map(Ordering::reverse));
            prop_assert_eq!(compare(scheme, &left, &left), Some(Ordering::Equal));
        }
    }

    #[test]
    fn order_carries_over(a in version(), b in version(), c in version()) {
        for &scheme in Scheme::ALL {
            let (Some(ab), Some(bc), Some(ac)) =
                (compare(scheme, &a, &b), compare(scheme, &b, &c), compare(scheme, &a, &c))
            else { continue };
            if ab != Ordering::Greater && bc != Ordering::Greater {
                let expected = if ab == Ordering::Less || bc == Ordering::Less {
                    Ordering::Less
                } else {
                    Ordering::Equal
                };
                prop_assert_eq!(ac, expected, "{:?}: {} {} {}", scheme, a, b, c);
            }
        }
    }
}
