//! The JSON result: the published interface for other programs (`docs/schema/scan-1.json`).
//!
//! The top-level fields are those of the contract, further ones stand after them. What was not
//! measured is named in `coverage.questions_unknown`; an empty list alone never means "none".

mod findings;

use std::{collections::BTreeMap, io::Write};

use auscult_model::{
    Component, ComponentId, ComponentKind, Cpe, Dependency, Evidence, FeatureInventory, FormatSeen,
    IdentityFact, InputKind, KernelFacts, Known, Locator, Mention, Operation, Origin, Problem,
    Purl, RuntimeView, SnapshotInfo, SourceInfo, Support, ToolIdentity, UnreadRegion, Verdict,
    VersionClaim, VersionConflict, component_ids,
};
use jiff::civil::Date;
use serde::Serialize;

use crate::{Error, ScanResult, Unmatched};

/// Name and version of the form.
pub const SCAN_SCHEMA: &str = "auscult-scan/1";

/// Why the list of gaps is empty.
const GAPS_NOT_MEASURED: &str = "not measured: this version assesses no requirement packs";

/// The result as indented JSON with a line end.
///
/// # Errors
/// Fails only when the result cannot be serialised.
pub fn json(result: &ScanResult) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    write_json(result, &mut bytes)?;
    Ok(bytes)
}

/// Writes the same while it is made: a result with a kernel has tens of megabytes.
///
/// # Errors
/// The result cannot be serialised, or not be written.
pub fn write_json(result: &ScanResult, out: &mut (dyn Write + Send)) -> Result<(), Error> {
    let (before, after) = rayon::join(
        || serde_json::to_vec_pretty(&before(result)),
        || serde_json::to_vec_pretty(&after(result)),
    );
    let (before, after) = (before?, after?);
    // The findings stand between the other fields of one object.
    out.write_all(before.strip_suffix(b"\n}").unwrap_or(&before)).map_err(Error::Write)?;
    findings::write(result.findings(), out)?;
    out.write_all(b",").map_err(Error::Write)?;
    out.write_all(after.strip_prefix(b"{").unwrap_or(&after)).map_err(Error::Write)?;
    out.write_all(b"\n").map_err(Error::Write)
}

/// The wire word of a value that serialises to a text.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

/// The fields before the findings.
#[derive(Serialize)]
struct Before<'a> {
    schema: &'static str,
    tool: &'a ToolIdentity,
    input: InputView,
    as_of: Date,
    snapshot: Option<SnapshotView<'a>>,
    coverage: CoverageView<'a>,
    components: Vec<ComponentView<'a>>,
}

fn before(result: &ScanResult) -> Before<'_> {
    let facts = &result.facts;
    let assessment = result.assessment.known();
    let components = facts.components.iter().zip(component_ids(&facts.components));
    Before {
        schema: SCAN_SCHEMA,
        tool: &facts.tool,
        input: InputView {
            digest: format!("sha256:{}", facts.input.sha256),
            size: facts.input.size,
            kind: facts.input.kind,
        },
        as_of: result.as_of,
        snapshot: assessment.map(|assessment| snapshot(&assessment.snapshot, result)),
        coverage: coverage(result),
        components: components.map(component).collect(),
    }
}

/// The fields after the findings.
#[derive(Serialize)]
struct After<'a> {
    gaps: [(); 0],
    problems: &'a [Problem],
    verdict: Option<&'a Verdict>,
    facts_digest: String,
    isolation: &'a [String],
    no_data: &'a [Unmatched],
    version_unknown: &'a [Unmatched],
    support: &'a [Support],
    identities: &'a [IdentityFact],
    formats: &'a [FormatSeen],
    kernels: Vec<KernelView<'a>>,
    #[serde(skip_serializing_if = "<[FeatureInventory]>::is_empty")]
    features: &'a [FeatureInventory],
    mentions: Vec<MentionView<'a>>,
    dependencies: &'a [Dependency],
    version_conflicts: &'a [VersionConflict],
    binaries: BinariesView<'a>,
    #[serde(skip_serializing_if = "Operation::is_unasked")]
    operation: &'a Operation,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<&'a RuntimeView>,
}

fn after(result: &ScanResult) -> After<'_> {
    let facts = &result.facts;
    let assessment = result.assessment.known();
    After {
        gaps: [],
        problems: &facts.problems,
        verdict: result.verdict.as_ref(),
        facts_digest: format!("sha256:{}", result.facts_digest),
        isolation: &result.isolation,
        no_data: assessment.map_or(&[], |assessment| &assessment.no_data),
        version_unknown: assessment.map_or(&[], |assessment| &assessment.version_unknown),
        support: result.support(),
        identities: &facts.identities,
        formats: &facts.formats,
        kernels: facts.kernels.iter().map(kernel).collect(),
        features: &facts.features,
        mentions: facts.mentions.iter().map(mention).collect(),
        dependencies: &facts.dependencies,
        version_conflicts: &facts.conflicts,
        binaries: binaries(result),
        operation: &facts.operation,
        runtime: result.runtime.as_ref(),
    }
}

#[derive(Serialize)]
struct InputView {
    digest: String,
    size: u64,
    kind: InputKind,
}

#[derive(Serialize)]
struct SnapshotView<'a> {
    root_digest: String,
    date: Date,
    age_days: Option<i32>,
    stale: bool,
    layers: BTreeMap<&'a str, String>,
    sources: &'a [SourceInfo],
    coverage: &'a str,
}

