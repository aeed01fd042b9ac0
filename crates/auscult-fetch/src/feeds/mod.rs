//! The feeds: what each is, where it is served, under which licence. One small module each.
//!
//! A new feed is one file here with a `FEED`, and one line in [`FEEDS`]; how the feed is laid out
//! (`Kind`) is mostly one of those at hand.

mod alpine;
mod csaf;
mod cve_list;
mod debian;
mod endoflife;
mod epss;
mod exploit_db;
mod kernel;
mod kev;
mod metasploit;
mod nvd;
mod osv;
mod vulnrichment;

use crate::shape::Shape;

/// A feed, as its publisher serves it.
#[derive(Debug)]
pub struct Feed {
    /// Its name on the command line, in `feeds.toml`, and of its folder.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Where it is served; what follows it depends on the feed.
    pub url: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// Whom to name where the data is shown.
    pub attribution: &'static str,
    /// Whether it is fetched unless the user says otherwise.
    pub usual: bool,
    /// The ecosystems, branches or providers that it consists of, if it consists of such.
    pub items: Option<&'static [&'static str]>,
    /// The largest file that it can have, in bytes, as served.
    pub size_limit: u64,
    /// The environment's name for its key, and the header that carries it.
    pub(crate) key: Option<Key>,
    pub(crate) kind: Kind,
}

/// How a key is handed over.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) variable: &'static str,
    pub(crate) header: &'static str,
    /// What stands before the key in the header.
    pub(crate) prefix: &'static str,
}

/// How a feed is laid out.
#[derive(Debug)]
pub(crate) enum Kind {
    /// One file at the address.
    File(OneFile),
    /// A file for each of its items.
    PerItem { files: fn(&str, &str) -> Vec<(String, String)>, shape: Shape, optional: bool },
    /// NVD's yearly files with a `.meta` beside each.
    Years,
    /// NVD's paged interface.
    Pages,
    /// Archives attached to releases: one whole, and changes since.
    Releases,
    /// Providers of CSAF documents; only documents whose name begins so.
    Providers { only: Option<&'static str> },
}

/// A feed of one file.
#[derive(Debug)]
pub(crate) struct OneFile {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Whether the whole document has one date, which cannot be in the future.
    pub(crate) dated: bool,
}

/// All feeds, in the order of messages.
pub const FEEDS: &[&Feed] = &[
    &nvd::YEARS,
    &nvd::API,
    &cve_list::FEED,
    &vulnrichment::FEED,
    &kernel::FEED,
    &osv::FEED,
    &csaf::CISA_MEDICAL,
    &csaf::PROVIDERS,
    &kev::FEED,
    &epss::FEED,
    &exploit_db::FEED,
    &metasploit::FEED,
    &endoflife::FEED,
    &debian::FEED,
    &alpine::FEED,
];

/// The feed of a name.
pub fn find(name: &str) -> Option<&'static Feed> {
    FEEDS.iter().copied().find(|feed| feed.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::FEEDS;

    #[test]
    fn names_are_unique_and_addresses_encrypted() {
        let names: BTreeSet<&str> = FEEDS.iter().map(|feed| feed.name).collect();
        assert_eq!(names.len(), FEEDS.len());
        for feed in FEEDS {
            assert!(feed.url.starts_with("https://"), "{}", feed.name);
            assert!(!feed.licence.is_empty() && !feed.attribution.is_empty(), "{}", feed.name);
        }
    }

    /// The page tells of every feed what the program does.
    #[test]
    fn the_documentation_names_every_feed() {
        let page = include_str!("../../../../docs/advisories.md");
        for feed in FEEDS {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", feed.name)));
            let row = row.unwrap_or_else(|| panic!("{} has no row", feed.name));
            assert!(row.contains(feed.url), "{row}: the address is {}", feed.url);
            assert!(row.contains(feed.licence), "{row}: the licence is {}", feed.licence);
        }
    }
}
