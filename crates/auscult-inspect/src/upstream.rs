//! Upstream's version inside a package version, and whether two versions can mean one thing.
//!
//! `[epoch:]upstream[-revision]` is Debian Policy 5.6.12; opkg and apk write `upstream-rN` or
//! `upstream-N` likewise. What a packager appends (`+dfsg`, `~bpo`) is no part of upstream's.

/// Marks that packagers put behind upstream's version when they repack it.
const REPACKED: &[&str] = &["+dfsg", ".dfsg", "~dfsg", "+ds", ".ds", "+really", "~"];

/// Upstream's version of a package version.
pub(crate) fn of_package(version: &str) -> &str {
    let plain = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => version,
    };
    let plain = plain.rsplit_once('-').map_or(plain, |(upstream, _)| upstream);
    let end = REPACKED.iter().filter_map(|mark| plain.find(mark)).min().unwrap_or(plain.len());
    plain.get(..end).filter(|upstream| !upstream.is_empty()).unwrap_or(version)
}

/// Whether a package of this version can hold code that calls itself `seen`.
pub(crate) fn agrees(package: &str, seen: &str) -> bool {
    let upstream = of_package(package);
    let seen = seen.trim_start_matches(['v', 'V']);
    if upstream == seen || package == seen {
        return true;
    }
    let continued = |rest: &str| {
        let mut next = rest.chars();
        match next.next() {
            Some('-' | '+' | '~' | '_') => true,
            // `1.2.13.dfsg`, but not `1.2.13` for `1.2.1`.
            Some('.') => next.next().is_some_and(char::is_alphabetic),
            _ => false,
        }
    };
    let epochless = package.split_once(':').map_or(package, |(_, rest)| rest);
    epochless.strip_prefix(seen).is_some_and(continued)
        || seen.strip_prefix(upstream).is_some_and(continued)
}

/// Whether a version can be one of which only this part is known.
pub(crate) fn continues(version: &str, part: &str) -> bool {
    version
        .strip_prefix(part)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

/// Whether a package's version is the day or the commit that its source was taken at, which says
/// nothing about the release. A year alone is none: many releases are counted by it (`2022.83` of
/// Dropbear, `2023.01` of U-Boot).
pub(crate) fn is_snapshot(version: &str) -> bool {
    let plain = of_package(version);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_year = |text: &str| {
        text.len() == 4 && is_number(text) && (text.starts_with("19") || text.starts_with("20"))
    };
    let day = plain.split(['-', '.', '_', '~', '+']).next().unwrap_or(plain);
    let parted = plain.split_once('-').is_some_and(|(year, rest)| {
        is_year(year) && rest.starts_with(|first: char| first.is_ascii_digit())
    });
    parted
        || day.len() == 8 && day.starts_with("20") && is_number(day)
        || plain.starts_with("git")
        || plain.strip_prefix('r').is_some_and(is_number)
}

/// Whether a version has at least two numbers, so that it does not agree by chance.
pub(crate) fn is_telling(version: &str) -> bool {
    version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).count() >= 2
}

/// A package or library name without what packagers and ABIs append: `libacl1-udeb` and `libacl`
/// have one stem.
pub(crate) fn stem(name: &str) -> &str {
    let name = name.strip_suffix("-udeb").or_else(|| name.strip_suffix("-di")).unwrap_or(name);
    let trimmed = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    if trimmed.is_empty() { name } else { trimmed }
}

#[cfg(test)]
mod tests {
    use super::{agrees, is_snapshot, of_package};

    #[test]
    fn days_and_commits_are_no_releases() {
        for version in
            ["2016-12-19-ad02e79d-6", "20230101-1", "git-17.290.79498-d3f0685-1", "r1234-1"]
        {
            assert!(is_snapshot(version), "{version}");
        }
        for version in ["1.1.1k-1", "7.88.1-10+deb12u5", "2:4.17.12", "ruby3.1-2"] {
            assert!(!is_snapshot(version), "{version}");
        }
    }

    #[test]
    fn revisions_and_epochs_are_stripped() {
        for (package, upstream) in [
            ("1.25.1-4", "1.25.1"),
            ("1:1.2.13.dfsg-1", "1.2.13"),
            ("2023.01+dfsg-2+deb12u3", "2023.01"),
            ("2016-12-19-ad02e79d-7", "2016-12-19-ad02e79d"),
            ("8.3.0-r0", "8.3.0"),
            ("1", "1"),
            ("9.2p1-2+deb12u2", "9.2p1"),
        ] {
            assert_eq!(of_package(package), upstream, "{package}");
        }
    }

    #[test]
    fn agreement_stops_at_number_boundaries() {
        for (package, seen, expect) in [
            ("1.25.1-4", "1.25.1", true),
            ("1.25.10-4", "1.25.1", false),
            ("2.78-1", "2.78", true),
            ("2.7", "2.78", false),
            ("2017.75-2", "v2017.75", true),
            ("2.7-1", "2.7-devel", true),
            ("2016-12-19-ad02e79d-7", "2.7-devel", false),
        ] {
            assert_eq!(agrees(package, seen), expect, "{package} {seen}");
        }
    }
}