fn snapshot<'a>(info: &'a SnapshotInfo, result: &ScanResult) -> SnapshotView<'a> {
    let layers = info.layers.iter();
    SnapshotView {
        root_digest: format!("sha256:{}", info.root),
        date: info.date,
        age_days: result.snapshot_age_days(),
        stale: result.snapshot_is_stale(),
        layers: layers.map(|(name, digest)| (name.as_str(), format!("sha256:{digest}"))).collect(),
        sources: &info.sources,
        coverage: &info.coverage,
    }
}

#[derive(Serialize)]
struct CoverageView<'a> {
    bytes_total: u64,
    bytes_read: u64,
    bytes_padding: u64,
    bytes_unread: u64,
    regions_unread: &'a [UnreadRegion],
    questions_unknown: BTreeMap<&'a str, &'a str>,
}

fn coverage(result: &ScanResult) -> CoverageView<'_> {
    let coverage = &result.facts.coverage;
    let questions = coverage.questions_unknown.iter();
    let mut unknown: BTreeMap<&str, &str> =
        questions.map(|(question, reason)| (question.as_str(), reason.as_str())).collect();
    unknown.insert("gaps", GAPS_NOT_MEASURED);
    match &result.assessment {
        Known::Known(assessment) => {
            unknown.extend(assessment.support.reason().map(|reason| ("support", reason)));
        }
        Known::Unknown(reason) => unknown.extend([("findings", &**reason), ("support", reason)]),
    }
    CoverageView {
        bytes_total: coverage.bytes_total,
        bytes_read: coverage.bytes_read,
        bytes_padding: coverage.bytes_padding,
        bytes_unread: coverage.bytes_unread,
        regions_unread: &coverage.regions_unread,
        questions_unknown: unknown,
    }
}

/// An exact version as a text, or none with what is known and why there is no more.
#[derive(Serialize)]
struct VersionView<'a> {
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_unknown: Option<VersionUnknown<'a>>,
}

#[derive(Serialize)]
struct VersionUnknown<'a> {
    known_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<&'a str>,
    reason: &'a str,
}

fn version(claim: &VersionClaim) -> VersionView<'_> {
    let unknown =
        |reason| VersionUnknown { known_prefix: None, at_least: None, below: None, reason };
    let version_unknown = match claim {
        VersionClaim::Exact(version) => {
            return VersionView { version: Some(&version.0), version_unknown: None };
        }
        VersionClaim::Incomplete { known, reason } => {
            VersionUnknown { known_prefix: Some(&known.0), ..unknown(reason) }
        }
        VersionClaim::Range { at_least, below, reason } => VersionUnknown {
            at_least: at_least.as_ref().map(|version| version.0.as_str()),
            below: below.as_ref().map(|version| version.0.as_str()),
            ..unknown(reason)
        },
        VersionClaim::Unknown(reason) => unknown(reason),
    };
    VersionView { version: None, version_unknown: Some(version_unknown) }
}

#[derive(Serialize)]
struct ComponentView<'a> {
    id: ComponentId,
    name: &'a str,
    #[serde(flatten)]
    version: VersionView<'a>,
    kind: ComponentKind,
    supplier: Option<&'a str>,
    purl: Option<&'a Purl>,
    cpes: &'a [Cpe],
    origin: &'a Origin,
    licences: &'a [String],
    confidence: u8,
    evidence: &'a [Evidence],
}

fn component((component, id): (&Component, ComponentId)) -> ComponentView<'_> {
    ComponentView {
        id,
        name: &component.name,
        version: version(&component.version),
        kind: component.kind,
        supplier: component.supplier.as_deref(),
        purl: component.purl.as_ref(),
        cpes: &component.cpes,
        origin: &component.origin,
        licences: &component.licences,
        confidence: component.confidence(),
        evidence: &component.evidence,
    }
}

/// A kernel without the thousands of lines of its configuration and modules: those are facts.
#[derive(Serialize)]
struct KernelView<'a> {
    locator: &'a Locator,
    banner: &'a str,
    release: &'a str,
    version: &'a Known<String>,
    config_options: Known<usize>,
    modules: Known<usize>,
}

fn kernel(kernel: &KernelFacts) -> KernelView<'_> {
    KernelView {
        locator: &kernel.locator,
        banner: &kernel.banner,
        release: &kernel.release,
        version: &kernel.version,
        config_options: kernel.config.as_ref().map(BTreeMap::len),
        modules: kernel.modules.as_ref().map(Vec::len),
    }
}

#[derive(Serialize)]
struct MentionView<'a> {
    name: &'a str,
    #[serde(flatten)]
    version: VersionView<'a>,
    class: auscult_model::EvidenceClass,
    evidence: &'a [Evidence],
}

fn mention(mention: &Mention) -> MentionView<'_> {
    MentionView {
        name: &mention.name,
        version: version(&mention.version),
        class: mention.class,
        evidence: &mention.evidence,
    }
}

#[derive(Serialize)]
struct BinariesView<'a> {
    count: usize,
    architectures: BTreeMap<&'a str, u64>,
}

fn binaries(result: &ScanResult) -> BinariesView<'_> {
    let mut architectures = BTreeMap::new();
    for binary in &result.facts.binaries {
        *architectures.entry(binary.architecture.as_str()).or_default() += 1;
    }
    BinariesView { count: result.facts.binaries.len(), architectures }
}
