//! The answers that decision tables ask for, each from a finding or the device context, with the
//! reason. One rule holds for all: what is not known takes the worst value and says so.

use auscult_model::{
    DecisionPoint, DeviceContext, Exploitation, Finding, HarmSeverity, HazardousFunction,
    MissionImpact,
};

use crate::decide::DecisionPolicy;
use crate::vector::{self, Attack, Reach};

/// An answer to a decision point.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The point.
    pub(crate) point: &'static str,
    /// Its value, a word of the table.
    pub(crate) value: &'static str,
    because: String,
    known: bool,
    /// What would have to be otherwise in the build for a lower value.
    pub(crate) remedy: Option<String>,
}

impl Answer {
    pub(crate) fn known(
        point: &'static str,
        value: &'static str,
        because: impl Into<String>,
    ) -> Self {
        Self { point, value, because: because.into(), known: true, remedy: None }
    }

    pub(crate) fn worst(point: &'static str, value: &'static str, missing: &str) -> Self {
        let because = format!("unknown: worst value taken ({missing})");
        Self { point, value, because, known: false, remedy: None }
    }

    /// An answer that a table gave from others; it is as well known as they are.
    pub(crate) fn derived(
        point: &'static str,
        value: &'static str,
        policy: &str,
        from: &[&Self],
    ) -> Self {
        let points: Vec<&str> = from.iter().map(|answer| answer.point).collect();
        let because = format!("{policy} from {}", points.join(" and "));
        let known = from.iter().all(|answer| answer.known);
        Self { point, value, because, known, remedy: None }
    }

    /// The step of the path that is shown.
    pub(crate) fn step(&self) -> DecisionPoint {
        DecisionPoint {
            point: self.point.to_owned(),
            value: self.value.to_owned(),
            because: self.because.clone(),
            known: self.known,
        }
    }
}

/// SSVC exploitation. A KEV entry is active exploitation. That there is none means something only
/// when the snapshot had the catalogue.
pub(crate) fn exploitation(finding: &Finding, policy: DecisionPolicy) -> Answer {
    const POINT: &str = "exploitation";
    if let Some(kev) = &finding.kev {
        return Answer::known(POINT, "active", format!("in CISA KEV since {}", kev.added));
    }
    match finding.exploitation {
        Exploitation::Active => Answer::known(POINT, "active", "exploitation data of the snapshot"),
        _ if !policy.kev_consulted => Answer::worst(POINT, "active", "no KEV data in the snapshot"),
        Exploitation::PublicPoc => Answer::known(POINT, "public-poc", "a public proof of concept"),
        Exploitation::None => {
            Answer::known(POINT, "none", "no exploitation known to the snapshot's sources")
        }
    }
}

/// BOD 26-04 "in KEV".
pub(crate) fn in_kev(finding: &Finding, policy: DecisionPolicy) -> Answer {
    const POINT: &str = "in-kev";
    match &finding.kev {
        Some(kev) => Answer::known(POINT, "yes", format!("in CISA KEV since {}", kev.added)),
        None if policy.kev_consulted => Answer::known(POINT, "no", "not in CISA KEV"),
        None => Answer::worst(POINT, "yes", "no KEV data in the snapshot"),
    }
}

/// The worst of the finding's readable vectors, point by point, and who published them.
pub(crate) struct Attacks {
    attacks: Vec<Attack>,
    sources: String,
}

impl Attacks {
    /// Reads the vectors of a finding.
    pub(crate) fn of(finding: &Finding) -> Self {
        let mut sources: Vec<&str> = Vec::new();
        let mut attacks = Vec::new();
        for score in &finding.cvss {
            if let Some(attack) = vector::parse(&score.vector) {
                attacks.push(attack);
                sources.push(&score.source);
            }
        }
        sources.sort_unstable();
        sources.dedup();
        Self { attacks, sources: sources.join(", ") }
    }

    fn answer(
        &self,
        point: &'static str,
        worst: &'static str,
        read: impl Fn(&[Attack]) -> &'static str,
    ) -> Answer {
        if self.attacks.is_empty() {
            return Answer::worst(point, worst, "no readable CVSS vector");
        }
        let because = format!("derived from the CVSS vector of {}", self.sources);
        Answer::known(point, read(&self.attacks), because)
    }
}

/// SSVC automatable: published, else derived from the vector.
pub(crate) fn automatable(finding: &Finding, attacks: &Attacks) -> Answer {
    const POINT: &str = "automatable";
    match finding.automatable {
        Some(answer) => Answer::known(POINT, yes_no(answer), "published SSVC assessment"),
        None => attacks.answer(POINT, "yes", |attacks| {
            yes_no(attacks.iter().any(|attack| attack.automatable()))
        }),
    }
}

/// CISA technical impact: published, else derived from the vector.
pub(crate) fn technical_impact(finding: &Finding, attacks: &Attacks) -> Answer {
    const POINT: &str = "technical-impact";
    let word = |total| if total { "total" } else { "partial" };
    match finding.technical_impact_total {
        Some(total) => Answer::known(POINT, word(total), "published SSVC assessment"),
        None => attacks
            .answer(POINT, "total", |attacks| word(attacks.iter().any(|attack| attack.total))),
    }
}

