//! What the program does for the server: inspection by the worker process, and judgement.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use auscult_advisory::{Recall, Snapshot};
use auscult_assess::Stated;
use auscult_fleet::Table;
use auscult_model::{Decisions, FACTS_SCHEMA, Facts, InputKind, Known, Limits, SnapshotInfo};
use auscult_priority::{DecisionPolicy, Policy};
use auscult_report::ScanResult;
use auscult_server::{Bare, Engine, EngineError, Judge, Outline, Papers, Verified};
use auscult_store::BuildKind;
use jiff::{Timestamp, civil::Date};

use super::{
    super::{judge, scan},
    check_in,
    outline::{self, Components, Outlines},
};
use crate::{failure::Hinted, target::Target, worker};

/// The program as the server's engine.
pub(super) struct Program {
    pub(super) limits: Limits,
    /// Threads of one inspection.
    pub(super) threads: usize,
    pub(super) policy: Policy,
    /// Components of builds of which nothing else is known.
    pub(super) components: Components,
    /// The snapshot that the user named, for as long as none is loaded.
    pub(super) advisories: Option<PathBuf>,
}

impl Engine for Program {
    fn inspect(&self, kind: BuildKind, input: File) -> Result<Facts, EngineError> {
        let facts = match kind {
            BuildKind::Facts => read_facts(input),
            BuildKind::Image | BuildKind::Sbom => self.facts(kind, input),
        };
        facts.map_err(|error| told(&error))
    }

    fn read_table(&self, input: File) -> Result<Table, EngineError> {
        let read = Target::of_file(input).and_then(|target| worker::table(target, &self.limits));
        let refused = |message| EngineError { message, hint: None, is_passing: false };
        read.map_err(|error| told(&error))?.map_err(refused)
    }

    fn bare(&self, facts: &Facts) -> Option<Bare> {
        self.components.bare(facts)
    }

    fn open_snapshot(&self, file: Option<&Path>) -> Result<Arc<dyn Judge>, EngineError> {
        let opened = match file {
            Some(file) => opened(file),
            None => judge::snapshot(self.advisories.as_deref()),
        };
        let snapshot = opened.map_err(|error| told(&error))?;
        let info = snapshot.info();
        let (recall, outlines) = (Recall::of(&snapshot), Outlines::default());
        Ok(Arc::new(ByPolicy { snapshot, info, recall, outlines, policy: self.policy.clone() }))
    }

    fn check_reference(&self, manifest: &[u8]) -> Result<(), EngineError> {
        check_in::check_reference(manifest).map_err(|error| told(&error))
    }

    fn verify(&self, papers: &Papers, now: Timestamp) -> Result<Verified, EngineError> {
        check_in::verify(papers, now).map_err(|error| told(&error))
    }
}

impl Program {
    fn facts(&self, kind: BuildKind, input: File) -> anyhow::Result<Facts> {
        let target = Target::of_file(input)?;
        if kind == BuildKind::Sbom && target.kind != InputKind::Sbom {
            return Err(Hinted::error(
                "read the SBOM: it is no document that this version reads",
                "upload CycloneDX JSON, or say kind=image",
            ));
        }
        worker::inspect_in_background(target, &self.limits, self.threads)
            .map(|inspection| inspection.facts)
    }
}

/// Opens a snapshot, and looks for damage in every byte of it.
fn opened(file: &Path) -> anyhow::Result<Snapshot> {
    let snapshot = Snapshot::open(file).and_then(|snapshot| {
        snapshot.check()?;
        Ok(snapshot)
    });
    snapshot.map_err(|error| {
        let why = anyhow::Error::new(error);
        let hint = "make one with: auscult advisories update";
        Hinted::error(format!("open the snapshot: {why:#}"), hint)
    })
}

/// Reads facts that were taken elsewhere.
fn read_facts(mut input: File) -> anyhow::Result<Facts> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).context("read the facts")?;
    let facts: Facts = serde_json::from_slice(&bytes).map_err(|error| {
        let hint = "upload facts as the server gives them out, or the image itself";
        Hinted::error(format!("read the facts: {error}"), hint)
    })?;
    if facts.schema > FACTS_SCHEMA {
        bail!("read the facts: their form {} is newer than this program", facts.schema);
    }
    Ok(facts)
}

/// A snapshot with the gate of this server.
struct ByPolicy {
    snapshot: Snapshot,
    info: SnapshotInfo,
    recall: Recall,
    outlines: Outlines,
    policy: Policy,
}

impl Judge for ByPolicy {
    fn snapshot(&self) -> &SnapshotInfo {
        &self.info
    }

    fn judge(&self, facts: Facts, said: Decisions, as_of: Date) -> Result<ScanResult, EngineError> {
        self.judged(facts, said, as_of).map_err(|error| told(&error))
    }

    fn outline(&self, build: &Bare, as_of: Date) -> Result<Outline, EngineError> {
        let judging = outline::Judging {
            snapshot: &self.snapshot,
            info: &self.info,
            recall: &self.recall,
            policy: &self.policy,
            as_of,
        };
        self.outlines.outline(&judging, build).map_err(|error| told(&error))
    }

    fn knows(&self, vulnerability: &str) -> Result<bool, EngineError> {
        let known = self.snapshot.show(vulnerability);
        known.map(|known| known.is_some()).map_err(|error| told(&anyhow::Error::new(error)))
    }

    fn prose(&self, vulnerability: &str) -> Result<Option<(String, String)>, EngineError> {
        self.snapshot.prose(vulnerability).map_err(|error| told(&anyhow::Error::new(error)))
    }
}

impl ByPolicy {
    fn judged(&self, facts: Facts, said: Decisions, as_of: Date) -> anyhow::Result<ScanResult> {
        let stated = Stated { decisions: said.decisions, ..Stated::default() };
        let tables = DecisionPolicy::default();
        let (context, stated, tables) = (None, &stated, &tables);
        let by = judge::Judging { as_of, context, stated, tables, recall: Some(&self.recall) };
        let judge = |facts: &Facts| {
            let assessment = judge::assess(&self.snapshot, facts, &by);
            assessment.map(Known::Known).context("match the advisories")
        };
        let mut result = ScanResult::of_judged(facts, as_of, judge)?;
        result.verdict = Some(scan::verdict(&result, Some(&self.policy), None));
        result.snapshot_age_days_max = self.policy.snapshot_max_age_days;
        result.canonicalise();
        Ok(result)
    }
}

/// An error as the server tells it. What the system refused is worth another try, what the input is to
/// blame for is not.
fn told(error: &anyhow::Error) -> EngineError {
    EngineError {
        message: format!("{error:#}"),
        hint: Hinted::hint_of(error).map(ToOwned::to_owned),
        is_passing: error.chain().any(<dyn std::error::Error>::is::<std::io::Error>),
    }
}
