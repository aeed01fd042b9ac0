//! Alpine's security database: which version of a package repairs what, per branch.
//!
//! <https://secdb.alpinelinux.org/>

use crate::{
    feeds::{Feed, Kind},
    http::url::{encode, join},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "alpine",
    title: "Alpine security database",
    url: "https://secdb.alpinelinux.org/",
    licence: "none stated (facts)",
    attribution: "Alpine Linux",
    usual: true,
    items: Some(&[
        "v3.10", "v3.11", "v3.12", "v3.13", "v3.14", "v3.15", "v3.16", "v3.17", "v3.18", "v3.19",
        "v3.20", "v3.21", "v3.22", "v3.23", "v3.24", "edge",
    ]),
    size_limit: 64 << 20,
    key: None,
    // The newest branches of the list may not exist yet.
    kind: Kind::PerItem {
        files,
        shape: Shape::json(&["\"distroversion\"", "\"packages\""]),
        optional: true,
    },
};

fn files(base: &str, branch: &str) -> Vec<(String, String)> {
    let file = |repository: &str| {
        let name = format!("{repository}.json");
        (join(base, &format!("{}/{name}", encode(branch))), format!("{branch}/{name}"))
    };
    vec![file("main"), file("community")]
}
