//! A mirror of the size of the real CVE List: the shared records, copied under other ids.
//!
//! A copy has its own id, its own version bounds, and, in three of four copies, another vendor, so
//! that products grow in number and in records as they do in reality. What NVD's format says of a
//! record is copied with it. Records of the kernel are not copied: the shared feeds have them all.
//! Nothing is left to chance; two mirrors of the same feeds are the same.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::super::unpacked;

/// Records that a delta changes.
pub(super) const CHANGED: usize = 2_000;
/// The kernel's CNA, by its organisation id.
const KERNEL_ORG: &str = "f4215fc3-5b6b-47ff-a258-f7189bd81038";
/// When the changed records were changed: after all others.
const CHANGED_AT: &str = "2026-11-01T00:00:00.000Z";
/// Vendors of every fourth copy keep their names.
const VENDORS: [&str; 4] = ["", "north-", "south-", "west-"];
/// Keys of versions, in CVE records and in NVD's format.
const VERSION_KEYS: [&str; 8] = [
    "version",
    "lessThan",
    "lessThanOrEqual",
    "at",
    "versionStartIncluding",
    "versionStartExcluding",
    "versionEndIncluding",
    "versionEndExcluding",
];
/// Stand in a template where copies differ; of the private use area, which no record uses.
const MARKS: [char; 4] = [ID, VENDOR, VERSION, UPDATED];
const ID: char = '\u{e000}';
const VENDOR: char = '\u{e001}';
const VERSION: char = '\u{e002}';
const UPDATED: char = '\u{e003}';

/// A version of each product, as `vendor:product`, that a record names.
pub(super) type Versions = BTreeMap<String, String>;

/// What is to be copied.
pub(super) struct Mirror {
    templates: Vec<Template>,
    copies: u64,
    pub(super) versions: Versions,
}

/// A record whose copies differ at its marks.
struct Template {
    year: String,
    number: String,
    updated: String,
    record: Vec<String>,
    /// The same vulnerability in NVD's format.
    override_: Option<Vec<String>>,
}

/// What a copy has of its own.
struct Copy<'a> {
    id: String,
    vendor: &'a str,
    version: String,
    updated: &'a str,
}

impl Mirror {
    /// Makes templates of the records of some feeds, for so many copies.
    pub(super) fn of(feeds: &Path, copies: u64) -> anyhow::Result<Self> {
        let mut versions = Versions::new();
        let mut overrides = HashMap::new();
        let archive = feeds.join("nvd_overrides").join("anchore-nvd-data-overrides.tar.zst");
        each_record(&archive, |mut record| {
            let id = record.pointer("/_annotation/cve_id").and_then(Value::as_str);
            if let Some(id) = id.map(ToOwned::to_owned) {
                note_versions(&record, &mut versions);
                mark(&mut record, &id, false);
                overrides.insert(id, parts(&record)?);
            }
            Ok(())
        })?;
        let mut templates = Vec::new();
        let mut archives: Vec<_> =
            fs::read_dir(feeds.join("cve5"))?.flatten().map(|entry| entry.path()).collect();
        archives.sort();
        for archive in &archives {
            each_record(archive, |record| {
                note_versions(&record, &mut versions);
                templates.extend(Template::of(record, &mut overrides)?);
                Ok(())
            })?;
        }
        ensure!(templates.len() > CHANGED, "only {} records to copy", templates.len());
        Ok(Self { templates, copies, versions })
    }

