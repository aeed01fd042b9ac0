//! From includes to conditions: which sources may include a header, and under which options is one
//! of these built?
//!
//! The sources of a header are a superset: an include counts for every file of the tree that its
//! path may mean, whatever the folders that are searched. A header of which they cannot be told is
//! left out.
#![expect(clippy::indexing_slicing, reason = "a file's place in one list is its place in all")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{
    routes::{ARCHITECTURES, Route, Routes, and, folder_and_name, joined, simple_to},
    tree::{Include, Tree, header_names, is_header, is_source},
};

/// A header with more sources is everybody's.
const SOURCES_MAX: usize = 1000;
/// A header with more routes is left out.
const ROUTES_MAX: usize = 16;
/// The number of sources is told as one of these at most, which few changes of a tree touch.
const NUMBERS: &[usize] = &[1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, SOURCES_MAX];
/// Programs that run where a kernel is built, and text. What of these folders goes into kernels
/// after all is in [`IN_KERNELS`].
const OUTSIDE: &[&str] = &["Documentation/", "tools/", "scripts/", "usr/", "lib/raid6/test/"];
const IN_KERNELS: &[&str] = &["tools/lib/", "scripts/mod/", "scripts/selinux/"];
/// Names for the descriptions of devices, without code.
const NO_CODE: &str = "include/dt-bindings/";
/// What makefiles say of headers for other programs (Documentation/kbuild/headers_install.rst).
const INSTALLED: &[&str] = &[
    "header-",
    "generic-",
    "generated-",
    "mandatory-",
    "genhdr-",
    "no-export-headers",
    "opt-header",
];

/// What is known of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Not more sources include it, where they could be told; else only its architecture is known.
    pub(super) sources: Option<usize>,
    pub(super) routes: Routes,
}

/// Works out the headers of a tree whose sources have these routes.
pub(super) fn of_tree(tree: &Tree, files: &BTreeMap<String, Routes>) -> BTreeMap<String, Header> {
    let graph = Graph::of(tree, files);
    let crossing = graph.crossing(tree);
    let mut headers = BTreeMap::new();
    for (at, path) in graph.paths.iter().enumerate() {
        if !is_header(path) || is_outside(path) || path.starts_with(NO_CODE) {
            continue;
        }
        let sources = graph.sources(at);
        let mut routes: Option<Routes> = sources.as_ref().map(|sources| {
            let routes = sources.iter().filter_map(|&source| files.get(graph.paths[source]));
            simple_to(&routes.flatten().cloned().collect(), ROUTES_MAX)
        });
        if !crossing.contains(&at) {
            routes = own_architecture(path, routes);
        }
        let Some(routes) = routes else { continue };
        if routes.iter().all(|route| !route.needs.is_empty()) {
            let number = sources.map(|sources| sources.len());
            let number =
                number.and_then(|own| NUMBERS.iter().copied().find(|number| *number >= own));
            headers.insert((*path).to_owned(), Header { sources: number, routes });
        }
    }
    headers
}

/// Headers below `arch/NAME/` that nothing else reaches are for kernels of that architecture.
fn own_architecture(path: &str, routes: Option<Routes>) -> Option<Routes> {
    let Some(option) = architecture(path) else { return routes };
    let options = if option == "X86" { vec!["X86", "UML"] } else { vec![option] };
    let ways = routes.unwrap_or_else(|| Routes::from([Route::default()]));
    let with = options.iter().flat_map(|option| {
        let option = BTreeSet::from([(*option).to_owned()]);
        ways.iter().map(move |way| and(way, &option, way.module.as_deref())).collect::<Vec<_>>()
    });
    Some(simple_to(&with.collect(), 2 * ROUTES_MAX))
}

/// The option of the architecture that a path belongs to.
fn architecture(path: &str) -> Option<&'static str> {
    let name = architecture_name(path)?;
    ARCHITECTURES.iter().find(|(known, _)| *known == name).map(|(_, option)| *option)
}

fn architecture_name(path: &str) -> Option<&str> {
    path.strip_prefix("arch/")?.split_once('/').map(|(name, _)| name)
}

fn is_outside(path: &str) -> bool {
    let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    below(OUTSIDE) && !below(IN_KERNELS)
}

