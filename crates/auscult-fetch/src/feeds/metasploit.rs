//! The list of Metasploit's modules with their references.
//!
//! <https://github.com/rapid7/metasploit-framework/blob/master/db/modules_metadata_base.json>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "metasploit",
    title: "Metasploit modules",
    url: "https://raw.githubusercontent.com/rapid7/metasploit-framework/master/db/modules_metadata_base.json",
    licence: "BSD-3-Clause",
    attribution: "Metasploit Framework by Rapid7",
    usual: true,
    items: None,
    size_limit: 256 << 20,
    key: None,
    kind: Kind::File(OneFile {
        name: "modules_metadata_base.json",
        shape: Shape::json(&["\"fullname\"", "\"references\""]),
        dated: false,
    }),
};
