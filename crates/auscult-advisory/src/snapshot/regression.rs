//! What a snapshot lost against the one that it is to replace.
//!
//! A feed that answers with half of its records, or with none of its product data, must not
//! quietly make devices look safer than they did yesterday.

use auscult_model::SourceInfo;

use crate::snapshot::{Snapshot, counts::grouped};

/// A count may fall by so many percent: records are merged and withdrawn every day.
const LOSS_PERCENT_MAX: u64 = 10;

/// Reasons why `new` should not replace `old`: it is older, a source is gone or lost more than
/// 10 % of its records, or the whole holds over 10 % fewer vulnerabilities, products or records
/// with product data. Each is a sentence for the user; none means that nothing was lost. Counts
/// that a snapshot of an earlier release does not hold are not compared.
pub fn regression(old: &Snapshot, new: &Snapshot) -> Vec<String> {
    let (old_info, new_info) = (old.info(), new.info());
    let mut reasons = Vec::new();
    if new_info.date < old_info.date {
        reasons.push(format!("it is of {}, the present one of {}", new_info.date, old_info.date));
    }
    for source in &old_info.sources {
        let now = new_info.sources.iter().find(|now| now.name == source.name);
        reasons.extend(source_loss(source, now));
    }
    if let (Some(old), Some(new)) = (old.counts(), new.counts()) {
        let with_product_data = |counts: &super::counts::Counts| {
            let years = counts.years.iter().map(|year| year.with_product_data);
            years.fold(0, u64::saturating_add)
        };
        let totals = [
            ("vulnerabilities", old.vulnerabilities, new.vulnerabilities),
            ("products", old.products, new.products),
            ("CVE records with product data", with_product_data(old), with_product_data(new)),
        ];
        for (what, before, now) in totals {
            if shrank(before, now) {
                reasons.push(format!(
                    "it holds {} {what} in place of {}",
                    grouped(now),
                    grouped(before)
                ));
            }
        }
    }
    reasons
}

fn source_loss(before: &SourceInfo, now: Option<&SourceInfo>) -> Option<String> {
    let (name, records) = (&before.name, grouped(before.records));
    match now {
        // A source that never gave anything is no loss.
        _ if before.records == 0 => None,
        None => Some(format!("the source {name} is gone, which had {records} records")),
        Some(now) => shrank(before.records, now.records).then(|| {
            format!("the source {name} has {} records in place of {records}", grouped(now.records))
        }),
    }
}

fn shrank(before: u64, now: u64) -> bool {
    let kept_percent = u128::from(100 - LOSS_PERCENT_MAX);
    u128::from(now) * 100 < u128::from(before) * kept_percent
}

#[cfg(test)]
mod tests {
    use super::shrank;

    #[test]
    fn a_tenth_may_go_and_no_more() {
        assert!(!shrank(1000, 900) && shrank(1000, 899));
        assert!(!shrank(0, 0) && shrank(1, 0) && !shrank(1, 5));
        assert!(!shrank(u64::MAX, u64::MAX));
    }
}
