//! From a target to a judged result: what `scan` and `explain` share.

use std::{
    io::Write as _,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
};

use anyhow::Context as _;
use auscult_advisory::{Recall, Snapshot};
use auscult_assess::{Capture, Stated};
use auscult_model::{
    Component, DECISIONS_SCHEMA, Decisions, DeviceContext, Facts, Finding, InputKind, Known, Limits,
};
use auscult_priority::{Decider, DecisionPolicy};
use auscult_report::{Assessment, ScanResult, Unmatched};
use jiff::civil::Date;
use rayon::prelude::*;

use crate::{
    args::JudgingArgs,
    cache::Cache,
    data,
    failure::Hinted,
    target::{self, Target},
    worker,
};

/// What a result is computed from, beside the target; read and checked before the work begins.
pub(super) struct Question {
    as_of: Date,
    context: Option<DeviceContext>,
    advisories: Option<Advisories>,
    stated: Stated,
    tables: DecisionPolicy,
    capture: Option<Capture>,
    cache: Option<PathBuf>,
}

impl Question {
    /// Reads the files that the user named.
    pub(super) fn ask(arguments: &JudgingArgs, facts_only: bool) -> anyhow::Result<Self> {
        let context = arguments.context.as_deref().map(read_context).transpose()?;
        let path = arguments.advisories.as_deref();
        // Its bytes are checked in `inspect`, at the same time as an SBOM is read.
        let advisories = if facts_only { None } else { Some(Advisories::open(path)?) };
        let cache = arguments.cache.clone();
        let stated = stated(arguments)?;
        let tables = arguments.decide_by.as_deref().unwrap_or_default();
        let tables = DecisionPolicy::default().with(tables)?;
        let capture = arguments.runtime.as_deref().map(read_capture).transpose()?;
        Ok(Self {
            as_of: as_of(arguments.as_of),
            context,
            advisories,
            stated,
            tables,
            capture,
            cache,
        })
    }

    /// Asks for the facts alone.
    pub(super) fn of_facts(cache: Option<&Path>) -> Self {
        let cache = cache.map(Path::to_owned);
        let (context, advisories, stated, capture) = (None, None, Stated::default(), None);
        let tables = DecisionPolicy::default();
        Self { as_of: as_of(None), context, advisories, stated, tables, capture, cache }
    }

    /// Inspects the target and judges what is in it.
    pub(super) fn answer(&self, target: &Path, limits: &Limits) -> anyhow::Result<ScanResult> {
        let (facts, isolation) = self.inspect(Target::open(target)?, limits)?;
        let judge = |facts: &Facts| match &self.advisories {
            Some(advisories) => {
                let assessment = self.assess(&advisories.snapshot, facts);
                assessment.map(Known::Known).context("match the advisories")
            }
            None => Ok(Known::unknown("only facts were asked for")),
        };
        let mut result = ScanResult::of_judged(facts, self.as_of, judge)?;
        result.isolation = isolation;
        if let Some(capture) = &self.capture {
            let findings = match &mut result.assessment {
                Known::Known(assessment) => assessment.findings.as_mut_slice(),
                Known::Unknown(_) => &mut [],
            };
            result.runtime = Some(auscult_assess::join_capture(&result.facts, capture, findings));
        }
        Ok(result)
    }

    /// Takes the facts of the target, and makes sure that the advisories are whole.
    fn inspect(&self, target: Target, limits: &Limits) -> anyhow::Result<(Facts, Vec<String>)> {
        let check = || self.advisories.as_ref().map_or(Ok(()), Advisories::check);
        let cache = self.cache.as_deref();
        if target.kind != InputKind::Sbom {
            // Nobody should wait for a large image to hear that the snapshot is damaged.
            check()?;
            return facts(target, limits, cache);
        }
        // An SBOM takes the worker no longer than this takes. The worker stays a child of this thread,
        // as it ends with the thread that started it.
        thread::scope(|scope| {
            let checked = scope.spawn(check);
            let facts = facts(target, limits, cache);
            checked.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            facts
        })
    }

    fn assess(
        &self,
        snapshot: &Snapshot,
        facts: &Facts,
    ) -> Result<Assessment, auscult_advisory::Error> {
        let Self { as_of, context, stated, tables, .. } = self;
        assess(
            snapshot,
            facts,
            &Judging { as_of: *as_of, context: context.as_ref(), stated, tables, recall: None },
        )
    }
}

/// What facts are judged by, beside the advisories.
pub(super) struct Judging<'a> {
    pub(super) as_of: Date,
    pub(super) context: Option<&'a DeviceContext>,
    pub(super) stated: &'a Stated,
    pub(super) tables: &'a DecisionPolicy,
    /// What the same snapshot said of the components of other builds.
    pub(super) recall: Option<&'a Recall>,
}

/// Judges facts by a snapshot.
pub(super) fn assess(
    snapshot: &Snapshot,
    facts: &Facts,
    by: &Judging<'_>,
) -> Result<Assessment, auscult_advisory::Error> {
    let info = snapshot.info();
    let policy = by.tables.for_snapshot(Some(&info));
    let (matched, support) = rayon::join(
        || auscult_advisory::match_build(snapshot, by.recall, &facts.components),
        || auscult_advisory::support(snapshot, facts, by.as_of),
    );
    let matched = matched?;
    let mut assessment = Assessment {
        snapshot: info,
        findings: matched.findings,
        no_data: matched.no_data.into_iter().map(without_data).collect(),
        version_unknown: matched.version_unknown.iter().map(without_version).collect(),
        support: support?,
    };
    auscult_assess::assess(facts, snapshot, &mut assessment.findings)?;
    by.stated.apply(facts, &mut assessment.findings, by.as_of);
    let decider = Decider::new(by.context, by.as_of, policy);
    let decide = |finding: &mut Finding| finding.decisions = decider.decide(finding);
    assessment.findings.par_iter_mut().for_each(decide);
    Ok(assessment)
}

