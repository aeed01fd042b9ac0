//! Dates of headers, for people and as seconds since 1970, in the proleptic Gregorian calendar.
//!
//! The conversions between days and dates count years from March, so that the leap day is the last
//! day of a year and every month has a fixed start.

const DAY_SECONDS: i64 = 86_400;
/// Days of four hundred years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 1 March of year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// A date and a time of day as a header spells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DateTime {
    pub(crate) year: u16,
    /// 1 to 12.
    pub(crate) month: u8,
    /// From 1.
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    /// A leap second is the first of the next minute.
    pub(crate) second: u8,
}

impl DateTime {
    /// Seconds since 1970, as if it were in UTC; none where no calendar or clock shows it.
    pub(crate) fn seconds(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second } = self;
        let fits = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !fits {
            return None;
        }
        let month_from_march = (i64::from(month) + 9) % 12;
        let year = i64::from(year) - i64::from(month <= 2);
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
        let days = 365 * year + leap_days + day_of_year - EPOCH_DAYS;
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(days * DAY_SECONDS + seconds)
    }
}

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

#[cfg(test)]
mod tests {
    use super::{DateTime, iso_8601};

    #[test]
    fn dates_become_seconds_and_impossible_ones_nothing() {
        let date = |year, month, day| DateTime { year, month, day, ..DateTime::default() };
        for seconds in [0, 951_782_400, 951_868_800, 4_107_542_400, 13_569_465_600] {
            let text = iso_8601(seconds);
            let numbers: Vec<u16> = text
                .trim_end_matches("T00:00:00Z")
                .split('-')
                .map(|number| number.parse().unwrap())
                .collect();
            let (month, day) = (numbers[1].try_into().unwrap(), numbers[2].try_into().unwrap());
            assert_eq!(date(numbers[0], month, day).seconds(), Some(seconds), "{text}");
        }
        let time = DateTime { hour: 23, minute: 59, second: 59, ..date(1600, 2, 29) };
        assert_eq!(iso_8601(time.seconds().unwrap()), "1600-02-29T23:59:59Z");
        let wrong = [date(0, 1, 1), date(2000, 0, 1), date(2000, 13, 1), date(2000, 1, 32)];
        assert_eq!(wrong.map(DateTime::seconds), [Some(-62_167_219_200), None, None, None]);
        assert_eq!(DateTime { hour: 24, ..date(2000, 1, 1) }.seconds(), None);
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
