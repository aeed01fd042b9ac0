//! EPSS scores by FIRST.org: `cve,epss,percentile`, with commas or semicolons.
//!
//! The served file begins with `#model_version:…,score_date:…`; copies may have lost that line,
//! then the date stands in the name of the file.

use jiff::civil::Date;

use crate::feeds::{EpssRow, Recognised, day, is_cve};

fn is_header(line: &str) -> bool {
    line.split([',', ';']).map(str::trim).take(3).eq(["cve", "epss", "percentile"])
}

/// Tells whether a text is a day of EPSS.
pub(crate) fn is_epss(text: &str) -> bool {
    text.lines().take(2).any(is_header)
}

/// Reads a day of EPSS.
pub(crate) fn parse(path: &str, text: &str) -> Recognised {
    let (mut rows, mut failures) = (Vec::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#') && !is_header(line)) {
        match row(line) {
            Some(row) => rows.push(row),
            None if line.trim().is_empty() => {}
            None => failures += 1,
        }
    }
    Recognised::Epss { date: date(path, text), rows, failures }
}

fn row(line: &str) -> Option<EpssRow> {
    let mut fields = line.split([',', ';']).map(|field| field.trim().trim_matches('"'));
    let id = fields.next().filter(|id| is_cve(id))?;
    let (score, percentile) = (e5(fields.next()?)?, e5(fields.next()?)?);
    Some((id.to_owned(), score, percentile))
}

/// A decimal fraction from 0 to 1 in hundred-thousandths, rounded half up.
fn e5(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{fraction:0<6}");
    let digits: u32 = padded.get(..6)?.parse().ok()?;
    let value = whole * 100_000 + digits.div_euclid(10) + u32::from(digits % 10 >= 5);
    (value <= 100_000).then_some(value)
}

fn date(path: &str, text: &str) -> Option<Date> {
    let first = text.lines().next()?;
    if let Some((_, date)) = first.split_once("score_date:") {
        return day(date);
    }
    let starts = path.char_indices().map(|(at, _)| at);
    starts.filter_map(|at| path.get(at..at + 10)).filter_map(|text| text.parse().ok()).next_back()
}

#[cfg(test)]
mod tests {
    use super::{date, e5};

    #[test]
    fn fractions_are_exact() {
        for (text, expected) in [
            ("0.033510000", Some(3351)),
            ("1", Some(100_000)),
            ("1.00000", Some(100_000)),
            ("0.999995", Some(100_000)),
            ("0.00042", Some(42)),
            ("1.5", None),
            ("x", None),
            ("0.5e1", None),
        ] {
            assert_eq!(e5(text), expected, "{text}");
        }
    }

    #[test]
    fn date_comes_from_the_text_or_the_name() {
        let line = "#model_version:v2023.03.01,score_date:2024-01-02T00:00:00+0000\n";
        assert_eq!(date("x", line).unwrap().to_string(), "2024-01-02");
        assert_eq!(date("a/epss_scores-2026-07-12.csv", "cve").unwrap().to_string(), "2026-07-12");
    }
}
