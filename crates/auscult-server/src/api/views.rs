//! What the REST interface gives out.

use auscult_model::{SNAPSHOT_AGE_DAYS_MAX, Verdict, VerdictReason};
use auscult_store::{Build, BuildKind, BuildState, Job, Page, Product, Total};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    evaluate::{Advisories, Evaluated, today},
    problem::{Answer, Problem},
    summary::{Counts, Summary, word},
};

/// Answers with a thing, and the path under which it can be asked for.
pub(crate) fn placed(status: StatusCode, path: &str, view: impl Serialize) -> Answer<Response> {
    let place = HeaderValue::from_str(path)
        .map_err(|error| Problem::internal("name the place of the answer", &error))?;
    Ok((status, [(header::LOCATION, place)], Json(view)).into_response())
}

/// How many entries a list has.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct TotalView {
    /// So many.
    pub(crate) count: u64,
    /// Whether the list was counted to its end; otherwise there are more.
    pub(crate) is_exact: bool,
}

impl From<Total> for TotalView {
    fn from(total: Total) -> Self {
        match total {
            Total::Exact(count) => Self { count, is_exact: true },
            Total::AtLeast(count) => Self { count, is_exact: false },
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListView<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
    /// `after` of the next page; absent on the last.
    pub(crate) next: Option<String>,
    /// Entries of the whole list.
    pub(crate) total: TotalView,
}

impl<T> ListView<T> {
    pub(crate) fn of<S>(page: Page<S>, view: impl FnMut(S) -> T) -> Self {
        let next = page.next.map(|next| next.as_str().to_owned());
        Self { items: page.items.into_iter().map(view).collect(), next, total: page.total.into() }
    }
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductView {
    pub(crate) id: String,
    /// Its name, unlike every other's.
    pub(crate) name: String,
    /// Who makes it.
    pub(crate) vendor: String,
    /// The model as the maker names it.
    pub(crate) model: String,
    /// The device identifier of its unique device identification.
    pub(crate) udi_di: Option<String>,
    pub(crate) created_at: String,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.to_string(),
            name: product.is.name,
            vendor: product.is.vendor,
            model: product.is.model,
            udi_di: product.is.udi_di,
            created_at: product.created_at.to_string(),
        }
    }
}

/// What can be uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KindView {
    /// A firmware image or a disk image.
    Image,
    /// Facts as `/builds/{build}/facts` gives them out.
    Facts,
    /// An SBOM: CycloneDX JSON.
    Sbom,
}

impl From<BuildKind> for KindView {
    fn from(kind: BuildKind) -> Self {
        match kind {
            BuildKind::Image => Self::Image,
            BuildKind::Facts => Self::Facts,
            BuildKind::Sbom => Self::Sbom,
        }
    }
}

impl From<KindView> for BuildKind {
    fn from(kind: KindView) -> Self {
        match kind {
            KindView::Image => Self::Image,
            KindView::Facts => Self::Facts,
            KindView::Sbom => Self::Sbom,
        }
    }
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StateView {
    /// It waits to be inspected.
    Queued,
    /// It is being inspected.
    Inspecting,
    /// Its facts are known.
    Ready,
    /// It could not be inspected.
    Failed,
}

impl From<&BuildState> for StateView {
    fn from(state: &BuildState) -> Self {
        match state {
            BuildState::Queued => Self::Queued,
            BuildState::Inspecting => Self::Inspecting,
            BuildState::Ready(_) => Self::Ready,
            BuildState::Failed { .. } => Self::Failed,
        }
    }
}

/// A build: one content that was uploaded to a product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BuildView {
    pub(crate) id: String,
    /// The product's id.
    pub(crate) product: String,
    /// The name that people give it: a version, a tag.
    pub(crate) label: String,
    pub(crate) kind: KindView,
    /// SHA-256 of what was uploaded.
    pub(crate) input_sha256: String,
    pub(crate) state: StateView,
    /// Why it could not be inspected, or why the last attempt failed.
    pub(crate) reason: Option<String>,
    /// What is being done with it.
    pub(crate) progress: Option<String>,
    /// SHA-256 of its facts.
    pub(crate) facts_sha256: Option<String>,
    pub(crate) created_at: String,
    pub(crate) changed_at: String,
    /// What it comes to today; absent until its facts are known and judged.
    pub(crate) evaluation: Option<EvaluationView>,
}

