//! One component for each thing in the image, from all the traces of it.
//!
//! Package rows come first and are never given up. Structures (kernel banner, boot loader banner,
//! os-release), signature hits and file names either join a component that means the same thing in
//! a version that does not contradict, or make one of their own. A copy linked into another program
//! may be of another version, so it joins only where its own version is known and the same. Traces
//! that contain nothing (*compiled against*, *mentions*) become mentions.

mod ranges;
mod relations;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use auscult_model::{
    Component, ComponentKind, Evidence, EvidenceClass, Mention, Origin, Version, VersionClaim,
};
use auscult_unpack::{NodeId, Tree};

use self::relations::Relations;
pub(crate) use self::relations::Told;
use crate::{
    examine::Examined,
    identity::Identities,
    names,
    own_version::Form,
    owners,
    packages::{self, Row, sbom::Listed},
    projects,
    signatures::{Rule, RuleSet},
    traces::{self, Trace},
    upstream,
};

/// A component while its traces come in.
struct Draft {
    component: Component,
    /// Where it was first seen: the file system, or the bytes around a region.
    site: Option<NodeId>,
    /// The rule that knows this component.
    rule: Option<&'static str>,
}

impl Draft {
    fn is_package(&self) -> bool {
        matches!(self.component.origin, Origin::Package(_))
    }

    /// Whether its version can be the one seen. Packages and structures tell a version with all
    /// that a builder appended, of which a signature may read the first part.
    fn agrees(&self, seen: &Version) -> bool {
        let fuller = self.is_package() || self.component.origin == Origin::Structure;
        self.component
            .version
            .exact()
            .is_some_and(|own| if fuller { upstream::agrees(&own.0, &seen.0) } else { own == seen })
    }

    /// Whether its version can be one of which only this part is known.
    fn continues(&self, known: &Version) -> bool {
        self.component.version.exact().is_some_and(|own| {
            let own = if self.is_package() { upstream::of_package(&own.0) } else { &own.0 };
            upstream::continues(own, &known.0)
        })
    }
}

/// The inventory under construction.
pub(crate) struct Inventory<'tree> {
    tree: &'tree Tree,
    drafts: Vec<Draft>,
    /// Index of the owning package's draft by file.
    owners: HashMap<NodeId, usize>,
    mentions: BTreeMap<(String, VersionClaim, EvidenceClass), Vec<Evidence>>,
    relations: Relations,
}

impl<'tree> Inventory<'tree> {
    /// Starts with the rows of the package databases; equal rows of two databases (a factory and an
    /// update partition) are one component with two traces.
    pub(crate) fn of_packages(tree: &'tree Tree, rows: &[Row], identities: &Identities) -> Self {
        let mut inventory = Self {
            tree,
            drafts: Vec::new(),
            owners: HashMap::new(),
            mentions: BTreeMap::new(),
            relations: Relations::default(),
        };
        let owners = owners::of(tree, rows);
        let mut draft_of_row: Vec<usize> = Vec::with_capacity(rows.len());
        let mut known: HashMap<(String, VersionClaim, Origin), usize> = HashMap::new();
        let mut systems: HashMap<(String, VersionClaim), usize> = HashMap::new();
        for (own, row) in rows.iter().enumerate() {
            let mut component = packages::component(row, identities.of_root(&row.root));
            let rule = rule_of(row, &component);
            if let (Some(rule), Some(version)) = (rule, row.version.exact()) {
                let upstream = Version(upstream::of_package(&version.0).to_owned());
                component.cpes.extend(rule.cpes(&VersionClaim::Exact(upstream)));
            }
            // The package to which a binary belongs, for what the binary says of itself.
            let owner = row.carriers.first().and_then(|file| owners.get(file));
            let owner = owner.filter(|&&owner| owner < own && !row.carriers.is_empty());
            let owner = owner.and_then(|&owner| {
                let same = is_same_thing(rows.get(owner)?, row);
                draft_of_row.get(owner).copied().filter(|_| same)
            });
            let key = (component.name.clone(), component.version.clone(), component.origin.clone());
            let plain = (component.name.clone(), component.version.clone());
            let repeated = systems.get(&plain).filter(|_| row.database.is_manifest());
            let found = owner.or_else(|| known.get(&key).or(repeated).copied());
            let index = match found {
                Some(index) => {
                    inventory.join(index, component);
                    index
                }
                None => inventory.push(component, Some(row.root.container), rule),
            };
            known.entry(key).or_insert(index);
            if row.database.is_system() {
                systems.entry(plain).or_insert(index);
            }
            draft_of_row.push(index);
        }
        for (file, row) in owners {
            if let Some(&draft) = draft_of_row.get(row) {
                inventory.owners.insert(file, draft);
            }
        }
        inventory.add_declared(rows, &draft_of_row);
        inventory
    }

