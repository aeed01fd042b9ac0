//! The metrics of each version of CVSS, in the order in which a vector lists them.

/// What a metric speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetricGroup {
    /// What does not change with time or place; must be given.
    Base,
    /// Exploitation and remedies as they stand: temporal, in 4.0 threat.
    Temporal,
    /// The place where the product is used.
    Environmental,
    /// Further facts of 4.0, without effect on the score.
    Supplemental,
}

/// A metric with the values that it takes. "Not defined" is not listed.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) group: MetricGroup,
    pub(super) values: &'static [&'static str],
}

/// Most metrics of a version.
pub(super) const METRICS_MAX: usize = 32;

const fn metric(name: &'static str, group: MetricGroup, values: &'static [&'static str]) -> Metric {
    Metric { name, group, values }
}

use MetricGroup::{Base, Environmental, Supplemental, Temporal};

/// "Complete Guide" 2.0, section 2.4, table 13.
pub(super) const VERSION_2: &[Metric] = &[
    metric("AV", Base, &["L", "A", "N"]),
    metric("AC", Base, &["H", "M", "L"]),
    metric("Au", Base, &["M", "S", "N"]),
    metric("C", Base, &["N", "P", "C"]),
    metric("I", Base, &["N", "P", "C"]),
    metric("A", Base, &["N", "P", "C"]),
    metric("E", Temporal, &["U", "POC", "F", "H"]),
    metric("RL", Temporal, &["OF", "TF", "W", "U"]),
    metric("RC", Temporal, &["UC", "UR", "C"]),
    metric("CDP", Environmental, &["N", "L", "LM", "MH", "H"]),
    metric("TD", Environmental, &["N", "L", "M", "H"]),
    metric("CR", Environmental, LEVELS),
    metric("IR", Environmental, LEVELS),
    metric("AR", Environmental, LEVELS),
];

/// "Specification Document" 3.1, section 6, table 15; 3.0 has the same.
pub(super) const VERSION_3: &[Metric] = &[
    metric("AV", Base, &["N", "A", "L", "P"]),
    metric("AC", Base, &["L", "H"]),
    metric("PR", Base, &["N", "L", "H"]),
    metric("UI", Base, &["N", "R"]),
    metric("S", Base, &["U", "C"]),
    metric("C", Base, IMPACTS),
    metric("I", Base, IMPACTS),
    metric("A", Base, IMPACTS),
    metric("E", Temporal, &["H", "F", "P", "U"]),
    metric("RL", Temporal, &["U", "W", "T", "O"]),
    metric("RC", Temporal, &["C", "R", "U"]),
    metric("CR", Environmental, LEVELS),
    metric("IR", Environmental, LEVELS),
    metric("AR", Environmental, LEVELS),
    metric("MAV", Environmental, &["N", "A", "L", "P"]),
    metric("MAC", Environmental, &["L", "H"]),
    metric("MPR", Environmental, &["N", "L", "H"]),
    metric("MUI", Environmental, &["N", "R"]),
    metric("MS", Environmental, &["U", "C"]),
    metric("MC", Environmental, IMPACTS),
    metric("MI", Environmental, IMPACTS),
    metric("MA", Environmental, IMPACTS),
];

/// "Specification Document" 4.0, section 7, table 23.
pub(super) const VERSION_4: &[Metric] = &[
    metric("AV", Base, &["N", "A", "L", "P"]),
    metric("AC", Base, &["L", "H"]),
    metric("AT", Base, &["N", "P"]),
    metric("PR", Base, &["N", "L", "H"]),
    metric("UI", Base, &["N", "P", "A"]),
    metric("VC", Base, IMPACTS),
    metric("VI", Base, IMPACTS),
    metric("VA", Base, IMPACTS),
    metric("SC", Base, IMPACTS),
    metric("SI", Base, IMPACTS),
    metric("SA", Base, IMPACTS),
    metric("E", Temporal, &["A", "P", "U"]),
    metric("CR", Environmental, LEVELS),
    metric("IR", Environmental, LEVELS),
    metric("AR", Environmental, LEVELS),
    metric("MAV", Environmental, &["N", "A", "L", "P"]),
    metric("MAC", Environmental, &["L", "H"]),
    metric("MAT", Environmental, &["N", "P"]),
    metric("MPR", Environmental, &["N", "L", "H"]),
    metric("MUI", Environmental, &["N", "P", "A"]),
    metric("MVC", Environmental, IMPACTS),
    metric("MVI", Environmental, IMPACTS),
    metric("MVA", Environmental, IMPACTS),
    metric("MSC", Environmental, IMPACTS),
    metric("MSI", Environmental, &["S", "H", "L", "N"]),
    metric("MSA", Environmental, &["S", "H", "L", "N"]),
    metric("S", Supplemental, &["N", "P"]),
    metric("AU", Supplemental, &["N", "Y"]),
    metric("R", Supplemental, &["A", "U", "I"]),
    metric("V", Supplemental, &["D", "C"]),
    metric("RE", Supplemental, &["L", "M", "H"]),
    metric("U", Supplemental, &["Clear", "Green", "Amber", "Red"]),
];

const LEVELS: &[&str] = &["H", "M", "L"];
const IMPACTS: &[&str] = &["H", "L", "N"];

#[cfg(test)]
mod tests {
    use super::{METRICS_MAX, VERSION_2, VERSION_3, VERSION_4};

    #[test]
    fn all_metrics_have_a_place() {
        let counts = [VERSION_2, VERSION_3, VERSION_4].map(<[_]>::len);
        assert_eq!(counts, [14, 22, METRICS_MAX]);
    }
}
