//! Upstream's release in a Debian version, and the releases that are known of a source.

use std::{cmp::Ordering, collections::BTreeSet};

use auscult_version::{Scheme, compare};

use super::observe::Observed;

/// Marks behind which a packager's own additions begin; what is packaged stays the same release.
const REPACKED: &[&str] = &["+dfsg", ".dfsg", "+ds", ".ds", "+repack", "+debian", "~"];

/// A release as a Debian version names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Upstream's version.
    pub(super) text: String,
    /// Whether it is the release itself: no snapshot behind it, and no change of the packager's.
    pub(super) is_plain: bool,
}

/// Reads `[epoch:]upstream[-revision]` (Debian Policy 5.6.12).
pub(super) fn upstream(version: &str) -> Release {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let (full, revision) = version.rsplit_once('-').unwrap_or((version, ""));
    // "2.12.7+dfsg+really2.9.14": packaged again under a higher number.
    let full = full.split_once("+really").map_or(full, |(_, true_one)| true_one);
    let end = REPACKED.iter().filter_map(|mark| full.find(mark)).min().unwrap_or(full.len());
    let repacked = full.get(..end).unwrap_or(full);
    let text = repacked.split('+').next().unwrap_or(repacked);
    let first_upload = matches!(revision.trim_end_matches('~'), "" | "0" | "1" | "0.1");
    Release { text: text.to_owned(), is_plain: text == repacked && first_upload }
}

/// Sorts by the scheme; what cannot be compared keeps the order of its text.
pub(super) fn order(scheme: Scheme, left: &str, right: &str) -> Ordering {
    compare(scheme, left, right).unwrap_or_else(|| left.cmp(right))
}

/// All releases that changelogs, lists and files of a source name, sorted.
pub(super) fn known(scheme: Scheme, files: &[&Observed]) -> Vec<String> {
    let logged = files.iter().flat_map(|file| &file.changelog);
    let recorded = files.iter().flat_map(|file| file.recorded.values().flatten().map(|(_, v)| v));
    let own = files.iter().map(|file| &file.version);
    let all: BTreeSet<String> =
        logged.chain(recorded).chain(own).map(|version| upstream(version).text).collect();
    let is_version = |text: &String| {
        text.starts_with(|first: char| first.is_ascii_digit())
            && compare(scheme, text, "0").is_some_and(Ordering::is_gt)
    };
    let mut all: Vec<String> = all.into_iter().filter(is_version).collect();
    all.sort_by(|left, right| order(scheme, left, right));
    all
}

#[cfg(test)]
mod tests {
    use super::upstream;

    #[test]
    fn packagers_additions_are_told_from_snapshots() {
        for (version, text, is_plain) in [
            ("1:1.2.13.dfsg", "1.2.13", true),
            ("2.12.7+dfsg+really2.9.14-2.1+deb13u3~", "2.9.14", false),
            ("2.9.11", "2.9.11", true),
            ("4.5.0~rc1", "4.5.0", true),
            ("2.67.3+git20210214", "2.67.3", false),
            ("1.0.2-4", "1.0.2", false),
            ("252.1-1~", "252.1", true),
        ] {
            let release = upstream(version);
            assert_eq!((release.text.as_str(), release.is_plain), (text, is_plain), "{version}");
        }
    }
}
