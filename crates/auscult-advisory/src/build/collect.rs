//! Collects records, merges them by vulnerability, and lays out the tables of a snapshot.

mod starter;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use auscult_model::{Exploitation, SourceInfo};
use jiff::civil::Date;

use super::{advisories::Advisories, support::Supported};
use crate::{
    build::{BuildOptions, Selection},
    codec::Writer,
    feeds::{EpssRow, Recognised, Record, SOURCES, csaf::source_name, dyad, endoflife},
    record::{Claim, Details, Exploits, Statement, Vulnerability},
    snapshot::{
        EPSS, EXPLOITATION, PROSE, RANGES, SUPPORT,
        counts::{Counts, Known, by_year},
        scores,
        table::Compression,
        write::{Contents, Rows},
    },
};

/// Sources that do not date a snapshot: their records carry no date of their own, or they speak of no
/// vulnerability.
const NOT_DATING: &[&str] =
    &["kernel-cna", dyad::SOURCE, "nvd-overrides", "cve-enrichment", endoflife::SOURCE];

/// Date and counts of a source while it is read.
#[derive(Default)]
struct Tally {
    date: Option<Date>,
    failures: u64,
    /// Documents of which the date is still to come, and the last such date.
    ahead: (u64, Option<Date>),
}

/// Everything read so far.
pub(crate) struct Collector {
    options: BuildOptions,
    records: HashMap<(&'static str, String), Record>,
    tallies: BTreeMap<&'static str, Tally>,
    epss: (Option<Date>, Vec<EpssRow>),
    known_files: HashSet<String>,
    advisories: Advisories,
    support: Supported,
}

impl Collector {
    pub(crate) fn new(options: BuildOptions) -> Self {
        Self {
            options,
            records: HashMap::new(),
            tallies: BTreeMap::new(),
            epss: (None, Vec::new()),
            known_files: HashSet::new(),
            advisories: Advisories::default(),
            support: Supported::default(),
        }
    }

    /// Tells whether a file held a feed.
    pub(crate) fn knows(&self, file: &str) -> bool {
        self.known_files.contains(file)
    }

    /// What is to be told of the advisories.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.advisories.problems()
    }

    /// Takes what a document turned out to be.
    pub(crate) fn take(&mut self, file: &str, path: &str, recognised: Recognised) {
        match recognised {
            Recognised::Nothing => return,
            Recognised::List => {}
            Recognised::Csaf { advisory, checked } => {
                let source = self.advisories.take(*advisory, checked);
                self.tally(source, None, 0);
            }
            Recognised::Refused { origin, publisher, reason } => {
                let source = self.advisories.refuse(source_name(origin, &publisher), path, &reason);
                self.tally(source, None, 1);
            }
            Recognised::Epss { date, rows, failures } => self.take_epss(date, rows, failures),
            Recognised::Support { date, products, failures } => {
                let date = self.tally(endoflife::SOURCE, date, failures);
                self.support.take(date, products);
            }
            Recognised::Records { source, records, failures, date } => {
                self.tally(source, date, failures);
                for record in records {
                    // A second container of the same document is a source of its own.
                    if record.source != source {
                        self.tally(record.source, date, 0);
                    }
                    self.take_record(record);
                }
            }
        }
        if !self.known_files.contains(file) {
            self.known_files.insert(file.to_owned());
        }
    }

    /// Counts a document of a source; gives its date, unless that is still to come and does not
    /// count.
    fn tally(&mut self, source: &'static str, date: Option<Date>, failures: u64) -> Option<Date> {
        let newest = self.options.newest;
        let counted = date.filter(|date| newest.is_none_or(|newest| *date <= newest));
        let tally = self.tallies.entry(source).or_default();
        if counted != date {
            tally.ahead = (tally.ahead.0.saturating_add(1), tally.ahead.1.max(date));
        }
        tally.date = tally.date.max(counted);
        tally.failures += failures;
        counted
    }

    /// What is to be told of dates that are still to come.
    fn ahead(&self) -> Vec<String> {
        let told = self.tallies.iter().filter_map(|(name, tally)| {
            let (count, last) = (tally.ahead.0, tally.ahead.1?);
            Some(format!(
                "{name}: {count} documents are of a day that is still to come, up to {last}; their \
                 dates do not count"
            ))
        });
        told.collect()
    }

    /// The newest day wins; a day without a date never replaces one with.
    fn take_epss(&mut self, date: Option<Date>, rows: Vec<EpssRow>, failures: u64) {
        let date = self.tally("epss", date, failures);
        if self.epss.1.is_empty() || date > self.epss.0 {
            self.epss = (date, rows);
        }
    }

