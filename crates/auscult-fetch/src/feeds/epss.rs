//! EPSS scores of the day.
//!
//! <https://www.first.org/epss/data_stats>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "epss",
    title: "EPSS scores of the day",
    url: "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
    licence: "free use with attribution",
    attribution: "EPSS by FIRST.org and Empirical Security",
    usual: true,
    items: None,
    size_limit: 256 << 20,
    key: None,
    kind: Kind::File(OneFile {
        name: "epss_scores-current.csv.gz",
        shape: Shape::text_gz(&["score_date:", "cve,epss,percentile"]),
        dated: true,
    }),
};
