//! Providers of CSAF documents (CSAF 2.0 section 7.1): `provider-metadata.json` leads to ROLIE
//! feeds, or to a directory with `changes.csv` and `index.txt`. Digests are verified; documents,
//! digests, signatures and keys are kept, so that who reads them can verify them again.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{
    Error, Result,
    digest::Algorithm,
    http::url::{host, join, path, resolve},
    mirror::safe_name,
    session::{Check, Session, Wanted},
    shape::Shape,
    update::fetch_all,
};

const SHAPE: Shape = Shape::json(&["\"document\"", "\"csaf_version\"", "\"tracking\""]);
/// More documents are not listed.
const DOCUMENTS_MAX: usize = 200_000;
const KEY_BYTES_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    distributions: Vec<Distribution>,
    #[serde(default)]
    public_openpgp_keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct Distribution {
    directory_url: Option<String>,
    rolie: Option<Rolie>,
}

#[derive(Deserialize)]
struct Rolie {
    #[serde(default)]
    feeds: Vec<RolieFeed>,
}

#[derive(Deserialize)]
struct RolieFeed {
    url: String,
    #[serde(default)]
    tlp_label: String,
}

#[derive(Deserialize)]
struct PublicKey {
    url: String,
}

#[derive(Deserialize)]
struct FeedDocument {
    feed: Entries,
}

#[derive(Deserialize)]
struct Entries {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    link: Vec<Link>,
    content: Option<Content>,
    #[serde(default)]
    updated: String,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    rel: String,
    href: String,
}

#[derive(Deserialize)]
struct Content {
    src: String,
}

/// Brings the documents of all providers up to date.
pub(crate) fn fetch(session: &mut Session<'_>, only: Option<&str>) -> Result<()> {
    let named = session.config.items.clone().filter(|items| !items.is_empty());
    let providers = named.unwrap_or_else(|| vec![session.base()]);
    let (mut documents, mut keep) = (BTreeMap::new(), Vec::new());
    for provider in &providers {
        let (found, kept) = list(session, provider, only)?;
        documents.extend(found.into_iter().map(|wanted| (wanted.name.clone(), wanted)));
        keep.extend(kept);
    }
    let wanted: Vec<Wanted> = documents.into_values().collect();
    fetch_all(session, &wanted, &keep)
}

/// A provider, and the folder in the mirror that holds its metadata and keys.
struct Provider<'a> {
    url: &'a str,
    folder: String,
}

impl<'a> Provider<'a> {
    fn at(url: &'a str) -> Self {
        Self { url, folder: safe_name(host(url)).unwrap_or_else(|| "provider".to_owned()) }
    }

    /// Where a file of it stands in the mirror. Documents may be served by another host; whoever
    /// verifies them looks for keys in the folders above them.
    fn place(&self, url: &str) -> Option<String> {
        let below = format!("{}/{}", host(url), path(url));
        if host(url) == host(self.url) {
            return safe_name(&below);
        }
        safe_name(&format!("{}/{below}", self.folder))
    }
}

/// The documents of a provider, and the names of what is kept beside them.
fn list(
    session: &mut Session<'_>,
    provider: &str,
    only: Option<&str>,
) -> Result<(Vec<Wanted>, Vec<String>)> {
    let bytes = session.listing(provider)?;
    let metadata: Metadata = read(provider, &bytes)?;
    let provider = Provider::at(provider);
    let folder = &provider.folder;
    let mut keep = vec![format!("{folder}/provider-metadata.json")];
    session.put_small(&format!("{folder}/provider-metadata.json"), &bytes, None)?;
    for key in &metadata.public_openpgp_keys {
        let url = resolve(provider.url, &key.url);
        let name = path(&url).rsplit('/').next().and_then(safe_name);
        let Some(name) = name.map(|name| format!("{folder}/keys/{name}")) else { continue };
        if let Some(bytes) = session.small(&url, KEY_BYTES_MAX)? {
            session.put_small(&name, &bytes, None)?;
            keep.push(name);
        }
    }
    let mut wanted = Vec::new();
    let rolie =
        metadata.distributions.iter().filter_map(|distribution| distribution.rolie.as_ref());
    for feed in rolie.flat_map(|rolie| &rolie.feeds) {
        // Other labels are for those who may sign in.
        if matches!(&*feed.tlp_label.to_ascii_uppercase(), "" | "WHITE" | "CLEAR" | "UNLABELED") {
            let url = resolve(provider.url, &feed.url);
            wanted.extend(from_rolie(session, &provider, &url)?);
        }
    }
    if wanted.is_empty() {
        let folders = metadata.distributions.iter().filter_map(|d| d.directory_url.as_ref());
        for directory in folders {
            let directory = resolve(provider.url, directory);
            wanted.extend(from_directory(session, &provider, &directory)?);
        }
    }
    wanted.retain(|wanted| {
        let file = wanted.name.rsplit('/').next().unwrap_or_default();
        only.is_none_or(|only| file.to_ascii_lowercase().starts_with(only))
    });
    if wanted.is_empty() {
        let reason = "it leads to no document".to_owned();
        return Err(Error::Listing { url: provider.url.to_owned(), reason });
    }
    Ok((wanted, keep))
}

