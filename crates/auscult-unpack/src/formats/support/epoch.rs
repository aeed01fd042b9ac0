//! Times that count from elsewhere than 1970.

/// Seconds from 1601 to 1970.
const WINDOWS_SECONDS: i64 = 11_644_473_600;

/// Seconds since 1970 of a `FILETIME` of Windows: steps of 100 nanoseconds since 1601; none for 0,
/// which means that nothing was set.
pub(crate) fn windows_time(steps: u64) -> Option<i64> {
    let seconds = i64::try_from(steps / 10_000_000).ok()?;
    (steps != 0).then(|| seconds - WINDOWS_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::windows_time;

    #[test]
    fn the_epochs_are_right() {
        assert_eq!(windows_time(116_444_736_000_000_000), Some(0));
        assert_eq!(windows_time(u64::MAX), Some(1_833_029_933_770));
        assert_eq!(windows_time(0), None);
    }
}