/// How many obstacles an attacker meets, in the words of the exploitability table.
pub(crate) fn obstacles(attacks: &Attacks) -> Answer {
    attacks.answer("obstacles", "none", |attacks| {
        match attacks.iter().map(|attack| attack.obstacles).min() {
            None | Some(0) => "none",
            Some(1) => "some",
            Some(_) => "several",
        }
    })
}

/// How near an attacker must come by the vector alone.
pub(crate) fn attack_vector(attacks: &Attacks) -> Answer {
    attacks.answer("attack-vector", "network", |attacks| {
        attacks.iter().map(|attack| attack.reach).max().map_or("network", Reach::word)
    })
}

/// The attack vector as far as the exposure leaves it open: from a network that only few reach, a
/// network attack needs an adjacent attacker; without a network, one on the device itself.
pub(crate) fn attack_reach(attack_vector: &str, exposure: &str) -> &'static str {
    let bound = match exposure {
        "small" => Reach::Local,
        "controlled" => Reach::Adjacent,
        _ => Reach::Network,
    };
    let vector = match attack_vector {
        "physical" => Reach::Physical,
        "local" => Reach::Local,
        "adjacent" => Reach::Adjacent,
        _ => Reach::Network,
    };
    vector.min(bound).word()
}

/// BOD 26-04 "publicly exposed".
pub(crate) fn publicly_exposed(context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "publicly-exposed";
    match context.and_then(|context| context.publicly_exposed) {
        Some(exposed) => Answer::known(POINT, yes_no(exposed), "device context: publicly-exposed"),
        None => Answer::worst(POINT, "yes", "the device context has no publicly-exposed"),
    }
}

/// SSVC mission impact.
pub(crate) fn mission_impact(context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "mission-impact";
    let Some(impact) = context.and_then(|context| context.mission_impact) else {
        let missing = "the device context has no mission-impact";
        return Answer::worst(POINT, "mission-failure", missing);
    };
    let word = match impact {
        MissionImpact::Degraded => "degraded",
        MissionImpact::MefSupportCrippled => "mef-support-crippled",
        MissionImpact::MefFailure => "mef-failure",
        MissionImpact::MissionFailure => "mission-failure",
    };
    Answer::known(POINT, word, "device context: mission-impact")
}

/// SSVC safety impact from the worst harm of the functions that the component takes part in.
///
/// FDA and SSVC use the word "catastrophic" differently: one death there, several here. So the harm
/// to several patients decides; where it is not ruled out, it counts as possible.
pub(crate) fn safety_impact(finding: &Finding, context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "safety-impact";
    let worst = functions_of(finding, context)
        .map(|function| (safety_rank(function), function))
        .reduce(|worst, other| if other.0 > worst.0 { other } else { worst });
    let Some((rank, function)) = worst else {
        return Answer::worst(POINT, "catastrophic", UNASSESSED);
    };
    let word = ["negligible", "marginal", "critical", "catastrophic"];
    let value = word.get(rank).copied().unwrap_or("catastrophic");
    Answer::known(POINT, value, because_of(function))
}

/// Position on the SSVC scale of safety impact.
fn safety_rank(function: &HazardousFunction) -> usize {
    match function.severity {
        HarmSeverity::Negligible | HarmSeverity::Minor => 0,
        HarmSeverity::Serious => 1,
        HarmSeverity::Critical | HarmSeverity::Catastrophic => {
            if function.multi_patient_harm.unwrap_or(true) { 3 } else { 2 }
        }
    }
}

/// FDA severity of patient harm; `unassessed` where no declared function involves the component.
pub(crate) fn severity(finding: &Finding, context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "severity";
    let worst = functions_of(finding, context)
        .reduce(|worst, other| if other.severity > worst.severity { other } else { worst });
    let Some(function) = worst else {
        let because = format!("unknown: ranks as critical, never controlled ({UNASSESSED})");
        return Answer { point: POINT, value: "unassessed", because, known: false, remedy: None };
    };
    let value = match function.severity {
        HarmSeverity::Negligible => "negligible",
        HarmSeverity::Minor => "minor",
        HarmSeverity::Serious => "serious",
        HarmSeverity::Critical => "critical",
        HarmSeverity::Catastrophic => "catastrophic",
    };
    Answer::known(POINT, value, because_of(function))
}

const UNASSESSED: &str = "no function of the device context involves the component";

fn because_of(function: &HazardousFunction) -> String {
    let source = function.source.as_ref().map(|source| format!(" ({source})"));
    format!("device context: function \"{}\"{}", function.name, source.unwrap_or_default())
}

/// The declared functions that the finding's component takes part in.
fn functions_of<'a>(
    finding: &'a Finding,
    context: Option<&'a DeviceContext>,
) -> impl Iterator<Item = &'a HazardousFunction> {
    let functions = context.map_or(&[][..], |context| &context.functions);
    let names = names_of(finding);
    functions.iter().filter(move |function| {
        function.components.is_empty()
            || function.components.iter().any(|name| names.contains(&plain_name(name)))
    })
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

fn yes_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}
