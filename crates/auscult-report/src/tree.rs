//! The listing of an unpacked tree, for people and for programs.
//!
//! The rows come from the caller, as this crate knows nothing of file systems.

use std::collections::BTreeMap;

use auscult_model::{Locator, Sha256};
use serde::{Deserialize, Serialize};

use crate::text::{Cell, Clip, Column, Page, Style, count, number};

/// One node of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeRow {
    /// Where it is.
    pub locator: Locator,
    /// What it is: `file`, `directory`, `symlink`, `region`, … .
    pub kind: String,
    /// Name of the format, for containers.
    pub format: Option<String>,
    /// Its size in bytes, where it has one.
    pub size: Option<u64>,
    /// Digest of its bytes, for files and unread regions that could be read whole.
    pub sha256: Option<Sha256>,
    /// Its permission bits, where it has any.
    pub mode: Option<u32>,
    /// `USER:GROUP`, as numbers or names, where it is known.
    pub owner: Option<String>,
    /// When it was last changed, in seconds since 1970.
    pub modified: Option<i64>,
    /// What the header of a container tells: compression, name, load address, … .
    pub attributes: BTreeMap<String, String>,
    /// Why its bytes could not be read.
    pub unread: Option<String>,
    /// The target of a link, the numbers of a device, the entropy of a region.
    pub note: Option<String>,
}

const COLUMNS: [Column; 7] = [
    Column::new("KIND", 12, Clip::End),
    Column::new("MODE", 6, Clip::Number),
    Column::new("OWNER", 20, Clip::End),
    Column::new("SIZE", 20, Clip::Number),
    Column::new("SHA-256", 16, Clip::End),
    Column::new("LOCATOR", usize::MAX, Clip::End),
    Column::new("NOTE", 100, Clip::End),
];

/// Lists the rows as text, one a line; locators are never cut, as they are to be copied.
pub fn tree_text(rows: &[TreeRow]) -> String {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                row.kind.clone().into(),
                row.mode.map(|mode| format!("{mode:04o}")).unwrap_or_default().into(),
                row.owner.clone().unwrap_or_default().into(),
                row.size.map(number).unwrap_or_default().into(),
                row.sha256.map(|digest| short(&digest)).unwrap_or_default().into(),
                row.locator.to_string().into(),
                note(row).into(),
            ]
        })
        .collect();
    let mut page = Page::new(false, usize::MAX);
    page.grid(0, &COLUMNS, &cells);
    page.line(0, &format!("{} entries", count(cells.len())), Style::Plain);
    page.finish()
}

/// The first 16 digits: enough to find a file by; the whole digest is in the JSON.
fn short(digest: &Sha256) -> String {
    digest.to_string().chars().take(16).collect()
}

/// Everything there is to say of a row, in one line.
fn note(row: &TreeRow) -> String {
    let attributes = row.attributes.iter().map(|(key, value)| format!("{key} {value}"));
    let unread = row.unread.iter().map(|reason| format!("unread: {reason}"));
    let parts: Vec<_> = unread.chain(row.note.clone()).chain(attributes).collect();
    parts.join(", ")
}
