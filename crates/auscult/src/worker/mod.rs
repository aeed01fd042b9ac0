//! Hostile bytes are read in a process of their own.
//!
//! The program starts itself again with the image on standard input and reads the answer from the
//! child's standard output. Before it looks at the first byte the child gives up the network,
//! program execution and the file system (`walls`). The parent bounds the answer in size and time
//! and trusts nothing in it: paths are checked again where they are used.

mod child;
mod parent;
mod walls;

use std::{fs::File, os::unix::fs::FileExt as _, path::PathBuf};

use anyhow::{Context as _, bail};

use auscult_model::{Facts, InputKind, Limits, Locator, Sha256};
use auscult_report::TreeRow;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::Digest as _;

pub(crate) use child::run as run_child;
pub(crate) use parent::{extract, inspect, inspect_in_background, list, print, survey, table};

/// The hidden subcommand that the parent starts.
pub(crate) const SUBCOMMAND: &str = "worker";

/// What the child is asked to do with the image on its standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) task: Task,
    pub(crate) kind: InputKind,
    pub(crate) limits: Limits,
    /// Where findings in files are remembered, if they are.
    pub(crate) memo: Option<PathBuf>,
    /// The digest of the image, where it was taken already.
    pub(crate) digest: Option<Sha256>,
    /// In the background: on so many threads, and behind everything else that the machine does.
    #[serde(default)]
    pub(crate) background: Option<usize>,
}

impl Request {
    pub(crate) fn new(task: Task, kind: InputKind, limits: &Limits) -> Self {
        Self { task, kind, limits: limits.clone(), memo: None, digest: None, background: None }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// Answer with an [`Inspection`].
    Inspect,
    /// Answer with a [`Listing`].
    List,
    /// Answer with a [`Surveyed`].
    Survey,
    /// Answer with an [`InventoryTable`].
    Table,
    /// Answer with a status line and the bytes at this place.
    Print(Locator),
    /// Answer with one [`Extracted`] header and its bytes per file, then the end marker.
    Extract,
    /// Try the named thing and answer with a [`Probe`]. For tests of the walls.
    Probe(String),
}

/// The answer to [`Task::Inspect`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inspection {
    /// The walls that stand around the child, and those that the system does not offer.
    pub(crate) isolation: Vec<String>,
    pub(crate) facts: Facts,
    /// New findings in files, for the next time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remembered: Vec<(auscult_model::Sha256, Box<RawValue>)>,
    /// Whether the facts are the whole answer, whatever the order of threads.
    #[serde(default)]
    pub(crate) lasting: bool,
}

/// The answer to [`Task::Survey`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Surveyed {
    pub(crate) isolation: Vec<String>,
    /// Of the same unpacking as the survey.
    pub(crate) facts: Facts,
    pub(crate) survey: auscult_attest::Survey,
}

/// The answer to [`Task::Table`]: an inventory of devices as a table, or why the file is none.
pub(crate) type InventoryTable = Result<auscult_fleet::Table, String>;

/// The answer to [`Task::Probe`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) isolation: Vec<String>,
    /// Whether the walls let it through.
    pub(crate) succeeded: bool,
}

/// The answer to [`Task::List`], and the form of `unpack -o json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) schema: String,
    pub(crate) isolation: Vec<String>,
    pub(crate) entries: Vec<TreeRow>,
    pub(crate) coverage: auscult_model::Coverage,
    pub(crate) problems: Vec<auscult_model::Problem>,
}

/// Header of one extracted object; `bytes` bytes of content follow it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Extracted {
    /// Relative path below the target folder, one component per element.
    pub(crate) path: Vec<auscult_model::ByteName>,
    pub(crate) kind: ExtractedKind,
    pub(crate) mode: Option<u32>,
    pub(crate) bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExtractedKind {
    Directory,
    File,
    /// A symbolic link, with its target as the image holds it.
    Symlink(auscult_model::ByteName),
    /// Something that is only told, not made: a device, a socket, an unreadable file.
    Told(String),
    /// Something that went wrong in the image, with its place.
    Problem(String),
    /// The end of the stream: without it the answer is incomplete.
    End,
}

/// The digest of an image, read in pieces.
pub(crate) fn digest(image: &File, size: u64) -> anyhow::Result<Sha256> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut position = 0;
    while position < size {
        let count = image.read_at(&mut buffer, position).context("read the image")?;
        if count == 0 {
            bail!("read the image: it ends at {position} of {size} bytes");
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        position += u64::try_from(count)?;
    }
    Ok(Sha256(hasher.finalize().into()))
}
