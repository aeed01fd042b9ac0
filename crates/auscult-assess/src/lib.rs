//! Which findings apply to this device, by what is in it: VEX statements that a machine makes, each
//! with the facts that prove it.
//!
//! A statement closes a finding only where its strength is [`Strength::Proven`] or
//! [`Strength::Strong`]; a weak one says what was seen and leaves the finding open. What is not
//! known never closes anything.

mod exposure;
mod fact;
mod features;
mod files;
mod kernel;
mod proposal;
mod reach;
mod runtime;
mod stated;
mod statement;

use auscult_advisory::{Result, Snapshot};
use auscult_model::{Facts, Finding, Holding, RuntimeView};
use rayon::prelude::*;

use self::{
    exposure::Exposures,
    features::{Features, Named},
    files::Files,
    kernel::Kernels,
    reach::Reach,
};
pub use self::{
    fact::{FACT_KINDS, fact_digest, fact_value},
    proposal::propose_context,
    runtime::{Capture, NoCapture},
    stated::{DECIDED, Stated},
    statement::{Justification, Strength},
};

/// Judges findings by the facts of the build that they were made for, and measures how the network
/// reaches the component of each.
///
/// # Errors
/// A part of the snapshot that is asked for is damaged.
pub fn assess(facts: &Facts, snapshot: &Snapshot, findings: &mut [Finding]) -> Result<()> {
    let (kernels, reach) = (Kernels::of(facts), Reach::of(facts));
    let (files, exposures) = (Files::of(facts), Exposures::of(facts));
    let features = Features::of(facts);
    findings.par_iter_mut().try_for_each(|finding| {
        finding.exposure = exposures.measure(&files, finding);
        if !finding.vex.status.is_open() {
            return Ok(());
        }
        if kernels.holds(finding) {
            let files = snapshot.program_files(&finding.id.0)?;
            if let Some(statement) = kernels.judge(finding, &files) {
                statement.apply(finding);
            }
            return Ok(());
        }
        let binaries = files.of_finding(finding);
        // Where neither a program of it is at hand nor the name of its package tells anything, its
        // record need not be read.
        if let Some((component, holding)) = Features::component(finding)
            && (holding != Holding::Open || !binaries.is_empty())
        {
            let sources = snapshot.program_files(&finding.id.0)?;
            let (title, description) = snapshot.prose(&finding.id.0)?.unwrap_or_default();
            let text = format!("{title}\n{description}");
            let named = Named::read(component, &finding.id.0, &sources, &text);
            let said = features.judge(component, holding, &binaries, &named);
            if let Some(statement) = said {
                statement.apply(finding);
            }
        }
        // Weak evidence about the whole component says nothing new of a part that is not there.
        if finding.vex.status.is_open()
            && let Some(statement) = reach.judge(&files, finding)
        {
            statement.apply(finding);
        }
        Ok(())
    })
}

/// Whether nothing but its components is known of a build, as of an SBOM: what [`assess`] says of a
/// finding then depends on that finding alone, whatever else the build holds.
pub fn is_bare(facts: &Facts) -> bool {
    facts.binaries.is_empty()
        && facts.owned.is_empty()
        && facts.kernels.is_empty()
        && facts.features.is_empty()
        && facts.operation.roots().is_empty()
        && facts.operation.module_releases().next().is_none()
}

/// Joins a capture of a running unit to the facts: tells in each finding what was seen of its
/// component, and what the two say of each other. It closes nothing and opens nothing.
pub fn join_capture(facts: &Facts, capture: &Capture, findings: &mut [Finding]) -> RuntimeView {
    let joined = runtime::Joined::of(capture, facts);
    findings.par_iter_mut().for_each(|finding| {
        if let Some(sentence) = joined.sentence(finding) {
            finding.vex.evidence.push(sentence);
        }
    });
    joined.view(facts)
}
