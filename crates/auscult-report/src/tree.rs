//! The listing of an unpacked tree, for people and for programs.
//!
//! The rows come from the caller, as this crate knows nothing of file systems.

use auscult_model::Locator;
use serde::{Deserialize, Serialize};

use crate::text::{Cell, Clip, Column, Page, Style, count, number};

/// One node of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeRow {
    /// Where it is.
    pub locator: Locator,
    /// What it is: `file`, `directory`, `symlink`, `region`, … .
    pub kind: String,
    /// Its size in bytes, where it has one.
    pub size: Option<u64>,
    /// Its permission bits, where it has any.
    pub mode: Option<u32>,
    /// `USER:GROUP`, as numbers or names, where it is known.
    pub owner: Option<String>,
    /// When it was last changed, in seconds since 1970.
    pub modified: Option<i64>,
    /// The target of a link, the compression, why it was not opened, … .
    pub note: Option<String>,
}

const COLUMNS: [Column; 6] = [
    Column::new("KIND", 12, Clip::End),
    Column::new("MODE", 6, Clip::Number),
    Column::new("OWNER", 20, Clip::End),
    Column::new("SIZE", 20, Clip::Number),
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
                row.locator.to_string().into(),
                row.note.clone().unwrap_or_default().into(),
            ]
        })
        .collect();
    let mut page = Page::new(false, usize::MAX);
    page.grid(0, &COLUMNS, &cells);
    page.line(0, &format!("{} entries", count(cells.len())), Style::Plain);
    page.finish()
}
