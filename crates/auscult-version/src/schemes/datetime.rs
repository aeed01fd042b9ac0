//! Points in time (RFC 3339 section 5.6, VERS type `datetime`), ordered by the instant.

use crate::key::{Key, NUMBER, TEXT, is_number, take_digits};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// What is added to the seconds, so that none is negative: the year 0 with any offset.
const SHIFT: i64 = 1 << 40;
/// Days of the months of a year that begins in March, before each month.
const DAYS_BEFORE: [i64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];

/// The key of an instant; `None` where the text is no RFC 3339 date and time.
pub(crate) fn key(text: &str) -> Option<Key> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => take_digits(rest),
        None => ("0", rest),
    };
    if fraction.is_empty()
        || !(1..=12).contains(&month)
        || !(1..=days_of(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let clock =
        hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?;
    let seconds = days(year, month, day)?.checked_mul(DAY)?.checked_add(clock)?;
    let seconds = seconds.checked_sub(offset(zone)?)?.checked_add(SHIFT)?;
    let mut key = Key::new();
    key.count(NUMBER, u64::try_from(seconds).ok()?);
    key.text(TEXT, fraction.trim_end_matches('0'));
    Some(key)
}

/// Three numbers of fixed length.
fn fields(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut given = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let field = given.next().filter(|field| is_number(field) && field.len() == length)?;
        *number = field.parse().ok()?;
    }
    given.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the first of March of the year -1, in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    // Years that begin in March have the leap day at their end.
    let (year, month) = if month > 2 { (year + 1, month - 3) } else { (year, month + 9) };
    let before = DAYS_BEFORE.get(usize::try_from(month).ok()?)?;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + before + day)
}

/// The offset of a zone in seconds.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let number = |text: &str, below: i64| {
        let number = is_number(text).then(|| text.parse::<i64>().ok()).flatten()?;
        (text.len() == 2 && number < below).then_some(number)
    };
    Some(sign * (number(hours, 24)? * 3600 + number(minutes, 60)? * 60))
}
