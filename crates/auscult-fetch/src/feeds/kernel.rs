//! The Linux kernel's own CVE records, with `.dyad` pairs of vulnerable and fixed versions.
//!
//! <https://git.kernel.org/pub/scm/linux/security/vulns.git>

use crate::{
    feeds::{Feed, Kind, OneFile},
    shape::Shape,
};

pub(super) const FEED: Feed = Feed {
    name: "kernel",
    title: "Linux kernel CNA, vulns.git",
    url: "https://git.kernel.org/pub/scm/linux/security/vulns.git/snapshot/vulns-master.tar.gz",
    licence: "CVE Terms of Use",
    attribution: "Linux kernel CNA",
    usual: true,
    items: None,
    size_limit: 2 << 30,
    key: None,
    kind: Kind::File(OneFile {
        name: "vulns.tar.gz",
        shape: Shape::text_gz(&[".dyad", "\"CVE_RECORD\""]),
        dated: false,
    }),
};
