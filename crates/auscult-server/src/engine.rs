//! What the server needs of the program: inspection behind walls, and judgement.
//!
//! The program implements this, so that the server does not depend on it and has no opinion on how
//! hostile bytes are read.

use std::{
    any::Any,
    borrow::Borrow,
    fs::File,
    path::Path,
    sync::{Arc, OnceLock},
};

use auscult_fleet::Table;
use auscult_model::{Decisions, Facts, Finding, SnapshotInfo, Verdict};
use auscult_report::ScanResult;
use auscult_store::BuildKind;
use jiff::{Timestamp, civil::Date};

use crate::summary::Touch;

/// Inspects what was uploaded and opens snapshots of advisories. Every function may take long and
/// is called where waiting does no harm.
pub trait Engine: Send + Sync + 'static {
    /// Takes the facts of an upload in a process that has given up whatever it does not need.
    fn inspect(&self, kind: BuildKind, input: File) -> Result<Facts, EngineError>;

    /// Reads an inventory of devices as a table, in such a process, too.
    fn read_table(&self, input: File) -> Result<Table, EngineError>;

    /// What a build is, where nothing but its components bears on what is found in it. It holds for
    /// every snapshot.
    fn bare(&self, facts: &Facts) -> Option<Bare>;

    /// Opens a snapshot and looks at every byte of it; the one that the program carries or that it
    /// was told to use where no file is given.
    fn open_snapshot(&self, file: Option<&Path>) -> Result<Arc<dyn Judge>, EngineError>;

    /// Refuses what is no reference manifest. Its signature is not looked at.
    fn check_reference(&self, manifest: &[u8]) -> Result<(), EngineError>;

    /// Verifies evidence at a time. An error where the evidence cannot be read; whatever else is wrong
    /// is in the verdict.
    fn verify(&self, papers: &Papers, now: Timestamp) -> Result<Verified, EngineError>;
}

/// What a device is verified by.
#[derive(Clone, Debug)]
pub struct Papers {
    /// Evidence as it came; it may be hostile.
    pub evidence: Vec<u8>,
    /// Signed reference manifests, by the names that the verdict calls them.
    pub references: Vec<(String, Vec<u8>)>,
    /// Public keys that may sign references, PEM.
    pub makers: Vec<String>,
    /// Public keys that may sign evidence, PEM.
    pub benches: Vec<String>,
    /// The challenge that the evidence must answer.
    pub challenge: String,
}

/// How a verification came out.
#[derive(Clone, Debug)]
pub struct Verified {
    /// `pass`, `fail` or `inconclusive`.
    pub outcome: &'static str,
    /// What did not pass and decides, for people; empty where all did.
    pub reason: String,
    /// The name of the reference whose build was found.
    pub reference: Option<String>,
    /// The verdict as the program writes it.
    pub json: String,
}

/// Judges facts by one snapshot.
pub trait Judge: Send + Sync + 'static {
    /// The snapshot's identity.
    fn snapshot(&self) -> &SnapshotInfo;

    /// Findings, decisions and the gate's verdict on this day, in the order in which they are shown.
    fn judge(&self, facts: Facts, said: Decisions, as_of: Date) -> Result<ScanResult, EngineError>;

    /// The same in short for a build that nobody decided anything about.
    fn outline(&self, build: &Bare, as_of: Date) -> Result<Outline, EngineError>;

    /// Whether the snapshot holds any record of a vulnerability, by any of its ids.
    fn knows(&self, vulnerability: &str) -> Result<bool, EngineError>;

    /// Title and description of a vulnerability, where the snapshot holds them.
    fn prose(&self, vulnerability: &str) -> Result<Option<(String, String)>, EngineError>;
}

/// A build of which only components are known. What it holds is the engine's affair; copies share it.
#[derive(Clone)]
pub struct Bare(pub Arc<dyn Any + Send + Sync>);

/// A judged build in short.
#[derive(Debug)]
pub struct Outline {
    /// Findings in the order in which they are shown. They do not say where their component lies.
    pub findings: Vec<SharedFinding>,
    /// Components of which the snapshot holds no record.
    pub without_data: usize,
    /// Components that could not be matched in full, as their version is unknown.
    pub without_version: usize,
    /// The gate's verdict.
    pub verdict: Verdict,
}

/// A finding of many builds: they have its component in common, and nothing else bears on it. Copies
/// are one value.
#[derive(Clone, Debug)]
pub struct SharedFinding(Arc<Noted>);

#[derive(Debug)]
struct Noted {
    finding: Finding,
    touch: OnceLock<Arc<Touch>>,
}

impl SharedFinding {
    /// A finding that was judged.
    pub fn of(finding: Finding) -> Self {
        Self(Arc::new(Noted { finding, touch: OnceLock::new() }))
    }

    /// What lists need of it, made once.
    pub(crate) fn touch(&self, make: impl FnOnce() -> Arc<Touch>) -> Arc<Touch> {
        Arc::clone(self.0.touch.get_or_init(make))
    }
}

impl Borrow<Finding> for SharedFinding {
    fn borrow(&self) -> &Finding {
        &self.0.finding
    }
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
