//! Compares a file system with the one of the reference, path by path.

use std::collections::{HashMap, HashSet};

use auscult_measure::{Entry, Kind, Unmeasured};
use auscult_model::ByteName;

use super::{NO_COMPONENT, SETUID_OR_SETGID, area, meaning};
use crate::{Class, Code, FileSystem, Item, Reference, classes::Treatment, verdict::Collector};

/// Compares one file system.
pub(crate) fn compare(
    reference: &Reference,
    wanted: &FileSystem,
    found: &FileSystem,
    out: &mut Collector,
) {
    let by_path: HashMap<&ByteName, &Entry> =
        found.entries.iter().map(|entry| (&entry.path, entry)).collect();
    let hidden = Hidden::of(&found.unmeasured);
    let mut known: HashSet<&ByteName> = HashSet::new();
    let mut parents: HashSet<&[u8]> = HashSet::new();
    for entry in &wanted.entries {
        known.insert(&entry.path);
        parents.extend(parents_of(entry.path.as_bytes()));
        let treatment = reference.classes.of(&entry.path);
        let owner = wanted.owners.get(&entry.path);
        let group = owner.map_or(NO_COMPONENT, |owner| owner.0.as_str());
        let items = match by_path.get(&entry.path) {
            Some(present) => both(entry, present, &treatment, &hidden),
            None => gone(entry, &treatment, &hidden),
        };
        put(items, group, &entry.path, reference, out);
    }
    for entry in found.entries.iter().filter(|entry| !known.contains(&entry.path)) {
        // Archives need not tell the folders that their paths go through.
        if entry.kind == Kind::Directory && parents.contains(entry.path.as_bytes()) {
            continue;
        }
        let items = added(entry, &reference.classes.of(&entry.path));
        put(items, NO_COMPONENT, &entry.path, reference, out);
    }
    for unmeasured in &found.unmeasured {
        let treatment = reference.classes.of(&unmeasured.path);
        let told = is_excused(&treatment, unmeasured) || known.contains(&unmeasured.path);
        if !told {
            let path = unmeasured.path.to_string();
            let item = Item::not_measured(Code::NotMeasured, path, unmeasured.why.clone());
            out.add(NO_COMPONENT, item);
        }
    }
}

/// Hands the items over, with what the path means; without any the path passed.
fn put(items: Vec<Item>, group: &str, path: &ByteName, reference: &Reference, out: &mut Collector) {
    if items.is_empty() {
        return out.passed(group);
    }
    let meaning = meaning::of(path, reference);
    for mut item in items {
        item.meaning.clone_from(&meaning);
        out.add(group, item);
    }
}

fn parents_of(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.filter_map(|(at, _)| path.get(..at)).filter(|parent| !parent.is_empty())
}

/// What the measurement could not see.
struct Hidden<'a> {
    paths: HashMap<&'a [u8], &'a Unmeasured>,
}

impl<'a> Hidden<'a> {
    fn of(unmeasured: &'a [Unmeasured]) -> Self {
        Self { paths: unmeasured.iter().map(|one| (one.path.as_bytes(), one)).collect() }
    }

    /// Why a path was not measured: it, or a folder that it lies in.
    fn why(&self, path: &ByteName) -> Option<&'a Unmeasured> {
        if self.paths.is_empty() {
            return None;
        }
        let path = path.as_bytes();
        let root: &[u8] = b"/";
        std::iter::once(path)
            .chain(parents_of(path))
            .chain(std::iter::once(root))
            .find_map(|path| self.paths.get(path).copied())
    }
}

/// Whether it does not matter that something was not seen: a memory file system on an area of data,
/// which a running system mounts there.
fn is_excused(treatment: &Treatment<'_>, unmeasured: &Unmeasured) -> bool {
    unmeasured.mounted && matches!(treatment.class, Class::Volatile | Class::Data)
}

fn is_free(treatment: &Treatment<'_>) -> bool {
    matches!(treatment.class, Class::Data | Class::Volatile) && !treatment.is_area
}

/// A path of the reference that is not there.
fn gone(entry: &Entry, treatment: &Treatment<'_>, hidden: &Hidden<'_>) -> Vec<Item> {
    if is_free(treatment) {
        return Vec::new();
    }
    let path = entry.path.to_string();
    vec![match hidden.why(&entry.path) {
        Some(unmeasured) => Item::not_measured(Code::NotMeasured, path, unmeasured.why.clone()),
        None => Item::fail(Code::Missing, path, format!("the {} is missing", entry.kind.name())),
    }]
}

/// A path that the reference does not have.
fn added(entry: &Entry, treatment: &Treatment<'_>) -> Vec<Item> {
    if is_free(treatment) || treatment.class == Class::Config && treatment.site_set {
        return area::check(entry, treatment);
    }
    let code = match entry.kind {
        Kind::File => Code::FileAdded,
        Kind::Directory => Code::DirectoryAdded,
        Kind::Symlink => Code::LinkAdded,
        Kind::CharacterDevice | Kind::BlockDevice => Code::DeviceAdded,
        Kind::Fifo => Code::FifoAdded,
        Kind::Socket => Code::SocketAdded,
    };
    let path = entry.path.to_string();
    let mut items = vec![Item::fail(
        code,
        &path,
        format!("a {} that the build does not have", entry.kind.name()),
    )];
    if let Some(mode) = entry.mode.filter(|mode| mode & SETUID_OR_SETGID != 0)
        && entry.kind == Kind::File
    {
        let reason = format!("it runs with the rights of its owner or group ({mode:04o})");
        items.push(Item::fail(Code::SetuidAdded, path, reason));
    }
    items
}

