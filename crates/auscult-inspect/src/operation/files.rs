//! The files of one root, read as the device would see them: links are followed inside the root
//! only, everything is bounded.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
};

use auscult_model::{Locator, Problem};
use auscult_unpack::{EntryKind, Fault, Node, NodeId, NodeKind, Tree};
use bytes::Bytes;

use super::lines;
use crate::roots::{self, Root};

/// Links followed at most while a path is resolved, as Linux does (`MAXSYMLINKS`).
const LINKS_MAX: u32 = 40;
/// A configuration or a script larger than this is none.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Configurations and scripts of all roots that are read, together.
pub(super) const ALL_BYTES_MAX: u64 = 64 << 20;
/// The same of one root.
const ROOT_BYTES_MAX: u64 = 16 << 20;
/// Entries of one folder that are looked at.
const FOLDER_ENTRIES_MAX: usize = 4096;
/// Patterns that files are looked for by.
const PATTERNS_MAX: usize = 4096;
/// Words that are remembered.
const PROGRAMS_MAX: usize = 1 << 16;
/// A path is not longer (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;

/// Where programs are looked for that are called by their name alone.
pub(super) const PATH: &[&str] = &[
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/system/bin",
    "/opt/sbin",
    "/opt/bin",
];

/// The files of one root.
pub(super) struct Files<'tree> {
    pub(super) tree: &'tree Tree,
    pub(super) root: Root,
    bytes_left: RefCell<u64>,
    /// The folders of `PATH` that are there.
    folders_of_path: OnceCell<Vec<String>>,
    /// Texts that were read, and files that could not be.
    texts: RefCell<HashMap<NodeId, Option<Bytes>>>,
    /// Patterns with the paths that they stand for.
    patterns: RefCell<HashMap<String, Vec<String>>>,
    /// Words that were looked for in the folders of `PATH`.
    programs: RefCell<HashMap<String, Option<Found>>>,
    problems: RefCell<BTreeSet<Problem>>,
}

/// A file or folder of a root, links followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) id: NodeId,
    /// Its absolute path in the root.
    pub(super) path: String,
}

/// A text file of a root.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) locator: Locator,
    pub(super) path: String,
    pub(super) bytes: Bytes,
}

impl Text {
    /// Its lines with their offset, without line ends; a backslash at the end joins the next.
    pub(super) fn lines(&self) -> impl Iterator<Item = lines::Line<'_>> {
        lines::joined(&self.bytes)
    }

    /// The place of a line.
    pub(super) fn at(&self, offset: usize) -> Locator {
        self.locator.at(u64::try_from(offset).unwrap_or(u64::MAX))
    }
}

/// What stands at an entry of a folder, the link itself not followed.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: NodeId,
    pub(super) name: String,
    /// Its absolute path in the root.
    pub(super) path: String,
}

impl<'tree> Files<'tree> {
    /// The files of a root, of which this many bytes may be read.
    pub(super) fn new(tree: &'tree Tree, root: Root, bytes: u64) -> Self {
        let bytes_left = RefCell::new(bytes.min(ROOT_BYTES_MAX));
        Self {
            tree,
            root,
            bytes_left,
            folders_of_path: OnceCell::new(),
            texts: RefCell::default(),
            patterns: RefCell::default(),
            programs: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    /// What is left of these bytes, now that this root was read.
    pub(super) fn rest_of(&self, bytes: u64) -> u64 {
        let spent = bytes.min(ROOT_BYTES_MAX).saturating_sub(*self.bytes_left.borrow());
        bytes.saturating_sub(spent)
    }

    /// The problems met so far.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner().into_iter().collect()
    }

    pub(super) fn report(&self, locator: &Locator, what: &str, why: impl Into<String>) {
        let problem = roots::problem(locator, Fault::new(0, what, why.into()));
        self.problems.borrow_mut().insert(problem);
    }

    /// The locator of the root itself.
    pub(super) fn locator(&self) -> Locator {
        let mut locator = self.tree.locator(self.root.container);
        if !self.root.prefix.is_empty()
            && let Some(step) = locator.steps.last_mut()
        {
            step.member = Some(self.root.prefix.as_slice().into());
        }
        locator
    }

    pub(super) fn locate(&self, id: NodeId) -> Locator {
        self.tree.locator(id)
    }

    pub(super) fn node(&self, id: NodeId) -> &'tree Node {
        self.tree.node(id)
    }

    /// What stands at exactly this absolute path of the root, no link followed.
    pub(super) fn entry(&self, path: &str) -> Option<NodeId> {
        let full = [self.root.prefix.as_slice(), path.as_bytes()].concat();
        self.tree.member(self.root.container, &full)
    }

