//! Dates of headers, for people: seconds since 1970 in the proleptic Gregorian calendar.
//!
//! The conversion from days to a date counts years from March, so that the leap day is the last
//! day of a year and every month has a fixed start.

const DAY_SECONDS: i64 = 86_400;
/// Days of four hundred years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 1 March of year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// Formats a time as `2026-01-31T23:59:59Z`.
pub(crate) fn iso_8601(seconds: i64) -> String {
    let days = seconds.div_euclid(DAY_SECONDS) + EPOCH_DAYS;
    let second = seconds.rem_euclid(DAY_SECONDS);
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// A date of the proleptic Gregorian calendar as days since 1970; none for an impossible month or
/// day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let month_from_march = (month + 9) % 12;
    let year = if month <= 2 { year - 1 } else { year };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(365 * year + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - EPOCH_DAYS)
}

/// Reads `2026-01-31T23:59:59` with whatever follows, as UTC.
pub(crate) fn from_iso_8601(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let days = days(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let seconds = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    Some(days * DAY_SECONDS + seconds)
}

/// A time of MS-DOS in seconds since 1970, taken as UTC since the time zone is not stored.
pub(crate) fn dos(date: u16, time: u16) -> Option<i64> {
    let (year, month, day) = (date >> 9, date >> 5 & 15, date & 31);
    let days = days(i64::from(year) + 1980, i64::from(month), i64::from(day))?;
    let (hour, minute, pair) = (time >> 11, time >> 5 & 63, time & 31);
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(pair) * 2;
    Some(days * DAY_SECONDS + seconds)
}

/// The same in one word, the date in its upper half.
pub(crate) fn dos_word(word: u32) -> Option<i64> {
    let [t0, t1, d0, d1] = word.to_le_bytes();
    dos(u16::from_le_bytes([d0, d1]), u16::from_le_bytes([t0, t1]))
}

/// A time of Windows, in steps of 100 ns since 1601, in seconds since 1970; none for zero.
pub(crate) fn filetime(steps: u64) -> Option<i64> {
    const SECONDS_1601_TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(steps / 10_000_000).ok()?;
    (steps != 0).then(|| seconds - SECONDS_1601_TO_1970)
}

#[cfg(test)]
mod tests {
    use super::{dos, dos_word, filetime, from_iso_8601, iso_8601};

    #[test]
    fn times_of_dos_and_windows() {
        assert_eq!(dos(0x21, 0), Some(315_532_800));
        assert_eq!(dos_word(0x5c5c_7d5d).map(iso_8601).unwrap(), "2026-02-28T15:42:58Z");
        assert!(dos(0, 0).is_none() && dos(0x1e0, 0).is_none());
        assert_eq!(filetime(116_444_736_000_000_000), Some(0));
        assert_eq!(filetime(0), None);
        assert_eq!(from_iso_8601("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(from_iso_8601("2000-02"), None);
    }

    #[test]
    fn dates_around_leap_days_and_the_epoch() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso_8601(seconds), date);
        }
    }
}
