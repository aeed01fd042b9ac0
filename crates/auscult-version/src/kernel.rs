//! Versions of the Linux kernel: `4.4.92`, `2.6.32.27`, `6.1-rc3`, `5.10.0-21-amd64`.
//!
//! Only the numbers and a release candidate count; the rest is a local name that the builder
//! chose (`CONFIG_LOCALVERSION`).

/// Numbers, then the release candidate; a release counts as candidate `u32::MAX`.
pub(crate) type Key = ([u32; 5], u32);

/// The key of a kernel version, `None` where it does not begin with a number.
pub(crate) fn parse(text: &str) -> Option<Key> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (release, suffix) = text.split_at_checked(end)?;
    let mut numbers = [0; 5];
    let mut given = release.trim_end_matches('.').split('.');
    numbers[0] = given.next()?.parse().ok()?;
    for (slot, number) in numbers.iter_mut().skip(1).zip(given) {
        *slot = number.parse().ok()?;
    }
    Some((numbers, candidate(suffix)))
}

fn candidate(suffix: &str) -> u32 {
    let Some(rest) = suffix.strip_prefix('-').unwrap_or(suffix).strip_prefix("rc") else {
        return u32::MAX;
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX)
}
