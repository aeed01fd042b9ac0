//! From makefiles to conditions: under which options is a source file built?
//!
//! A route is a set of options that must all be set. A file that is built was built by one of its
//! routes. What is not understood makes a route that asks for less, never one that asks for more.

mod kinds;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::kinds::ARCHITECTURES;
use self::kinds::{Kinds, architecture_option, is_architecture};
use super::{
    makefile::{Item, Listed, Makefile, Options},
    tree::{Include, Tree, is_source},
};

/// More routes of one file are brought down to the options that all of them share.
const ROUTES_MAX: usize = 8;
/// Files that include files that include files.
const INCLUDE_ROUNDS: usize = 4;
/// Lists of what is built, as opposed to parts of an object and to flags.
const LISTS: &[&str] = &[
    "obj", "lib", "core", "drivers", "libs", "net", "init", "head", "virt", "subdir", "platform",
    "machine", "extra", "always", "targets",
];
/// What no kernel for a device is made of.
const LEFT_OUT: &[&str] = &[
    "tools/",
    "scripts/",
    "samples/",
    "Documentation/",
    "usr/",
    "debian",
    "ubuntu/",
    "spl/",
    "zfs/",
];
/// One way in which a file comes to be built.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    pub(super) needs: Options,
    /// The module that it becomes a part of, where that may be a module.
    pub(super) module: Option<String>,
}

impl Route {
    /// Without its module where no list would name that one if it were built in.
    fn told_of(&self, modules: &BTreeSet<String>) -> Self {
        let module = self.module.clone().filter(|module| modules.contains(module));
        Self { needs: self.needs.clone(), module }
    }

    /// This way to a makefile, and on by what that says. What is not a module of its own there is a
    /// part of the module that speaks of the makefile's folder.
    fn then(&self, next: &Self) -> Self {
        and(self, &next.needs, next.module.as_deref().or(self.module.as_deref()))
    }
}

pub(super) type Routes = BTreeSet<Route>;

/// Works out the routes of every source of a tree.
pub(super) fn of_tree(tree: &Tree) -> BTreeMap<String, Routes> {
    let mut maker = Maker::new(tree);
    maker.descend();
    maker.list_objects();
    maker.mention();
    maker.fall_back();
    maker.include();
    let mut files = maker.files;
    files.retain(|path, _| !LEFT_OUT.iter().any(|prefix| path.starts_with(prefix)));
    let modules: BTreeSet<String> = files
        .iter()
        .filter(|(path, _)| tree.licensed.contains(*path))
        .flat_map(|(_, routes)| routes.iter().filter_map(|route| route.module.clone()))
        .collect();
    for routes in files.values_mut() {
        *routes = simple(&routes.iter().map(|route| route.told_of(&modules)).collect());
    }
    files
}

struct Maker<'a> {
    tree: &'a Tree,
    makefiles: BTreeMap<String, Makefile>,
    folders: BTreeSet<String>,
    options: Kinds,
    /// Ways into a folder: from which other one, and under which options beside the way there.
    edges: BTreeMap<String, BTreeSet<(String, Route)>>,
    /// Folders in which something is listed that is not understood: with its options, and the module
    /// where it is a part of one.
    loose: BTreeMap<String, Routes>,
    reach: BTreeMap<String, Routes>,
    files: BTreeMap<String, Routes>,
}

