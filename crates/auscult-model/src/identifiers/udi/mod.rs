//! Unique device identification: what the barcode on a device says (21 CFR 830, MDR article 27).
//!
//! An identifier has a device identifier, which names the model and its maker, and production
//! identifiers, which name the unit. Three agencies issue them, each with a notation of its own.

mod gs1;
mod hibcc;
mod iccbba;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Characters that a barcode may have; the longest of real ones are under 200.
const LENGTH_MAX: usize = 512;

/// Who issued a device identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UdiAgency {
    /// GS1: the device identifier is a GTIN of 14 digits.
    Gs1,
    /// The Health Industry Business Communications Council: letters and digits.
    Hibcc,
    /// ICCBBA (ISBT 128), for what comes from human tissue.
    Iccbba,
}

impl fmt::Display for UdiAgency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gs1 => "GS1",
            Self::Hibcc => "HIBCC",
            Self::Iccbba => "ICCBBA",
        })
    }
}

/// What a barcode says. Its check characters were verified, where the notation has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Udi {
    /// Who issued it.
    pub agency: UdiAgency,
    /// The device identifier, as registers list it: no prefix, no check character of the barcode.
    pub device_identifier: String,
    /// The unit's serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its lot or batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufactured: Option<Date>,
    /// Until when it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// The version of its software, which only GS1 has a place for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

/// Why a text is no unique device identification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUdi {
    /// It begins like none of the three notations.
    #[error("a barcode begins with (01) or 01 (GS1), + (HIBCC) or = (ICCBBA), this one with {0:?}")]
    Notation(String),
    /// It ends within a part.
    #[error("the barcode ends within {0}: it was not read whole")]
    Truncated(&'static str),
    /// A check digit or character is not the one that the rest demands.
    #[error("the check character {found:?} should be {expected:?}: it was misread or mistyped")]
    Check {
        /// What the rest demands.
        expected: char,
        /// What was given.
        found: char,
    },
    /// A part may not look as it does.
    #[error("{0}: {1:?} is not allowed")]
    Part(&'static str, String),
    /// Only production data, as the second of two barcodes on a label has them.
    #[error("the device identifier is missing: read the other barcode of the label first")]
    NoDeviceIdentifier,
}

impl Udi {
    /// Reads what a scanner or a person gives: with or without parentheses, symbology identifier
    /// and separators. `today` tells the century of years with two digits.
    pub fn parse(text: &str, today: Date) -> Result<Self, InvalidUdi> {
        let text = text.trim();
        if text.len() > LENGTH_MAX {
            return Err(InvalidUdi::Part("a barcode of over 512 bytes", head(text)));
        }
        let text = without_symbology(text);
        match text.bytes().next() {
            Some(b'+') => hibcc::read(text, today),
            Some(b'=') => iccbba::read(text, today),
            Some(b'(' | b'0'..=b'9' | gs1::SEPARATOR) => gs1::read(text, today),
            _ => Err(InvalidUdi::Notation(head(text))),
        }
    }

    fn new(agency: UdiAgency, device_identifier: &str) -> Self {
        Self {
            agency,
            device_identifier: device_identifier.to_owned(),
            serial: None,
            lot: None,
            manufactured: None,
            expires: None,
            software_version: None,
        }
    }
}

/// Drops what a scanner puts before the data to tell the kind of barcode: `]`, a letter and a digit
/// (ISO/IEC 15424).
fn without_symbology(text: &str) -> &str {
    match text.as_bytes() {
        [b']', letter, digit, ..] if letter.is_ascii_alphabetic() && digit.is_ascii_digit() => {
            text.get(3..).unwrap_or_default()
        }
        _ => text,
    }
}

/// The first characters, for a message.
fn head(text: &str) -> String {
    text.chars().take(8).collect()
}

/// Takes this many bytes from the front.
fn take<'a>(text: &mut &'a str, count: usize, what: &'static str) -> Result<&'a str, InvalidUdi> {
    let (first, rest) = text.split_at_checked(count).ok_or(InvalidUdi::Truncated(what))?;
    *text = rest;
    Ok(first)
}

fn number(digits: &str, what: &'static str) -> Result<i16, InvalidUdi> {
    let fault = || InvalidUdi::Part(what, digits.to_owned());
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault());
    }
    digits.parse().map_err(|_| fault())
}