    fn push(
        &mut self,
        component: Component,
        site: Option<NodeId>,
        rule: Option<&'static Rule>,
    ) -> usize {
        self.drafts.push(Draft { component, site, rule: rule.map(|rule| rule.id.as_str()) });
        self.drafts.len() - 1
    }

    /// Adds the traces of a component to a draft.
    fn join(&mut self, index: usize, other: Component) {
        if let Some(draft) = self.drafts.get_mut(index) {
            let into = &mut draft.component;
            into.evidence.extend(other.evidence);
            // A name without a version would widen what one with a version narrows.
            let exact = into.version.exact().is_some() && other.version.exact().is_none();
            if !exact || into.cpes.is_empty() {
                into.cpes.extend(other.cpes);
            }
            into.licences.extend(other.licences);
            into.supplier = into.supplier.take().or(other.supplier);
        }
    }

    /// Adds what a structure tells: the same name and version is the same thing, wherever found.
    pub(crate) fn add_structure(&mut self, component: Component, site: Option<NodeId>) {
        let same = |draft: &Draft| {
            !draft.is_package()
                && draft.component.name == component.name
                && draft.component.version == component.version
        };
        let rule = RuleSet::builtin().for_name(&component.name);
        match self.drafts.iter().position(same) {
            Some(index) => self.join(index, component),
            None => {
                self.push(component, site, rule);
            }
        }
    }

    /// Adds all signature hits: exact versions first, so that the vaguer ones find them.
    pub(crate) fn add_traces(&mut self, examined: &[Examined]) {
        let mut vague = Vec::new();
        for seen in examined {
            for trace in traces::of(self.tree, seen) {
                if !trace.class.makes_component() {
                    self.mention(trace);
                } else if let Some(version) = trace.version.exact().cloned() {
                    self.add_exact(seen, trace, &version);
                } else {
                    vague.push((seen, trace));
                }
            }
        }
        self.add_agreeing(examined);
        // A part of a version is worth more than none.
        vague.sort_by_key(|(_, trace)| matches!(trace.version, VersionClaim::Unknown(_)));
        for (seen, trace) in vague {
            self.add_vague(seen, trace);
        }
    }

    /// Adds the projects of which several files tell the same version of themselves. One file may
    /// have a version of its own: `pdftohtml` of Poppler is 0.36.
    fn add_agreeing(&mut self, examined: &[Examined]) {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for seen in examined {
            let (Some(told), Some(file)) = (&seen.own_version, seen.file) else { continue };
            if let Some(rule) = projects::of_file(&self.tree.node(file).name.0) {
                let key = (rule.id.as_str(), &told.version, self.site(seen));
                groups.entry(key).or_default().push((seen, rule, told));
            }
        }
        for files in groups.into_values().filter(|files| files.len() >= 2) {
            for (seen, rule, told) in files {
                let trace = traces::own(self.tree, seen, rule, told);
                self.add_exact(seen, trace, &Version(told.version.clone()));
            }
        }
    }

