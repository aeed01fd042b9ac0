//! The banner of a Linux kernel and the version in it.
//!
//! `Linux version RELEASE (USER@HOST) (COMPILER) #BUILD …`, as `init/version.c` of the kernel lays
//! it out. The release is what `uname -r` prints. On Debian and Ubuntu it is the name of an ABI:
//! `6.1.0-50-armmp` runs 6.1.176, and only the end of the banner tells so.

use auscult_model::Known;

/// A verified banner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Banner {
    /// The whole line.
    pub(crate) text: String,
    /// The release in it.
    pub(crate) release: String,
    /// Upstream's version with its patch level.
    pub(crate) version: Known<String>,
}

/// What a banner starts with.
pub(crate) const START: &str = "Linux version ";
/// A banner ends within this many bytes: two compiler names with their build strings fit.
const BANNER_BYTES_MAX: usize = 1024;

/// Reads the banner that begins at `offset`, if it is one.
///
/// In a kernel it is a string of its own, so that no printable byte stands before it; in a log or
/// a document one does. Format strings (`Linux version %s`) have no release.
pub(crate) fn read(bytes: &[u8], offset: usize) -> Option<Banner> {
    let before = offset.checked_sub(1).and_then(|at| bytes.get(at));
    if before.is_some_and(|&byte| byte == b'\t' || (0x20..0x7f).contains(&byte)) {
        return None;
    }
    let rest = bytes.get(offset..)?;
    let rest = rest.get(..BANNER_BYTES_MAX).unwrap_or(rest);
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0))?;
    let text = String::from_utf8_lossy(rest.get(..end)?).into_owned();
    let (release, tail) = text.strip_prefix(START)?.split_once(' ')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_' | '~');
    let (_, build) = tail.split_once('#')?;
    let verified = numeric(release).is_some()
        && release.chars().all(plain)
        && tail.starts_with('(')
        && build.starts_with(|c: char| c.is_ascii_digit());
    if !verified {
        return None;
    }
    let version = version(release, build);
    Some(Banner { release: release.to_owned(), version, text })
}

/// The version behind a release, told by the part of the banner after the build number.
fn version(release: &str, build: &str) -> Known<String> {
    if let Some(version) = debian(build).or_else(|| ubuntu(build)) {
        return Known::Known(version);
    }
    from_release(release)
}

/// The version that a release alone tells.
pub(crate) fn from_release(release: &str) -> Known<String> {
    match numeric(release) {
        Some(_) if is_abi_name(release) => Known::unknown(format!(
            "the release {release} names an ABI; nothing in the image tells the patch level"
        )),
        Some(version) => Known::Known(version.to_owned()),
        None => Known::unknown(format!("the release {release} holds no number")),
    }
}

/// `SMP PREEMPT Debian 6.1.176-1 (2026-01-01)`, on Raspberry Pi OS `Debian 1:6.12.25-1+rpt1`.
fn debian(build: &str) -> Option<String> {
    let (_, rest) = build.split_once(" Debian ")?;
    let package = rest.split_whitespace().next()?;
    let package = package.split_once(':').map_or(package, |(_, version)| version);
    numeric(package).filter(|version| version.matches('.').count() >= 1).map(ToOwned::to_owned)
}

/// `(Ubuntu 5.15.0-91.101-generic 5.15.131)`: the last word is upstream's version.
fn ubuntu(build: &str) -> Option<String> {
    let (_, rest) = build.split_once("(Ubuntu ")?;
    let (inner, _) = rest.split_once(')')?;
    let mut words = inner.split_whitespace().skip(1);
    numeric(words.next()?).map(ToOwned::to_owned)
}

/// The leading dotted number of at least two parts.
pub(crate) fn numeric(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text.get(..end)?.trim_end_matches('.');
    let mut parts = number.split('.');
    let whole = parts.clone().count() >= 2 && parts.all(|part| !part.is_empty());
    whole.then_some(number)
}

/// `X.Y.0-N-FLAVOUR`: Debian's and Ubuntu's naming, where the third part stays 0 for every patch
/// level. A vanilla `X.Y.0` has no such tail.
fn is_abi_name(release: &str) -> bool {
    let Some((number, tail)) = release.split_once('-') else { return false };
    let zero = number.split('.').count() == 3 && number.ends_with(".0");
    let (abi, flavour) = tail.split_once('-').unwrap_or((tail, ""));
    zero && !abi.is_empty() && abi.bytes().all(|byte| byte.is_ascii_digit()) && !flavour.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{from_release, read};

    fn check(banner: &str, release: &str, version: Option<&str>) {
        let found = read(format!("\0{banner}\n\0").as_bytes(), 1).expect(banner);
        assert_eq!(found.release, release);
        assert_eq!(found.version.known().map(String::as_str), version, "{banner}");
    }

    #[test]
    fn the_patch_level_is_found_behind_an_abi_name() {
        check(
            "Linux version 6.1.0-21-amd64 (kernel@example.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, \
             GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.90-1 (2024)",
            "6.1.0-21-amd64",
            Some("6.1.90"),
        );
        check(
            "Linux version 5.15.0-91-generic (buildd@host) (gcc 11.4.0) #101-Ubuntu SMP Tue Nov 14 \
             13:30:08 UTC 2023 (Ubuntu 5.15.0-91.101-generic 5.15.131)",
            "5.15.0-91-generic",
            Some("5.15.131"),
        );
        check(
            "Linux version 6.12.25+rpt-rpi-v8 (a@b) (gcc) #1 SMP PREEMPT Debian 1:6.12.25-1+rpt1",
            "6.12.25+rpt-rpi-v8",
            Some("6.12.25"),
        );
        check(
            "Linux version 5.15.0-91-generic (buildd@host) (gcc 11.4.0) #101-Ubuntu SMP Tue Nov 14",
            "5.15.0-91-generic",
            None,
        );
    }

    #[test]
    fn plain_releases_are_the_version() {
        check("Linux version 2.6.31 (u@h) (gcc version 4.3.3) #5 Fri", "2.6.31", Some("2.6.31"));
        check("Linux version 4.4.92 (u@h) (gcc) #0 Tue Oct 17", "4.4.92", Some("4.4.92"));
        check("Linux version 6.6.0 (u@h) (gcc) #1 SMP", "6.6.0", Some("6.6.0"));
        check(
            "Linux version 5.10.0-rc3-acme (u@h) (gcc) #1 SMP",
            "5.10.0-rc3-acme",
            Some("5.10.0"),
        );
        assert!(from_release("6.1.0-50-armmp").known().is_none());
        assert_eq!(from_release("3.10.12").known().map(String::as_str), Some("3.10.12"));
    }

    #[test]
    fn texts_about_kernels_are_no_banners() {
        for text in [
            "Linux version %s (u@h) #1\n",
            "Linux version 6.1.0 is supported\n",
            "Linux version 6.1.0 (u@h) no build number\n",
            "Linux version 6.1.0 (u@h) #1 SMP without an end",
        ] {
            assert_eq!(read(text.as_bytes(), 0), None, "{text}");
        }
        let log = b"[    0.000000] Linux version 6.1.2 (u@h) (gcc) #1 SMP\n";
        assert_eq!(read(log, 15), None);
    }
}
