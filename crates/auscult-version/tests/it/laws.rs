//! An order must be an order, whatever text it is given.

use std::cmp::Ordering;

use auscult_version::{Scheme, Vers, compare, key};
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

/// Texts of few letters, which often differ in one place only.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        "[01]([.-]([01]|a|b1|alpha|rc|sp|final|x|pre)){0,4}",
        "[01](\\.0?[01]){0,2}[ab]?(_(alpha|rc|p)[01]?){0,2}(-r[01])?",
        "v?[01](\\.[01]){0,3}(-(a|1|rc\\.1|rc1)(\\.(0|b))?)?(\\+(1|b))?",
        "([01]:)?[01](\\.[01a]|~|\\^|~rc|b){0,3}(-[01](~|\\.1)?)?",
        "(go)?1\\.[01](rc1|beta[01]|\\.0|\\.1)?(-x)?",
        "[01]\\.[01]\\.0[_+-]?(b?1|ea|update_1)?(-b0?1)?",
        "20(00|23)-0[12]-(01|28)T0[01]:00:00(\\.[05]{1,2})?(Z|[+-]0[01]:00)",
    ]
}

fn any_version() -> impl Strategy<Value = String> {
    prop_oneof![version(), near()]
}

/// An Arch package without a release is equal to all its releases, so only versions that all have
/// one, or all have none, are in an order.
fn in_one_order(scheme: Scheme, versions: &[&str]) -> bool {
    let with = versions.iter().filter(|version| version.contains('-')).count();
    scheme != Scheme::Alpm || with == 0 || with == versions.len()
}

/// Orders of steps from a to b and from b to c, and of the whole way; `None` where it may turn.
fn whole(first: Ordering, second: Ordering) -> Option<Ordering> {
    match (first, second) {
        (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
        (first, second) if first == second => Some(first),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, ..ProptestConfig::default() })]

    #[test]
    fn turning_the_sides_turns_the_order(left in any_version(), right in any_version()) {
        for &scheme in Scheme::ALL {
            let forth = compare(scheme, &left, &right);
            prop_assert_eq!(forth, compare(scheme, &right, &left).map(Ordering::reverse));
            prop_assert_eq!(compare(scheme, &left, &left), Some(Ordering::Equal));
        }
    }

    #[test]
    fn order_carries_over(a in any_version(), b in any_version(), c in any_version()) {
        for &scheme in Scheme::ALL {
            let (Some(ab), Some(bc)) = (compare(scheme, &a, &b), compare(scheme, &b, &c))
            else { continue };
            // What both can be compared with can be compared, or the two differ in a name only.
            let ac = compare(scheme, &a, &c);
            if let (Some(whole), true) = (whole(ab, bc), in_one_order(scheme, &[&a, &b, &c])) {
                prop_assert_eq!(ac, Some(whole), "{:?}: {} {} {}", scheme, a, b, c);
            }
        }
    }

    #[test]
    fn equal_versions_have_equal_keys(left in any_version(), right in any_version()) {
        for &scheme in Scheme::ALL {
            let (Some(one), Some(other)) = (key(scheme, &left), key(scheme, &right))
            else { continue };
            if !in_one_order(scheme, &[&left, &right]) {
                continue;
            }
            let order = compare(scheme, &left, &right);
            // Where a name without a meaning would have to decide, keys differ at least.
            let expected = order.unwrap_or_else(|| one.cmp(&other));
            prop_assert_eq!(one.cmp(&other), expected);
            prop_assert!(order.is_some() || one != other);
        }
    }

    #[test]
    fn a_range_is_read_as_it_is_written(
        kind in prop::sample::select(vec!["npm", "deb", "rpm", "pypi", "maven", "gem", "alpine"]),
        native in "(([<>]=?|=|!=) ?[0-9](\\.[0-9]){0,2}(, |,| \\|\\| )){0,4}[<>]=?[0-9]\\.[0-9]",
        probe in "[0-9](\\.[0-9]){0,2}",
    ) {
        let Ok(vers) = Vers::from_native(kind, &native) else { return Ok(()) };
        let written = vers.to_string();
        let read = Vers::canonicalize(&written);
        prop_assert_eq!(read.as_ref(), Ok(&vers));
        if let Ok(strict) = Vers::parse(&written) {
            prop_assert_eq!(&strict, &vers);
        }
        // The range holds what its conditions hold.
        let scheme = Scheme::of_vers_type(kind).unwrap();
        let expected = native.split("||").any(|part| {
            part.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|condition| {
                let (sign, version) = condition.split_at(
                    condition.find(|c: char| c.is_ascii_digit()).unwrap());
                let order = compare(scheme, &probe, version).unwrap();
                match sign.trim() {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    ">=" => order.is_ge(),
                    "=" => order.is_eq(),
                    _ => order.is_ne(),
                }
            })
        });
        // node-semver takes a version with fewer than three numbers for all that begin so.
        if kind != "npm" {
            prop_assert_eq!(vers.contains(&probe), Some(expected), "{} {} {}", native, probe, written);
        }
    }

    #[test]
    fn any_version_can_be_written(version in "[ -~]{1,12}") {
        let version = version.trim();
        prop_assume!(!version.is_empty());
        let kind = "lexicographic";
        let encoded = version.replace('%', "%25").replace('|', "%7C");
        let encoded = encoded.replace(['<', '>', '=', '!', '*'], "%2A");
        let version = version.replace(['<', '>', '=', '!'], "*");
        let vers = Vers::canonicalize(&format!("vers:{kind}/{encoded}")).unwrap();
        prop_assert_eq!(vers.contains(&version), Some(true));
        prop_assert_eq!(Vers::parse(&vers.to_string()), Ok(vers));
    }
}
