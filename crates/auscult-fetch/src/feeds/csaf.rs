//! CSAF providers: documents with digests and signatures, found through `provider-metadata.json`.
//!
//! CSAF 2.0 section 7.1, <https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>

use crate::feeds::{Feed, Kind};

pub(super) const CISA_MEDICAL: Feed = Feed {
    name: "cisa-medical",
    title: "CISA ICS medical advisories, CSAF",
    url: "https://www.cisa.gov/sites/default/files/csaf/provider-metadata.json",
    licence: "US government work",
    attribution: "CISA ICS medical advisories",
    usual: true,
    items: None,
    size_limit: 32 << 20,
    key: None,
    kind: Kind::Providers { only: Some("icsma-") },
};

pub(super) const PROVIDERS: Feed = Feed {
    name: "csaf",
    title: "CSAF providers that you name",
    url: "https://PROVIDER/.well-known/csaf/provider-metadata.json",
    licence: "as each provider says",
    attribution: "the providers' names in their documents",
    // There is no provider until one is named.
    usual: true,
    items: Some(&[]),
    size_limit: 32 << 20,
    key: None,
    kind: Kind::Providers { only: None },
};