pub(super) fn without_data(component: &Component) -> Unmatched {
    Unmatched {
        name: component.name.clone(),
        version: component.version.to_string(),
        reason: "no source of the snapshot knows it".to_owned(),
    }
}

pub(super) fn without_version(
    (component, count, names): &(&Component, u64, Vec<String>),
) -> Unmatched {
    let names = names.join(", ");
    Unmatched {
        name: component.name.clone(),
        version: component.version.to_string(),
        reason: format!("{count} advisories for {names}, which apply depends on the version"),
    }
}

/// The date that a result is computed for, today in UTC unless it is given: the only place where
/// the program reads the clock.
pub(super) fn as_of(given: Option<Date>) -> Date {
    given.unwrap_or_else(|| jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date())
}

/// The snapshot that the user named, else the one that `advisories update` made, else the one that
/// the program carries; every byte of it checked. One that is there and cannot be read is never passed
/// over.
pub(super) fn snapshot(path: Option<&Path>) -> anyhow::Result<Snapshot> {
    let advisories = Advisories::open(path)?;
    advisories.check()?;
    Ok(advisories.snapshot)
}

/// The same where a few questions are asked: blocks are verified as they are read.
pub(super) fn unchecked_snapshot(path: Option<&Path>) -> anyhow::Result<Snapshot> {
    Advisories::open(path).map(|advisories| advisories.snapshot)
}

/// An open snapshot, and where it came from: none for the one that the program carries.
struct Advisories {
    snapshot: Snapshot,
    path: Option<PathBuf>,
    checked: OnceLock<()>,
}

impl Advisories {
    fn open(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.map(Path::to_owned).or_else(data::present_snapshot);
        let snapshot = match &path {
            Some(path) => Snapshot::open(path).map_err(|error| not_usable(path, error))?,
            None => auscult_advisory::starter().context("open the built-in starter snapshot")?,
        };
        Ok(Self { snapshot, path, checked: OnceLock::new() })
    }

    /// Looks for damage in every byte, once. The one that the program carries is as whole as the
    /// program.
    fn check(&self) -> anyhow::Result<()> {
        if let Some(path) = &self.path
            && self.checked.get().is_none()
        {
            self.snapshot.check().map_err(|error| not_usable(path, error))?;
            self.checked.get_or_init(|| ());
        }
        Ok(())
    }
}

fn not_usable(path: &Path, error: auscult_advisory::Error) -> anyhow::Error {
    Hinted::error(
        format!("open the snapshot {}: {:#}", path.display(), anyhow::Error::new(error)),
        "make one with: auscult advisories update, or build --from DIR --out FILE",
    )
}

/// What people and suppliers say, from the files that the user named.
fn stated(arguments: &JudgingArgs) -> anyhow::Result<Stated> {
    let mut stated = Stated::default();
    for path in &arguments.vex {
        let text = target::read_text(path, "VEX document")?;
        let read = auscult_sbom::read_vex(text.as_bytes());
        let read = read.with_context(|| format!("read {}", path.display()))?;
        if read.left_out > 0 {
            let _ = writeln!(
                std::io::stderr(),
                "warning: {}: {} statements speak of no vulnerability, of no product or in unknown \
                 words and are left out",
                path.display(),
                read.left_out
            );
        }
        stated.statements.extend(read.statements);
    }
    if !arguments.trust_issuer.is_empty() {
        stated.trusted = Some(arguments.trust_issuer.iter().cloned().collect());
    }
    if let Some(path) = &arguments.decisions {
        let text = target::read_text(path, "file of decisions")?;
        let read: Decisions =
            serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
        if read.schema != DECISIONS_SCHEMA {
            anyhow::bail!("read {}: it is no {DECISIONS_SCHEMA} document", path.display());
        }
        stated.decisions = read.decisions;
    }
    Ok(stated)
}

fn read_capture(path: &Path) -> anyhow::Result<Capture> {
    // Arguments of processes may be in any encoding.
    let bytes = target::read_bytes(path, "capture")?;
    Capture::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| {
        Hinted::error(
            format!("read the capture {}: {error}", path.display()),
            "make one on the unit with: sh capture.sh > capture.txt (docs/capture.sh)",
        )
    })
}

fn read_context(path: &Path) -> anyhow::Result<DeviceContext> {
    let text = target::read_text(path, "device context")?;
    auscult_priority::parse_context(&text).with_context(|| format!("read {}", path.display()))
}

fn facts(
    target: Target,
    limits: &Limits,
    cache: Option<&Path>,
) -> anyhow::Result<(Facts, Vec<String>)> {
    let problems = target.problems.clone();
    let cache = cache.map(|folder| Cache::open(folder, limits)).transpose()?;
    let mut inspection = worker::inspect(target, limits, cache.as_ref())?;
    inspection.facts.problems.extend(problems);
    Ok((inspection.facts, inspection.isolation))
}
