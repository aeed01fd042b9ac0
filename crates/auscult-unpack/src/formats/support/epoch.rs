//! Times that count from elsewhere than 1970.

/// Seconds from 1601 to 1970.
const WINDOWS_SECONDS: i64 = 11_644_473_600;
/// Seconds from 1904 to 1970.
const APPLE_SECONDS: i64 = 2_082_844_800;

/// Seconds since 1970 of a `FILETIME` of Windows: steps of 100 nanoseconds since 1601; none for 0,
/// which means that nothing was set.
pub(crate) fn windows_time(steps: u64) -> Option<i64> {
    let seconds = i64::try_from(steps / 10_000_000).ok()?;
    (steps != 0).then(|| seconds - WINDOWS_SECONDS)
}

/// Seconds since 1970 of a time of HFS: seconds since 1904; none for 0, as before.
pub(crate) fn apple_time(seconds: u32) -> Option<i64> {
    (seconds != 0).then(|| i64::from(seconds) - APPLE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::{apple_time, windows_time};

    #[test]
    fn the_epochs_are_right() {
        assert_eq!(windows_time(116_444_736_000_000_000), Some(0));
        assert_eq!(windows_time(u64::MAX), Some(1_833_029_933_770));
        assert_eq!(apple_time(2_082_844_801), Some(1));
        assert_eq!((windows_time(0), apple_time(0)), (None, None));
    }
}
