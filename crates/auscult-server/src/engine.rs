//! What the server needs of the program: inspection behind walls, and judgement.
//!
//! The program implements this, so that the server does not depend on it and has no opinion on how
//! hostile bytes are read.

use std::{fs::File, path::Path, sync::Arc};

use auscult_fleet::Table;
use auscult_model::{Decisions, Facts, SnapshotInfo};
use auscult_report::ScanResult;
use auscult_store::BuildKind;
use jiff::civil::Date;

/// Inspects what was uploaded and opens snapshots of advisories. Every function may take long and
/// is called where waiting does no harm.
pub trait Engine: Send + Sync + 'static {
    /// Takes the facts of an upload in a process that has given up whatever it does not need.
    fn inspect(&self, kind: BuildKind, input: File) -> Result<Facts, EngineError>;

    /// Reads an inventory of devices as a table, in such a process, too.
    fn read_table(&self, input: File) -> Result<Table, EngineError>;

    /// Opens a snapshot and looks at every byte of it; the one that the program carries or that it
    /// was told to use where no file is given.
    fn open_snapshot(&self, file: Option<&Path>) -> Result<Arc<dyn Judge>, EngineError>;
}

/// Judges facts by one snapshot.
pub trait Judge: Send + Sync + 'static {
    /// The snapshot's identity.
    fn snapshot(&self) -> &SnapshotInfo;

    /// Findings, decisions and the gate's verdict on this day, in the order in which they are shown.
    fn judge(&self, facts: Facts, said: Decisions, as_of: Date) -> Result<ScanResult, EngineError>;

    /// Whether the snapshot holds any record of a vulnerability, by any of its ids.
    fn knows(&self, vulnerability: &str) -> Result<bool, EngineError>;

    /// Title and description of a vulnerability, where the snapshot holds them.
    fn prose(&self, vulnerability: &str) -> Result<Option<(String, String)>, EngineError>;
}

/// Why the program could not do what the server asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What failed, in which input, and why.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Whether it is worth trying again: the input is not to blame.
    pub is_passing: bool,
}