    fn mention(&mut self, trace: Trace) {
        let key = (trace.rule.name.clone(), trace.version, trace.class);
        self.mentions.entry(key).or_default().extend(trace.evidence);
    }

    /// Whether a weak trace contradicts the database about a file that the database knows. The row
    /// is right then, and the trace read the number of something else; a strong trace stays, as the
    /// file may have been replaced.
    fn is_outvoted(&self, seen: &Examined, trace: &Trace, version: &Version) -> bool {
        let strength = trace.evidence.iter().map(|one| one.confidence).max().unwrap_or(0);
        let owner = self.owner(seen).and_then(|index| self.drafts.get(index));
        strength < STRONG_CONFIDENCE
            && owner.is_some_and(|draft| {
                draft.rule == Some(&trace.rule.id)
                    && draft.component.version.exact().is_some()
                    && !draft.agrees(version)
            })
    }

    fn add_exact(&mut self, seen: &Examined, mut trace: Trace, version: &Version) {
        if self.is_outvoted(seen, &trace, version) {
            trace.class = EvidenceClass::Mentions;
            for one in &mut trace.evidence {
                one.class = EvidenceClass::Mentions;
            }
            self.mention(trace);
            return;
        }
        self.note_conflict(seen, &trace, version);
        let Trace { rule, version: claim, evidence, .. } = trace;
        let owner = self.owner(seen).filter(|&index| {
            // The owner under another name (`libc` for musl): only a version that cannot agree
            // by chance tells so.
            self.drafts.get(index).is_some_and(|draft| {
                draft.agrees(version)
                    && (draft.rule == Some(&rule.id) || upstream::is_telling(&version.0))
            })
        });
        let same = |draft: &Draft| draft.rule == Some(&rule.id) && draft.agrees(version);
        let target = owner.or_else(|| self.drafts.iter().position(same));
        let component = traces::component(rule, claim, evidence);
        match target {
            Some(index) => self.join(index, component),
            None => {
                self.push(component, self.site(seen), Some(rule));
            }
        }
    }

    fn add_vague(&mut self, seen: &Examined, trace: Trace) {
        let Trace { rule, version: claim, evidence, of_file, .. } = trace;
        let own = of_file || traces::identity(self.tree, seen).is_some_and(|own| own.id == rule.id);
        let site = self.site(seen);
        let fits = |draft: &Draft| {
            draft.rule == Some(&rule.id)
                && match &claim {
                    VersionClaim::Incomplete { known, .. } => draft.continues(known),
                    _ => true,
                }
        };
        let owner = self.owner(seen).filter(|&index| self.drafts.get(index).is_some_and(fits));
        let same_file =
            || self.drafts.iter().position(|draft| fits(draft) && shares(draft, &evidence));
        // Part of the same project in the same place: the other files of OpenSSL beside libcrypto.
        let beside = || {
            let mut near = self.drafts.iter().enumerate().filter(|(_, draft)| {
                fits(draft) && draft.site == site && draft.component.version.exact().is_some()
            });
            let only = (near.next(), near.next());
            let alone = seen.file.is_none() || own;
            match only {
                (Some((index, _)), None) if alone => Some(index),
                _ => None,
            }
        };
        let equal = || {
            self.drafts.iter().position(|draft| {
                draft.rule == Some(&rule.id)
                    && draft.component.version.exact().is_none()
                    && draft.site == site
            })
        };
        let target = owner.or_else(same_file).or_else(beside).or_else(equal);
        let component = traces::component(rule, claim, evidence);
        match target {
            Some(index) => self.join(index, component),
            None => {
                self.push(component, site, Some(rule));
            }
        }
    }

    fn owner(&self, seen: &Examined) -> Option<usize> {
        self.owners.get(&seen.file?).copied()
    }

    /// The file system that a file is in, or the bytes that a region is part of.
    fn site(&self, seen: &Examined) -> Option<NodeId> {
        self.tree.node(seen.file.unwrap_or(seen.node)).parent
    }