/// A day of a year with two digits. The century is the one that puts it nearest to today (GS1
/// General Specifications 7.12); day 00 is the last one of the month.
fn date(
    (year, month, day): (&str, &str, &str),
    today: Date,
    what: &'static str,
) -> Result<Date, InvalidUdi> {
    let year = full_year(number(year, what)?, today);
    let fault = || InvalidUdi::Part(what, format!("{year}-{month}-{day}"));
    let (month, day_number) = (number(month, what)?, number(day, what)?);
    let month = i8::try_from(month).map_err(|_| fault())?;
    let first = Date::new(year, month, 1).map_err(|_| fault())?;
    if day_number == 0 {
        return Ok(first.last_of_month());
    }
    let day_number = i8::try_from(day_number).map_err(|_| fault())?;
    Date::new(year, month, day_number).map_err(|_| fault())
}

/// A day by its number in a year, the first of January being 1.
fn nth_day(year: i16, day: &str, what: &'static str) -> Result<Date, InvalidUdi> {
    let first = Date::new(year, 1, 1);
    let number = number(day, what)?;
    let date = first.and_then(|first| first.with().day_of_year(number).build());
    date.map_err(|_| InvalidUdi::Part(what, format!("day {day} of {year}")))
}

fn full_year(two_digits: i16, today: Date) -> i16 {
    let century = today.year().div_euclid(100) * 100;
    let year = century + two_digits;
    let ahead = year - today.year();
    if ahead >= 51 {
        year - 100
    } else if ahead <= -50 {
        year + 100
    } else {
        year
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::{InvalidUdi, Udi, UdiAgency};

    fn read(text: &str) -> Result<Udi, InvalidUdi> {
        Udi::parse(text, date(2026, 11, 27))
    }

    fn told(text: &str) -> String {
        let udi = read(text).unwrap();
        let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string());
        let parts = [
            Some(udi.agency.to_string()),
            Some(udi.device_identifier),
            udi.serial,
            udi.lot,
            day(udi.manufactured),
            day(udi.expires),
            udi.software_version,
        ];
        parts.map(|part| part.unwrap_or_else(|| "-".to_owned())).join(" ")
    }

    /// The examples in the FDA's list of formats of the issuing agencies.
    #[test]
    fn the_examples_of_the_agencies_are_read() {
        assert_eq!(
            told("(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234"),
            "GS1 51022222233336 1234 A213B1 2014-12-31 2015-07-07 -"
        );
        // Its check character is a placeholder: the sum of the others asks for another.
        let hibcc = "+H123PARTNO1234567890120/$$420020216LOT123456789012345/\
                     SXYZ456789012345678/16D20130202";
        let misread = InvalidUdi::Check { expected: 'H', found: 'C' };
        assert_eq!(read(&format!("{hibcc}C")), Err(misread));
        assert_eq!(
            told(&format!("{hibcc}H")),
            "HIBCC H123PARTNO1234567890120 XYZ456789012345678 LOT123456789012345 2013-02-02 \
             2020-02-02 -"
        );
        assert_eq!(
            told("=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123"),
            "ICCBBA A9999XYZ100T0944 000025 000000000000XYZ123 2013-02-01 2014-02-01 -"
        );
    }

    #[test]
    fn gs1_is_read_as_scanners_send_it() {
        for text in [
            "]d201095060001343521725123110ABC\u{1d}21S1\u{1d}8012V2.1",
            "01095060001343521725123110ABC\u{1d}21S1\u{1d}8012V2.1",
            "\u{1d}01095060001343521725123110ABC\u{1d}21S1\u{1d}8012V2.1",
            "(01)09506000134352(17)251231(10)ABC(21)S1(8012)V2.1",
            " (01) 09506000134352 (17) 251231 (10) ABC (21) S1 (8012) V2.1 ",
        ] {
            assert_eq!(told(text), "GS1 09506000134352 S1 ABC - 2025-12-31 V2.1", "{text:?}");
        }
        // Day 00 is the last of the month; a year far ahead is one of the last century.
        assert_eq!(
            told("(01)09506000134352(17)280200(11)990101"),
            "GS1 09506000134352 - - 1999-01-01 2028-02-29 -"
        );
        // A GTIN alone, of any length, is the device identifier.
        assert_eq!(told("9506000134352"), "GS1 09506000134352 - - - - -");
    }

    #[test]
    fn hibcc_is_read_with_every_form_of_date() {
        let with_check =
            |text: &str| format!("{text}{}", super::hibcc::check_character(text).unwrap());
        for (secondary, expected) in [
            ("$LOT7", "- LOT7 - -"),
            ("$+SN7", "SN7 - - -"),
            ("$$0928LOT7", "- LOT7 - 2028-09-30"),
            ("$$2091528LOT7", "- LOT7 - 2028-09-15"),
            ("$$3280915LOT7", "- LOT7 - 2028-09-15"),
            ("$$428091512LOT7", "- LOT7 - 2028-09-15"),
            ("$$528259LOT7", "- LOT7 - 2028-09-15"),
            ("$$+7SN7", "SN7 - - -"),
            ("$$8053280915LOT7", "- LOT7 - 2028-09-15"),
            ("$$9000053280915LOT7", "- LOT7 - 2028-09-15"),
            ("$$+3280915SN7", "SN7 - - 2028-09-15"),
            ("28259LOT7", "- LOT7 - 2028-09-15"),
            ("$$3280915LOT7/SSN7/16D20260915", "SN7 LOT7 2026-09-15 2028-09-15"),
        ] {
            let text = with_check(&format!("+A123BJC5D6E71/{secondary}"));
            assert_eq!(told(&text), format!("HIBCC A123BJC5D6E71 {expected} -"), "{secondary}");
        }
        // The example of the standard, with its check character.
        assert_eq!(told("+A123BJC5D6E71G"), "HIBCC A123BJC5D6E71 - - - - -");
    }

    #[test]
    fn what_was_misread_is_refused_with_its_reason() {
        assert_eq!(
            read("(01)09506000134353"),
            Err(InvalidUdi::Check { expected: '2', found: '3' })
        );
        assert_eq!(
            read("(01)0950600013"),
            Err(InvalidUdi::Truncated("the device identifier (01)"))
        );
        assert!(matches!(read("+A123BJC5D6E719"), Err(InvalidUdi::Check { .. })));
        assert_eq!(read("(17)251231"), Err(InvalidUdi::NoDeviceIdentifier));
        assert_eq!(read("+$$3280915LOT7"), Err(InvalidUdi::NoDeviceIdentifier));
        assert!(matches!(read("(01)09506000134352(17)251331"), Err(InvalidUdi::Part(..))));
        assert!(matches!(read("(01)09506000134352(55)1"), Err(InvalidUdi::Part(..))));
        assert!(matches!(read("SN-4711"), Err(InvalidUdi::Notation(_))));
        assert!(matches!(read(""), Err(InvalidUdi::Notation(_))));
    }

    #[test]
    fn agencies_are_written_in_lower_case() {
        assert_eq!(serde_json::to_string(&UdiAgency::Hibcc).unwrap(), "\"hibcc\"");
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "[\\]=+(]?[0-9A-Z$/=>,&}()\u{1d}é ]{0,60}") {
            if let Ok(udi) = read(&text) {
                prop_assert!(!udi.device_identifier.is_empty());
            }
        }
    }
}
