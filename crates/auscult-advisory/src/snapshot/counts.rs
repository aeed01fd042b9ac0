//! How much a snapshot holds: told by `status`, compared before a snapshot is replaced.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the sources together know of the CVE ids of one year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearCoverage {
    /// The year of the ids, as in `CVE-2026-0001`.
    pub year: u16,
    /// Ids with a record in any source, other than those that were withdrawn.
    pub records: u64,
    /// Those of them with a claim about a product under a name that can be matched.
    pub with_product_data: u64,
    /// Ids that only have a predicted score (EPSS): published, and no record of them is here.
    pub scored_only: u64,
}

impl YearCoverage {
    /// Percentage of records that carry product data, rounded down; `None` without records.
    pub fn percent(&self) -> Option<u64> {
        self.with_product_data.saturating_mul(100).checked_div(self.records)
    }
}

impl std::fmt::Display for YearCoverage {
    /// `2026: 61 % of 12,345 records carry product data`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, records) = (self.year, grouped(self.records));
        match self.percent() {
            None => write!(formatter, "{year}: no records"),
            Some(0) if self.with_product_data > 0 => {
                write!(formatter, "{year}: under 1 % of {records} records carry product data")
            }
            Some(percent) => {
                write!(formatter, "{year}: {percent} % of {records} records carry product data")
            }
        }
    }
}

/// Counts of a snapshot, part of its header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) vulnerabilities: u64,
    pub(crate) products: u64,
    /// By year; empty in a starter, whose products were chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) years: Vec<YearCoverage>,
}

/// What is known of an id, while the years are counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    ScoreOnly,
    Record,
    ProductData,
}

/// Counts ids by year; ids that are no CVE ids belong to no year and are left out.
pub(crate) fn by_year<'a>(ids: impl Iterator<Item = (&'a str, Known)>) -> Vec<YearCoverage> {
    let mut years = BTreeMap::<u16, YearCoverage>::new();
    for (id, known) in ids {
        let Some(year) = year_of(id) else { continue };
        let count = years.entry(year).or_insert(YearCoverage { year, ..YearCoverage::default() });
        count.scored_only += u64::from(known == Known::ScoreOnly);
        count.records += u64::from(known >= Known::Record);
        count.with_product_data += u64::from(known == Known::ProductData);
    }
    years.into_values().collect()
}

/// The year of a CVE id.
fn year_of(id: &str) -> Option<u16> {
    let (year, number) = id.strip_prefix("CVE-")?.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (year.len() == 4 && digits(year) && !number.is_empty() && digits(number))
        .then(|| year.parse().ok())?
}

/// A number with a comma between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Known, YearCoverage, by_year, grouped, year_of};

    #[test]
    fn ids_are_counted_by_their_year() {
        let ids = [
            ("CVE-2026-0001", Known::ProductData),
            ("CVE-2026-0002", Known::Record),
            ("CVE-2026-0003", Known::ScoreOnly),
            ("CVE-1999-0001", Known::ProductData),
            ("GHSA-2026-0001", Known::ProductData),
        ];
        let year = |year, records, with_product_data, scored_only| YearCoverage {
            year,
            records,
            with_product_data,
            scored_only,
        };
        assert_eq!(by_year(ids.into_iter()), [year(1999, 1, 1, 0), year(2026, 2, 1, 1)]);
        assert_eq!(year_of("CVE-20265-1"), None);
        assert_eq!(year_of("CVE-2026-"), None);
    }

    #[test]
    fn percentages_never_round_to_more_than_is_there() {
        let text = |records, with_product_data| {
            let year = YearCoverage { year: 2026, records, with_product_data, scored_only: 0 };
            year.to_string()
        };
        assert_eq!(text(12_345, 7_531), "2026: 61 % of 12,345 records carry product data");
        assert_eq!(text(1000, 999), "2026: 99 % of 1,000 records carry product data");
        assert_eq!(text(1000, 9), "2026: under 1 % of 1,000 records carry product data");
        assert_eq!(text(1000, 0), "2026: 0 % of 1,000 records carry product data");
        assert_eq!(text(0, 0), "2026: no records");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(100), "100");
    }
}
