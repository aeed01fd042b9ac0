//! The verdict of a gate: pass, fail or inconclusive, with every reason.
//!
//! The rules that lead to a verdict are the business of `auscult-priority`; exit codes are that of
//! the command line.

use serde::{Deserialize, Serialize};

/// The answer of a gate about one build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The answer.
    pub outcome: VerdictOutcome,
    /// What led to it, failures first; empty when it passed.
    pub reasons: Vec<VerdictReason>,
}

/// The three answers of a gate. The order is that of precedence: a failure outweighs what could
/// not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictOutcome {
    /// Every rule was judged and none was broken.
    Pass,
    /// Something that a rule needs is unknown.
    Inconclusive,
    /// A rule is broken.
    Fail,
}

/// One rule that was broken or could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReason {
    /// What this reason alone makes of the verdict: `fail` or `inconclusive`.
    pub outcome: VerdictOutcome,
    /// The rule in the words of the policy: `immediate`, `kev`, `snapshot-max-age-days`, … .
    pub rule: String,
    /// What was found, as a sentence for people.
    pub text: String,
    /// The findings concerned, as `ID component version`, sorted; empty where none is.
    pub findings: Vec<String>,
}

impl Verdict {
    /// Builds the verdict from its reasons: the gravest decides, none means that it passed.
    pub fn from_reasons(mut reasons: Vec<VerdictReason>) -> Self {
        // A stable sort keeps the order of the policy among equals.
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.outcome));
        let outcome = reasons.first().map_or(VerdictOutcome::Pass, |reason| reason.outcome);
        Self { outcome, reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, VerdictOutcome, VerdictReason};

    fn reason(outcome: VerdictOutcome) -> VerdictReason {
        VerdictReason {
            outcome,
            rule: "kev".into(),
            text: "1 finding".into(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn failure_outweighs_doubt_and_doubt_outweighs_pass() {
        use VerdictOutcome::{Fail, Inconclusive, Pass};
        for (reasons, expected) in [
            (vec![], Pass),
            (vec![Inconclusive], Inconclusive),
            (vec![Inconclusive, Fail, Inconclusive], Fail),
        ] {
            let verdict = Verdict::from_reasons(reasons.into_iter().map(reason).collect());
            assert_eq!(verdict.outcome, expected);
        }
    }

    #[test]
    fn wire_words_are_those_of_the_contract() {
        let words = [VerdictOutcome::Pass, VerdictOutcome::Fail, VerdictOutcome::Inconclusive]
            .map(|outcome| serde_json::to_string(&outcome).unwrap());
        assert_eq!(words, [r#""pass""#, r#""fail""#, r#""inconclusive""#]);
    }
}
