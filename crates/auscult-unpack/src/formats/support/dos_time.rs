//! Dates and times of DOS, in file systems and archives (Microsoft, FAT specification 1.03, "Date and
//! time formats").
//!
//! They are local times of a zone that is stored nowhere: they are given as if the zone were UTC.

use super::date::DateTime;

/// Seconds since 1970 of a date (years since 1980, month, day) and a time in steps of two seconds;
/// none where they do not exist, as in a field that was never set.
pub(crate) fn dos_time(date: u16, time: u16) -> Option<i64> {
    let field = |bits: u16, mask: u16| u8::try_from(bits & mask).unwrap_or(u8::MAX);
    let time = DateTime {
        year: 1980 + (date >> 9),
        month: field(date >> 5, 15),
        day: field(date, 31),
        hour: field(time >> 11, 31),
        minute: field(time >> 5, 63),
        second: field(time, 31) * 2,
    };
    time.seconds()
}

#[cfg(test)]
mod tests {
    use super::dos_time;
    use crate::formats::support::date::iso_8601;

    #[test]
    fn dates_of_dos() {
        let text = |date, time| dos_time(date, time).map(iso_8601);
        let date = 44 << 9 | 2 << 5 | 0x1d;
        assert_eq!(text(date, 23 << 11 | 59 << 5 | 0x1d).unwrap(), "2024-02-29T23:59:58Z");
        assert_eq!(text(1 << 5 | 1, 0).unwrap(), "1980-01-01T00:00:00Z");
        assert_eq!((text(0, 0), text(date, 24 << 11), text(date, 60 << 5)), (None, None, None));
    }
}
