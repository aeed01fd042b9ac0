//! Tables that answer beside the others where they are asked for: SSVC Supplier 1.0.0 (CERT/CC) for
//! the maker, the Coordinator tree 2.0.3 (CISA) for whoever follows CISA's levels.
//!
//! The coordinator's point "mission and well-being impact" is declared as a whole: its own table of
//! mission prevalence and public well-being is not published with the tree.

use auscult_model::{DeviceContext, MissionAndWellBeing, Perspective, RiskDecision, ValueDensity};

use crate::{
    answers::{self, Answer},
    decide::{DecisionPolicy, Question, answer_of, judge, outcome_of},
    given::Given,
    table::{COORDINATOR, PUBLIC_SAFETY, SUPPLIER, UTILITY},
};

/// CISA's levels: track, track*, attend, act.
pub(crate) fn coordinator(
    given: &Given,
    context: Option<&DeviceContext>,
    policy: DecisionPolicy,
) -> RiskDecision {
    let questions = [
        Question::of(&COORDINATOR, answers::exploitation(given, policy)),
        Question::of(&COORDINATOR, answers::automatable(given)),
        Question::of(&COORDINATOR, answers::technical_impact(given)),
        Question::of(&COORDINATOR, mission_and_well_being(context)),
    ];
    let (outcome, would_change) = judge(&questions, |values| outcome_of(&COORDINATOR, values));
    RiskDecision {
        perspective: Perspective::Hospital,
        policy: COORDINATOR.policy.into(),
        outcome,
        due: None,
        path: questions.iter().map(|question| question.answer.step()).collect(),
        would_change: would_change.into(),
        action: None,
    }
}

/// How soon the maker should develop a patch.
pub(crate) fn supplier(
    given: &Given,
    context: Option<&DeviceContext>,
    policy: DecisionPolicy,
) -> RiskDecision {
    let questions = [
        Question::of(&SUPPLIER, answers::exploitation(given, policy)),
        Question::of(&UTILITY, answers::automatable(given)),
        Question::of(&UTILITY, value_density(context)),
        Question::of(&SUPPLIER, answers::technical_impact(given)),
        Question::of(&PUBLIC_SAFETY, answers::safety_impact(given, context)),
    ];
    let evaluate = |values: &[&str; 5]| {
        let [exploitation, automatable, density, technical, safety] = *values;
        let utility = answer_of(&UTILITY, &[automatable, density]);
        let public = answer_of(&PUBLIC_SAFETY, &[safety]);
        outcome_of(&SUPPLIER, &[exploitation, utility, technical, public])
    };
    let (outcome, would_change) = judge(&questions, evaluate);
    let [exploitation, automatable, density, technical, safety] =
        questions.each_ref().map(|question| &question.answer);
    let utility = Answer::derived(
        "utility",
        answer_of(&UTILITY, &[automatable.value, density.value]),
        UTILITY.policy,
        &[automatable, density],
    );
    let public = Answer::derived(
        "public-safety-impact",
        answer_of(&PUBLIC_SAFETY, &[safety.value]),
        PUBLIC_SAFETY.policy,
        &[safety],
    );
    let steps = [exploitation, automatable, density, &utility, technical, safety, &public];
    RiskDecision {
        perspective: Perspective::Maker,
        policy: SUPPLIER.policy.into(),
        outcome,
        due: None,
        path: steps.into_iter().map(Answer::step).collect(),
        would_change: would_change.into(),
        action: None,
    }
}

fn value_density(context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "value-density";
    let word = match context.and_then(|context| context.value_density) {
        Some(ValueDensity::Diffuse) => "diffuse",
        Some(ValueDensity::Concentrated) => "concentrated",
        None => {
            let missing = "the device context has no value-density";
            return Answer::worst(POINT, "concentrated", missing);
        }
    };
    Answer::known(POINT, word, "device context: value-density")
}

fn mission_and_well_being(context: Option<&DeviceContext>) -> Answer {
    const POINT: &str = "mission-and-well-being";
    let word = match context.and_then(|context| context.mission_and_well_being) {
        Some(MissionAndWellBeing::Low) => "low",
        Some(MissionAndWellBeing::Medium) => "medium",
        Some(MissionAndWellBeing::High) => "high",
        None => {
            let missing = "the device context has no mission-and-well-being";
            return Answer::worst(POINT, "high", missing);
        }
    };
    Answer::known(POINT, word, "device context: mission-and-well-being")
}

#[cfg(test)]
mod tests {
    use auscult_model::{
        DeviceContext, Exploitation, HarmSeverity, HazardousFunction, MissionAndWellBeing, Outcome,
        ValueDensity,
    };
    use jiff::civil::date;

    use crate::decide::{DecisionPolicy, decide, tests::finding};

    const REMOTE: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";

    #[test]
    fn they_answer_only_where_they_are_asked_and_never_before_the_others() {
        let finding = finding("busybox", Some(REMOTE));
        let policies = |list: &str| {
            let policy = DecisionPolicy::default().with(list).unwrap();
            let decisions = decide(&finding, None, date(2026, 6, 1), policy);
            decisions.into_iter().map(|one| one.policy).skip(3).collect::<Vec<_>>()
        };
        assert!(policies("").is_empty());
        assert_eq!(policies("ssvc-supplier"), ["ssvc:supplier:1.0.0"]);
        assert_eq!(
            policies("cisa-coordinator, ssvc-supplier"),
            ["cisa:coordinator:2.0.3", "ssvc:supplier:1.0.0"]
        );
        let error = DecisionPolicy::default().with("ssvc").unwrap_err().to_string();
        assert!(
            error.ends_with("medical-strict, certcc-human-impact, ssvc-supplier, cisa-coordinator")
        );
    }

    #[test]
    fn unknown_points_take_their_worst_value() {
        let mut finding = finding("busybox", Some(REMOTE));
        finding.exploitation = Exploitation::PublicPoc;
        let policy = DecisionPolicy::default().with("ssvc-supplier,cisa-coordinator").unwrap();
        let outcomes = |context: Option<&DeviceContext>| {
            let decisions = decide(&finding, context, date(2026, 6, 1), policy);
            let last = decisions.iter().skip(3).map(|one| one.outcome);
            last.collect::<Vec<_>>()
        };
        assert_eq!(outcomes(None), [Outcome::Attend, Outcome::Immediate]);
        let function = HazardousFunction {
            name: "display".into(),
            severity: HarmSeverity::Minor,
            essential_performance: false,
            multi_patient_harm: None,
            components: Vec::new(),
            source: None,
        };
        let context = DeviceContext {
            value_density: Some(ValueDensity::Diffuse),
            mission_and_well_being: Some(MissionAndWellBeing::Low),
            functions: vec![function],
            ..DeviceContext::default()
        };
        assert_eq!(outcomes(Some(&context)), [Outcome::Track, Outcome::OutOfCycle]);
    }
}
