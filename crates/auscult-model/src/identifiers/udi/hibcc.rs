//! HIBCC: `+`, the labeller, its product, the unit of measure, then data of the unit (ANSI/HIBC 2.6,
//! Supplier Labeling Standard).

use jiff::civil::Date;

use super::{InvalidUdi, Udi, UdiAgency, date, full_year, nth_day, number, take};

/// The characters of Code 39, in the order of their values.
const ALPHABET: &[u8; 43] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";
const EXPIRES: &str = "the expiry date";
const MADE: &str = "the date of manufacture";
const IDENTIFIER: &str = "the device identifier";

pub(super) fn read(text: &str, today: Date) -> Result<Udi, InvalidUdi> {
    let last = text.chars().last().ok_or(InvalidUdi::Truncated(IDENTIFIER))?;
    let checked = text.get(..text.len() - last.len_utf8()).unwrap_or_default();
    let data = checked.strip_prefix('+').ok_or(InvalidUdi::Truncated(IDENTIFIER))?;
    // The second barcode of a label begins with its dates or its lot at once.
    if !data.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(InvalidUdi::NoDeviceIdentifier);
    }
    let expected = check_character(checked)
        .ok_or_else(|| InvalidUdi::Part("the characters of a barcode", text.to_owned()))?;
    if last != expected {
        return Err(InvalidUdi::Check { expected, found: last });
    }
    let mut parts = data.split('/');
    let primary = parts.next().unwrap_or_default();
    // Labeller (4), product (1 to 18), unit of measure (1).
    let sound = (6..=23).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && primary.ends_with(|unit: char| unit.is_ascii_digit());
    if !sound {
        return Err(InvalidUdi::Part(IDENTIFIER, primary.to_owned()));
    }
    let mut udi = Udi::new(UdiAgency::Hibcc, primary);
    if let Some(secondary) = parts.next() {
        read_secondary(secondary, today, &mut udi)?;
    }
    parts.try_for_each(|part| read_supplement(part, &mut udi))?;
    Ok(udi)
}

/// What the rest demands as its last character: the sum of all values modulo 43.
pub(super) fn check_character(text: &str) -> Option<char> {
    let value = |byte: u8| ALPHABET.iter().position(|&one| one == byte);
    let sum = text.bytes().map(value).sum::<Option<usize>>()?;
    ALPHABET.get(sum % ALPHABET.len()).map(|&byte| char::from(byte))
}

/// `$LOT`, `$+SERIAL`, `$$…` with a quantity and a date before either, or `YYJJJLOT`.
fn read_secondary(text: &str, today: Date, udi: &mut Udi) -> Result<(), InvalidUdi> {
    let (mut rest, dated) = match (text.strip_prefix("$$"), text.strip_prefix('$')) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => {
            let mut rest = text;
            udi.expires = Some(julian(&mut rest, today)?);
            udi.lot = name(rest);
            return Ok(());
        }
    };
    let serial = rest.strip_prefix('+');
    rest = serial.unwrap_or(rest);
    if dated {
        skip_quantity(&mut rest)?;
        udi.expires = read_date(&mut rest, today)?;
    }
    if serial.is_some() {
        udi.serial = name(rest);
    } else {
        udi.lot = name(rest);
    }
    Ok(())
}

/// `8` and two digits, or `9` and five.
fn skip_quantity(rest: &mut &str) -> Result<(), InvalidUdi> {
    const QUANTITY: &str = "the quantity";
    match rest.bytes().next() {
        Some(b'8') => take(rest, 3, QUANTITY).map(drop),
        Some(b'9') => take(rest, 6, QUANTITY).map(drop),
        _ => Ok(()),
    }
}

/// A date whose first digit tells how it is written; that digit is part of the month where it is 0
/// or 1. Hours are dropped.
fn read_date(rest: &mut &str, today: Date) -> Result<Option<Date>, InvalidUdi> {
    let Some(form) = rest.bytes().next() else { return Ok(None) };
    if !matches!(form, b'0' | b'1') {
        take(rest, 1, EXPIRES)?;
    }
    let two = |rest: &mut &str| take(rest, 2, EXPIRES).map(str::to_owned);
    let day = match form {
        b'0' | b'1' => {
            let (month, year) = (two(rest)?, two(rest)?);
            date((&year, &month, "00"), today, EXPIRES)?
        }
        b'2' => {
            let (month, day, year) = (two(rest)?, two(rest)?, two(rest)?);
            date((&year, &month, &day), today, EXPIRES)?
        }
        b'3' | b'4' => {
            let (year, month, day) = (two(rest)?, two(rest)?, two(rest)?);
            date((&year, &month, &day), today, EXPIRES)?
        }
        b'5' | b'6' => julian(rest, today)?,
        b'7' => return Ok(None),
        _ => return Err(InvalidUdi::Part("the form of the expiry date", rest.to_string())),
    };
    if matches!(form, b'4' | b'6') {
        take(rest, 2, EXPIRES)?;
    }
    Ok(Some(day))
}

fn julian(rest: &mut &str, today: Date) -> Result<Date, InvalidUdi> {
    let year = take(rest, 2, EXPIRES)?;
    let day = take(rest, 3, EXPIRES)?;
    nth_day(full_year(number(year, EXPIRES)?, today), day, EXPIRES)
}

/// `S` with a serial number, `14D` and `16D` with the days of expiry and manufacture.
fn read_supplement(text: &str, udi: &mut Udi) -> Result<(), InvalidUdi> {
    if let Some(serial) = text.strip_prefix('S') {
        udi.serial = name(serial);
    } else if let Some(day) = text.strip_prefix("14D") {
        udi.expires = Some(full_date(day, EXPIRES)?);
    } else if let Some(day) = text.strip_prefix("16D") {
        udi.manufactured = Some(full_date(day, MADE)?);
    }
    Ok(())
}

/// `YYYYMMDD`.
fn full_date(text: &str, what: &'static str) -> Result<Date, InvalidUdi> {
    let fault = || InvalidUdi::Part(what, text.to_owned());
    if text.len() != 8 {
        return Err(fault());
    }
    Date::strptime("%Y%m%d", text).map_err(|_| fault())
}

fn name(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