    /// What stands at this path, links of its folders followed but not the last one.
    pub(super) fn real_entry(&self, path: &str) -> Option<NodeId> {
        let (folder, name) = path.rsplit_once('/')?;
        self.entry(&format!("{}/{name}", self.real_path(folder)?))
    }

    /// Whether a folder exists, whether or not it has an entry of its own.
    fn is_folder(&self, path: &str) -> bool {
        let below = [self.root.prefix.as_slice(), path.as_bytes(), b"/"].concat();
        self.tree.members_under(self.root.container, &below).next().is_some()
    }

    /// The path without links that this path leads to. Links that are absolute start at the root,
    /// `..` stops there, loops lead nowhere.
    fn real_path(&self, path: &str) -> Option<String> {
        let mut links_left = LINKS_MAX;
        let mut pending: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        let mut at = String::new();
        while let Some(part) = pending.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let before = at.len();
            at.push('/');
            at.push_str(&part);
            if at.len() > PATH_BYTES_MAX || pending.len() > PATH_BYTES_MAX {
                return None;
            }
            let Some(id) = self.entry(&at) else { continue };
            if let NodeKind::Member(EntryKind::Symlink(target)) = &self.node(id).kind {
                links_left = links_left.checked_sub(1)?;
                let target = String::from_utf8_lossy(&target.0);
                at.truncate(if target.starts_with('/') { 0 } else { before });
                pending.extend(target.rsplit('/').map(str::to_owned));
            }
        }
        Some(at)
    }

    /// The file or folder that a path leads to, of a hard link the file that it means.
    pub(super) fn resolve(&self, path: &str) -> Option<Found> {
        let path = self.real_path(path)?;
        let id = self.entry(&path)?;
        let NodeKind::Member(EntryKind::Hardlink(target)) = &self.node(id).kind else {
            return Some(Found { id, path });
        };
        let full = [b"/", target.relative()].concat();
        let id = self.tree.member(self.root.container, &full)?;
        Some(Found { id, path })
    }

    /// The regular file that a path leads to.
    pub(super) fn file(&self, path: &str) -> Option<Found> {
        self.resolve(path).filter(|found| self.node(found.id).is_file())
    }

    /// Where a symbolic link at exactly this path points, as it is written.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        match &self.node(self.entry(path)?).kind {
            NodeKind::Member(EntryKind::Symlink(target)) => {
                Some(String::from_utf8_lossy(&target.0).into_owned())
            }
            _ => None,
        }
    }

    /// The entries of a folder, sorted by name; empty where there is none.
    pub(super) fn folder(&self, path: &str) -> Vec<Entry> {
        let Some(real) = self.real_path(path) else { return Vec::new() };
        let mut entries = Vec::new();
        for (name, (id, _)) in self.entries_of(&real) {
            let Some(id) = id else { continue };
            if entries.len() >= FOLDER_ENTRIES_MAX {
                let why = format!("it has more than {FOLDER_ENTRIES_MAX} entries");
                self.report(&self.locate(id), "read a folder", why);
                break;
            }
            let name = String::from_utf8_lossy(name).into_owned();
            entries.push(Entry { id, path: format!("{real}/{name}"), name });
        }
        entries
    }

    fn entries_of(&self, real: &str) -> BTreeMap<&'tree [u8], (Option<NodeId>, bool)> {
        let folder = [self.root.prefix.as_slice(), real.as_bytes(), b"/"].concat();
        self.tree.entries_of(self.root.container, &folder)
    }

    /// The names of the folders below a folder, sorted.
    pub(super) fn folders(&self, path: &str) -> Vec<String> {
        let Some(real) = self.real_path(path) else { return Vec::new() };
        let entries = self.entries_of(&real).into_iter();
        let folders = entries.filter(|(_, (_, has_entries))| *has_entries).take(FOLDER_ENTRIES_MAX);
        let mut names: BTreeSet<String> =
            folders.map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        let links = self.folder(path).into_iter().filter(|entry| {
            let leads = self.real_path(&entry.path).is_some_and(|real| self.is_folder(&real));
            self.link(&entry.path).is_some() && leads
        });
        names.extend(links.map(|entry| entry.name));
        names.into_iter().collect()
    }

    /// The text of the file that a path leads to.
    pub(super) fn text(&self, path: &str) -> Option<Text> {
        let found = self.file(path)?;
        self.read(&found)
    }

    /// The text of a file. Several readers may ask for it: it is read, and counts, once.
    pub(super) fn read(&self, found: &Found) -> Option<Text> {
        let known = self.texts.borrow().get(&found.id).cloned();
        let bytes = known.unwrap_or_else(|| {
            let bytes = self.bytes(found.id);
            self.texts.borrow_mut().insert(found.id, bytes.clone());
            bytes
        })?;
        Some(Text { locator: self.locate(found.id), path: found.path.clone(), bytes })
    }

    /// The bytes of a file, if it is no larger than a text and something is left to read.
    fn bytes(&self, id: NodeId) -> Option<Bytes> {
        let size = self.node(id).len();
        let what = "read a configuration";
        if size > TEXT_BYTES_MAX {
            let why = format!("{size} bytes are over the limit of {TEXT_BYTES_MAX}");
            self.report(&self.locate(id), what, why);
            return None;
        }
        let left = self.bytes_left.borrow().checked_sub(size);
        let Some(left) = left else {
            let why = format!(
                "its files are over {ROOT_BYTES_MAX} bytes, or those of all roots over {ALL_BYTES_MAX}"
            );
            self.report(&self.locator(), what, why);
            return None;
        };
        self.bytes_left.replace(left);
        match self.tree.bytes(id) {
            Ok(bytes) => Some(bytes),
            Err(fault) => {
                self.problems.borrow_mut().insert(roots::problem(&self.locate(id), fault));
                None
            }
        }
    }

    /// A file whose text is not looked at.
    pub(super) fn unread(&self, found: &Found) -> Text {
        let (locator, path) = (self.locate(found.id), found.path.clone());
        Text { locator, path, bytes: Bytes::new() }
    }

    /// The texts of all files in a folder whose name ends so, in order of their names.
    pub(super) fn texts(&self, folder: &str, end: &str) -> Vec<Text> {
        let named = self.folder(folder).into_iter().filter(|entry| entry.name.ends_with(end));
        named.filter_map(|entry| self.text(&entry.path)).collect()
    }

    /// The program that a word of a command line means: an absolute path, else a name looked for
    /// in the folders of `PATH`.
    pub(super) fn program(&self, word: &str) -> Option<Found> {
        if word.contains('\0') || word.len() > PATH_BYTES_MAX {
            return None;
        }
        if word.starts_with('/') {
            return self.file(word).filter(|found| self.is_executable(found));
        }
        if word.is_empty() || word.contains('/') || word.starts_with('.') {
            return None;
        }
        if let Some(known) = self.programs.borrow().get(word) {
            return known.clone();
        }
        let folders = self.folders_of_path.get_or_init(|| {
            let mut folders: Vec<String> = Vec::new();
            for real in PATH.iter().filter_map(|folder| self.real_path(folder)) {
                if !folders.contains(&real) && self.is_folder(&real) {
                    folders.push(real);
                }
            }
            folders
        });
        let found = folders.iter().find_map(|folder| {
            let path = format!("{folder}/{word}");
            // Most words are no programs: look before links are followed.
            self.entry(&path)?;
            self.file(&path).filter(|found| self.is_executable(found))
        });
        let mut programs = self.programs.borrow_mut();
        if programs.len() < PROGRAMS_MAX {
            programs.insert(word.to_owned(), found.clone());
        }
        found
    }

    /// Whether the mode lets it be executed; a container without modes says nothing against it.
    fn is_executable(&self, found: &Found) -> bool {
        self.node(found.id).metadata.mode.is_none_or(|mode| mode & 0o111 != 0)
    }

    /// The paths that a shell pattern stands for, for patterns with `*` and `?` in the last part.
    pub(super) fn matching(&self, pattern: &str) -> Vec<String> {
        if let Some(known) = self.patterns.borrow().get(pattern) {
            return known.clone();
        }
        if self.patterns.borrow().len() >= PATTERNS_MAX {
            let why = format!("more than {PATTERNS_MAX} patterns");
            self.report(&self.locator(), "look for files by a pattern", why);
            return Vec::new();
        }
        let found = self.look_for(pattern);
        self.patterns.borrow_mut().insert(pattern.to_owned(), found.clone());
        found
    }

    fn look_for(&self, pattern: &str) -> Vec<String> {
        let Some((folder, name)) = pattern.rsplit_once('/') else { return Vec::new() };
        if folder.contains(['*', '?', '[']) {
            let Some((above, part)) = folder.rsplit_once('/') else { return Vec::new() };
            if above.contains(['*', '?', '[']) {
                return Vec::new();
            }
            let folders = self.folders(above).into_iter().filter(|one| lines::glob(part, one));
            let paths = folders.map(|one| format!("{above}/{one}/{name}"));
            return paths.flat_map(|path| self.matching(&path)).take(512).collect();
        }
        if !name.contains(['*', '?', '[']) {
            return self.resolve(pattern).map(|_| pattern.to_owned()).into_iter().collect();
        }
        let entries = self.folder(folder).into_iter();
        let named = entries.filter(|entry| lines::glob(name, &entry.name));
        named.map(|entry| format!("{folder}/{}", entry.name)).take(512).collect()
    }
}
