//! The steps of one library.
//!
//! A packager's list says since when a symbol is there, as far as the packager looked; files say
//! for sure, but only of the releases that suites have. A list must not contradict any file. No
//! bound is put higher than what was seen: where upstream names the release itself by a symbol
//! version that bound is taken, elsewhere the release that was packaged before.

use std::collections::{BTreeMap, BTreeSet};

use auscult_inspect::symbols::{Library, Source, Step};
use auscult_version::{Scheme, compare};

use super::{
    observe::Observed,
    versions::{Release, known, order, upstream},
};

/// Symbols that mark a step at most.
const MARKS_MAX: usize = 6;
/// Symbols of the core at most.
const CORE_MAX: usize = 8;
/// Share of a list that came with the version with which it was begun, in percent.
const BEGUN_PERCENT: usize = 40;
/// Entries of a packager's lists that may be wrong before the lists are not believed.
const SLIPS_MAX: usize = 2;
/// Symbols that a core must have.
const CORE_MIN: usize = 2;

/// All that is known of one library.
struct Evidence<'o> {
    scheme: Scheme,
    files: &'o [&'o Observed],
    /// The releases that files were seen of, sorted, with what all and what any of them exports.
    releases: Vec<Seen<'o>>,
    /// Releases that are known to have been packaged, sorted.
    packaged: Vec<String>,
    /// Since when, as the lists say: the least of all; none where a list gives no plain release.
    listed: BTreeMap<&'o str, Option<Listed>>,
    /// Whether no file has a symbol before the lists do. A packager who noted one late, or raised
    /// the version for another reason, may have done so where no file tells.
    is_reliable: bool,
}

/// What the lists say of a symbol.
struct Listed {
    since: String,
    /// Whether it was there when the list was begun, and may be older.
    is_begun: bool,
}

struct Seen<'o> {
    version: String,
    suites: BTreeSet<&'o str>,
    all: BTreeSet<&'o str>,
    any: BTreeSet<&'o str>,
}

/// When a symbol came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Birth {
    since: String,
    at_least: String,
    source: Source,
}

/// The history of a library; none if its files tell no step.
pub(super) fn of(scheme: Scheme, stem: &str, files: &[&Observed]) -> Option<Library> {
    let evidence = Evidence::of(scheme, files);
    let names: BTreeSet<&str> =
        evidence.releases.iter().flat_map(|one| one.all.iter().copied()).collect();
    let plain: Vec<&str> = names.iter().copied().filter(|name| is_plain(name)).collect();
    let nodes = counted_up(names.iter().copied().filter(|name| is_node(name)));
    let (core, steps) = evidence.marks(&plain, CORE_MIN).or_else(|| {
        // Libraries of C++, and of the compiler, have no plain names; the names of their symbol
        // versions, which linkers export as well, mark their steps.
        let (core, mut steps) = evidence.marks(&nodes, 1)?;
        evidence.widen(&mut steps);
        Some((core, steps))
    })?;
    let seen = evidence.releases.iter().map(|one| {
        let suites: Vec<&str> = one.suites.iter().copied().collect();
        format!("{} {}", one.version, suites.join(" "))
    });
    Some(Library { stem: stem.to_owned(), seen: seen.collect(), core, steps })
}

/// Names that a developer chose for others to use.
fn is_plain(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        // Names of symbol versions, which not all linkers export.
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        // Bindings that a builder asks for.
        && !name.starts_with("Java_")
}

/// `GLIBCXX_3.4.29`: letters, an underscore, numbers with dots.
fn is_node(name: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(letters, numbers)| {
        letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && numbers.contains('.')
            && numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

/// The longest family of symbol versions, which its maker counts up; a list may have the others by
/// a pattern, which says nothing of each.
fn counted_up<'n>(nodes: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        let letters = node.rsplit_once('_').map_or(node, |(letters, _)| letters);
        families.entry(letters).or_default().push(node);
    }
    families.into_values().max_by_key(Vec::len).unwrap_or_default()
}

