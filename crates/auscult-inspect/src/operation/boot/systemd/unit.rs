//! Unit files and their drop-ins (systemd.unit(5), systemd.syntax(7)).

use std::{collections::BTreeMap, rc::Rc};

use auscult_model::Locator;

use crate::operation::{
    files::{Files, Text},
    lines,
};

/// Folders of units, the strongest first.
pub(in crate::operation::boot) const FOLDERS: &[&str] = &[
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// Settings of one unit.
const SETTINGS_MAX: usize = 4096;

/// A unit with its drop-ins applied.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// The name of the file, which an alias leads to.
    pub(super) name: String,
    /// What stands between `@` and the suffix.
    pub(super) instance: String,
    pub(super) locator: Locator,
    /// Linked to `/dev/null`: it cannot be started.
    pub(super) masked: bool,
    settings: Vec<Setting>,
}

#[derive(Clone, Debug)]
struct Setting {
    section: String,
    key: String,
    value: String,
    locator: Locator,
}

impl Unit {
    /// The values of a key, in order, with their places; specifiers are filled in.
    pub(super) fn values(&self, section: &str, key: &str) -> Vec<(String, Locator)> {
        let own = self.settings.iter().filter(|one| one.section == section && one.key == key);
        own.map(|one| (self.filled(&one.value), one.locator.clone())).collect()
    }

    /// The last value of a key.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<String> {
        self.values(section, key).pop().map(|(value, _)| value)
    }

    /// The words of all values of a key.
    pub(super) fn words(&self, section: &str, key: &str) -> Vec<String> {
        let values = self.values(section, key);
        values.iter().flat_map(|(value, _)| value.split_whitespace()).map(str::to_owned).collect()
    }

    pub(super) fn has_section(&self, section: &str) -> bool {
        self.settings.iter().any(|one| one.section == section)
    }

    fn filled(&self, value: &str) -> String {
        if !value.contains('%') {
            return value.to_owned();
        }
        let prefix = self.name.split(['@', '.']).next().unwrap_or_default();
        let pairs = [
            ("%i", self.instance.as_str()),
            ("%I", &self.instance),
            ("%p", prefix),
            ("%n", &self.name),
        ];
        let filled = pairs.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
        filled.replace("%%", "%")
    }

    fn add(&mut self, text: &Text) {
        let mut section = String::new();
        for line in text.lines() {
            let line_text = line.text.trim();
            if line_text.starts_with(['#', ';']) || line_text.is_empty() {
                continue;
            }
            if let Some(name) = line_text.strip_prefix('[') {
                name.trim_end_matches(']').clone_into(&mut section);
                self.set(&section, "", "", text.at(line.offset));
            } else if let Some((key, value)) = line_text.split_once('=') {
                self.set(&section, key.trim(), value.trim(), text.at(line.offset));
            }
        }
    }

    /// An empty value drops the earlier ones.
    fn set(&mut self, section: &str, key: &str, value: &str, locator: Locator) {
        if value.is_empty() && !key.is_empty() {
            self.settings.retain(|one| one.section != section || one.key != key);
        } else if self.settings.len() < SETTINGS_MAX {
            let (section, key, value) = (section.to_owned(), key.to_owned(), value.to_owned());
            self.settings.push(Setting { section, key, value, locator });
        }
    }
}

/// The units of a root, each read once.
pub(super) struct Units<'boot, 'tree> {
    files: &'boot Files<'tree>,
    loaded: BTreeMap<String, Option<Rc<Unit>>>,
}

impl<'boot, 'tree> Units<'boot, 'tree> {
    pub(super) fn new(files: &'boot Files<'tree>) -> Self {
        Self { files, loaded: BTreeMap::new() }
    }

    /// The unit of this name; of an instance, its template.
    pub(super) fn load(&mut self, name: &str) -> Option<Rc<Unit>> {
        if let Some(known) = self.loaded.get(name) {
            return known.clone();
        }
        let unit = self.find(name, name, 0).map(Rc::new);
        self.loaded.insert(name.to_owned(), unit.clone());
        unit
    }

    fn find(&self, name: &str, asked: &str, aliases: u32) -> Option<Unit> {
        let instance = instance(asked).unwrap_or_default().to_owned();
        for folder in FOLDERS {
            let path = format!("{folder}/{name}");
            let Some(id) = self.files.entry(&path) else { continue };
            let locator = self.files.locate(id);
            if let Some(target) = self.files.link(&path) {
                if target == "/dev/null" {
                    let name = name.to_owned();
                    let settings = Vec::new();
                    return Some(Unit { name, instance, locator, masked: true, settings });
                }
                let target = lines::file_name(&target);
                if target != name && aliases < 8 && is_unit(target) {
                    let found = self.find(target, target, aliases + 1);
                    if found.is_some() {
                        return found;
                    }
                }
            }
            let text = self.files.text(&path)?;
            let masked = text.bytes.is_empty();
            let settings = Vec::new();
            let mut unit = Unit {
                name: asked.to_owned(),
                instance,
                locator: text.locator.clone(),
                masked,
                settings,
            };
            unit.add(&text);
            self.add_drop_ins(&mut unit, name);
            return Some(unit);
        }
        let template = template(name).filter(|template| template != name)?;
        self.find(&template, asked, aliases + 1)
    }

    fn add_drop_ins(&self, unit: &mut Unit, file: &str) {
        let kind = file.rsplit('.').next().unwrap_or_default().to_owned();
        let mut names = vec![kind, file.to_owned()];
        if unit.name != file {
            names.push(unit.name.clone());
        }
        let mut texts: BTreeMap<String, Text> = BTreeMap::new();
        // The strongest folder comes last, so that its file stands for all of the same name.
        for name in &names {
            for folder in FOLDERS.iter().rev() {
                for text in self.files.texts(&format!("{folder}/{name}.d"), ".conf") {
                    let key = lines::file_name(&text.path).to_owned();
                    texts.insert(key, text);
                }
            }
        }
        for text in texts.values() {
            unit.add(text);
        }
    }

    /// The names in the folders `NAME.wants` and `NAME.requires`.
    pub(super) fn linked(&self, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        for folder in FOLDERS {
            for kind in ["wants", "requires"] {
                for entry in self.files.folder(&format!("{folder}/{name}.{kind}")) {
                    let masked = self.files.link(&entry.path).is_some_and(|to| to == "/dev/null");
                    if is_unit(&entry.name) && !masked && !names.contains(&entry.name) {
                        names.push(entry.name);
                    }
                }
            }
        }
        names
    }

    /// The names of all units, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = FOLDERS.iter().flat_map(|folder| self.files.folder(folder));
        let mut names: Vec<String> =
            entries.map(|entry| entry.name).filter(|name| is_unit(name)).collect();
        names.sort();
        names.dedup();
        names
    }
}

fn is_unit(name: &str) -> bool {
    let kinds = ["service", "socket", "target", "timer", "path", "mount", "automount", "swap"];
    name.rsplit_once('.').is_some_and(|(stem, kind)| !stem.is_empty() && kinds.contains(&kind))
}

/// `b` in `a@b.service`.
fn instance(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once('@')?;
    rest.rsplit_once('.').map(|(instance, _)| instance)
}

/// `a@.service` for `a@b.service`.
fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (_, kind) = rest.rsplit_once('.')?;
    Some(format!("{prefix}@.{kind}"))
}
