//! NIST's National Vulnerability Database, JSON 2.0: as yearly files, or through its interface.
//!
//! <https://nvd.nist.gov/vuln/data-feeds> and <https://nvd.nist.gov/developers/vulnerabilities>

use crate::feeds::{Feed, Key, Kind};

pub(super) const YEARS: Feed = Feed {
    name: "nvd",
    title: "NVD, yearly files and the last changes",
    url: "https://nvd.nist.gov/feeds/json/cve/2.0/",
    licence: "US public domain",
    attribution: "NIST National Vulnerability Database; not endorsed or certified by the NVD",
    usual: true,
    items: None,
    size_limit: 512 << 20,
    key: None,
    kind: Kind::Years,
};

pub(super) const API: Feed = Feed {
    name: "nvd-api",
    title: "NVD, paged interface 2.0",
    url: "https://services.nvd.nist.gov/rest/json/cves/2.0",
    licence: "US public domain",
    attribution: "This product uses the NVD API but is not endorsed or certified by the NVD",
    // The same records as the files, in hours rather than minutes.
    usual: false,
    items: None,
    size_limit: 128 << 20,
    key: Some(Key { variable: "NVD_API_KEY", header: "apiKey", prefix: "" }),
    kind: Kind::Pages,
};
