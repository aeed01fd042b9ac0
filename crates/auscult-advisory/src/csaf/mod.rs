//! The Common Security Advisory Framework, versions 2.0 and 2.1 (OASIS): what is common to reading
//! advisories ([`crate::feeds`]) and to checking them ([`lint`]).

pub mod lint;
pub(crate) mod trust;

use std::cmp::Ordering;

use auscult_version::{Scheme, compare};
use serde_json::Value;

/// A text at a path of keys; empty where it is not there.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// Tells whether a path is that of a JSON document; the standard writes the ending in small letters.
pub(crate) fn is_json(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending == "json")
}

/// The value at a path of keys.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The order of document versions (section 3.1.11): both ways of counting, integers and semantic
/// versions, are read alike and build metadata does not count. What is neither comes first.
pub(crate) fn version_order(one: &str, other: &str) -> Ordering {
    let release = |version: &str| version.split('+').next().unwrap_or_default().to_owned();
    let (one, other) = (release(one), release(other));
    let is_version = |text: &str| compare(Scheme::Semver, text, text).is_some();
    let kinds = is_version(&one).cmp(&is_version(&other));
    kinds.then_with(|| compare(Scheme::Semver, &one, &other).unwrap_or_else(|| one.cmp(&other)))
}

/// The items of a list at a path of keys; none where it is not there.
pub(crate) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list at a path of keys.
pub(crate) fn texts<'a>(
    value: &'a Value,
    path: &[&str],
) -> impl Iterator<Item = &'a str> + use<'a> {
    list(value, path).iter().filter_map(Value::as_str)
}
