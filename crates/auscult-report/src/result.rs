//! The result of a scan: what the command line fills and every output reads.

use auscult_model::{
    Facts, Finding, Known, RuntimeView, SNAPSHOT_AGE_DAYS_MAX, Sha256, SnapshotInfo, Support,
    Verdict,
};
use jiff::civil::Date;

use crate::rank;

/// Everything that one scan found, judged at one date.
#[derive(Clone, Debug)]
pub struct ScanResult {
    /// The inspection.
    pub facts: Facts,
    /// Digest of the canonical bytes of the facts.
    pub facts_digest: Sha256,
    /// The date that the result is asked for.
    pub as_of: Date,
    /// What the advisories say, or why they were not asked: without a snapshot there are no
    /// findings, which is not the same as none.
    pub assessment: Known<Assessment>,
    /// What was seen on a running unit, where a capture of one was given.
    pub runtime: Option<RuntimeView>,
    /// Age in days from which a snapshot is stale.
    pub snapshot_age_days_max: u32,
    /// The answer of the gate; absent when none was asked for.
    pub verdict: Option<Verdict>,
    /// What the process that read the image had given up: `network`, `exec`, … .
    pub isolation: Vec<String>,
}

/// What an advisory snapshot says about the components.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The snapshot that was asked.
    pub snapshot: SnapshotInfo,
    /// What it says.
    pub findings: Vec<Finding>,
    /// Components of which the snapshot holds no record at all.
    pub no_data: Vec<Unmatched>,
    /// Components that could not be matched, or not in full, as their version is not known.
    pub version_unknown: Vec<Unmatched>,
    /// Until when components are maintained, for each whose release cycle a source tells; unknown
    /// where the snapshot holds no such source.
    pub support: Known<Vec<Support>>,
}

/// A component of which the advisories could not tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unmatched {
    /// Name of the component.
    pub name: String,
    /// Its version as text, or `unknown`.
    pub version: String,
    /// Why it could not be told.
    pub reason: String,
}

impl ScanResult {
    /// A result that holds facts only. The caller adds what else it knows.
    ///
    /// # Errors
    /// As [`Facts::digest`].
    pub fn of_facts(facts: Facts, as_of: Date, why_unassessed: &str) -> Result<Self, crate::Error> {
        Self::of_judged(facts, as_of, |_| Ok(Known::unknown(why_unassessed)))
    }

    /// A result of facts that are judged while their digest is taken.
    ///
    /// # Errors
    /// As [`Facts::digest`], and those of `judge`.
    pub fn of_judged<E: From<crate::Error> + Send>(
        mut facts: Facts,
        as_of: Date,
        judge: impl FnOnce(&Facts) -> Result<Known<Assessment>, E> + Send,
    ) -> Result<Self, E> {
        facts.canonicalise();
        let (digest, assessment) = rayon::join(|| facts.digest(), || judge(&facts));
        Ok(Self {
            facts_digest: digest.map_err(crate::Error::Json)?,
            assessment: assessment?,
            facts,
            as_of,
            runtime: None,
            snapshot_age_days_max: SNAPSHOT_AGE_DAYS_MAX,
            verdict: None,
            isolation: Vec::new(),
        })
    }

    /// Brings every list into its order: findings the most urgent first. The outputs print in the
    /// order that they find, so call this last.
    pub fn canonicalise(&mut self) {
        self.facts.canonicalise();
        if let Known::Known(assessment) = &mut self.assessment {
            rank::sort(&mut assessment.findings);
            for list in [&mut assessment.no_data, &mut assessment.version_unknown] {
                list.sort();
                list.dedup();
            }
            if let Known::Known(support) = &mut assessment.support {
                support.sort();
            }
        }
    }

    /// What the advisories say, for outputs that consist of it: without it an empty list would read
    /// as "no findings".
    ///
    /// # Errors
    /// No advisories were asked.
    pub fn assessed(&self) -> Result<&Assessment, crate::Error> {
        match &self.assessment {
            Known::Known(assessment) => Ok(assessment),
            Known::Unknown(reason) => Err(crate::Error::NotAssessed(reason.clone())),
        }
    }

    /// The findings; none where nothing was assessed.
    pub fn findings(&self) -> &[Finding] {
        self.assessment.known().map_or(&[], |assessment| &assessment.findings)
    }

    /// Until when components are maintained; none where no source tells.
    pub fn support(&self) -> &[Support] {
        let told = self.assessment.known().and_then(|assessment| assessment.support.known());
        told.map_or(&[], Vec::as_slice)
    }

    /// The snapshot's age at the date asked for, in days; negative when it is newer.
    pub fn snapshot_age_days(&self) -> Option<i32> {
        let date = self.assessment.known()?.snapshot.date;
        Some(date.until(self.as_of).map_or(0, |span| span.get_days()))
    }

    /// Tells whether the snapshot is older than the limit.
    pub fn snapshot_is_stale(&self) -> bool {
        let limit = i64::from(self.snapshot_age_days_max);
        self.snapshot_age_days().is_some_and(|age| i64::from(age) > limit)
    }
}
