//! ICCBBA: data structures of ISBT 128, each with two characters before it that say what it is.

use jiff::civil::Date;

use super::{InvalidUdi, Udi, UdiAgency, nth_day, take};

/// Data structures by what stands before them, with their lengths (ISBT 128 Standard, table 1).
const STRUCTURES: &[(&str, usize)] =
    &[("=/", 16), ("=,", 6), ("=>", 6), ("=}", 6), ("=<", 8), ("&,1", 18)];
/// A donation: `=` and the letter or digit that begins the identification of where it was made.
const DONATION: usize = 15;

pub(super) fn read(text: &str, today: Date) -> Result<Udi, InvalidUdi> {
    let mut rest = text;
    let mut values = Vec::new();
    while !rest.is_empty() {
        let known = STRUCTURES.iter().find(|(mark, _)| rest.starts_with(mark));
        let (mark, length) = match known {
            Some(&(mark, length)) => (mark, length),
            None if is_donation(rest) => ("=", DONATION),
            None => {
                return Err(InvalidUdi::Part("a data structure of ISBT 128", super::head(rest)));
            }
        };
        rest = rest.get(mark.len()..).unwrap_or_default();
        values.push((mark, take(&mut rest, length, "a data structure of ISBT 128")?));
    }
    let identifier = values.iter().find(|(mark, _)| *mark == "=/");
    let (_, identifier) = identifier.ok_or(InvalidUdi::NoDeviceIdentifier)?;
    let mut udi = Udi::new(UdiAgency::Iccbba, identifier);
    for (mark, value) in values {
        match mark {
            "=," => udi.serial = Some(value.to_owned()),
            "&,1" => udi.lot = Some(value.to_owned()),
            "=>" => udi.expires = Some(day(value, today, "the expiry date")?),
            "=}" => udi.manufactured = Some(day(value, today, "the date of manufacture")?),
            _ => {}
        }
    }
    Ok(udi)
}

fn is_donation(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next() == Some(b'=') && bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// `cYYJJJ`: the century within its thousand years, year and day of the year.
fn day(value: &str, today: Date, what: &'static str) -> Result<Date, InvalidUdi> {
    let mut rest = value;
    let year = super::number(take(&mut rest, 3, what)?, what)?;
    nth_day(today.year().div_euclid(1000) * 1000 + year, rest, what)
}
