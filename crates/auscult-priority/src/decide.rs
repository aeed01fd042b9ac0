//! Decisions about one finding, from the perspectives of the hospital and of the maker.
//!
//! * Hospital: SSVC Deployer 1.0.0 (CERT/CC) and CISA BOD 26-04 with its date.
//! * Maker: controlled / uncontrolled risk of the FDA's postmarket guidance (2016), by the default
//!   matrix of this crate. Exploitability comes from three facts in a table: what is known of
//!   exploitation, how near an attacker must come (CVSS attack vector, bounded by the exposure,
//!   declared and measured), and how many obstacles stand in the way (CVSS complexity, privileges and
//!   interaction, one each). EPSS and base scores decide nothing, as the FDA refuses probability.
//!
//! Dates count from the as-of date of the result: the day on which the reader learns of the finding.
//! CISA's own catalogue dates are not used; BOD 26-04 replaced them by these timelines.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use auscult_model::{DeviceContext, Finding, Outcome, Perspective, RiskDecision, SnapshotInfo};
use jiff::{ToSpan as _, civil::Date};

use crate::answers::{self, Answer};
use crate::given::Given;
use crate::ladder::Ladder;
use crate::table::{
    BOD_26_04, DEPLOYER, EXPLOITABILITY, FDA_MATRIX, HUMAN_IMPACT_CERTCC, HUMAN_IMPACT_STRICT,
    Table,
};
use crate::{Error, exposure, further};

/// FDA: days until customers are told, interim controls stand and a plan exists.
pub const FDA_COMMUNICATION_DAYS: i64 = 30;
/// FDA: days until the fix is validated and distributed.
pub const FDA_REMEDIATION_DAYS: i64 = 60;

/// Choices that change decisions; recorded with the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionPolicy {
    /// Which human impact table SSVC uses.
    pub human_impact: HumanImpactPolicy,
    /// Whether the catalogue of known exploited vulnerabilities was consulted. If not, no finding
    /// counts as unexploited.
    pub kev_consulted: bool,
    /// Whether CERT/CC's table for suppliers answers beside the FDA's matrix.
    pub supplier: bool,
    /// Whether CISA's tree of the coordinator answers beside SSVC Deployer.
    pub coordinator: bool,
}

/// The two readings of SSVC human impact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HumanImpactPolicy {
    /// The stricter value where CERT/CC's table and definitions contradict each other.
    #[default]
    MedicalStrict,
    /// CERT/CC's table 1.0.0 as it stands.
    CertccTable100,
}

impl Default for DecisionPolicy {
    fn default() -> Self {
        Self {
            human_impact: HumanImpactPolicy::default(),
            kev_consulted: true,
            supplier: false,
            coordinator: false,
        }
    }
}

impl DecisionPolicy {
    /// The words that choose tables.
    pub const WORDS: [&str; 4] =
        ["medical-strict", "certcc-human-impact", "ssvc-supplier", "cisa-coordinator"];

    /// The same, with the tables that a list of words chooses.
    ///
    /// # Errors
    /// [`Error::UnknownTable`], which lists the words.
    pub fn with(mut self, list: &str) -> Result<Self, Error> {
        for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "medical-strict" => self.human_impact = HumanImpactPolicy::MedicalStrict,
                "certcc-human-impact" => self.human_impact = HumanImpactPolicy::CertccTable100,
                "ssvc-supplier" => self.supplier = true,
                "cisa-coordinator" => self.coordinator = true,
                _ => return Err(Error::UnknownTable { word: word.to_owned() }),
            }
        }
        Ok(self)
    }

    /// The same, with what this snapshot can answer.
    #[must_use]
    pub fn for_snapshot(self, snapshot: Option<&SnapshotInfo>) -> Self {
        let sources = snapshot.map_or(&[][..], |snapshot| &snapshot.sources);
        let kev_consulted = sources.iter().any(|source| source.name == "kev" && source.records > 0);
        Self { kev_consulted, ..self }
    }
}

/// Tells whether a finding is open: not shown to be inapplicable or repaired. This is the only
/// place that says so; decisions and the gate both ask here.
pub fn needs_decision(finding: &Finding) -> bool {
    finding.vex.status.is_open()
}

/// Decides about a finding from every perspective; nothing for one that needs no decision.
pub fn decide(
    finding: &Finding,
    context: Option<&DeviceContext>,
    as_of: Date,
    policy: DecisionPolicy,
) -> Vec<RiskDecision> {
    Decider::new(context, as_of, policy).decide(finding)
}

/// Decides about many findings of one device. What was decided once is remembered: of thousands of
/// findings only few give answers that no other gave.
#[derive(Debug)]
pub struct Decider<'a> {
    context: Option<&'a DeviceContext>,
    as_of: Date,
    policy: DecisionPolicy,
    ladder: Ladder,
    decided: Mutex<HashMap<Given, Vec<RiskDecision>>>,
}

impl<'a> Decider<'a> {
    /// Takes what is the same for all findings.
    pub fn new(context: Option<&'a DeviceContext>, as_of: Date, policy: DecisionPolicy) -> Self {
        let ladder = Ladder::of(context, as_of);
        Self { context, as_of, policy, ladder, decided: Mutex::default() }
    }