    /// Adds programs and libraries that nothing else explains.
    pub(crate) fn add_names(&mut self, examined: &[Examined]) {
        let binaries: Vec<_> =
            examined.iter().filter_map(|seen| Some(&seen.binary.as_ref()?.facts)).collect();
        let needed = binaries.iter().flat_map(|binary| &binary.needed).map(String::as_str);
        let needed = needed.collect();
        for seen in examined {
            let (Some(file), Some(binary)) = (seen.file, &seen.binary) else { continue };
            if self.owners.contains_key(&file) || is_explained(self.tree, seen) {
                continue;
            }
            let path = &self.tree.node(file).name.0;
            if let Some(mut named) = names::of_file(
                path,
                &binary.facts,
                &needed,
                seen.own_version.as_ref().filter(|own| own.form != Form::Alone),
            ) {
                let mut rule = traces::identity(self.tree, seen);
                if let Some(package) = names::alternative(self.tree, file) {
                    rule = RuleSet::builtin().for_name(&package);
                    named = names::renamed(named, package);
                }
                // A program's name alone says whose it is only beside the rest of its project.
                let project = rule.or_else(|| projects::of_file(path));
                rule = rule.or(project.filter(|_| named.kind == ComponentKind::Library));
                let near = self.near(&named, self.site(seen), project);
                self.add_named(named, self.site(seen), rule, near);
            }
        }
        for (soname, component) in names::missing(self.tree, &binaries) {
            let rule = RuleSet::builtin().for_soname(&soname);
            let near = self.near(&component, None, rule);
            let draft = self.add_named(component, None, rule, near);
            self.relations.missing.insert(soname, draft);
        }
    }

    /// Names the parts of projects whose version nobody could tell: where a rule only says that a
    /// file is of libubox, its own name `libblobmsg_json` is a component beside it. Parts of a
    /// project whose version is known say nothing more, and stay its places; so does its only file.
    pub(crate) fn add_parts(&mut self, examined: &[Examined]) {
        let needed: BTreeSet<&str> = examined
            .iter()
            .filter_map(|seen| seen.binary.as_ref())
            .flat_map(|binary| binary.facts.needed.iter().map(String::as_str))
            .collect();
        for seen in examined {
            let (Some(file), Some(binary)) = (seen.file, &seen.binary) else { continue };
            if self.owners.contains_key(&file) {
                continue;
            }
            let path = &self.tree.node(file).name.0;
            let Some(part) = names::of_file(
                path,
                &binary.facts,
                &needed,
                seen.own_version.as_ref().filter(|own| own.form != Form::Alone),
            ) else {
                continue;
            };
            let told = self.drafts.iter().any(|draft| {
                let exact = draft.component.version.exact().is_some();
                let whole = exact || draft.rule.is_none() || is_one_file(draft);
                upstream::stem(&draft.component.name) == upstream::stem(&part.name)
                    || whole && shares(draft, &part.evidence)
            });
            if !told {
                self.push(part, self.site(seen), None);
            }
        }
    }

    /// The component beside which a file belongs: of the same rule, or a package of that name whose
    /// database does not tell its files.
    fn near(&self, named: &Component, site: Option<NodeId>, rule: Option<&Rule>) -> Option<usize> {
        let fits = |draft: &Draft| {
            (site.is_none() || draft.site == site)
                && named.version.exact().is_none_or(|version| draft.agrees(version))
        };
        let called = |draft: &Draft| {
            draft.is_package()
                && upstream::stem(&draft.component.name) == upstream::stem(&named.name)
        };
        let known = |draft: &Draft| rule.is_some_and(|rule| draft.rule == Some(&rule.id));
        let find = |wanted: &dyn Fn(&Draft) -> bool| {
            self.drafts.iter().position(|draft| fits(draft) && wanted(draft))
        };
        let mut same_rule = self.drafts.iter().filter(|draft| fits(draft) && known(draft));
        let versions_differ = match same_rule.next() {
            Some(first) => {
                same_rule.any(|other| other.component.version != first.component.version)
            }
            None => true,
        };
        find(&called).or_else(|| find(&known).filter(|_| !versions_differ))
    }

