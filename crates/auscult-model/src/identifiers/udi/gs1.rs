//! GS1: a sequence of application identifiers with their values (GS1 General Specifications 3 and
//! 7.8).

use jiff::civil::Date;

use super::{InvalidUdi, Udi, UdiAgency, date, head, take};

/// Ends a value of no fixed length (FNC1).
pub(super) const SEPARATOR: u8 = 0x1d;
const SEPARATOR_CHAR: char = '\u{1d}';
const DEVICE_IDENTIFIER: &str = "the device identifier (01)";

/// How long a value is.
#[derive(Clone, Copy)]
enum Length {
    Fixed(usize),
    AtMost(usize),
}

/// The application identifiers that a label of a medical device may carry, with their values'
/// lengths.
const IDENTIFIERS: &[(&str, Length)] = &[
    ("00", Length::Fixed(18)),
    ("01", Length::Fixed(14)),
    ("02", Length::Fixed(14)),
    ("10", Length::AtMost(20)),
    ("11", Length::Fixed(6)),
    ("13", Length::Fixed(6)),
    ("15", Length::Fixed(6)),
    ("16", Length::Fixed(6)),
    ("17", Length::Fixed(6)),
    ("20", Length::Fixed(2)),
    ("21", Length::AtMost(20)),
    ("22", Length::AtMost(20)),
    ("235", Length::AtMost(28)),
    ("240", Length::AtMost(30)),
    ("241", Length::AtMost(30)),
    ("250", Length::AtMost(30)),
    ("30", Length::AtMost(8)),
    ("37", Length::AtMost(8)),
    ("710", Length::AtMost(20)),
    ("711", Length::AtMost(20)),
    ("712", Length::AtMost(20)),
    ("713", Length::AtMost(20)),
    ("714", Length::AtMost(20)),
    ("8004", Length::AtMost(30)),
    ("8012", Length::AtMost(20)),
    ("90", Length::AtMost(30)),
    ("91", Length::AtMost(90)),
    ("92", Length::AtMost(90)),
    ("93", Length::AtMost(90)),
    ("94", Length::AtMost(90)),
    ("95", Length::AtMost(90)),
    ("96", Length::AtMost(90)),
    ("97", Length::AtMost(90)),
    ("98", Length::AtMost(90)),
    ("99", Length::AtMost(90)),
];

pub(super) fn read(text: &str, today: Date) -> Result<Udi, InvalidUdi> {
    let elements = if text.starts_with('(') { in_parentheses(text)? } else { as_scanned(text)? };
    let Some((_, gtin)) = elements.iter().find(|(identifier, _)| *identifier == "01") else {
        return Err(InvalidUdi::NoDeviceIdentifier);
    };
    check_gtin(gtin)?;
    // A shorter one is the same with zeros before it (GS1 General Specifications 3.3.2).
    let mut udi = Udi::new(UdiAgency::Gs1, &format!("{gtin:0>14}"));
    for (identifier, value) in elements {
        let own = || Some(value.to_owned());
        match identifier {
            "10" => udi.lot = own(),
            "11" => udi.manufactured = Some(day(value, today, "the date of manufacture (11)")?),
            "17" => udi.expires = Some(day(value, today, "the expiry date (17)")?),
            "21" => udi.serial = own(),
            "8012" => udi.software_version = own(),
            _ => {}
        }
    }
    Ok(udi)
}

/// `(01)09506000134352(17)251231`, as people read it.
fn in_parentheses(text: &str) -> Result<Vec<(&'static str, &str)>, InvalidUdi> {
    let mut elements = Vec::new();
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('(') {
        let (identifier, behind) =
            inside.split_once(')').ok_or(InvalidUdi::Truncated("an application identifier"))?;
        let (identifier, length) = known(identifier.trim())
            .filter(|(known, _)| *known == identifier.trim())
            .ok_or_else(|| unknown(identifier))?;
        // A value may hold a parenthesis, but no digits in two of them.
        let end = (0..behind.len()).find(|&at| begins_element(behind, at)).unwrap_or(behind.len());
        let (value, next) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let value = value.trim().trim_end_matches(SEPARATOR_CHAR);
        elements.push((identifier, checked(identifier, value, length)?));
        rest = next;
    }
    if rest.is_empty() { Ok(elements) } else { Err(unknown(rest)) }
}