    /// Decides about a finding from every perspective; nothing for one that needs no decision.
    pub fn decide(&self, finding: &Finding) -> Vec<RiskDecision> {
        if !needs_decision(finding) {
            return Vec::new();
        }
        let given = Given::of(finding, self.context);
        let decided = || self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        let known = decided().get(&given).cloned();
        let mut decisions = known.unwrap_or_else(|| {
            // Others may decide meanwhile, about the same too: the first answer is shared.
            let made = self.all(&given);
            decided().entry(given).or_insert(made).clone()
        });
        // The hospital's own comes first, and alone says what can be done.
        if let Some(deployer) = decisions.first_mut() {
            deployer.action = Some(self.ladder.action(finding));
        }
        decisions
    }

    fn all(&self, given: &Given) -> Vec<RiskDecision> {
        let mut decisions = vec![self.deployer(given), self.bod_26_04(given), self.maker(given)];
        if self.policy.coordinator {
            decisions.push(further::coordinator(given, self.context, self.policy));
        }
        if self.policy.supplier {
            decisions.push(further::supplier(given, self.context, self.policy));
        }
        decisions
    }

    /// The hospital's decision, without what can be done.
    fn deployer(&self, given: &Given) -> RiskDecision {
        let human_impact = match self.policy.human_impact {
            HumanImpactPolicy::MedicalStrict => &*HUMAN_IMPACT_STRICT,
            HumanImpactPolicy::CertccTable100 => &*HUMAN_IMPACT_CERTCC,
        };
        let questions = [
            Question::of(&DEPLOYER, answers::exploitation(given, self.policy)),
            Question::of(&DEPLOYER, exposure::on_site(given.exposure(), self.context, self.as_of)),
            Question::of(&DEPLOYER, answers::automatable(given)),
            Question::of(human_impact, answers::safety_impact(given, self.context)),
            Question::of(human_impact, answers::mission_impact(self.context)),
        ];
        let evaluate = |values: &[&str; 5]| {
            let [exploitation, exposure, automatable, safety, mission] = *values;
            let impact = answer_of(human_impact, &[safety, mission]);
            outcome_of(&DEPLOYER, &[exploitation, exposure, automatable, impact])
        };
        let [.., safety, mission] = &questions;
        let impact = Answer::derived(
            "human-impact",
            answer_of(human_impact, &[safety.answer.value, mission.answer.value]),
            human_impact.policy,
            &[&safety.answer, &mission.answer],
        );
        let (outcome, would_change) = judge(&questions, evaluate);
        let steps = questions.iter().map(|question| &question.answer).chain([&impact]);
        RiskDecision {
            perspective: Perspective::Hospital,
            policy: DEPLOYER.policy.into(),
            outcome,
            due: None,
            path: steps.map(Answer::step).collect(),
            would_change: would_change.into(),
            action: None,
        }
    }

    fn bod_26_04(&self, given: &Given) -> RiskDecision {
        let questions = [
            Question::of(&BOD_26_04, answers::in_kev(given, self.policy)),
            Question::of(&BOD_26_04, answers::publicly_exposed(self.context)),
            Question::of(&BOD_26_04, answers::automatable(given)),
            Question::of(&BOD_26_04, answers::technical_impact(given)),
        ];
        let (outcome, would_change) = judge(&questions, |values| outcome_of(&BOD_26_04, values));
        let days = match outcome {
            Outcome::Within60Days => Some(60),
            Outcome::Within14Days => Some(14),
            Outcome::Within3Days | Outcome::Within3DaysForensic => Some(3),
            _ => None,
        };
        RiskDecision {
            perspective: Perspective::Hospital,
            policy: BOD_26_04.policy.into(),
            outcome,
            due: days.map(|days| later(self.as_of, days)),
            path: questions.iter().map(|question| question.answer.step()).collect(),
            would_change: would_change.into(),
            action: None,
        }
    }

