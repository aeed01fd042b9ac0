//! The CVE List in the record format 5: a whole archive each midnight, and changes since.
//!
//! <https://github.com/CVEProject/cvelistV5/releases>

use crate::feeds::{Feed, Key, Kind};

pub(super) const FEED: Feed = Feed {
    name: "cve-list",
    title: "CVE List V5, releases",
    url: "https://api.github.com/repos/CVEProject/cvelistV5/releases",
    licence: "CVE Terms of Use",
    attribution: "CVE Program, The MITRE Corporation",
    usual: true,
    items: None,
    size_limit: 4 << 30,
    // GitHub answers 60 requests an hour without one.
    key: Some(Key { variable: "GITHUB_TOKEN", header: "Authorization", prefix: "Bearer " }),
    kind: Kind::Releases,
};