impl<'o> Evidence<'o> {
    fn of(scheme: Scheme, files: &'o [&'o Observed]) -> Self {
        let mut releases: Vec<Seen<'o>> = Vec::new();
        for file in files {
            let version = upstream(&file.version).text;
            let exports: BTreeSet<&str> = file.exports.iter().map(String::as_str).collect();
            match releases.iter_mut().find(|one| one.version == version) {
                Some(one) => {
                    one.suites.insert(&file.suite);
                    one.all.retain(|name| exports.contains(name));
                    one.any.extend(exports);
                }
                None => releases.push(Seen {
                    version,
                    suites: BTreeSet::from([file.suite.as_str()]),
                    all: exports.clone(),
                    any: exports,
                }),
            }
        }
        releases.sort_by(|one, other| order(scheme, &one.version, &other.version));
        let mut evidence = Self {
            scheme,
            files,
            releases,
            packaged: known(scheme, files),
            listed: BTreeMap::new(),
            is_reliable: true,
        };
        evidence.read_lists();
        evidence.is_reliable = !evidence.is_refuted();
        evidence
    }

    fn read_lists(&mut self) {
        let scheme = self.scheme;
        let mut entries: BTreeMap<&str, Vec<(Release, bool)>> = BTreeMap::new();
        for file in self.files {
            let Some(begun) = self.begun(file) else { continue };
            for (name, versions) in &file.recorded {
                let releases = versions.iter().map(|(_, version)| upstream(version));
                let list = entries.entry(name).or_default();
                list.extend(releases.filter(|release| release.text != "0").map(|release| {
                    let is_begun = order(scheme, &release.text, &begun).is_le();
                    (release, is_begun)
                }));
            }
        }
        for (name, mut versions) in entries {
            // A snapshot or a packager's own change names no release; what stands behind it does.
            versions.sort_by(|(one, begun), (other, other_begun)| {
                let by_version = order(scheme, &one.text, &other.text);
                by_version.then(other.is_plain.cmp(&one.is_plain)).then(begun.cmp(other_begun))
            });
            let first = versions.into_iter().next().filter(|(first, _)| first.is_plain);
            let first = first.map(|(release, is_begun)| Listed { since: release.text, is_begun });
            self.listed.insert(name, first);
        }
    }

    /// The version with which a file's list was begun: what it has since then, or since before, may
    /// be older. That is the one that a great part of it has, or else the least.
    fn begun(&self, file: &Observed) -> Option<String> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, version) in file.recorded.values().flatten() {
            *counts.entry(upstream(version).text).or_default() += 1;
        }
        counts.remove("0");
        let all: usize = counts.values().sum();
        let by_order =
            |one: &&String, other: &&String| order(self.scheme, one.as_str(), other.as_str());
        let bulk = counts.iter().filter(|(_, count)| **count * 100 >= all * BEGUN_PERCENT);
        let bulk = bulk.map(|(version, _)| version).max_by(by_order);
        bulk.or_else(|| counts.keys().min_by(by_order)).cloned()
    }

    /// Whether files refute more of the lists' entries than a slip explains.
    fn is_refuted(&self) -> bool {
        let early = |name: &str, release: &Release| {
            self.releases
                .iter()
                .any(|one| self.is_less(&one.version, &release.text) && one.all.contains(name))
        };
        let mut wrong = BTreeSet::new();
        for file in self.files {
            let entries = file.recorded.iter().filter(|(name, _)| is_plain(name));
            let entries: Vec<(&String, Release)> = entries
                .flat_map(|(name, versions)| versions.iter().map(move |(_, v)| (name, upstream(v))))
                .collect();
            // What a list begins with was there before.
            let Some(begun) = self.begun(file) else { continue };
            let is_later = |one: &Release| order(self.scheme, &one.text, &begun).is_gt();
            let later = entries.iter().filter(|(_, one)| one.is_plain && is_later(one));
            wrong.extend(
                later.filter(|(name, one)| early(name, one)).map(|(name, _)| name.as_str()),
            );
        }
        wrong.len() > SLIPS_MAX && wrong.len() * 100 > self.listed.len()
    }

    fn is_less(&self, left: &str, right: &str) -> bool {
        compare(self.scheme, left, right).is_some_and(std::cmp::Ordering::is_lt)
    }

    /// Core and steps among these names; none if either is missing.
    fn marks(&self, names: &[&'o str], core_min: usize) -> Option<(Vec<String>, Vec<Step>)> {
        let steps = self.steps(names);
        let born: BTreeSet<&str> = steps.iter().flat_map(|(_, names)| names).copied().collect();
        let everywhere = |name: &&str| {
            !born.contains(name) && self.releases.iter().all(|one| one.all.contains(name))
        };
        let core: Vec<&str> = names.iter().copied().filter(everywhere).collect();
        let core = spread(&core, CORE_MAX);
        let steps = steps.into_iter().map(|(birth, names)| Step {
            since: birth.since,
            at_least: birth.at_least,
            source: birth.source,
            symbols: spread(&names, MARKS_MAX),
        });
        let steps: Vec<Step> = steps.collect();
        (core.len() >= core_min && !steps.is_empty()).then_some((core, steps))
    }

    /// Moves each step of a compiler's runtime to the next release: a packager ships snapshots of
    /// a branch under the number of its last release.
    fn widen(&self, steps: &mut [Step]) {
        for step in steps.iter_mut().filter(|step| step.source != Source::Upstream) {
            let next = self.packaged.iter().find(|release| self.is_less(&step.since, release));
            if let Some(next) = next {
                step.since.clone_from(next);
            }
        }
    }

    /// The steps of these names, oldest first.
    fn steps(&self, names: &[&'o str]) -> Vec<(Birth, Vec<&'o str>)> {
        let upstream = self.upstream_nodes(names);
        let mut steps: Vec<(Birth, Vec<&str>)> = Vec::new();
        for &name in names {
            let Some(birth) = self.birth(name, &upstream) else { continue };
            let same = |known: &Birth| order(self.scheme, &known.since, &birth.since).is_eq();
            match steps.iter_mut().find(|(known, _)| same(known)) {
                Some((known, names)) => {
                    // The lower bound of the whole step is the one that holds for all.
                    if self.is_less(&birth.at_least, &known.at_least) {
                        (known.at_least, known.source) = (birth.at_least, birth.source);
                    }
                    names.push(name);
                }
                None => steps.push((birth, vec![name])),
            }
        }
        // One function alone may have been taken over by a builder, to repair something.
        steps.retain(|(birth, names)| {
            birth.source == Source::Upstream
                || names.len() > 1
                || names.iter().all(|name| is_node(name))
        });
        steps.sort_by(|(one, _), (other, _)| order(self.scheme, &one.since, &other.since));
        steps
    }

    /// When a symbol came; none where nobody knows, or where the sources contradict each other.
    fn birth(&self, name: &str, upstream: &BTreeMap<&str, String>) -> Option<Birth> {
        let first_seen = self.releases.iter().position(|one| one.all.contains(name))?;
        let first = &self.releases.get(first_seen)?.version;
        let listed = self.listed.get(name);
        let (since, source) = match listed {
            Some(None) => return None,
            Some(Some(listed)) if !self.is_less(first, &listed.since) => {
                (&listed.since, if listed.is_begun { Source::Files } else { Source::Packager })
            }
            _ => (first, Source::Files),
        };
        let holds = self.releases.iter().all(|one| {
            if self.is_less(&one.version, since) {
                !one.any.contains(name)
            } else {
                one.all.contains(name)
            }
        });
        if !holds {
            return None;
        }
        let lacking = || {
            let mut before = self.releases.get(..first_seen)?.iter().rev();
            before.find(|one| !one.any.contains(name)).map(|one| one.version.clone())
        };
        let birth = |since: &str, at_least: String, source| Birth {
            since: since.to_owned(),
            at_least,
            source,
        };
        if source == Source::Files {
            return Some(birth(since, lacking()?, Source::Files));
        }
        let fits = |node: &&String| {
            let mut later = self.releases.iter().filter(|one| !self.is_less(&one.version, node));
            later.all(|one| one.all.contains(name))
        };
        if let Some(node) = upstream.get(name).filter(fits) {
            return Some(birth(node, node.clone(), Source::Upstream));
        }
        if !self.is_reliable {
            return Some(birth(since, lacking()?, Source::Files));
        }
        let before = self.packaged.iter().rev().find(|release| self.is_less(release, since))?;
        Some(birth(since, before.clone(), Source::Packager))
    }

    /// Releases that upstream names by symbol versions, for each name. A symbol version counts if
    /// all that it holds came at once, in a release that is not before it.
    fn upstream_nodes(&self, names: &[&'o str]) -> BTreeMap<&'o str, String> {
        let mut nodes: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
        for file in self.files {
            for (name, versions) in &file.recorded {
                let listed = self.listed.get(name.as_str()).and_then(Option::as_ref);
                for (node, _) in versions {
                    nodes
                        .entry(node)
                        .or_default()
                        .insert((name, listed.map_or("", |listed| &listed.since)));
                }
            }
        }
        let names: BTreeSet<&str> = names.iter().copied().collect();
        let mut found: BTreeMap<&str, String> = BTreeMap::new();
        for (node, holds) in nodes {
            let since: BTreeSet<&str> = holds.iter().map(|(_, since)| *since).collect();
            let Some(number) = numbers(node) else { continue };
            let Some(since) = since.first().filter(|_| since.len() == 1) else { continue };
            let first = |text: &str| text.split('.').next().map(str::to_owned);
            if self.is_less(since, &number) || first(since) != first(&number) {
                continue;
            }
            for (name, _) in holds.into_iter().filter(|(name, _)| names.contains(name)) {
                match found.get(name) {
                    Some(known) if !self.is_less(&number, known) => {}
                    _ => {
                        found.insert(name, number.clone());
                    }
                }
            }
        }
        found
    }
}

/// The numbers at the end of a symbol version: `OPENSSL_1_1_1a` is 1.1.1a, `GLIBC_2.34` is 2.34.
fn numbers(node: &str) -> Option<String> {
    let start = node.find(|c: char| c.is_ascii_digit())?;
    let text = node.get(start..)?.replace('_', ".");
    let is_number = text.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    is_number.then_some(text)
}

/// Some of the names that differ most: a builder who leaves one feature out leaves others in.
fn spread(names: &[&str], most: usize) -> Vec<String> {
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in names {
        families.entry(family(name)).or_default().push(name);
    }
    let mut chosen = BTreeSet::new();
    let mut round = 0;
    while chosen.len() < most.min(names.len()) {
        let next = families.values().filter_map(|family| family.get(round));
        for name in next.take(most - chosen.len()) {
            chosen.insert((*name).to_owned());
        }
        round += 1;
    }
    chosen.into_iter().collect()
}

/// The first two words of a name: `ssl_ctx` of `ssl_ctx_new`, `xmlText` of `xmlTextReaderRead`.
fn family(name: &str) -> &str {
    let inner = name.char_indices().skip(1);
    let mut starts = inner.filter(|(at, c)| {
        let before = name.get(..*at).and_then(|text| text.chars().next_back());
        *c == '_' || c.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase())
    });
    let end = starts.nth(1).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use auscult_inspect::symbols::Source;
    use auscult_version::Scheme;

    use super::{family, numbers, of};
    use crate::symbols::observe::Observed;

    fn observed(
        suite: &str,
        version: &str,
        exports: &[&str],
        recorded: &[(&str, &str, &str)],
    ) -> Observed {
        let mut lists: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for (name, node, since) in recorded {
            let list = lists.entry((*name).to_owned()).or_default();
            list.insert(((*node).to_owned(), (*since).to_owned()));
        }
        Observed {
            suite: suite.to_owned(),
            architecture: "amd64".to_owned(),
            package: "libdemo1".to_owned(),
            source: "demo".to_owned(),
            version: version.to_owned(),
            soname: "libdemo.so.1".to_owned(),
            exports: exports.iter().map(|name| (*name).to_owned()).collect(),
            recorded: lists,
            changelog: ["1.0-1", "1.1-1", "1.2-1", "1.4-1", "1.5-2"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn lists_and_files_make_steps() {
        let list = [
            ("a_new", "D_1.0", "1.0"),
            ("b_new", "D_1.0", "1.0"),
            ("listed", "D_1.0", "1.2"),
            ("listed_too", "D_1.0", "1.2"),
            ("alone", "D_1.0", "1.4"),
            ("named", "D_1.3", "1.4"),
            ("patched", "D_1.0", "1.2-3"),
            ("early", "D_1.0", "1.5"),
        ];
        let old = observed("old", "1.1-1", &["a_new", "b_new", "early"], &list[..2]);
        let exports: Vec<&str> = list.iter().map(|(name, ..)| *name).collect();
        let new = observed("new", "1.5-2", &exports, &list);
        let library = of(Scheme::Generic, "libdemo", &[&old, &new]).unwrap();
        assert_eq!(library.core, ["a_new", "b_new", "early"]);
        let steps: Vec<_> = library
            .steps
            .iter()
            .map(|step| {
                (step.since.as_str(), step.at_least.as_str(), step.source, step.symbols.join(" "))
            })
            .collect();
        assert_eq!(
            steps,
            [
                ("1.2", "1.1", Source::Packager, "listed listed_too".to_owned()),
                ("1.3", "1.3", Source::Upstream, "named".to_owned()),
            ]
        );
    }

    #[test]
    fn names_are_cut() {
        assert_eq!(numbers("OPENSSL_1_1_1a").as_deref(), Some("1.1.1a"));
        assert_eq!(numbers("GLIBC_PRIVATE"), None);
        assert_eq!(family("xmlTextReaderRead"), "xmlText");
        assert_eq!(family("ssl_ctx_new"), "ssl_ctx");
        assert_eq!(family("uncompress2"), "uncompress2");
    }
}