/// Who includes whom.
struct Graph<'a> {
    paths: Vec<&'a str>,
    /// Who includes a file.
    includers: Vec<Vec<usize>>,
    /// Whether a file is a source with routes, or else may be used by anybody.
    is_source: Vec<bool>,
    is_anybodys: Vec<bool>,
    /// Headers of an architecture that a file of no or another one includes by a path that names
    /// more than the folders of the kernel's own architecture.
    crossed: BTreeSet<usize>,
}

impl<'a> Graph<'a> {
    fn of(tree: &'a Tree, files: &BTreeMap<String, Routes>) -> Self {
        let paths: Vec<&str> =
            tree.sources.iter().chain(&tree.others).map(String::as_str).collect();
        let mut graph = Self {
            includers: vec![Vec::new(); paths.len()],
            is_source: paths.iter().map(|path| files.contains_key(*path)).collect(),
            is_anybodys: vec![false; paths.len()],
            crossed: BTreeSet::new(),
            paths,
        };
        let names = Names::of(&graph.paths);
        for include in tree.includes.iter().filter(|include| !is_outside(&include.by)) {
            let Some(&by) = names.paths.get(include.by.as_str()) else { continue };
            for target in names.meant(include) {
                if target != by {
                    graph.includers[target].push(by);
                    if graph.crosses(include, target) {
                        graph.crossed.insert(target);
                    }
                }
            }
        }
        graph.note_anybodys(tree, &names);
        graph
    }

    /// Whether an include leads into an architecture otherwise than `<asm/…>` does.
    fn crosses(&self, include: &Include, target: usize) -> bool {
        let path = self.paths[target];
        let Some(own) = architecture_name(path) else { return false };
        match architecture_name(&include.by) {
            // User-mode Linux takes the headers of the machine it runs on (arch/um/Makefile).
            Some("um") if own == "x86" => return false,
            Some(by) if by == own => return false,
            _ => {}
        }
        // Other paths lead into it only where makefiles look there, which `named_architectures`
        // tells.
        let beside = joined(folder_and_name(&include.by).0, &include.what);
        let plain = include.what.trim_start_matches(['.', '/']);
        beside.as_deref() == Some(path)
            || path.strip_suffix(plain).is_some_and(|rest| matches!(rest, "" | "arch/"))
    }

    /// Finds what may be used in ways that no include tells.
    fn note_anybodys(&mut self, tree: &Tree, names: &Names<'_>) {
        for (at, path) in self.paths.iter().enumerate() {
            // Such as samples and generators, and headers that generated code may include.
            let is_unseen = self.includers[at].is_empty()
                && (!is_header(path) || path.contains("include/") || path.starts_with("rust/"));
            self.is_anybodys[at] = !self.is_source[at] && (is_unseen || is_source(path));
        }
        let makefiles = tree.texts.iter().filter(|(path, _)| {
            !is_outside(path) && !folder_and_name(path).1.starts_with("Kconfig")
        });
        let lines = makefiles.flat_map(|(_, text)| text.lines());
        let lines =
            lines.filter(|line| !INSTALLED.iter().any(|list| line.trim_start().starts_with(list)));
        let lines = lines.filter_map(|line| line.split('#').next());
        let by_makefiles = lines.flat_map(header_names).map(|name| names.ending_in_parts(&name));
        let by_macros = tree.named.iter().map(|name| names.ending_in(name));
        for target in by_makefiles.chain(by_macros).flatten() {
            self.is_anybodys[target] = true;
        }
    }

    /// The sources that may include a file, through whatever; none where there are too many, none
    /// at all, or others.
    fn sources(&self, header: usize) -> Option<BTreeSet<usize>> {
        let (mut sources, mut seen) = (BTreeSet::new(), HashSet::from([header]));
        let mut open = vec![header];
        while let Some(at) = open.pop() {
            if self.is_source[at] {
                sources.insert(at);
                continue;
            }
            if self.is_anybodys[at] || sources.len() > SOURCES_MAX {
                return None;
            }
            open.extend(self.includers[at].iter().copied().filter(|by| seen.insert(*by)));
        }
        (1..=SOURCES_MAX).contains(&sources.len()).then_some(sources)
    }