    /// A file of a known component beside its other files belongs to it; otherwise the same name
    /// with the same version is one component, wherever it lies.
    fn add_named(
        &mut self,
        named: Component,
        site: Option<NodeId>,
        rule: Option<&'static Rule>,
        near: Option<usize>,
    ) -> usize {
        let component = match rule {
            Some(rule) => traces::component(rule, named.version, named.evidence),
            None => named,
        };
        let same = |draft: &Draft| {
            !draft.is_package()
                && draft.component.name == component.name
                && is_same(&draft.component.version, &component.version)
        };
        match near.or_else(|| self.drafts.iter().position(same)) {
            Some(index) => {
                self.join(index, component);
                index
            }
            None => self.push(component, site, rule),
        }
    }

    /// Adds what SBOM documents in the image list: to the component that was found in the image, by
    /// its purl or by its name and version, or else as a component that only a document tells of.
    pub(crate) fn add_listed(&mut self, listed: Vec<Listed>) {
        let mut found: HashMap<String, usize> = HashMap::new();
        for (index, draft) in self.drafts.iter().enumerate() {
            for key in keys(&draft.component) {
                found.entry(key).or_insert(index);
            }
        }
        for Listed { component, container } in listed {
            let keys = keys(&component);
            if let Some(&index) = keys.iter().find_map(|key| found.get(key)) {
                self.join(index, component);
            } else {
                let index = self.push(component, Some(container), None);
                for key in keys {
                    found.entry(key).or_insert(index);
                }
            }
        }
    }

    /// The components in the order of the facts, what stands between them, and the mentions.
    pub(crate) fn finish(self) -> (Vec<Component>, Told, Vec<Mention>) {
        let mut sorted = Vec::with_capacity(self.drafts.len());
        for (index, Draft { mut component, .. }) in self.drafts.into_iter().enumerate() {
            shorten(&mut component.evidence);
            component.canonicalise();
            sorted.push((component, index));
        }
        sorted.sort();
        let mut components: Vec<Component> = Vec::with_capacity(sorted.len());
        let mut places = HashMap::new();
        for (component, draft) in sorted {
            if components.last() != Some(&component) {
                components.push(component);
            }
            places.insert(draft, components.len() - 1);
        }
        let told = self.relations.told(&places, &components, self.tree);
        let mentions = self.mentions.into_iter().map(|((name, version, class), mut evidence)| {
            shorten(&mut evidence);
            Mention { name, version, class, evidence }
        });
        (components, told, mentions.collect())
    }
}

/// Whether a binary says of itself no more than the package that it belongs to: it repeats the name
/// of the package or of its source, or it knows no version.
fn is_same_thing(package: &Row, binary: &Row) -> bool {
    let Some(seen) = binary.version.exact() else { return true };
    let repeats = binary.database == package.database
        && (binary.name == package.name || package.source.as_ref() == Some(&binary.name));
    let agrees = |version: &Version| upstream::agrees(&version.0, &seen.0);
    repeats || package.version.exact().is_some_and(agrees)
}