impl BuildView {
    pub(crate) fn of(build: &Build, job: Option<&Job>, evaluation: Option<EvaluationView>) -> Self {
        let failed = match &build.state {
            BuildState::Failed { reason } => Some(reason.clone()),
            BuildState::Queued => job.and_then(|job| job.error.clone()),
            BuildState::Inspecting | BuildState::Ready(_) => None,
        };
        let facts = match &build.state {
            BuildState::Ready(facts) => Some(facts.to_string()),
            _ => None,
        };
        let is_running = matches!(build.state, BuildState::Inspecting);
        let progress = job.filter(|_| is_running).map(|job| job.progress.note.clone());
        Self {
            id: build.id.to_string(),
            product: build.product.to_string(),
            label: build.label.clone(),
            kind: build.kind.into(),
            input_sha256: build.input.to_string(),
            state: (&build.state).into(),
            reason: failed,
            progress: progress.filter(|note| !note.is_empty()),
            facts_sha256: facts,
            created_at: build.created_at.to_string(),
            changed_at: build.changed_at.to_string(),
            evaluation,
        }
    }
}

/// What a build comes to on one day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvaluationView {
    /// The day.
    pub(crate) as_of: String,
    pub(crate) snapshot: SnapshotView,
    pub(crate) verdict: VerdictView,
    pub(crate) counts: Counts,
}

impl EvaluationView {
    pub(crate) fn of(evaluated: &Evaluated, advisories: &Advisories) -> Self {
        let verdict = VerdictView::of(evaluated);
        Self { verdict, ..Self::in_list(&evaluated.summary, advisories) }
    }

    /// The same for a list, where the reasons of the verdict name no findings: a build may have thousands.
    pub(crate) fn in_list(summary: &Summary, advisories: &Advisories) -> Self {
        Self {
            as_of: today().to_string(),
            snapshot: SnapshotView::of(advisories),
            verdict: VerdictView::from(&summary.verdict),
            counts: summary.counts,
        }
    }
}

/// The answer of the gate.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerdictView {
    /// `pass`, `fail` or `inconclusive`.
    pub(crate) outcome: String,
    /// What led to it, failures first; empty when it passed.
    pub(crate) reasons: Vec<ReasonView>,
}

/// A rule that was broken or could not be judged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReasonView {
    /// What this reason alone makes of the verdict.
    pub(crate) outcome: String,
    /// The rule in the words of the policy.
    pub(crate) rule: String,
    /// What was found.
    pub(crate) text: String,
    /// The findings concerned, as `ID component version`; empty in lists of builds.
    pub(crate) findings: Vec<String>,
}

impl VerdictView {
    /// The verdict of a build, with the findings of each reason.
    pub(crate) fn of(evaluated: &Evaluated) -> Self {
        Self::from(evaluated.result.verdict.as_ref().unwrap_or(&evaluated.summary.verdict))
    }
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        let reason = |reason: &VerdictReason| ReasonView {
            outcome: word(&reason.outcome),
            rule: reason.rule.clone(),
            text: reason.text.clone(),
            findings: reason.findings.clone(),
        };
        let reasons = verdict.reasons.iter().map(reason).collect();
        Self { outcome: word(&verdict.outcome), reasons }
    }
}

/// The advisories that builds are judged by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SnapshotView {
    /// Digest over the digests of its layers.
    pub(crate) root: String,
    /// Date of its newest data.
    pub(crate) date: String,
    /// What it covers.
    pub(crate) coverage: String,
    /// Days since its newest data.
    pub(crate) age_days: i32,
    /// Whether it is too old to call anything clean.
    pub(crate) is_stale: bool,
    /// Whether the program came with it.
    pub(crate) is_built_in: bool,
    /// What it was made from.
    pub(crate) sources: Vec<SourceView>,
}

/// A source of advisories.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceView {
    pub(crate) name: String,
    /// Date of its newest record, where known.
    pub(crate) date: Option<String>,
    /// Records that were taken.
    pub(crate) records: u64,
    /// Records that could not be read.
    pub(crate) failures: u64,
}

impl SnapshotView {
    pub(crate) fn of(advisories: &Advisories) -> Self {
        let (info, age_days) = (advisories.info(), advisories.age_days());
        let source = |source: &auscult_model::SourceInfo| SourceView {
            name: source.name.clone(),
            date: source.date.map(|date| date.to_string()),
            records: source.records,
            failures: source.failures,
        };
        Self {
            root: info.root.to_string(),
            date: info.date.to_string(),
            coverage: info.coverage.clone(),
            age_days,
            is_stale: i64::from(age_days) > i64::from(SNAPSHOT_AGE_DAYS_MAX),
            is_built_in: advisories.loaded.is_none(),
            sources: info.sources.iter().map(source).collect(),
        }
    }
}