    /// Headers of an architecture that others reach.
    fn crossing(&self, tree: &Tree) -> HashSet<usize> {
        let mut crossing: HashSet<usize> = self.crossed.iter().copied().collect();
        let named: Vec<&str> = named_architectures(tree);
        for (at, path) in self.paths.iter().enumerate() {
            if architecture_name(path).is_some_and(|name| named.contains(&name)) {
                crossing.insert(at);
            }
        }
        loop {
            let before = crossing.len();
            for at in 0..self.paths.len() {
                let Some(own) = architecture_name(self.paths[at]) else { continue };
                let reached = self.includers[at].iter().any(|by| {
                    crossing.contains(by) && architecture_name(self.paths[*by]) == Some(own)
                });
                if reached {
                    crossing.insert(at);
                }
            }
            if crossing.len() == before {
                return crossing;
            }
        }
    }
}

/// Architectures whose headers makefiles of others look for.
fn named_architectures(tree: &Tree) -> Vec<&'static str> {
    let named = |name: &str| {
        let own = format!("arch/{name}/");
        tree.texts.iter().any(|(path, text)| {
            let makefile = !folder_and_name(path).1.starts_with("Kconfig");
            let samples = path.starts_with("samples/");
            // User-mode Linux takes what it can of the machine it runs on.
            let um = name == "x86" && path.starts_with("arch/um/");
            makefile
                && !samples
                && !um
                && !is_outside(path)
                && !path.starts_with(&own)
                && text
                    .lines()
                    .filter_map(|line| line.split('#').next())
                    .any(|line| line.contains(&own) || line.contains(&format!("../{name}/")))
        })
    };
    ARCHITECTURES.iter().map(|(name, _)| *name).filter(|name| named(name)).collect()
}

/// Paths by what they end in.
struct Names<'a> {
    paths: HashMap<&'a str, usize>,
    by_name: HashMap<&'a str, Vec<(usize, &'a str)>>,
}

impl<'a> Names<'a> {
    fn of(paths: &[&'a str]) -> Self {
        let mut by_name: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
        for (at, path) in paths.iter().enumerate().filter(|(_, path)| !is_outside(path)) {
            by_name.entry(folder_and_name(path).1).or_default().push((at, path));
        }
        let paths = paths.iter().enumerate().map(|(at, path)| (*path, at)).collect();
        Self { paths, by_name }
    }

    /// Every file that an include may mean.
    fn meant(&self, include: &Include) -> Vec<usize> {
        let beside = joined(folder_and_name(&include.by).0, &include.what);
        let beside = beside.and_then(|path| self.paths.get(path.as_str()));
        if let (Some(&beside), true) = (beside, include.quoted) {
            // The folder of the including file comes first (C11 6.10.2, as compilers do it).
            return vec![beside];
        }
        let mut plain = include.what.as_str();
        while let Some(rest) = plain.strip_prefix("./").or_else(|| plain.strip_prefix("../")) {
            plain = rest;
        }
        let Some(plain) = joined("", plain) else {
            return self.ending_in(folder_and_name(plain).1);
        };
        let mut meant = self.ending_in_parts(&plain);
        // Kbuild makes such headers where an architecture has none of its own.
        if let Some(rest) = plain.strip_prefix("asm/") {
            meant.extend(self.ending_in_parts(&format!("asm-generic/{rest}")));
        }
        meant
    }

    /// Files whose path ends in these parts.
    fn ending_in_parts(&self, parts: &str) -> Vec<usize> {
        let named = self.by_name.get(folder_and_name(parts).1).into_iter().flatten();
        let ends = named.filter(|(_, path)| {
            path.strip_suffix(parts).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        });
        ends.map(|(at, _)| *at).collect()
    }

    /// Files whose path ends in these characters.
    fn ending_in(&self, end: &str) -> Vec<usize> {
        let wanted = folder_and_name(end).1;
        let named = self.by_name.iter().filter(|(name, _)| name.ends_with(wanted));
        let ends = named.flat_map(|(_, files)| files).filter(|(_, path)| path.ends_with(end));
        ends.map(|(at, _)| *at).collect()
    }
}

#[cfg(test)]
mod tests;