fn begins_element(text: &str, at: usize) -> bool {
    let inside = text.get(at..).and_then(|rest| rest.strip_prefix('('));
    let identifier = inside.and_then(|inside| inside.split_once(')')).map(|(one, _)| one);
    identifier.is_some_and(|one| (2..=4).contains(&one.len()) && known(one).is_some())
}

/// `0109506000134352 17251231 10ABC<GS>`, as a scanner sends it, or a GTIN alone.
fn as_scanned(text: &str) -> Result<Vec<(&'static str, &str)>, InvalidUdi> {
    let mut rest = text.trim_start_matches(SEPARATOR_CHAR);
    if matches!(rest.len(), 8 | 12 | 13 | 14) && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(vec![("01", rest)]);
    }
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (identifier, length) = known(rest).ok_or_else(|| unknown(rest))?;
        rest = rest.get(identifier.len()..).unwrap_or_default();
        let value = match length {
            Length::Fixed(count) => take(&mut rest, count, named(identifier))?,
            Length::AtMost(_) => {
                let (value, behind) = rest.split_once(SEPARATOR_CHAR).unwrap_or((rest, ""));
                rest = behind;
                value
            }
        };
        rest = rest.trim_start_matches(SEPARATOR_CHAR);
        elements.push((identifier, checked(identifier, value, length)?));
    }
    Ok(elements)
}

/// The application identifier at the front of a text.
fn known(text: &str) -> Option<(&'static str, Length)> {
    IDENTIFIERS.iter().copied().find(|(identifier, _)| text.starts_with(identifier))
}

fn unknown(text: &str) -> InvalidUdi {
    InvalidUdi::Part("an application identifier of GS1", head(text))
}

fn named(identifier: &str) -> &'static str {
    match identifier {
        "01" => DEVICE_IDENTIFIER,
        "11" => "the date of manufacture (11)",
        "17" => "the expiry date (17)",
        _ => "a value of fixed length",
    }
}

fn checked<'a>(identifier: &str, value: &'a str, length: Length) -> Result<&'a str, InvalidUdi> {
    // The set of characters 82 (GS1 General Specifications 7.11).
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!\"%&'()*+,-./_:;<=>?".contains(&byte);
    if !value.bytes().all(allowed) || value.is_empty() {
        return Err(InvalidUdi::Part("the value of an application identifier", head(value)));
    }
    match length {
        Length::Fixed(count) if value.len() < count => {
            Err(InvalidUdi::Truncated(named(identifier)))
        }
        Length::Fixed(count) | Length::AtMost(count) if value.len() > count => {
            Err(InvalidUdi::Part("a value that is too long", value.to_owned()))
        }
        _ => Ok(value),
    }
}

/// Verifies the last digit of a GTIN (GS1 General Specifications 7.9.1).
fn check_gtin(gtin: &str) -> Result<(), InvalidUdi> {
    let digits: Option<Vec<u32>> = gtin.chars().map(|digit| digit.to_digit(10)).collect();
    let fault = || InvalidUdi::Part(DEVICE_IDENTIFIER, gtin.to_owned());
    let digits = digits.ok_or_else(fault)?;
    let (last, others) = digits.split_last().ok_or_else(fault)?;
    let weighted = others.iter().rev().zip([3, 1].into_iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| digit * weight).sum();
    let expected = (10 - sum % 10) % 10;
    let digit = |number: u32| char::from_digit(number, 10).unwrap_or('?');
    if *last == expected {
        Ok(())
    } else {
        Err(InvalidUdi::Check { expected: digit(expected), found: digit(*last) })
    }
}

fn day(value: &str, today: Date, what: &'static str) -> Result<Date, InvalidUdi> {
    let mut rest = value;
    let year = take(&mut rest, 2, what)?;
    let month = take(&mut rest, 2, what)?;
    date((year, month, rest), today, what)
}
