//! OSV: an archive of all records for each ecosystem.
//!
//! <https://google.github.io/osv.dev/data/>

use crate::{
    feeds::{Feed, Kind},
    http::url::{encode, join},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "osv",
    title: "OSV, an archive for each ecosystem",
    url: "https://osv-vulnerabilities.storage.googleapis.com/",
    licence: "CC-BY-4.0 where the database does not say otherwise",
    attribution: "OSV.dev and the databases named in its records",
    usual: true,
    items: Some(&[
        "Alpine",
        "Debian",
        "GIT",
        "Go",
        "Maven",
        "NuGet",
        "OSS-Fuzz",
        "Packagist",
        "PyPI",
        "RubyGems",
        "crates.io",
        "npm",
    ]),
    size_limit: 2 << 30,
    key: None,
    kind: Kind::PerItem { files, shape: Shape::zip(), optional: false },
};

fn files(base: &str, ecosystem: &str) -> Vec<(String, String)> {
    vec![(join(base, &format!("{}/all.zip", encode(ecosystem))), format!("{ecosystem}/all.zip"))]
}