    /// Writes the copies into a folder, as archives like those that they come from.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        let (mut records, mut overrides) =
            (Archive::new(&folder.join("cve5"))?, Archive::new(&folder.join("overrides"))?);
        let rounds = (1..).flat_map(|round| self.templates.iter().map(move |one| (round, one)));
        for (round, template) in rounds.take(usize::try_from(self.copies)?) {
            let copy = template.copy(round);
            records.add(&copy.id, &template.record, &copy)?;
            if let Some(override_) = &template.override_ {
                overrides.add(&copy.id, override_, &copy)?;
            }
        }
        records.finish()?;
        overrides.finish()
    }

    /// Writes newer versions of copies that lie far apart; gives the id of one.
    pub(super) fn write_changed(&self, folder: &Path) -> anyhow::Result<String> {
        let mut records = Archive::new(&folder.join("changed"))?;
        let mut id = None;
        let step = self.templates.len() / CHANGED;
        for template in self.templates.iter().step_by(step).take(CHANGED) {
            let copy = template.copy(1);
            let copy = Copy { version: ".77".to_owned(), updated: CHANGED_AT, ..copy };
            records.add(&copy.id, &template.record, &copy)?;
            // One whose versions are marked, so that its change shows.
            if template.record.iter().any(|part| part.starts_with(VERSION)) {
                id = Some(copy.id);
            }
        }
        records.finish()?;
        id.context("no changed record names a version")
    }
}

impl Template {
    /// None for records that are the kernel's or were rejected.
    fn of(
        mut record: Value,
        overrides: &mut HashMap<String, Vec<String>>,
    ) -> anyhow::Result<Option<Self>> {
        let text = |key: &str| {
            let value = record.get("cveMetadata")?.get(key)?.as_str()?;
            Some(value.to_owned())
        };
        let published = text("state").as_deref() == Some("PUBLISHED");
        let (Some(id), Some(updated)) = (text("cveId"), text("dateUpdated")) else {
            return Ok(None);
        };
        let parts_of_id: Vec<&str> = id.split('-').collect();
        let [_, year, number] = parts_of_id.as_slice() else { return Ok(None) };
        if !published || text("assignerOrgId").as_deref() == Some(KERNEL_ORG) {
            return Ok(None);
        }
        mark(&mut record, &id, false);
        if let Some(updated) = record.pointer_mut("/cveMetadata/dateUpdated") {
            *updated = Value::String(UPDATED.to_string());
        }
        let (year, number) = ((*year).to_owned(), (*number).to_owned());
        let (record, override_) = (parts(&record)?, overrides.remove(&id));
        Ok(Some(Self { year, number, updated, record, override_ }))
    }

    fn copy(&self, round: usize) -> Copy<'_> {
        Copy {
            // Eight digits and more: no real id has so many.
            id: format!("CVE-{}-{round}{:0>7}", self.year, self.number),
            vendor: VENDORS.get(round % VENDORS.len()).copied().unwrap_or_default(),
            version: format!(".{round}"),
            updated: &self.updated,
        }
    }
}

/// Puts marks where copies differ. `versions` tells whether this is a part that holds versions.
fn mark(value: &mut Value, id: &str, versions: bool) {
    match value {
        Value::String(text) if text.contains(id) => *text = text.replace(id, &ID.to_string()),
        Value::String(text) if text.starts_with("cpe:2.3:") => *text = marked_name(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mark(item, id, versions)),
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::String(text) if key == "vendor" && text != "n/a" => {
                        text.insert(0, VENDOR);
                    }
                    Value::String(text)
                        if versions && VERSION_KEYS.contains(&key.as_str()) && is_number(text) =>
                    {
                        text.push(VERSION);
                    }
                    field => mark(field, id, versions || key == "versions" || key == "cpeMatch"),
                }
            }
        }
        _ => {}
    }
}

/// A CPE name with marks at its vendor and version.
fn marked_name(name: &str) -> String {
    let mut fields: Vec<String> = name.split(':').map(ToOwned::to_owned).collect();
    if let Some(vendor) = fields.get_mut(3) {
        vendor.insert(0, VENDOR);
    }
    if let Some(version) = fields.get_mut(5).filter(|version| is_number(version)) {
        version.push(VERSION);
    }
    fields.join(":")
}

