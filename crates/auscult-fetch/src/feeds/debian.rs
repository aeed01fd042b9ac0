//! Debian's security tracker: per source package and CVE, what each release has.
//!
//! <https://security-tracker.debian.org/tracker/data/json>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "debian",
    title: "Debian security tracker",
    url: "https://security-tracker.debian.org/tracker/data/json",
    licence: "free use, as the tracker says",
    attribution: "Debian security tracker, Debian project",
    usual: true,
    items: None,
    size_limit: 1 << 30,
    key: None,
    kind: Kind::File(OneFile {
        name: "tracker.json",
        shape: Shape::json(&["\"releases\"", "\"status\"", "\"urgency\""]),
        dated: false,
    }),
};
