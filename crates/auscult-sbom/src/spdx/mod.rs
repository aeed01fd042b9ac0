//! SPDX documents (<https://spdx.github.io/spdx-spec/>): the packages of version 2 in JSON and as tags
//! with values, and of version 3 in JSON-LD. Files, snippets and relationships are not read, but for
//! the one that tells which package the document is about.

mod json;
mod tag_value;

pub(crate) use json::{read_json, read_json_ld};
pub(crate) use tag_value::read_tag_value;

use crate::{components::Entry, package::SOURCE_WORDS};

/// Takes an external reference of version 2: `purl`, `cpe22Type`, `cpe23Type`.
fn reference(entry: &mut Entry, kind: &str, locator: &str) {
    match kind.rsplit('/').next().unwrap_or_default() {
        "purl" if entry.purl.is_empty() => locator.clone_into(&mut entry.purl),
        "cpe22Type" | "cpe23Type" => entry.cpes.push(locator.to_owned()),
        _ => {}
    }
}

/// Takes what tells the source package in words: `built package from: krb5 1.17-3`.
fn source(entry: &mut Entry, text: &str) {
    let mut words = text.strip_prefix("built package from:").unwrap_or_default().split_whitespace();
    let Some(name) = words.next() else { return };
    let value = words.next().map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"));
    entry.properties.push((SOURCE_WORDS.to_owned(), value));
}

/// The name in `Organization: Acme (mail@example.org)`.
fn party(text: &str) -> String {
    let name = text.split_once(':').map_or(text, |(_, name)| name);
    name.split('(').next().unwrap_or_default().trim().to_owned()
}

/// Leaves out what the document is about, unless it is about nothing else.
fn without_subjects(mut entries: Vec<(String, Entry)>, subjects: &[String]) -> Vec<Entry> {
    if entries.iter().any(|(id, _)| !subjects.contains(id)) {
        entries.retain(|(id, _)| !subjects.contains(id));
    }
    entries.into_iter().map(|(_, entry)| entry).collect()
}
