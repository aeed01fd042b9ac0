//! CISA's catalogue of known exploited vulnerabilities.
//!
//! <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "kev",
    title: "CISA Known Exploited Vulnerabilities",
    url: "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
    licence: "CC0-1.0",
    attribution: "CISA Known Exploited Vulnerabilities catalogue",
    usual: true,
    items: None,
    size_limit: 64 << 20,
    key: None,
    kind: Kind::File(OneFile {
        name: "known_exploited_vulnerabilities.json",
        shape: Shape::json(&["\"catalogVersion\"", "\"vulnerabilities\"", "\"cveID\""]),
        dated: true,
    }),
};