impl<'a> Maker<'a> {
    fn new(tree: &'a Tree) -> Self {
        let mut folders = BTreeSet::new();
        for path in tree.sources.iter().chain(tree.texts.keys()) {
            let mut folder = folder_and_name(path).0;
            while folders.insert(folder.to_owned()) && !folder.is_empty() {
                folder = folder_and_name(folder).0;
            }
        }
        let mut makefiles: BTreeMap<String, Makefile> = BTreeMap::new();
        for (path, text) in &tree.texts {
            let (folder, name) = folder_and_name(path);
            if matches!(name, "Makefile" | "Kbuild") {
                makefiles.entry(folder.to_owned()).or_default().add(text);
            }
        }
        let mut loose: BTreeMap<String, Routes> = BTreeMap::new();
        for (folder, makefile) in &mut makefiles {
            if !read_included(tree, folder, makefile) {
                makefile.exports = true;
                loose.entry(folder.clone()).or_default().insert(Route::default());
            }
        }
        Self {
            tree,
            makefiles,
            folders,
            options: Kinds::of(tree),
            edges: BTreeMap::new(),
            loose,
            reach: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// Finds the ways into every folder.
    fn descend(&mut self) {
        for (folder, makefile) in &self.makefiles {
            let from_root = folder.is_empty() || is_architecture(folder);
            // What lies in another folder is built from this one, such as parts of a driver for
            // several systems.
            let users = self.users_of_mentions(folder, makefile);
            for target in makefile.mentions.iter().filter_map(|word| mentioned(folder, word)) {
                if self.folders.contains(&target) && target != *folder {
                    let edges = users.iter().map(|user| (folder.clone(), user.clone()));
                    self.edges.entry(target).or_default().extend(edges);
                }
            }
            for kind in makefile.kinds() {
                let is_list = LISTS.contains(&kind);
                for one in makefile.listed(kind) {
                    let needs = self.options.defined(&one.when);
                    match &one.item {
                        Item::Folder(name) => {
                            let mut targets = vec![joined(folder, name)];
                            if from_root {
                                targets.push(Some(name.trim_end_matches('/').to_owned()));
                            }
                            for target in targets.into_iter().flatten() {
                                if self.folders.contains(&target) && target != *folder {
                                    let way = Route { needs: needs.clone(), module: None };
                                    let edge = (folder.clone(), way);
                                    self.edges.entry(target).or_default().insert(edge);
                                }
                            }
                        }
                        Item::Unknown if is_list && !folder.is_empty() => {
                            let way = Route { needs, module: None };
                            self.loose.entry(folder.clone()).or_default().insert(way);
                        }
                        Item::Unknown | Item::Object(_) => {}
                    }
                }
            }
        }
        for folder in self.folders.clone() {
            self.reached(&folder, 0);
        }
    }

    /// The routes into a folder.
    fn reached(&mut self, folder: &str, depth: usize) -> Routes {
        if folder.is_empty() || depth > 40 {
            return Routes::from([Route::default()]);
        }
        if let Some(known) = self.reach.get(folder) {
            return known.clone();
        }
        let parent = folder_and_name(folder).0.to_owned();
        let mut routes = Routes::new();
        if let Some(option) = architecture_option(folder) {
            routes.insert(Route { needs: Options::from([option.to_owned()]), module: None });
        }
        let edges = self.edges.get(folder).cloned().unwrap_or_default();
        for (from, edge) in edges {
            let ways = self.reached(&from, depth + 1);
            routes.extend(ways.iter().map(|way| way.then(&edge)));
        }
        if routes.is_empty() {
            routes = self.reached(&parent, depth + 1);
        } else {
            routes.extend(self.loosely(&parent, depth));
        }
        let routes = simple(&routes);
        self.reach.insert(folder.to_owned(), routes.clone());
        routes
    }

    /// Routes to whatever lies below a folder, through what is not understood in it or above it.
    fn loosely(&mut self, folder: &str, depth: usize) -> Routes {
        let mut routes = Routes::new();
        let mut folder = folder.to_owned();
        loop {
            if let Some(all) = self.loose.get(&folder).filter(|_| self.may_run(&folder)).cloned() {
                let ways = self.reached(&folder, depth + 1);
                for one in all {
                    routes.extend(ways.iter().map(|way| way.then(&one)));
                }
            }
            if folder.is_empty() {
                return routes;
            }
            folder = folder_and_name(&folder).0.to_owned();
        }
    }

    /// Whether the makefile of a folder may be run, rather than read by another one.
    fn may_run(&self, folder: &str) -> bool {
        let of_lists = ["drivers/", "fs/", "net/", "sound/"];
        if self.edges.contains_key(folder) || !of_lists.iter().any(|top| folder.starts_with(top)) {
            return true;
        }
        let mut above = folder;
        while let Some((rest, _)) = above.rsplit_once('/') {
            above = rest;
            let calls = self.makefiles.get(above).is_some_and(|makefile| makefile.exports);
            if calls && self.may_run(above) {
                return true;
            }
        }
        false
    }

    /// Gives sources the routes of the objects that they become.
    fn list_objects(&mut self) {
        let mut parts_unknown: Vec<(String, Route)> = Vec::new();
        let makefiles = std::mem::take(&mut self.makefiles);
        for (folder, makefile) in &makefiles {
            let ways = self.reached(folder, 0);
            for kind in LISTS {
                for one in makefile.listed(kind) {
                    let Item::Object(object) = &one.item else { continue };
                    let module = self.module_of(folder, object, &one);
                    let needs = self.options.defined(&one.when);
                    self.add(folder, object, &ways, &needs, module.as_deref());
                    for part in makefile.listed(object) {
                        let mut all = needs.clone();
                        all.extend(self.options.defined(&part.when));
                        match &part.item {
                            Item::Object(name) => {
                                self.add(folder, name, &ways, &all, module.as_deref());
                            }
                            Item::Unknown => {
                                let way = Route { needs: all, module: module.clone() };
                                parts_unknown.push((folder.clone(), way));
                            }
                            Item::Folder(_) => {}
                        }
                    }
                }
            }
        }
        self.makefiles = makefiles;
        for (folder, way) in parts_unknown {
            self.loose.entry(folder).or_default().insert(way);
        }
    }

    /// What may be made of files that a makefile speaks of: a part of any object that it lists, or
    /// anything at all where it lists what is not understood, or where other makefiles see the
    /// same words.
    fn users_of_mentions(&self, folder: &str, makefile: &Makefile) -> Routes {
        let anything = Routes::from([Route::default()]);
        if makefile.exports || folder.is_empty() || is_architecture(folder) {
            return anything;
        }
        let mut users = Routes::new();
        for kind in LISTS {
            for one in makefile.listed(kind) {
                match &one.item {
                    Item::Object(object) => {
                        let needs = self.options.defined(&one.when);
                        users.insert(Route { needs, module: self.module_of(folder, object, &one) });
                    }
                    Item::Unknown => return anything,
                    Item::Folder(_) => {}
                }
            }
        }
        if users.is_empty() { anything } else { users }
    }

    fn module_of(&self, folder: &str, object: &str, one: &Listed) -> Option<String> {
        let option = one.decides.as_ref()?;
        let name = folder_and_name(object).1.replace('-', "_");
        self.options.may_be_module(option, folder).then_some(name)
    }

    fn add(
        &mut self,
        folder: &str,
        object: &str,
        ways: &Routes,
        needs: &Options,
        module: Option<&str>,
    ) {
        let Some(stem) = joined(folder, object) else { return };
        for ending in ["c", "S"] {
            let path = format!("{stem}.{ending}");
            if self.tree.sources.contains(&path) {
                let routes = self.files.entry(path).or_default();
                routes.extend(ways.iter().map(|way| and(way, needs, module)));
                // A folder that is only spoken of becomes a part of what speaks of it.
                routes.extend(ways.iter().filter(|way| way.module.is_some()).cloned());
            }
        }
    }

    /// Files that are spoken of in the makefiles of other folders.
    fn mention(&mut self) {
        let makefiles = std::mem::take(&mut self.makefiles);
        for (folder, makefile) in &makefiles {
            let users = self.users_of_mentions(folder, makefile);
            for word in &makefile.mentions {
                let Some(target) = mentioned(folder, word) else { continue };
                let ways = self.reached(folder, 0);
                let ways: Routes =
                    users.iter().flat_map(|user| ways.iter().map(|way| way.then(user))).collect();
                let stem = target.rsplit_once('.').map_or(target.as_str(), |(stem, _)| stem);
                let files: Vec<String> = if self.folders.contains(&target) {
                    let inside = |path: &&String| folder_and_name(path).0 == target;
                    self.tree.sources.iter().filter(inside).cloned().collect()
                } else {
                    ["c", "S"].iter().map(|ending| format!("{stem}.{ending}")).collect()
                };
                for file in files.into_iter().filter(|file| self.tree.sources.contains(file)) {
                    self.files.entry(file).or_default().extend(ways.iter().cloned());
                }
            }
        }
        self.makefiles = makefiles;
    }

    /// Sources without a route have those of their folder, and all have those of what is not
    /// understood there.
    fn fall_back(&mut self) {
        for path in &self.tree.sources {
            let folder = folder_and_name(path).0.to_owned();
            let loosely = self.loosely(&folder, 0);
            let known = self.files.contains_key(path);
            let ways = if known { Routes::new() } else { self.unlisted(&folder) };
            let routes = self.files.entry(path.clone()).or_default();
            routes.extend(loosely);
            routes.extend(ways);
        }
    }

    /// The routes of a source that no list names: a part of anything that the nearest makefile makes.
    fn unlisted(&mut self, folder: &str) -> Routes {
        let ways = self.reached(folder, 0);
        let mut nearest = folder;
        while !self.makefiles.contains_key(nearest) && !nearest.is_empty() {
            nearest = folder_and_name(nearest).0;
        }
        let Some(makefile) = self.makefiles.get(nearest) else { return ways };
        let users = self.users_of_mentions(nearest, makefile);
        users.iter().flat_map(|user| ways.iter().map(|way| way.then(user))).collect()
    }

    /// A source that another one includes is built where that one is.
    fn include(&mut self) {
        let sources = self.tree.includes.iter().filter(|one| is_source(&one.what));
        for _ in 0..INCLUDE_ROUNDS {
            for Include { by: includer, what: included, .. } in sources.clone() {
                if LEFT_OUT.iter().any(|prefix| includer.starts_with(prefix)) {
                    continue;
                }
                let ways = match self.files.get(includer) {
                    Some(routes) => routes.clone(),
                    // A header, which anybody may include.
                    None => Routes::from([Route::default()]),
                };
                for path in included_paths(self.tree, includer, included) {
                    self.files.entry(path).or_default().extend(ways.iter().cloned());
                }
            }
        }
    }
}

/// Reads the texts that a makefile includes; false where one is not found.
fn read_included(tree: &Tree, folder: &str, makefile: &mut Makefile) -> bool {
    let mut complete = true;
    let mut at = 0;
    while let Some(wanted) = makefile.reads.get(at).cloned() {
        at += 1;
        if at > 64 {
            return false;
        }
        let plain = wanted.replace("$(srctree)/", "").replace("$(src)/", &format!("{folder}/"));
        let plain = plain.replace("$(obj)/", &format!("{folder}/"));
        let candidates = [Some(plain.clone()), joined(folder, &plain)];
        let path = candidates.into_iter().flatten().find(|path| tree.texts.contains_key(path));
        if path.is_none()
            && let Some(words) = makefile.expanded(&wanted, folder, 0)
            && wanted.contains("$(")
        {
            let paths = words.iter().map(|word| joined("", word)).collect::<Option<Vec<_>>>();
            let texts = paths.as_ref().map(|paths| paths.iter().map(|path| tree.texts.get(path)));
            if let Some(texts) = texts.and_then(Iterator::collect::<Option<Vec<_>>>) {
                for text in texts {
                    makefile.add(text);
                }
                continue;
            }
        }
        match path.and_then(|path| tree.texts.get(&path)) {
            Some(text) => makefile.add(text),
            // Rules and flags lie there, no lists.
            None if wanted.contains("scripts/") || wanted.starts_with("include/") => {}
            None if folder.is_empty() || is_architecture(folder) => {}
            None => complete = false,
        }
    }
    complete
}

/// The files that may be meant by an included name.
fn included_paths(tree: &Tree, includer: &str, included: &str) -> Vec<String> {
    let beside = joined(folder_and_name(includer).0, included);
    let here: Vec<String> = [beside, Some(included.to_owned())]
        .into_iter()
        .flatten()
        .filter(|path| tree.sources.contains(path))
        .collect();
    if !here.is_empty() {
        return here;
    }
    let name = folder_and_name(included).1;
    tree.sources.iter().filter(|path| folder_and_name(path).1 == name).cloned().collect()
}

/// The path that a word of a makefile leads to, up to its first variable.
fn mentioned(folder: &str, word: &str) -> Option<String> {
    let mut word = word;
    for prefix in ["$(obj)/", "$(src)/", "${src}/", "$(srctree)/$(src)/"] {
        word = word.strip_prefix(prefix).unwrap_or(word);
    }
    if let Some(rest) = word.strip_prefix("$(srctree)").or_else(|| word.strip_prefix('/')) {
        let fixed = rest.trim_start_matches('/').split('$').next().unwrap_or_default();
        return Some(fixed.trim_end_matches('/').to_owned()).filter(|path| !path.is_empty());
    }
    // What an unknown variable begins with may be anywhere: the words where it is set are read too.
    let fixed = word.split('$').next().unwrap_or_default();
    let leads_out = fixed.contains("../") || fixed.ends_with("..");
    leads_out.then(|| joined(folder, fixed)).flatten().filter(|path| !path.is_empty())
}

pub(super) fn and(way: &Route, needs: &Options, module: Option<&str>) -> Route {
    let mut all = way.needs.clone();
    all.extend(needs.iter().cloned());
    Route { needs: all, module: module.map(str::to_owned) }
}

/// Without routes that ask for more than another one does; few at the end.
fn simple(routes: &Routes) -> Routes {
    simple_to(routes, ROUTES_MAX)
}

/// As [`simple`], with a number of one's own.
pub(super) fn simple_to(routes: &Routes, routes_max: usize) -> Routes {
    let weaker = |one: &Route, other: &Route| {
        one != other
            && one.needs.is_subset(&other.needs)
            && (one.module.is_none() || one.module == other.module)
    };
    let kept: Routes = routes
        .iter()
        .filter(|route| !routes.iter().any(|other| weaker(other, route)))
        .cloned()
        .collect();
    if kept.len() <= routes_max {
        return kept;
    }
    let shared = kept.iter().map(|route| route.needs.clone());
    let shared = shared.reduce(|one, other| &one & &other).unwrap_or_default();
    Routes::from([Route { needs: shared, module: None }])
}

pub(super) fn folder_and_name(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A path below a folder, without `.` and `..`; none where it leads out of the tree.
pub(super) fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
