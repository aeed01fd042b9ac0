//! CISA's enrichment of CVE records: SSVC, CVSS, CWE and CPE, as an archive of its repository.
//!
//! <https://github.com/cisagov/vulnrichment>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "vulnrichment",
    title: "CISA Vulnrichment",
    url: "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz",
    licence: "CC0-1.0",
    attribution: "CISA Vulnrichment",
    usual: true,
    items: None,
    size_limit: 2 << 30,
    key: None,
    kind: Kind::File(OneFile {
        name: "vulnrichment.tar.gz",
        shape: Shape::text_gz(&["\"CVE_RECORD\""]),
        dated: false,
    }),
};