    fn take_record(&mut self, mut record: Record) {
        if !self.options.prose {
            record.title.clear();
            record.description.clear();
            for statement in &mut record.statements {
                statement.prose.clear();
            }
        }
        let key = (record.source, record.unique.clone());
        match self.records.get(&key) {
            // An undated record is its maker's own publication and stands above dated copies.
            Some(known) if known.updated.is_none() => {}
            Some(known) if record.updated.is_some() && record.updated <= known.updated => {}
            _ => {
                self.records.insert(key, record);
            }
        }
    }

    /// Pairs of kernel versions stand for the ranges of their record.
    fn prefer_dyads(&mut self) {
        let ids: Vec<String> = self
            .records
            .iter()
            .filter(|((source, _), record)| *source == dyad::SOURCE && !record.claims.is_empty())
            .map(|((_, unique), _)| unique.clone())
            .collect();
        for id in ids {
            if let Some(record) = self.records.get_mut(&("kernel-cna", id)) {
                record.claims.clear();
            }
        }
    }

    /// Lays out the snapshot; with what is to be told of dates.
    pub(crate) fn finish(mut self, compression: Compression) -> (Contents, Vec<String>) {
        let mut terms: BTreeMap<&'static str, String> = BTreeMap::new();
        for (source, advisory) in self.advisories.drain() {
            self.tally(source, advisory.date, advisory.failures);
            terms.insert(source, advisory.terms);
            for record in advisory.records {
                self.take_record(Record { source, ..record });
            }
        }
        self.prefer_dyads();
        let ahead = self.ahead();
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (source, _) in self.records.keys() {
            *counts.entry(source).or_default() += 1;
        }
        let rows = self.epss.1.len();
        counts.insert("epss", u64::try_from(rows).unwrap_or(u64::MAX));
        counts.insert(endoflife::SOURCE, self.support.count());
        // A publisher of advisories is a source of its own, after those that are always known.
        let fixed = SOURCES.iter().map(|(name, licence)| (*name, (*licence).to_owned()));
        let own = self.tallies.keys().filter(|name| !SOURCES.iter().any(|(n, _)| n == *name));
        let own = own.map(|name| (*name, terms.get(name).cloned().unwrap_or_default()));
        let sources: Vec<SourceInfo> = fixed
            .chain(own)
            .filter_map(|(name, licence)| {
                let tally = self.tallies.get(name)?;
                Some(SourceInfo {
                    name: name.to_owned(),
                    date: if name == "epss" { self.epss.0 } else { tally.date },
                    records: counts.get(name).copied().unwrap_or(0),
                    failures: tally.failures,
                    licence,
                })
            })
            .collect();
        // An archive's date may be that of its packing; it must not make old data look new.
        let own = |source: &&SourceInfo| !NOT_DATING.contains(&source.name.as_str());
        let newest = sources.iter().filter(own).filter_map(|source| source.date).max();
        let date = newest.or_else(|| sources.iter().filter_map(|source| source.date).max());
        let date = date.unwrap_or_default();
        let mut merged = Merged::new(&sources, self.records.into_values());
        merged.epss = self.epss.1;
        if self.options.selection == Selection::Starter {
            merged.keep_starter();
        }
        let what = match self.options.selection {
            Selection::Full => "full",
            Selection::Starter => "starter: components most found in devices",
        };
        let counts = merged.counts(self.options.selection);
        let mut coverage = format!(
            "{what}; {} vulnerabilities, {} products",
            counts.vulnerabilities, counts.products
        );
        if let Some(year) =
            counts.years.iter().rfind(|year| i32::from(year.year) <= i32::from(date.year()))
        {
            coverage = format!("{coverage}; {year}");
        }
        let mut layers = merged.layers(self.options.prose);
        layers.extend(self.support.layer().map(|tables| (SUPPORT, tables)));
        (Contents { date, coverage, counts, sources, layers, compression }, ahead)
    }
}

/// Records merged by vulnerability.
struct Merged {
    products: BTreeMap<String, Vec<Claim>>,
    vulnerabilities: BTreeMap<String, (BTreeSet<String>, Vulnerability)>,
    /// The files and weaknesses of vulnerabilities that have any.
    details: BTreeMap<String, Details>,
    exploits: BTreeMap<String, Exploits>,
    prose: BTreeMap<String, (String, String)>,
    epss: Vec<EpssRow>,
    /// Ids with a record that tells nothing a finding could use; counted, not stored.
    bare: BTreeSet<String>,
    statements: BTreeMap<String, Vec<Statement>>,
}

/// What decides between sources of one vulnerability.
struct Precedence {
    withdrawn: HashSet<String>,
    kernel: HashSet<String>,
    overridden: HashSet<String>,
}

