//! Findings: an advisory that touches a component, and what to do about it from each perspective.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{AdvisoryId, Known, Locator, MeasuredExposure, Sha256, Version};

/// Days after which advisories are stale, unless the user says otherwise.
pub const SNAPSHOT_AGE_DAYS_MAX: u32 = 14;

/// The identity of the advisory snapshot that a result was judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// Digest over the digests of all layers.
    pub root: Sha256,
    /// Date of the newest data in it.
    pub date: Date,
    /// Layer name to digest.
    pub layers: BTreeMap<String, Sha256>,
    /// What it was made from.
    pub sources: Vec<SourceInfo>,
    /// What it covers, in a sentence: "starter: components most found in devices", "full".
    pub coverage: String,
}

/// One source of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Its name: `cve5`, `kernel-cna`, `nvd`, `osv`, `kev`, `epss`, … .
    pub name: String,
    /// Date of its newest record, where known.
    pub date: Option<Date>,
    /// Number of records taken.
    pub records: u64,
    /// Records that could not be read.
    pub failures: u64,
    /// Licence and attribution.
    pub licence: String,
}

/// An advisory that touches a component of the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The vulnerability, by its most usual id.
    pub id: AdvisoryId,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<AdvisoryId>,
    /// The component's name.
    pub component: String,
    /// The component's version.
    pub version: Version,
    /// The component's purl, where it has one.
    pub purl: Option<String>,
    /// Where the component is.
    pub locators: Vec<Locator>,
    /// Which records and ranges matched.
    #[serde(rename = "match")]
    pub matches: Vec<AffectedMatch>,
    /// What is known of its applicability.
    pub vex: Vex,
    /// The entry in CISA's catalogue of known exploited vulnerabilities.
    pub kev: Option<KevEntry>,
    /// The exploit prediction score.
    pub epss: Option<Epss>,
    /// Published scores.
    pub cvss: Vec<CvssScore>,
    /// What is known of exploitation.
    pub exploitation: Exploitation,
    /// CISA's or another assessor's answer to "can an attack be automated?", where published.
    pub automatable: Option<bool>,
    /// The published technical impact: true is total, false is partial.
    pub technical_impact_total: Option<bool>,
    /// How the network reaches the component in this build.
    #[serde(default = "unmeasured")]
    pub exposure: Known<MeasuredExposure>,
    /// One decision per perspective and policy.
    pub decisions: Vec<RiskDecision>,
}

fn unmeasured() -> Known<MeasuredExposure> {
    Finding::unmeasured()
}

impl Finding {
    /// The exposure of a finding that no facts were asked about yet.
    pub fn unmeasured() -> Known<MeasuredExposure> {
        Known::unknown("it was not measured")
    }

    /// The worst published severity; without a score it is unknown (`None`).
    pub fn severity(&self) -> Option<Severity> {
        self.cvss.iter().map(|score| score.severity).max()
    }
}

/// Why an advisory was taken to touch a component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AffectedMatch {
    /// The record and the source that it came from.
    pub source: MatchSource,
    /// The name under which the component was found: a purl, a CPE product, `linux kernel`.
    pub name: String,
    /// The affected range that the version lies in, as text.
    pub range: String,
    /// The first fixed version, where the record names one.
    pub fixed: Option<Version>,
    /// Confidence of the match, in percent.
    pub confidence: u8,
}

/// A record of a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MatchSource {
    /// Name of the source, as in [`SourceInfo`].
    pub source: String,
    /// Id of the record in it.
    pub record: String,
}

/// The state of a finding, in the words of OpenVEX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vex {
    /// The status.
    pub status: VexStatus,
    /// The justification of `not_affected`.
    pub justification: Option<String>,
    /// Strength of the evidence: `proven`, `strong` or `weak` of a machine, `stated` by a supplier,
    /// `decided` by a person.
    pub strength: Option<String>,
    /// The facts behind it.
    pub evidence: Vec<String>,
}

/// VEX status (OpenVEX 0.2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// The range matches and nothing speaks against it.
    Affected,
    /// It does not apply, for the reason given.
    NotAffected,
    /// It was repaired in this build.
    Fixed,
    /// Not decided yet.
    UnderInvestigation,
}

impl VexStatus {
    /// Whether a finding of this status still asks for something: it is not shown to be inapplicable
    /// or repaired.
    pub fn is_open(self) -> bool {
        match self {
            Self::Affected | Self::UnderInvestigation => true,
            Self::NotAffected | Self::Fixed => false,
        }
    }
}