/// Whether a version is of digits and points, and no open bound.
fn is_number(version: &str) -> bool {
    version != "0"
        && !version.is_empty()
        && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// A text in parts that begin at marks, so that copies need no search.
fn parts(record: &Value) -> anyhow::Result<Vec<String>> {
    // Indented, as the records are served.
    let text = serde_json::to_string_pretty(record)?;
    let mut parts = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.char_indices().skip(1).find(|(_, c)| MARKS.contains(c)) {
        let (part, more) = rest.split_at_checked(at.0).context("split at a mark")?;
        parts.push(part.to_owned());
        rest = more;
    }
    parts.push(rest.to_owned());
    Ok(parts)
}

/// Notes a version of each product that a record names by CPE.
fn note_versions(value: &Value, versions: &mut Versions) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| note_versions(item, versions)),
        Value::Object(fields) => {
            let bound = |object: &Value| {
                let text = |key: &&str| object.get(*key).and_then(Value::as_str);
                VERSION_KEYS.iter().rev().filter_map(text).find(|t| is_number(t)).map(str::to_owned)
            };
            let list = |key: &str| fields.get(key).and_then(Value::as_array);
            let own = list("versions").and_then(|list| list.iter().find_map(bound));
            let names = list("cpes").into_iter().flatten().map(|name| (name, own.clone()));
            let criteria = fields.get("criteria").map(|name| (name, bound(value)));
            for (name, version) in names.chain(criteria) {
                let fields: Vec<&str> = name.as_str().unwrap_or_default().split(':').collect();
                if let ([_, _, _, vendor, product, ..], Some(version)) = (&*fields, version) {
                    versions.entry(format!("{vendor}:{product}")).or_insert(version);
                }
            }
            fields.values().for_each(|field| note_versions(field, versions));
        }
        _ => {}
    }
}

/// Calls for every JSON document of an archive.
fn each_record(
    archive: &Path,
    mut each: impl FnMut(Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let bytes = unpacked(archive)?;
    for member in tar::Archive::new(bytes.as_slice()).entries()? {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut member?, &mut text)?;
        if let Ok(record) = serde_json::from_slice(&text) {
            each(record)?;
        }
    }
    Ok(())
}

/// A tar archive that zstd compresses while it is written.
struct Archive {
    tar: tar::Builder<std::process::ChildStdin>,
    zstd: std::process::Child,
    text: Vec<u8>,
}

impl Archive {
    fn new(stem: &Path) -> anyhow::Result<Self> {
        let path = stem.with_extension("tar.zst");
        let mut command = Command::new("zstd");
        let command = command.args(["-q", "-f", "-o"]).arg(&path).stdin(Stdio::piped());
        let mut zstd = command.spawn().context("start zstd")?;
        let pipe = zstd.stdin.take().context("write to zstd")?;
        Ok(Self { tar: tar::Builder::new(pipe), zstd, text: Vec::new() })
    }

    fn add(&mut self, name: &str, parts: &[String], copy: &Copy<'_>) -> anyhow::Result<()> {
        self.text.clear();
        for part in parts {
            let mark = part.chars().next().filter(|c| MARKS.contains(c));
            self.text.extend_from_slice(match mark {
                Some(ID) => copy.id.as_bytes(),
                Some(VENDOR) => copy.vendor.as_bytes(),
                Some(VERSION) => copy.version.as_bytes(),
                Some(UPDATED) => copy.updated.as_bytes(),
                _ => b"",
            });
            let plain = part.get(mark.map_or(0, char::len_utf8)..).unwrap_or_default();
            self.text.extend_from_slice(plain.as_bytes());
        }
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(self.text.len())?);
        header.set_mode(0o644);
        self.tar.append_data(&mut header, format!("{name}.json"), self.text.as_slice())?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.tar.into_inner()?.flush()?;
        let status = self.zstd.wait()?;
        ensure!(status.success(), "zstd failed: {status}");
        Ok(())
    }
}