fn read<'a, T: Deserialize<'a>>(url: &str, bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Listing { url: url.to_owned(), reason: error.to_string() })
}

fn too_many(url: &str) -> Error {
    let reason = format!("it lists more than {DOCUMENTS_MAX} documents");
    Error::Listing { url: url.to_owned(), reason }
}

/// The documents of a ROLIE feed (section 7.1.15), with the digests and signatures that it names.
fn from_rolie(
    session: &mut Session<'_>,
    provider: &Provider<'_>,
    url: &str,
) -> Result<Vec<Wanted>> {
    let bytes = session.listing(url)?;
    let document: FeedDocument = read(url, &bytes)?;
    if document.feed.entry.len() > DOCUMENTS_MAX {
        return Err(too_many(url));
    }
    let mut found = Vec::new();
    for entry in document.feed.entry {
        let linked = |rel: &'static str| entry.link.iter().filter(move |link| link.rel == rel);
        let source = entry.content.as_ref().map(|content| &content.src);
        let source = source.or_else(|| linked("self").next().map(|link| &link.href));
        let Some(source) = source else { continue };
        let source = resolve(url, source);
        let hashes: Vec<String> = linked("hash").map(|link| resolve(url, &link.href)).collect();
        let signatures = linked("signature").map(|link| resolve(url, &link.href));
        found.extend(wanted(provider, source, &entry.updated, &hashes, signatures.collect()));
    }
    Ok(found)
}

/// The documents of a directory: `changes.csv` (section 7.1.13) tells what changed when,
/// `index.txt` (section 7.1.12) only what there is.
fn from_directory(
    session: &mut Session<'_>,
    provider: &Provider<'_>,
    directory: &str,
) -> Result<Vec<Wanted>> {
    const LIST_BYTES_MAX: u64 = 64 << 20;
    let changes = session.small(&join(directory, "changes.csv"), LIST_BYTES_MAX)?;
    let text = match changes {
        Some(text) => text,
        None => session.listing(&join(directory, "index.txt"))?,
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (file, updated) = line.split_once(',').unwrap_or((line, ""));
        let [file, updated] = [file, updated].map(|field| field.trim().trim_matches('"'));
        if file.contains("..") || file.contains("://") || file.starts_with('/') {
            let reason = format!("it names {file}, which is not below it");
            return Err(Error::Listing { url: directory.to_owned(), reason });
        }
        if found.len() >= DOCUMENTS_MAX {
            return Err(too_many(directory));
        }
        let source = join(directory, file);
        let hashes = ["sha512", "sha256"].map(|ending| format!("{source}.{ending}"));
        let signature = vec![format!("{source}.asc")];
        found.extend(wanted(provider, source, updated, &hashes, signature));
    }
    Ok(found)
}

fn wanted(
    provider: &Provider<'_>,
    source: String,
    updated: &str,
    hashes: &[String],
    signatures: Vec<String>,
) -> Option<Wanted> {
    let place = |url: &str| provider.place(url);
    let is_json = |name: &String| Path::new(name).extension().is_some_and(|e| e == "json");
    let name = place(&source).filter(is_json)?;
    let mut candidates = Vec::new();
    // The longer digest first.
    for (ending, algorithm) in [("sha512", Algorithm::Sha512), ("sha256", Algorithm::Sha256)] {
        let of_kind = hashes.iter().filter(|url| path(url).ends_with(ending));
        candidates.extend(of_kind.filter_map(|url| Some((algorithm, url.clone(), place(url)?))));
    }
    let signatures = signatures.into_iter();
    Some(Wanted {
        token: Some(updated.to_owned()).filter(|token| !token.is_empty()),
        check: if candidates.is_empty() { Check::None } else { Check::Published(candidates) },
        beside: signatures.filter_map(|url| place(&url).map(|name| (url, name))).collect(),
        // A document may be withdrawn to nothing; it is one of many.
        rolling: true,
        ..Wanted::new(source, name, SHAPE)
    })
}
