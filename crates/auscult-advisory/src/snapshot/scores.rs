//! The table of exploit predictions: ids that differ in their last two characters alone stand in one
//! row, so that a third of a million of them is quick to read without being compressed.

use std::collections::BTreeMap;

use auscult_model::Epss;

use crate::{
    codec::{Decoded, Reader, Short, Writer},
    feeds::EpssRow,
    snapshot::write::Rows,
};

/// Key of the row of an id, and what stands in it for the id.
pub(crate) fn split(id: &str) -> (&str, &str) {
    let at = id.floor_char_boundary(id.len().saturating_sub(2));
    id.split_at_checked(at).unwrap_or((id, ""))
}

/// The table of these predictions; of two for one id the last counts.
pub(crate) fn rows(predictions: Vec<EpssRow>) -> Rows {
    let all: BTreeMap<String, (u32, u32)> =
        predictions.into_iter().map(|(id, score, percentile)| (id, (score, percentile))).collect();
    let mut rows: BTreeMap<Vec<u8>, Writer> = BTreeMap::new();
    for (id, (score, percentile)) in &all {
        let (key, rest) = split(id);
        let row = rows.entry(key.as_bytes().to_vec()).or_default();
        row.text(rest);
        row.number(u64::from(*score));
        row.number(u64::from(*percentile));
    }
    rows.into_iter().map(|(key, row)| (key, row.bytes)).collect()
}

/// The prediction for what stands behind the key of a row.
pub(crate) fn find(row: &mut Reader<'_>, rest: &str) -> Decoded<Option<Epss>> {
    while !row.is_empty() {
        let found = row.slice()? == rest.as_bytes();
        let (score, percentile) = (row.number()?, row.number()?);
        if found {
            let number = |number| u32::try_from(number).map_err(|_| Short);
            let (score_e5, percentile_e5) = (number(score)?, number(percentile)?);
            return Ok(Some(Epss { score_e5, percentile_e5 }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use auscult_model::Epss;

    use super::{find, rows, split};
    use crate::codec::Reader;

    #[test]
    fn every_id_is_found_and_no_other() {
        let ids = ["CVE-2022-48174", "CVE-2022-48175", "CVE-2022-4817", "CVE-1999-0001", "x", ""];
        let predictions = (1..).zip(ids).map(|(n, id)| (id.to_owned(), n, n * 1000)).collect();
        let rows = rows(predictions);
        assert_eq!(rows.len(), 4);
        let found = |id| {
            let (key, rest) = split(id);
            rows.get(key.as_bytes()).and_then(|row| find(&mut Reader::new(row), rest).unwrap())
        };
        for (score_e5, id) in (1..).zip(ids) {
            let expected = Epss { score_e5, percentile_e5: score_e5 * 1000 };
            assert_eq!(found(id), Some(expected), "{id}");
        }
        for id in ["CVE-2022-48176", "CVE-2022-481", "CVE-2022-481744", "y"] {
            assert_eq!(found(id), None, "{id}");
        }
    }
}