/// A path that both have.
fn both(
    wanted: &Entry,
    found: &Entry,
    treatment: &Treatment<'_>,
    hidden: &Hidden<'_>,
) -> Vec<Item> {
    if is_free(treatment) {
        let same = wanted == found;
        return if same { Vec::new() } else { area::check(found, treatment) };
    }
    let path = || wanted.path.to_string();
    if wanted.kind != found.kind {
        let (from, to) = (wanted.kind.name(), found.kind.name());
        let reason = format!("the {from} was replaced by a {to}");
        return vec![Item::fail(Code::KindChanged, path(), reason)];
    }
    let mut items = Vec::new();
    if wanted.target != found.target {
        let name = |entry: &Entry| {
            entry.target.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string)
        };
        let reason = format!("the link leads to {}, not to {}", name(found), name(wanted));
        items.push(Item::fail(Code::LinkTargetChanged, path(), reason));
    }
    if treatment.is_area && treatment.class != Class::Config {
        // What is mounted there decides its owner and mode.
        return items;
    }
    if wanted.kind == Kind::File {
        items.extend(content(wanted, found, treatment, hidden));
    }
    if wanted.device.is_some() && wanted.device != found.device {
        let reason = format!("device {}, not {}", pair(found.device), pair(wanted.device));
        items.push(Item::fail(Code::DeviceNumberChanged, path(), reason));
    }
    if wanted.kind != Kind::Symlink {
        items.extend(mode(wanted, found));
    }
    items.extend(owner(Code::OwnerChanged, "owner", wanted, found.user, wanted.user));
    items.extend(owner(Code::GroupChanged, "group", wanted, found.group, wanted.group));
    items
}

fn pair(numbers: Option<(u32, u32)>) -> String {
    numbers.map_or_else(|| "?".to_owned(), |(major, minor)| format!("{major}:{minor}"))
}

fn content(
    wanted: &Entry,
    found: &Entry,
    treatment: &Treatment<'_>,
    hidden: &Hidden<'_>,
) -> Vec<Item> {
    let mut items = Vec::new();
    let path = || wanted.path.to_string();
    match (wanted.sha256, found.sha256) {
        (Some(one), Some(other)) if one == other => {}
        (None, _) => items.push(Item::not_measured(
            Code::NotMeasured,
            path(),
            "the reference does not tell its content",
        )),
        (_, None) if wanted.size != found.size && found.size.is_some() && !treatment.site_set => {
            items.push(changed(wanted, found, treatment));
        }
        (_, None) => {
            let why = hidden.why(&found.path).map(|unmeasured| unmeasured.why.clone());
            let why = why.unwrap_or_else(|| "its content was not measured".to_owned());
            items.push(Item::not_measured(Code::NotMeasured, path(), why));
        }
        (Some(_), Some(_)) if treatment.class == Class::Config && treatment.site_set => {}
        (Some(_), Some(_)) => items.push(changed(wanted, found, treatment)),
    }
    if wanted.capability != found.capability {
        let name = |entry: &Entry| entry.capability.clone().unwrap_or_else(|| "none".to_owned());
        let reason = format!("capabilities {}, not {}", name(found), name(wanted));
        items.push(Item::fail(Code::CapabilityChanged, path(), reason));
    }
    items
}

fn changed(wanted: &Entry, found: &Entry, treatment: &Treatment<'_>) -> Item {
    let (now, before) = (found.size.unwrap_or(0), wanted.size.unwrap_or(0));
    let path = wanted.path.to_string();
    if treatment.class == Class::Config {
        let reason = "the configuration was changed, and the site may not set it";
        return Item::fail(Code::ConfigChanged, path, reason);
    }
    match now.cmp(&before) {
        std::cmp::Ordering::Equal => Item::fail(
            Code::ContentChanged,
            path,
            format!("other bytes, of the same length ({now})"),
        ),
        std::cmp::Ordering::Greater => {
            let reason = format!("other bytes, {} more than {before}", now - before);
            Item::fail(Code::Longer, path, reason)
        }
        std::cmp::Ordering::Less => {
            let reason = format!("other bytes, {} less than {before}", before - now);
            Item::fail(Code::Shorter, path, reason)
        }
    }
}

fn mode(wanted: &Entry, found: &Entry) -> Option<Item> {
    let path = wanted.path.to_string();
    let before = wanted.mode?;
    let Some(now) = found.mode else {
        return Some(Item::not_measured(Code::NotMeasured, path, "its mode was not measured"));
    };
    let new = now & !before;
    if new & SETUID_OR_SETGID != 0 {
        let reason =
            format!("it runs with the rights of its owner or group: {now:04o}, not {before:04o}");
        return Some(Item::fail(Code::SetuidAdded, path, reason));
    }
    if new != 0 || before & 0o1000 > now & 0o1000 {
        let reason = format!("more rights: {now:04o}, not {before:04o}");
        return Some(Item::fail(Code::ModeLoosened, path, reason));
    }
    let reason = || format!("other rights: {now:04o}, not {before:04o}");
    (now != before).then(|| Item::fail(Code::ModeChanged, path, reason()))
}

fn owner(
    code: Code,
    what: &str,
    wanted: &Entry,
    now: Option<u32>,
    before: Option<u32>,
) -> Option<Item> {
    let path = wanted.path.to_string();
    let before = before?;
    match now {
        None => {
            let reason = format!("its {what} was not measured");
            Some(Item::not_measured(Code::NotMeasured, path, reason))
        }
        Some(now) if now == before => None,
        Some(now) => Some(Item::fail(code, path, format!("{what} {now}, not {before}"))),
    }
}
