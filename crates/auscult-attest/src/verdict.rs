//! The outcome of a verification, item by item.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use crate::{Identity, Level};

/// The form's name; its schema is `docs/schema/verify-1.json`.
pub const VERIFY_SCHEMA: &str = "auscult-verify/1";

/// How one item came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is not as it must be.
    Fail,
    /// Nobody looked, or could.
    NotMeasured,
    /// It is as it must be.
    Pass,
}

/// What is wrong with an item; stable words for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is said in full by the reason of its item")]
pub enum Code {
    // Signatures, freshness, policy.
    TrustRoot,
    TrustRootExpired,
    ReferenceSignature,
    EvidenceSignature,
    SignatureNotChecked,
    EvidenceStripped,
    EvidenceReplayed,
    EvidenceWithoutChallenge,
    ChallengeExpired,
    WrongDevice,
    DenyListSignature,
    DenyListExpired,
    Denied,
    Level,
    // The build.
    UnknownBuild,
    Rollback,
    Build,
    // Files.
    Missing,
    FileAdded,
    DirectoryAdded,
    LinkAdded,
    DeviceAdded,
    FifoAdded,
    SocketAdded,
    ContentChanged,
    Longer,
    Shorter,
    KindChanged,
    LinkTargetChanged,
    DeviceNumberChanged,
    SetuidAdded,
    ModeLoosened,
    ModeChanged,
    OwnerChanged,
    GroupChanged,
    CapabilityChanged,
    ConfigChanged,
    ExecutableInData,
    SetuidInData,
    DeviceInData,
    LinkOutOfData,
    NotMeasured,
    // Parts of the image.
    RegionChanged,
    NotErased,
    BytesAppended,
    ImageTruncated,
    FileSystemMissing,
    FileSystemAdded,
    // Behaviour.
    BehaviourAdded,
    BehaviourRemoved,
    BehaviourChanged,
}

/// One thing that was looked at and did not simply pass, or a check of the whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Item {
    /// How it came out.
    pub outcome: Outcome,
    /// What it is about: a path, a part of the image, a document.
    pub subject: String,
    /// What is wrong, as a word.
    pub code: Code,
    /// What is wrong, for people.
    pub reason: String,
    /// What that means for the device, where it can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// Of what was not measured: whether the result needs it.
    pub needed: bool,
}

impl Item {
    pub(crate) fn new(
        outcome: Outcome,
        code: Code,
        subject: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (subject, reason) = (subject.into(), reason.into());
        Self { outcome, subject, code, reason, meaning: None, needed: true }
    }

    pub(crate) fn pass(code: Code, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, code, subject, reason)
    }

    pub(crate) fn fail(code: Code, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, code, subject, reason)
    }

    pub(crate) fn not_measured(
        code: Code,
        subject: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::new(Outcome::NotMeasured, code, subject, reason)
    }

    /// The same where the result does not need it: it is told and decides nothing.
    #[must_use]
    pub(crate) fn not_needed(mut self) -> Self {
        self.needed = false;
        self
    }
}

/// What was compared of one component, of the parts of the image, or of the behaviour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The component by its reference in the SBOM, or what else the group is of.
    pub name: String,
    /// How many items passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were not measured.
    pub not_measured: u64,
    /// Those that did not pass.
    pub items: Vec<Item>,
}

/// The result of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    /// Everything that is needed was measured and is as it must be.
    Pass,
    /// Something is not as it must be.
    Fail,
    /// Nothing is known to be wrong, and something needed was not measured or could not be checked.
    Inconclusive,
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// [`VERIFY_SCHEMA`].
    pub schema: &'static str,
    /// The result.
    pub outcome: Overall,
    /// How the device was measured.
    pub level: Level,
    /// What was measured: `directory`, `live` or `image`.
    pub scope: crate::Scope,
    /// The date that the result is for.
    pub as_of: Date,
    /// The build that the device has; none where it is unknown.
    pub build: Option<Identity>,
    /// The reference that tells that build.
    pub reference: Option<String>,
    /// Share of the bytes of the image that the reference accounts for, in hundredths of a percent.
    pub accounted_basis_points: Option<u64>,
    /// Signatures, freshness, build, policy.
    pub checks: Vec<Item>,
    /// What was compared, by component.
    pub groups: Vec<Group>,
}

/// Gathers items by group.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    groups: BTreeMap<String, Group>,
}

impl Collector {
    pub(crate) fn passed(&mut self, group: &str) {
        self.group(group).passed += 1;
    }

    pub(crate) fn add(&mut self, group: &str, item: Item) {
        let group = self.group(group);
        match item.outcome {
            Outcome::Pass => group.passed += 1,
            Outcome::Fail => group.failed += 1,
            Outcome::NotMeasured => group.not_measured += 1,
        }
        group.items.push(item);
    }

    fn group(&mut self, name: &str) -> &mut Group {
        let new = || Group { name: name.to_owned(), ..Group::default() };
        self.groups.entry(name.to_owned()).or_insert_with(new)
    }

    /// The groups, with the worst first in each.
    pub(crate) fn finish(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        for group in &mut groups {
            group.items.sort();
        }
        groups
    }
}

impl Verdict {
    /// Every item that is not simply passed, and every check.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.checks.iter().chain(self.groups.iter().flat_map(|group| &group.items))
    }

    /// The result that the items make.
    pub(crate) fn overall(checks: &[Item], groups: &[Group]) -> Overall {
        let items = || checks.iter().chain(groups.iter().flat_map(|group| &group.items));
        if items().any(|item| item.outcome == Outcome::Fail) {
            return Overall::Fail;
        }
        let open = items().any(|item| item.outcome == Outcome::NotMeasured && item.needed);
        let passed = groups.iter().any(|group| group.passed > 0);
        if open || !passed { Overall::Inconclusive } else { Overall::Pass }
    }

    /// The result in JSON.
    ///
    /// # Errors
    /// Where memory does not suffice.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
