//! endoflife.date: until when each release of a product is maintained.
//!
//! <https://endoflife.date/docs/api/v1/>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "endoflife",
    title: "endoflife.date, all products",
    url: "https://endoflife.date/api/v1/products/full",
    licence: "MIT",
    attribution: "endoflife.date and its contributors",
    usual: true,
    items: None,
    size_limit: 256 << 20,
    key: None,
    kind: Kind::File(OneFile {
        name: "products.json",
        shape: Shape::json(&["\"schema_version\"", "\"result\"", "\"releases\""]),
        dated: false,
    }),
};
