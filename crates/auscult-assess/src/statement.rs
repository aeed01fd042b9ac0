//! A statement about a finding, and what it does to it.

use auscult_model::{Finding, VexStatus};

/// How far the facts carry a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// It makes the statement likely: something was not seen where it would be.
    Weak,
    /// It follows from a complete inventory and from a rule that holds in the releases around this
    /// one.
    Strong,
    /// It follows from a complete inventory and from the rule of this very release.
    Proven,
}

impl Strength {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
            Self::Proven => "proven",
        }
    }
}

/// Why a vulnerability does not touch a product, in the words of OpenVEX 0.2.0 and CSAF 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Justification {
    /// The component is not in the product.
    ComponentNotPresent,
    /// The component is, without the vulnerable code.
    VulnerableCodeNotPresent,
    /// The code is there and is never run.
    VulnerableCodeNotInExecutePath,
    /// The code runs, and nobody from outside has a hold on it.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something that is built in keeps it from being used.
    InlineMitigationsAlreadyExist,
}

impl Justification {
    /// Its name in VEX documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::VulnerableCodeCannotBeControlledByAdversary => {
                "vulnerable_code_cannot_be_controlled_by_adversary"
            }
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
        }
    }
}

/// What a machine says of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Why it does not apply; none where the facts say that it does, or leave it open.
    pub(crate) not_affected: Option<(Justification, Strength)>,
    /// The facts, one sentence each.
    pub(crate) evidence: Vec<String>,
}

impl Statement {
    /// Something that a person should know who looks at the finding, and that closes nothing.
    pub(crate) fn note(evidence: Vec<String>) -> Self {
        Self { not_affected: None, evidence }
    }

    /// Writes the statement into the finding. Weak evidence is told and closes nothing.
    pub(crate) fn apply(self, finding: &mut Finding) {
        let vex = &mut finding.vex;
        if let Some((justification, strength)) = self.not_affected {
            vex.strength = Some(strength.name().to_owned());
            vex.justification = Some(justification.name().to_owned());
            if strength > Strength::Weak {
                vex.status = VexStatus::NotAffected;
            }
        }
        for sentence in self.evidence {
            if !vex.evidence.contains(&sentence) {
                vex.evidence.push(sentence);
            }
        }
    }
}