/// The rule that knows a package, by its name or that of its source.
///
/// The whole name is tried before shortened ones: `libpcre2-8-0` is of `libpcre2`, not `libpcre`.
fn rule_of(row: &Row, component: &Component) -> Option<&'static Rule> {
    let rules = RuleSet::builtin();
    if row.database.is_ecosystem() {
        // A module may have the name of a thing in another world: the gem `curb`, the crate `zlib`.
        let own = component.purl.as_ref()?.without_version();
        let name = own.rsplit('/').next()?;
        return rules.for_name(name).filter(|rule| rule.purl == own);
    }
    let plain = row.name.strip_suffix("-udeb").unwrap_or(&row.name);
    let exact = |name: &str| {
        let name = name.to_lowercase();
        rules.for_name(&name).filter(|rule| rule.name == name || rule.aliases.contains(&name))
    };
    let mut candidates = vec![row.name.as_str(), plain];
    let mut rest = plain;
    while let Some((start, end)) = rest.rsplit_once('-') {
        if !end.starts_with(|first: char| first.is_ascii_digit()) {
            break;
        }
        candidates.push(start);
        rest = start;
    }
    let by_source = || row.source.as_deref().and_then(|source| rules.for_name(source));
    candidates
        .iter()
        .find_map(|name| exact(name))
        .or_else(by_source)
        .or_else(|| rules.for_name(rest))
}

/// Whether a file's own name needs no component, as a signature says what it is. A library found
/// in a program is a copy linked into it, and the program is still a thing of its own.
fn is_explained(tree: &Tree, seen: &Examined) -> bool {
    let own = traces::identity(tree, seen);
    let contained = seen.hits.iter().filter(|(_, hit)| hit.class == EvidenceClass::ContainsCode);
    contained.into_iter().any(|(_, hit)| {
        let program = matches!(
            hit.rule.kind,
            ComponentKind::Application | ComponentKind::Firmware | ComponentKind::OperatingSystem
        );
        program || own.is_some_and(|own| own.id == hit.rule.id)
    })
}

/// Whether two claims say the same; two unknown versions do, whatever the reasons.
fn is_same(one: &VersionClaim, other: &VersionClaim) -> bool {
    match (one, other) {
        (VersionClaim::Unknown(_), VersionClaim::Unknown(_)) => true,
        _ => one == other,
    }
}

/// What means the same component in the image and in a document: its purl without qualifiers, and
/// its name with its version. A version that is not known is equal to another such.
fn keys(component: &Component) -> Vec<String> {
    let version = component.version.exact().map_or("", |version| version.0.as_str());
    let purl = component.purl.as_ref().map(|purl| format!("{}@{version}", purl.without_version()));
    // Packages of other worlds share names: there only the purl decides.
    let kind = component.purl.as_ref().map_or("", |purl| purl.kind());
    let native = matches!(kind, "" | "generic" | "deb" | "rpm" | "apk" | "alpm" | "github");
    let upstream = upstream::of_package(version);
    let named = native.then(|| format!("{}@{version}", component.name.to_lowercase()));
    let plain = native.then(|| format!("{}@{upstream}", component.name.to_lowercase()));
    purl.into_iter().chain(named).chain(plain).collect()
}

/// Whether all traces of a draft lie in one file: then that file is all of it.
fn is_one_file(draft: &Draft) -> bool {
    let mut files = draft.component.evidence.iter().map(|trace| &trace.locator.steps);
    let first = files.next();
    files.all(|file| Some(file) == first)
}

/// Whether a draft has a trace in the same bytes.
fn shares(draft: &Draft, evidence: &[Evidence]) -> bool {
    let steps: Vec<_> = evidence.iter().map(|trace| &trace.locator.steps).collect();
    draft
        .component
        .evidence
        .iter()
        .any(|trace| trace.locator.path().is_some() && steps.contains(&&trace.locator.steps))
}

/// From this confidence on a trace stands against the package database, in percent.
const STRONG_CONFIDENCE: u8 = 90;
/// Traces of one component at most; a library that every program links to has hundreds.
const EVIDENCE_MAX: usize = 64;

/// Keeps the strongest traces, in a fixed order.
fn shorten(evidence: &mut Vec<Evidence>) {
    evidence.sort_by(|one, other| {
        let key = |trace: &Evidence| (std::cmp::Reverse(trace.confidence), trace.class);
        key(one).cmp(&key(other)).then_with(|| one.cmp(other))
    });
    evidence.dedup();
    evidence.truncate(EVIDENCE_MAX);
}