/// An entry of CISA's catalogue of known exploited vulnerabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KevEntry {
    /// When it was added.
    pub added: Date,
    /// Whether it is used by ransomware.
    pub ransomware: bool,
}

/// EPSS: probability of exploitation within 30 days. It orders within a class, never decides one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epss {
    /// Probability in hundred-thousandths.
    pub score_e5: u32,
    /// Percentile in hundred-thousandths.
    pub percentile_e5: u32,
}

/// A published CVSS vector with its base score.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CvssScore {
    /// Who published it.
    pub source: String,
    /// The vector, such as `CVSS:3.1/AV:N/…`.
    pub vector: String,
    /// Base score in tenths.
    pub score_tenths: u8,
    /// Qualitative rating of the base score.
    pub severity: Severity,
}

/// Qualitative severity rating (CVSS 3.1 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Score 0.
    None,
    /// Score 0.1 to 3.9.
    Low,
    /// Score 4.0 to 6.9.
    Medium,
    /// Score 7.0 to 8.9.
    High,
    /// Score 9.0 to 10.
    Critical,
}

impl Severity {
    /// The rating of a base score in tenths.
    pub fn of_tenths(score_tenths: u8) -> Self {
        match score_tenths {
            0 => Self::None,
            1..=39 => Self::Low,
            40..=69 => Self::Medium,
            70..=89 => Self::High,
            _ => Self::Critical,
        }
    }
}

/// SSVC `Exploitation` 1.1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exploitation {
    /// No reliable sign of it.
    None,
    /// A proof of concept is public.
    PublicPoc,
    /// It is being exploited.
    Active,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Perspective {
    /// The device maker (FDA controlled / uncontrolled risk).
    Maker,
    /// The hospital (SSVC Deployer, CISA BOD 26-04).
    Hospital,
}

/// One decision about a finding, with the way that led to it. Most findings of a build give the same
/// answers, so that its texts are shared among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskDecision {
    /// Whose decision it is.
    pub perspective: Perspective,
    /// The table it came from, such as `ssvc:deployer:1.0.0` or `cisa:bod-26-04:1.0.0`.
    pub policy: Cow<'static, str>,
    /// The outcome.
    pub outcome: Outcome,
    /// When it is due, counted from the date the result was asked for.
    pub due: Option<Date>,
    /// Every decision point with its value and where the value came from, in order.
    #[serde(with = "shared")]
    pub path: Arc<[DecisionPoint]>,
    /// What would change the outcome: one sentence per fact.
    #[serde(with = "shared")]
    pub would_change: Arc<[String]>,
    /// What can be done, where the perspective asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// Lists that several values share, written as each one's own.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        list: &Arc<[T]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        list.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<[T]>, D::Error> {
        Vec::deserialize(deserializer).map(Arc::from)
    }
}

/// One step of a decision path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionPoint {
    /// The question: `exploitation`, `system-exposure`, … .
    pub point: String,
    /// The answer used.
    pub value: String,
    /// Why this answer: a source, a context key, or "unknown: worst value taken".
    pub because: String,
    /// Whether the fact was known; an unknown one takes the worst value.
    pub known: bool,
}

/// What to do. The wire names of an SSVC outcome are those of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// SSVC: do not act at present.
    Defer,
    /// SSVC: act in the regular maintenance.
    Scheduled,
    /// SSVC: act at the next opportunity, overtime if need be.
    OutOfCycle,
    /// SSVC: act now.
    Immediate,
    /// BOD 26-04: repair with the next system upgrade.
    FixOnSystemUpgrade,
    /// BOD 26-04: within 60 days.
    #[serde(rename = "within-60-days")]
    Within60Days,
    /// BOD 26-04: within 14 days.
    #[serde(rename = "within-14-days")]
    Within14Days,
    /// BOD 26-04: within 3 days.
    #[serde(rename = "within-3-days")]
    Within3Days,
    /// BOD 26-04: within 3 days, with a forensic investigation.
    #[serde(rename = "within-3-days-forensic")]
    Within3DaysForensic,
    /// FDA: residual risk is acceptable.
    Controlled,
    /// FDA: residual risk is unacceptable.
    Uncontrolled,
    /// CISA: no action now; remediate within the usual time.
    Track,
    /// CISA: as `track`, and watch closely.
    #[serde(rename = "track*")]
    TrackClosely,
    /// CISA: supervisors attend to it; remediate sooner than usual.
    Attend,
    /// CISA: leaders act on it; remediate as soon as possible.
    Act,
}