    /// The maker's decision. An uncontrolled risk is due after [`FDA_COMMUNICATION_DAYS`], the first
    /// of the two clocks of the guidance.
    fn maker(&self, given: &Given) -> RiskDecision {
        const EXPOSURES: &[&str] = &["small", "controlled", "open"];
        let reaches = EXPLOITABILITY.values_of("attack-reach");
        let exposure = exposure::by_design(given.exposure(), self.context);
        let questions = [
            Question::of(&EXPLOITABILITY, answers::exploitation(given, self.policy)),
            Question { values: reaches, answer: answers::attack_vector(given) },
            Question { values: EXPOSURES, answer: exposure },
            Question::of(&EXPLOITABILITY, answers::obstacles(given)),
            Question::of(&FDA_MATRIX, answers::severity(given, self.context)),
        ];
        let exploitability = |values: &[&str; 5]| {
            let [exploitation, vector, exposure, obstacles, _] = *values;
            let reach = answers::attack_reach(vector, exposure);
            answer_of(&EXPLOITABILITY, &[exploitation, reach, obstacles])
        };
        let evaluate = |values: &[&str; 5]| match values.last() {
            // "Controlled" is a statement about harm; nobody made it yet.
            Some(&"unassessed") | None => Outcome::Uncontrolled,
            Some(severity) => outcome_of(&FDA_MATRIX, &[exploitability(values), severity]),
        };
        let [exploitation, vector, exposure, obstacles, severity] =
            questions.each_ref().map(|question| &question.answer);
        let level = Answer::derived(
            "exploitability",
            exploitability(&questions.each_ref().map(|question| question.answer.value)),
            EXPLOITABILITY.policy,
            &[exploitation, vector, exposure, obstacles],
        );
        let (outcome, would_change) = judge(&questions, evaluate);
        let uncontrolled = outcome == Outcome::Uncontrolled;
        let steps = [exploitation, vector, exposure, obstacles, &level, severity];
        RiskDecision {
            perspective: Perspective::Maker,
            policy: FDA_MATRIX.policy.into(),
            outcome,
            due: uncontrolled.then(|| later(self.as_of, FDA_COMMUNICATION_DAYS)),
            path: steps.into_iter().map(Answer::step).collect(),
            would_change: would_change.into(),
            action: None,
        }
    }
}

/// An answer and the values that could stand in its place.
pub(crate) struct Question<'a> {
    values: &'a [&'static str],
    pub(crate) answer: Answer,
}

impl<'a> Question<'a> {
    pub(crate) fn of(table: &'a Table, answer: Answer) -> Self {
        Self { values: table.values_of(answer.point), answer }
    }

    /// What would have to be otherwise in the build for a value that is lower than the answer.
    fn remedy(&self, value: &str) -> String {
        let rank = |value| self.values.iter().position(|known| *known == value);
        match &self.answer.remedy {
            Some(remedy) if rank(value) < rank(self.answer.value) => {
                format!(", which needs that {remedy}")
            }
            _ => String::new(),
        }
    }
}

/// The outcome, and a sentence for every single other answer that would give another one. The
/// table is really asked again for each.
pub(crate) fn judge<const N: usize>(
    questions: &[Question<'_>; N],
    evaluate: impl Fn(&[&str; N]) -> Outcome,
) -> (Outcome, Vec<String>) {
    let given = questions.each_ref().map(|question| question.answer.value);
    let outcome = evaluate(&given);
    let mut would_change = Vec::new();
    for (at, question) in questions.iter().enumerate() {
        for value in question.values {
            let mut changed = given;
            if let Some(place) = changed.get_mut(at) {
                *place = value;
            }
            let other = evaluate(&changed);
            if other != outcome {
                let point = question.answer.point;
                let remedy = question.remedy(value);
                would_change.push(format!(
                    "{} -> {} if {point} were {value}{remedy}",
                    word(outcome),
                    word(other)
                ));
            }
        }
    }
    (outcome, would_change)
}

#[expect(clippy::expect_used, reason = "tables are total and answers come from their own words")]
pub(crate) fn answer_of(table: &Table, answers: &[&str]) -> &'static str {
    table.look_up(answers).expect("invariant: a table answers every combination of its values")
}

pub(crate) fn outcome_of(table: &Table, answers: &[&str]) -> Outcome {
    match answer_of(table, answers) {
        "defer" => Outcome::Defer,
        "scheduled" => Outcome::Scheduled,
        "out-of-cycle" => Outcome::OutOfCycle,
        "immediate" => Outcome::Immediate,
        "fix-on-system-upgrade" => Outcome::FixOnSystemUpgrade,
        "within-60-days" => Outcome::Within60Days,
        "within-14-days" => Outcome::Within14Days,
        "within-3-days" => Outcome::Within3Days,
        "within-3-days-forensic" => Outcome::Within3DaysForensic,
        "controlled" => Outcome::Controlled,
        "uncontrolled" => Outcome::Uncontrolled,
        "track" => Outcome::Track,
        "track*" => Outcome::TrackClosely,
        "attend" => Outcome::Attend,
        "act" => Outcome::Act,
        other => unreachable!("invariant: {other} is no outcome of a table"),
    }
}

/// The wire name of an outcome.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Defer => "defer",
        Outcome::Scheduled => "scheduled",
        Outcome::OutOfCycle => "out-of-cycle",
        Outcome::Immediate => "immediate",
        Outcome::FixOnSystemUpgrade => "fix-on-system-upgrade",
        Outcome::Within60Days => "within-60-days",
        Outcome::Within14Days => "within-14-days",
        Outcome::Within3Days => "within-3-days",
        Outcome::Within3DaysForensic => "within-3-days-forensic",
        Outcome::Controlled => "controlled",
        Outcome::Uncontrolled => "uncontrolled",
        Outcome::Track => "track",
        Outcome::TrackClosely => "track*",
        Outcome::Attend => "attend",
        Outcome::Act => "act",
    }
}

fn later(as_of: Date, days: i64) -> Date {
    as_of.saturating_add(days.days())
}

#[cfg(test)]
#[path = "decide_tests.rs"]
pub(crate) mod tests;