impl Precedence {
    fn of(records: &[Record]) -> Self {
        let ids = |wanted: &dyn Fn(&Record) -> bool| {
            records.iter().filter(|r| wanted(r)).map(|r| r.id.clone()).collect()
        };
        Self {
            // Withdrawing a record of another name does not withdraw the vulnerability.
            withdrawn: ids(&|record| record.withdrawn && record.unique == record.id),
            kernel: ids(&|record| record.source == "kernel-cna" || record.source == dyad::SOURCE),
            overridden: ids(&|record| record.source == "nvd-overrides"),
        }
    }

    fn allows(&self, record: &Record, key: &str) -> bool {
        if self.withdrawn.contains(&record.id) || record.withdrawn {
            return false;
        }
        match (key, record.source) {
            // The kernel's own CNA decides about the kernel; fixes per stream fill the time before.
            ("k:linux", "kernel-cna" | dyad::SOURCE) => true,
            ("k:linux", "kernel-stream-fixes") => !self.kernel.contains(&record.id),
            ("k:linux", _) => false,
            // The enrichment is the forerunner of the overrides.
            (_, "cve-enrichment") => !self.overridden.contains(&record.id),
            _ => true,
        }
    }
}

impl Merged {
    fn new(sources: &[SourceInfo], records: impl Iterator<Item = Record>) -> Self {
        let mut records: Vec<Record> = records.collect();
        // Sorted by source and record: the order of arrival must not show.
        let number = |name: &str| sources.iter().position(|source| source.name == name);
        records.sort_by(|left, right| {
            let key = |record: &Record| number(record.source);
            key(left).cmp(&key(right)).then_with(|| left.unique.cmp(&right.unique))
        });
        let precedence = Precedence::of(&records);
        let mut merged = Self {
            products: BTreeMap::new(),
            vulnerabilities: BTreeMap::new(),
            details: BTreeMap::new(),
            exploits: BTreeMap::new(),
            prose: BTreeMap::new(),
            epss: Vec::new(),
            bare: BTreeSet::new(),
            statements: BTreeMap::new(),
        };
        for record in records {
            let source = number(record.source).and_then(|at| u16::try_from(at).ok()).unwrap_or(0);
            merged.add(source, record, &precedence);
        }
        for claims in merged.products.values_mut() {
            claims.sort();
            claims.dedup();
        }
        merged
    }

    fn add(&mut self, source: u16, mut record: Record, precedence: &Precedence) {
        let claims = std::mem::take(&mut record.claims);
        let mut keys = BTreeSet::new();
        for (key, mut claim) in claims {
            if precedence.allows(&record, &key) {
                claim.source = source;
                keys.insert(key.clone());
                self.products.entry(key).or_default().push(claim);
            }
        }
        self.add_exploits(source, &record);
        let only_sign = keys.is_empty()
            && record.cvss.is_empty()
            && record.files.is_empty()
            && !record.withdrawn
            && record.aliases.is_empty()
            && record.weaknesses.is_empty()
            && record.statements.is_empty();
        if only_sign {
            self.bare.insert(record.id.clone());
        } else {
            let (known_keys, vulnerability) =
                self.vulnerabilities.entry(record.id.clone()).or_default();
            known_keys.extend(keys);
            if !record.statements.is_empty() && !record.withdrawn {
                let said = record.statements.drain(..).map(|s| Statement { source, ..s });
                self.statements.entry(record.id.clone()).or_default().extend(said);
            }
            merge_vulnerability(vulnerability, source, &mut record);
            if !record.files.is_empty() || !record.weaknesses.is_empty() {
                merge_details(self.details.entry(record.id.clone()).or_default(), &mut record);
            }
        }
        if !record.title.is_empty() || !record.description.is_empty() {
            let (title, description) = self.prose.entry(record.id).or_default();
            if title.is_empty() {
                *title = record.title;
            }
            if description.is_empty() {
                *description = record.description;
            }
        }
    }

    fn add_exploits(&mut self, source: u16, record: &Record) {
        let silent = record.sign.is_none()
            && record.kev.is_none()
            && record.automatable.is_none()
            && record.impact_total.is_none();
        if silent {
            return;
        }
        let exploits = self.exploits.entry(record.id.clone()).or_default();
        if let Some(sign) = record.sign {
            exploits.signs.push((source, sign));
        }
        exploits.automatable = exploits.automatable.or(record.automatable);
        exploits.impact_total = exploits.impact_total.or(record.impact_total);
        if let Some((added, ransomware)) = &record.kev {
            // The catalogue itself knows of ransomware; the flag in a CVE record does not.
            let known = exploits.kev.as_ref().is_some_and(|(_, known)| *known);
            exploits.kev = Some((added.clone(), *ransomware || known));
            exploits.signs.push((source, Exploitation::Active));
        }
        exploits.signs.sort();
        exploits.signs.dedup();
    }

