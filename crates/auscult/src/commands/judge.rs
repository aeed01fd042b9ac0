//! From a target to a judged result: what `scan` and `explain` share.

use std::path::Path;

use anyhow::Context as _;
use auscult_model::{DeviceContext, Facts, Limits};
use auscult_report::ScanResult;
use jiff::civil::Date;

use crate::{
    args::JudgingArgs,
    target::{self, Target},
    worker,
};

/// What a result is computed from, beside the target; read and checked before the work begins.
pub(super) struct Question {
    as_of: Date,
    context: Option<DeviceContext>,
    facts_only: bool,
}

impl Question {
    /// Reads the files that the user named.
    pub(super) fn ask(arguments: &JudgingArgs, facts_only: bool) -> anyhow::Result<Self> {
        let context = arguments.context.as_deref().map(read_context).transpose()?;
        Ok(Self { as_of: as_of(arguments.as_of), context, facts_only })
    }

    /// Inspects the target and judges what is in it.
    pub(super) fn answer(&self, target: &Path, limits: &Limits) -> anyhow::Result<ScanResult> {
        let (facts, isolation) = facts(Target::open(target)?, limits)?;
        let mut result = ScanResult::of_facts(facts, self.as_of, "only facts were asked for")
            .context("digest the facts")?;
        result.isolation = isolation;
        Ok(result)
    }
}

/// The date that a result is computed for, today in UTC unless it is given: the only place where
/// the program reads the clock.
pub(super) fn as_of(given: Option<Date>) -> Date {
    given.unwrap_or_else(|| jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date())
}

fn read_context(path: &Path) -> anyhow::Result<DeviceContext> {
    let text = target::read_text(path, "device context")?;
    auscult_priority::parse_context(&text).with_context(|| format!("read {}", path.display()))
}

fn facts(target: Target, limits: &Limits) -> anyhow::Result<(Facts, Vec<String>)> {
    let problems = target.problems.clone();
    let mut inspection = worker::inspect(target, limits)?;
    inspection.facts.problems.extend(problems);
    Ok((inspection.facts, inspection.isolation))
}
