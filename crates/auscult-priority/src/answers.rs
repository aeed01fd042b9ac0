//! The answers that decision tables ask for, each from what a finding gives or from the device context, with the
//! reason. One rule holds for all: what is not known takes the worst value and says so.

use auscult_model::{
    DecisionPoint, DeviceContext, Exploitation, HarmSeverity, HazardousFunction, MissionImpact,
};

use crate::decide::DecisionPolicy;
use crate::given::{Attacks, Given};
use crate::vector::Reach;

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
pub(crate) fn exploitation(given: &Given, policy: DecisionPolicy) -> Answer {
    const POINT: &str = "exploitation";
    if let Some(added) = given.kev_added {
        return Answer::known(POINT, "active", format!("in CISA KEV since {added}"));
    }
    match given.exploitation {
        Exploitation::Active => Answer::known(POINT, "active", "exploitation data of the snapshot"),
        _ if !policy.kev_consulted => Answer::worst(POINT, "active", "no KEV data in the snapshot"),
        Exploitation::PublicPoc => Answer::known(POINT, "public-poc", "a public proof of concept"),
        Exploitation::None => {
            Answer::known(POINT, "none", "no exploitation known to the snapshot's sources")
        }
    }
}

/// BOD 26-04 "in KEV".
pub(crate) fn in_kev(given: &Given, policy: DecisionPolicy) -> Answer {
    const POINT: &str = "in-kev";
    match given.kev_added {
        Some(added) => Answer::known(POINT, "yes", format!("in CISA KEV since {added}")),
        None if policy.kev_consulted => Answer::known(POINT, "no", "not in CISA KEV"),
        None => Answer::worst(POINT, "yes", "no KEV data in the snapshot"),
    }
}

/// An answer derived from the vectors.
fn derived(
    attacks: &Attacks,
    point: &'static str,
    worst: &'static str,
    read: impl Fn(&Attacks) -> &'static str,
) -> Answer {
    match &attacks.sources {
        None => Answer::worst(point, worst, "no readable CVSS vector"),
        Some(sources) => {
            let because = format!("derived from the CVSS vector of {sources}");
            Answer::known(point, read(attacks), because)
        }
    }
}

/// SSVC automatable: published, else derived from the vector.
pub(crate) fn automatable(given: &Given) -> Answer {
    const POINT: &str = "automatable";
    match given.automatable {
        Some(answer) => Answer::known(POINT, yes_no(answer), "published SSVC assessment"),
        None => derived(&given.attacks, POINT, "yes", |attacks| yes_no(attacks.automatable)),
    }
}

/// CISA technical impact: published, else derived from the vector.
pub(crate) fn technical_impact(given: &Given) -> Answer {
    const POINT: &str = "technical-impact";
    let word = |total| if total { "total" } else { "partial" };
    match given.technical_impact_total {
        Some(total) => Answer::known(POINT, word(total), "published SSVC assessment"),
        None => derived(&given.attacks, POINT, "total", |attacks| word(attacks.total)),
    }
}

/// How many obstacles an attacker meets, in the words of the exploitability table.
pub(crate) fn obstacles(given: &Given) -> Answer {
    derived(&given.attacks, "obstacles", "none", |attacks| match attacks.obstacles {
        0 => "none",
        1 => "some",
        _ => "several",
    })
}

/// How near an attacker must come by the vector alone.
pub(crate) fn attack_vector(given: &Given) -> Answer {
    derived(&given.attacks, "attack-vector", "network", |attacks| attacks.reach.word())
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
pub(crate) fn safety_impact(given: &Given, context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "safety-impact";
    let worst = functions_of(given, context)
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
pub(crate) fn severity(given: &Given, context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "severity";
    let worst = functions_of(given, context)
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
    given: &'a Given,
    context: Option<&'a DeviceContext>,
) -> impl Iterator<Item = &'a HazardousFunction> {
    let functions = context.map_or(&[][..], |context| &context.functions);
    given.functions.iter().filter_map(|at| functions.get(*at))
}

fn yes_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}
