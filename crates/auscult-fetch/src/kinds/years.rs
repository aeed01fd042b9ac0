//! NVD's yearly files: `nvdcve-2.0-YEAR.json.gz`, and `modified` and `recent` for the last eight
//! days, each with a `.meta` that tells the SHA-256 of the text inside.

use jiff::tz::TimeZone;

use crate::{
    http::url::join,
    session::{Check, Session, Wanted},
    shape::Shape,
};

/// The first file holds all years before, too.
const FIRST_YEAR: i16 = 2002;
const SHAPE: Shape = Shape::json_gz(&["\"format\"", "\"vulnerabilities\""]);

/// The files of the feed.
pub(crate) fn list(session: &Session<'_>) -> Vec<Wanted> {
    let this_year = TimeZone::UTC.to_datetime(session.now).year();
    let base = session.base();
    let wanted = |part: &str| {
        let name = format!("nvdcve-2.0-{part}.json.gz");
        let check = Check::Meta(join(&base, &format!("nvdcve-2.0-{part}.meta")));
        Wanted { check, ..Wanted::new(join(&base, &name), name, SHAPE) }
    };
    let mut files: Vec<Wanted> = (FIRST_YEAR..=this_year)
        // In the first days of a year its file may be missing.
        .map(|year| Wanted { optional: year == this_year, ..wanted(&year.to_string()) })
        .collect();
    files.extend(["modified", "recent"].map(|part| Wanted { rolling: true, ..wanted(part) }));
    files
}
