//! What decisions take from a finding. Findings that give the same have the same decisions.

use auscult_model::{DeviceContext, Exploitation, Finding, HazardousFunction, MeasuredExposure};
use jiff::civil::Date;

use crate::vector::{self, Reach};

/// Every fact of a finding that a decision depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Given {
    /// Since when it is in CISA's catalogue.
    pub(crate) kev_added: Option<Date>,
    pub(crate) exploitation: Exploitation,
    pub(crate) automatable: Option<bool>,
    pub(crate) technical_impact_total: Option<bool>,
    pub(crate) attacks: Attacks,
    /// How the network reaches its component, where that was measured.
    pub(crate) exposure: Option<MeasuredExposure>,
    /// The declared functions that its component takes part in, by their place in the context.
    pub(crate) functions: Vec<usize>,
}

impl Given {
    pub(crate) fn of(finding: &Finding, context: Option<&DeviceContext>) -> Self {
        Self {
            kev_added: finding.kev.as_ref().map(|kev| kev.added),
            exploitation: finding.exploitation,
            automatable: finding.automatable,
            technical_impact_total: finding.technical_impact_total,
            attacks: Attacks::of(finding),
            exposure: finding.exposure.known().cloned(),
            functions: functions_of(finding, context),
        }
    }

    pub(crate) fn exposure(&self) -> Option<&MeasuredExposure> {
        self.exposure.as_ref()
    }
}

/// The worst of the finding's readable vectors, point by point, and who published them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attacks {
    pub(crate) reach: Reach,
    pub(crate) obstacles: u8,
    pub(crate) automatable: bool,
    pub(crate) total: bool,
    /// None where no vector can be read; the rest says nothing then.
    pub(crate) sources: Option<String>,
}

impl Attacks {
    /// Reads the vectors of a finding.
    fn of(finding: &Finding) -> Self {
        let mut sources: Vec<&str> = Vec::new();
        let mut worst = Self {
            reach: Reach::Physical,
            obstacles: u8::MAX,
            automatable: false,
            total: false,
            sources: None,
        };
        for score in &finding.cvss {
            if let Some(attack) = vector::parse(&score.vector) {
                worst.reach = worst.reach.max(attack.reach);
                worst.obstacles = worst.obstacles.min(attack.obstacles);
                worst.automatable |= attack.automatable();
                worst.total |= attack.total;
                sources.push(&score.source);
            }
        }
        sources.sort_unstable();
        sources.dedup();
        Self { sources: (!sources.is_empty()).then(|| sources.join(", ")), ..worst }
    }
}

/// The places of the functions that a finding's component takes part in.
fn functions_of(finding: &Finding, context: Option<&DeviceContext>) -> Vec<usize> {
    let functions = context.map_or(&[][..], |context| &context.functions);
    if functions.is_empty() {
        return Vec::new();
    }
    let names = names_of(finding);
    let involves = |function: &HazardousFunction| {
        function.components.is_empty()
            || function.components.iter().any(|name| names.contains(&plain_name(name)))
    };
    functions.iter().enumerate().filter(|(_, one)| involves(one)).map(|(at, _)| at).collect()
}

/// Every name that the finding's component goes by: `libssl1.0.0` is also `openssl`, the name under
/// which the advisory matched.
fn names_of(finding: &Finding) -> Vec<String> {
    let last = |text: &str| {
        let text = text.split(['@', '?', '#']).next().unwrap_or_default();
        plain_name(text.rsplit(['/', ':']).next().unwrap_or_default())
    };
    let mut names = vec![plain_name(&finding.component)];
    names.extend(finding.purl.as_deref().map(last));
    names.extend(finding.matches.iter().map(|matched| last(&matched.name)));
    names
}

/// Lower case with one separator; the kernel's CPE name `linux_kernel` is `linux` to people.
fn plain_name(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    if name == "linux-kernel" { "linux".to_owned() } else { name }
}
