//! A provider's mirror on disk: its metadata, its keys, and the lists of its documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::openpgp::PublicKey;
use crate::csaf::{is_json, list, text};

/// The name that the standard gives the metadata of a provider (section 7.1.7).
const METADATA: &str = "provider-metadata.json";
/// Lists of all documents and of when each changed (sections 7.1.12 and 7.1.13).
const LISTS: [&str; 2] = ["index.txt", "changes.csv"];
/// A larger file is no metadata, no key and no list.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 20;
/// More keys of one provider are not read.
const KEYS_MAX: usize = 64;

/// A provider whose documents lie below a folder.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    /// The folder, empty for the whole.
    root: String,
    /// The publisher's name.
    pub(crate) name: String,
    signs_all: bool,
    keys: Vec<PublicKey>,
    /// What is wrong with the mirror itself.
    pub(crate) problems: Vec<String>,
}

impl Mirror {
    /// The keys that were found and are those that the metadata names.
    pub(crate) fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// A trusted provider signs every document (section 7.2.3).
    pub(crate) fn signs_all(&self) -> bool {
        self.signs_all
    }
}

/// All mirrors below a folder.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The longest root comes first.
    mirrors: Vec<Arc<Mirror>>,
    /// Files that belong to a mirror and are no documents.
    pub(crate) files: BTreeSet<String>,
}

impl Survey {
    /// Looks through the paths of a folder or an archive; `read` gives the bytes of one of them.
    pub(crate) fn of<'a>(
        paths: impl IntoIterator<Item = &'a str>,
        read: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Self {
        let paths: BTreeSet<&str> = paths.into_iter().collect();
        let mut survey = Self::default();
        for path in paths.iter().copied().filter(|path| file_name(path) == METADATA) {
            let metadata = read(path).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let Some(metadata): Option<Value> = metadata else { continue };
            survey.files.insert(path.to_owned());
            let mirror = mirror(path, &metadata, &paths, &read, &mut survey.files);
            survey.mirrors.push(Arc::new(mirror));
        }
        survey.mirrors.sort_by(|one, other| {
            other.root.len().cmp(&one.root.len()).then_with(|| one.root.cmp(&other.root))
        });
        survey.read_lists(&paths, &read);
        survey
    }

    /// The mirror that a path belongs to.
    pub(crate) fn mirror_of(&self, path: &str) -> Option<&Arc<Mirror>> {
        self.mirrors.iter().find(|mirror| below(&mirror.root, path))
    }

    /// Everything that is wrong with the mirrors, with the provider's name.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.mirrors.iter().flat_map(|mirror| {
            mirror.problems.iter().map(|problem| format!("{}: {problem}", mirror.name))
        })
    }

    /// Compares `index.txt`, `changes.csv` and ROLIE feeds with what is there.
    fn read_lists(&mut self, paths: &BTreeSet<&str>, read: &impl Fn(&str) -> Option<Vec<u8>>) {
        let mut missing: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
        let names: BTreeSet<&str> = paths.iter().copied().map(file_name).collect();
        for path in paths {
            if self.mirror_of(path).is_none() {
                continue;
            }
            let kind = file_name(path);
            let listed = if LISTS.contains(&kind) {
                read(path).map(|bytes| lines(&bytes))
            } else if may_be_rolie(kind) {
                read(path).and_then(|bytes| rolie(&bytes))
            } else {
                continue;
            };
            let Some(listed) = listed else { continue };
            self.files.insert((*path).to_owned());
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let (mut absent, mut example) = (0_usize, String::new());
            for document in &listed {
                // A feed names documents by their address, of which only the end is known here.
                let beside = paths.contains(join(folder, document).as_str());
                if !beside && !names.contains(file_name(document)) {
                    absent = absent.saturating_add(1);
                    example.clone_from(document);
                }
            }
            if absent > 0 {
                missing.insert((*path).to_owned(), (absent, listed.len(), example));
            }
        }
        for (path, (absent, all, example)) in missing {
            let at = self.mirrors.iter_mut().find(|mirror| below(&mirror.root, &path));
            if let Some(mirror) = at.and_then(Arc::get_mut) {
                mirror.problems.push(format!(
                    "{absent} of {all} documents that {path} lists are not in the mirror, such as {example}"
                ));
            }
        }
    }
}

/// Whether a file has a name that the metadata or a list of a mirror has.
pub(crate) fn may_describe_mirror(path: &str) -> bool {
    let name = file_name(path);
    name == METADATA || LISTS.contains(&name) || may_be_rolie(name)
}

/// Whether a file has a name that feeds and services of ROLIE have by custom.
fn may_be_rolie(name: &str) -> bool {
    is_json(name) && (name.contains("feed") || name == "service.json")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

fn below(root: &str, path: &str) -> bool {
    root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// The first column of each line: the path of a document (sections 7.1.12 and 7.1.13).
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let first =
        |line: &str| line.split(',').next().unwrap_or_default().trim().trim_matches('"').to_owned();
    text.lines().map(first).filter(|path| is_json(path)).collect()
}

/// Addresses of the documents of a ROLIE feed (RFC 8322; section 7.1.15); none for a service or
/// category document, `None` for anything else.
fn rolie(bytes: &[u8]) -> Option<Vec<String>> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    if document.get("service").is_some() || document.get("categories").is_some() {
        return Some(Vec::new());
    }
    let feed = document.get("feed")?;
    let entries = list(feed, &["entry"]).iter();
    Some(
        entries
            .map(|entry| text(entry, &["content", "src"]).to_owned())
            .filter(|a| !a.is_empty())
            .collect(),
    )
}

fn mirror(
    path: &str,
    metadata: &Value,
    paths: &BTreeSet<&str>,
    read: &impl Fn(&str) -> Option<Vec<u8>>,
    files: &mut BTreeSet<String>,
) -> Mirror {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    // Metadata at the well-known place speaks for the whole site (section 7.1.9).
    let root =
        folder.strip_suffix(".well-known/csaf").map_or(folder, |root| root.trim_end_matches('/'));
    let mut mirror = Mirror {
        root: root.to_owned(),
        name: text(metadata, &["publisher", "name"]).to_owned(),
        signs_all: text(metadata, &["role"]) == "csaf_trusted_provider",
        ..Mirror::default()
    };
    for wanted in list(metadata, &["public_openpgp_keys"]).iter().take(KEYS_MAX) {
        let (url, fingerprint) = (text(wanted, &["url"]), text(wanted, &["fingerprint"]));
        let name = file_name(url);
        let here =
            paths.iter().copied().filter(|path| below(root, path) && file_name(path) == name);
        let mut reason = format!("the key {fingerprint} ({name}) is not in the mirror");
        for path in here {
            files.insert(path.to_owned());
            match read(path).ok_or("it cannot be read".to_owned()).and_then(|b| PublicKey::read(&b))
            {
                Ok(key)
                    if fingerprint.is_empty()
                        || key.fingerprint().eq_ignore_ascii_case(fingerprint) =>
                {
                    mirror.keys.push(key);
                    reason.clear();
                    break;
                }
                Ok(key) => {
                    reason =
                        format!("the key {path} is {}, and not {fingerprint}", key.fingerprint());
                }
                Err(error) => reason = format!("the key {path} is not used: {error}"),
            }
        }
        if !reason.is_empty() {
            mirror.problems.push(reason);
        }
    }
    mirror
}