    /// Counts what the snapshot will hold.
    fn counts(&self, selection: Selection) -> Counts {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let mut ids = BTreeMap::new();
        for (id, ..) in &self.epss {
            ids.insert(id.as_str(), Known::ScoreOnly);
        }
        for id in self.exploits.keys().chain(&self.bare) {
            ids.insert(id, Known::Record);
        }
        for (id, (products, _)) in &self.vulnerabilities {
            let known = if products.is_empty() { Known::Record } else { Known::ProductData };
            ids.insert(id, known);
        }
        // What was withdrawn needs no product data, whoever else still lists it.
        for (id, (_, vulnerability)) in &self.vulnerabilities {
            if !vulnerability.withdrawn_by.is_empty() {
                ids.remove(id.as_str());
            }
        }
        let years = match selection {
            Selection::Full => by_year(ids.into_iter()),
            // Chosen by their products: nearly all would have some.
            Selection::Starter => Vec::new(),
        };
        Counts {
            vulnerabilities: count(self.vulnerabilities.len()),
            products: count(self.products.len()),
            years,
        }
    }

    /// Other names of vulnerabilities, and ids of records about them, with the ids that they lead
    /// to: an advisory of a distribution is one record about several vulnerabilities. Ids are
    /// joined by line ends.
    fn alias_rows(&self) -> Rows {
        let mut aliases = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (id, (_, vulnerability)) in &self.vulnerabilities {
            for alias in &vulnerability.aliases {
                aliases.entry(alias).or_default().insert(id);
            }
        }
        for claim in self.products.values().flatten().filter(|claim| !claim.record.is_empty()) {
            aliases.entry(&claim.record).or_default().insert(&claim.id);
        }
        let row = |(alias, ids): (&str, BTreeSet<&str>)| {
            let ids: Vec<&str> = ids.into_iter().filter(|id| *id != alias).collect();
            (!ids.is_empty()).then(|| (alias.as_bytes().to_vec(), ids.join("\n").into_bytes()))
        };
        aliases.into_iter().filter_map(row).collect()
    }

    fn layers(self, prose: bool) -> Vec<(&'static str, Vec<Rows>)> {
        let aliases = self.alias_rows();
        let products = rows(self.products, |writer, claims| Claim::write_all(&claims, writer));
        let (mut vulnerabilities, mut all_details) = (BTreeMap::new(), self.details);
        for (id, (keys, vulnerability)) in self.vulnerabilities {
            if !keys.is_empty() {
                let details = all_details.entry(id.clone()).or_default();
                details.products = keys.into_iter().collect();
            }
            vulnerabilities.insert(id, vulnerability);
        }
        let details = rows(all_details, |writer, details| details.write(writer));
        let vulnerabilities = rows(vulnerabilities, |writer, one| one.write(writer));
        let statements = rows(self.statements, |writer, mut said| {
            said.sort();
            said.dedup();
            writer.list(&said, |writer, statement| statement.write(writer));
        });
        let exploits = rows(self.exploits, |writer, exploits| exploits.write(writer));
        let mut layers = vec![
            (RANGES, vec![products, vulnerabilities, aliases, statements, details]),
            (EXPLOITATION, vec![exploits]),
            (EPSS, vec![scores::rows(self.epss)]),
        ];
        if prose {
            let prose = rows(self.prose, |writer, (title, description)| {
                writer.text(&title);
                writer.text(&description);
            });
            layers.push((PROSE, vec![prose]));
        }
        layers
    }
}

fn rows<T>(
    from: impl IntoIterator<Item = (String, T)>,
    mut write: impl FnMut(&mut Writer, T),
) -> Rows {
    let row = |(key, value): (String, T)| {
        let mut writer = Writer::default();
        write(&mut writer, value);
        (key.into_bytes(), writer.bytes)
    };
    from.into_iter().map(row).collect()
}

fn merge_vulnerability(vulnerability: &mut Vulnerability, source: u16, record: &mut Record) {
    vulnerability.aliases.append(&mut record.aliases);
    vulnerability.aliases.sort();
    vulnerability.aliases.dedup();
    if record.withdrawn && record.unique == record.id {
        vulnerability.withdrawn_by.push(source);
    }
    for (vector, score) in record.cvss.drain(..) {
        // The same vector from a second source says nothing new.
        if !vulnerability.cvss.iter().any(|(_, known, _)| *known == vector) {
            vulnerability.cvss.push((source, vector, score));
        }
    }
}

fn merge_details(details: &mut Details, record: &mut Record) {
    let lists = [
        (&mut details.files, &mut record.files),
        (&mut details.weaknesses, &mut record.weaknesses),
    ];
    for (known, more) in lists {
        known.append(more);
        known.sort();
        known.dedup();
    }
}
