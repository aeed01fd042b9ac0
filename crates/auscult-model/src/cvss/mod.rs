//! CVSS 2.0, 3.0, 3.1 and 4.0: vectors with all their metrics, every score, and the overrides of the
//! place where a product is used.
//!
//! It stands in the model because reports, priorities and feeds all speak of it, and the priority
//! crate knows nothing but the model. Scores are whole tenths and are computed without binary
//! fractions, so that no machine or order of operations moves one by a tenth.

mod decimal;
mod environment;
mod metrics;
mod v2;
mod v3;
mod v4;

use std::{fmt, str::FromStr};

use metrics::{METRICS_MAX, Metric, VERSION_2, VERSION_3, VERSION_4};

pub use environment::{CvssEnvironment, InEnvironment};
pub use metrics::MetricGroup;

use crate::Severity;

/// Longest text that is read, in bytes; a full vector of 4.0 has about 220.
const BYTES_MAX: usize = 1024;

/// A version of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CvssVersion {
    /// 2.0.
    V2,
    /// 3.0.
    V3_0,
    /// 3.1.
    V3_1,
    /// 4.0.
    V4,
}

impl CvssVersion {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::V2, Self::V3_0, Self::V3_1, Self::V4];

    /// What its vectors begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::V2 => "",
            Self::V3_0 => "CVSS:3.0/",
            Self::V3_1 => "CVSS:3.1/",
            Self::V4 => "CVSS:4.0/",
        }
    }

    /// How the standard counts it: `3.1`.
    pub fn number(self) -> &'static str {
        match self {
            Self::V2 => "2.0",
            Self::V3_0 => "3.0",
            Self::V3_1 => "3.1",
            Self::V4 => "4.0",
        }
    }

    /// The rating of a score in tenths. Version 2.0 defines none; the ranges of NVD are used, which
    /// has neither "none" nor "critical".
    pub fn severity(self, tenths: u8) -> Severity {
        match (self, tenths) {
            (Self::V2, 0..=39) => Severity::Low,
            (Self::V2, 70..) => Severity::High,
            _ => Severity::of_tenths(tenths),
        }
    }

    fn metrics(self) -> &'static [Metric] {
        match self {
            Self::V2 => VERSION_2,
            Self::V3_0 | Self::V3_1 => VERSION_3,
            Self::V4 => VERSION_4,
        }
    }

    fn not_defined(self) -> &'static str {
        if self == Self::V2 { "ND" } else { "X" }
    }

    fn find(self, name: &str) -> Option<(usize, &'static Metric)> {
        self.metrics().iter().enumerate().find(|(_, metric)| metric.name == name)
    }
}

/// Why a text is no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read {vector:?} as a CVSS vector: {fault}")]
pub struct InvalidVector {
    /// What was given; cut where it is long.
    pub vector: String,
    /// What is wrong with it.
    pub fault: CvssFault,
}

/// What is wrong with a vector or a metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CvssFault {
    /// It begins with a version that does not exist or is too long.
    #[error("it is of no known version")]
    Version,
    /// A part is not `name:value`.
    #[error("{0:?} is no metric with a value")]
    NoMetric(String),
    /// The version has no such metric.
    #[error("there is no metric {0:?}")]
    UnknownMetric(String),
    /// The metric has no such value.
    #[error("the metric {0} has no value {1:?}")]
    UnknownValue(&'static str, String),
    /// A metric is given twice.
    #[error("the metric {0} stands twice")]
    Twice(&'static str),
    /// A metric that every vector has is missing.
    #[error("the metric {0} is missing")]
    Missing(&'static str),
    /// Metrics of 2.0 and 4.0 have a fixed order.
    #[error("the metric {0} stands too late")]
    Order(&'static str),
}

/// A vector: a value for each base metric, and for others where they are defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CvssVector {
    version: CvssVersion,
    /// Place of the value in the list of its metric plus one; 0 is "not defined".
    chosen: [u8; METRICS_MAX],
}

/// The scores of a vector in tenths. A score stands only where the vector defines a metric of its
/// group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scores {
    /// From the base metrics alone (CVSS-B).
    pub base: u8,
    /// With exploitation and remedies as they stand (CVSS-BT).
    pub temporal: Option<u8>,
    /// With the place of use, and with exploitation where it is defined (CVSS-BE, CVSS-BTE).
    pub environmental: Option<u8>,
}

impl Scores {
    /// The score that takes everything the vector says into account.
    pub fn overall(self) -> u8 {
        self.environmental.or(self.temporal).unwrap_or(self.base)
    }
}

/// What a score of version 4.0 was made from (section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nomenclature {
    /// CVSS-B: base metrics.
    Base,
    /// CVSS-BT: and threat metrics.
    BaseThreat,
    /// CVSS-BE: base and environmental metrics.
    BaseEnvironmental,
    /// CVSS-BTE: all three.
    BaseThreatEnvironmental,
}

impl fmt::Display for Nomenclature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Base => "CVSS-B",
            Self::BaseThreat => "CVSS-BT",
            Self::BaseEnvironmental => "CVSS-BE",
            Self::BaseThreatEnvironmental => "CVSS-BTE",
        })
    }
}

impl CvssVector {
    /// Reads a vector. Its metrics may stand in any order, as they often do in records, and blanks
    /// around it say nothing.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn parse(text: &str) -> Result<Self, InvalidVector> {
        let vector = text.trim();
        // Records of 2.0 put the vector in parentheses at times (section 2.4 does not).
        let inner = vector.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
        let bare = inner.filter(|inner| !inner.starts_with("CVSS:")).unwrap_or(vector);
        read(bare).map(|(vector, _)| vector).map_err(|fault| invalid(text, fault))
    }

    /// Reads a vector that must follow the standard to the letter: nothing stands around it, and in
    /// 2.0 and 4.0 the metrics have a fixed order (2.0 section 2.4, 4.0 section 7); in 3.0 and 3.1
    /// any is valid.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn parse_strict(text: &str) -> Result<Self, InvalidVector> {
        match read(text) {
            Ok((vector, Some(late)))
                if matches!(vector.version, CvssVersion::V2 | CvssVersion::V4) =>
            {
                Err(invalid(text, CvssFault::Order(late)))
            }
            Ok((vector, _)) => Ok(vector),
            Err(fault) => Err(invalid(text, fault)),
        }
    }

    /// Its version.
    pub fn version(&self) -> CvssVersion {
        self.version
    }

    /// The value of a metric; `None` where it is not defined or does not exist.
    pub fn get(&self, metric: &str) -> Option<&'static str> {
        let (at, metric) = self.version.find(metric)?;
        let place = self.chosen.get(at)?.checked_sub(1)?;
        metric.values.get(usize::from(place)).copied()
    }

    /// Gives a metric another value, or `X` (in 2.0 `ND`) for none.
    ///
    /// # Errors
    ///
    /// Where the version has no such metric or value, or a base metric would get none.
    pub fn set(&mut self, metric: &str, value: &str) -> Result<(), CvssFault> {
        self.choose(metric, value).map(|_| ())
    }

    /// As [`Self::set`]; gives the metric with its place.
    fn choose(&mut self, metric: &str, value: &str) -> Result<(usize, &'static Metric), CvssFault> {
        let unknown = || CvssFault::UnknownMetric(metric.to_owned());
        let (at, metric) = self.version.find(metric).ok_or_else(unknown)?;
        let place = metric.values.iter().position(|known| *known == value);
        let chosen = match place.and_then(|place| u8::try_from(place + 1).ok()) {
            Some(chosen) => chosen,
            None if value == self.version.not_defined() && metric.group != MetricGroup::Base => 0,
            None => return Err(CvssFault::UnknownValue(metric.name, value.to_owned())),
        };
        if let Some(slot) = self.chosen.get_mut(at) {
            *slot = chosen;
        }
        Ok((at, metric))
    }

    /// The metrics that are defined, in the order of the standard: group, name, value.
    pub fn metrics(&self) -> impl Iterator<Item = (MetricGroup, &'static str, &'static str)> {
        let metrics = self.version.metrics().iter().zip(self.chosen);
        metrics.filter_map(|(metric, chosen)| {
            let value = metric.values.get(usize::from(chosen.checked_sub(1)?))?;
            Some((metric.group, metric.name, *value))
        })
    }

    fn has(&self, group: MetricGroup) -> bool {
        self.metrics().any(|(known, ..)| known == group)
    }

    fn has_temporal(&self) -> bool {
        self.has(MetricGroup::Temporal)
    }

    fn has_environmental(&self) -> bool {
        self.has(MetricGroup::Environmental)
    }

    /// All its scores.
    pub fn scores(&self) -> Scores {
        match self.version {
            CvssVersion::V2 => v2::scores(self),
            CvssVersion::V3_0 | CvssVersion::V3_1 => v3::scores(self),
            CvssVersion::V4 => v4::scores(self),
        }
    }

    /// The environmental equation, in tenths, whether or not the vector defines a metric of that
    /// group. In 3.1 it is another one than the base equation where the scope changes, so that it
    /// can be a tenth off the temporal score though nothing is defined; some publish that number.
    pub fn environmental_equation(&self) -> u8 {
        match self.version {
            CvssVersion::V2 => v2::environmental(self),
            CvssVersion::V3_0 | CvssVersion::V3_1 => v3::environmental(self),
            CvssVersion::V4 => v4::environmental(self),
        }
    }

    /// What the overall score was made from; only 4.0 has names for it.
    pub fn nomenclature(&self) -> Option<Nomenclature> {
        let groups = (self.has_temporal(), self.has_environmental());
        (self.version == CvssVersion::V4).then_some(match groups {
            (false, false) => Nomenclature::Base,
            (true, false) => Nomenclature::BaseThreat,
            (false, true) => Nomenclature::BaseEnvironmental,
            (true, true) => Nomenclature::BaseThreatEnvironmental,
        })
    }
}

impl fmt::Display for CvssVector {
    /// The canonical text: the standard's order, without what is not defined.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.version.prefix())?;
        for (index, (_, name, value)) in self.metrics().enumerate() {
            write!(formatter, "{}{name}:{value}", if index == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}

impl FromStr for CvssVector {
    type Err = InvalidVector;

    fn from_str(text: &str) -> Result<Self, InvalidVector> {
        Self::parse(text)
    }
}

fn invalid(text: &str, fault: CvssFault) -> InvalidVector {
    InvalidVector { vector: text.chars().take(200).collect(), fault }
}

/// Reads a vector, and tells the first metric that stands behind one of a later place.
fn read(text: &str) -> Result<(CvssVector, Option<&'static str>), CvssFault> {
    if text.len() > BYTES_MAX {
        return Err(CvssFault::Version);
    }
    let prefixed = [CvssVersion::V4, CvssVersion::V3_1, CvssVersion::V3_0]
        .into_iter()
        .find_map(|version| Some((version, text.strip_prefix(version.prefix())?)));
    let (version, metrics) = match prefixed {
        Some(found) => found,
        None if text.starts_with("CVSS:") => return Err(CvssFault::Version),
        None => (CvssVersion::V2, text),
    };
    let mut vector = CvssVector { version, chosen: [0; METRICS_MAX] };
    let (mut seen, mut highest, mut late) = ([false; METRICS_MAX], 0, None);
    for part in metrics.split('/') {
        let (name, value) =
            part.split_once(':').ok_or_else(|| CvssFault::NoMetric(part.to_owned()))?;
        let (at, metric) = vector.choose(name, value)?;
        if seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true)) {
            return Err(CvssFault::Twice(metric.name));
        }
        if at < highest {
            late = late.or(Some(metric.name));
        }
        highest = highest.max(at);
    }
    let base = version.metrics().iter().filter(|metric| metric.group == MetricGroup::Base);
    match base.map(|metric| metric.name).find(|name| vector.get(name).is_none()) {
        Some(missing) => Err(CvssFault::Missing(missing)),
        None => Ok((vector, late)),
    }
}

#[cfg(test)]
mod tests {
    use super::{CvssFault, CvssVector, CvssVersion, MetricGroup, Nomenclature};
    use crate::Severity;

    const V4: &str = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";

    #[test]
    fn vectors_become_canonical() {
        for (text, canonical) in [
            ("(AV:N/AC:L/Au:N/C:N/I:N/A:C)", "AV:N/AC:L/Au:N/C:N/I:N/A:C"),
            ("AV:N/AC:L/Au:N/C:N/I:N/A:C/TD:ND", "AV:N/AC:L/Au:N/C:N/I:N/A:C"),
            (
                "CVSS:3.1/S:U/E:X/A:H/MAV:L/I:H/C:H/UI:N/PR:N/AC:L/AV:N/RC:C",
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/RC:C/MAV:L",
            ),
            (&format!("{V4}/U:Clear/S:P"), &format!("{V4}/S:P/U:Clear")),
        ] {
            let vector = CvssVector::parse(text).unwrap();
            assert_eq!(vector.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(vector));
            CvssVector::parse_strict(canonical).unwrap();
        }
        let late = CvssVector::parse_strict(&format!("{V4}/U:Clear/S:P")).unwrap_err();
        assert_eq!(late.fault, CvssFault::Order("S"));
        CvssVector::parse_strict("CVSS:3.1/S:U/AV:N/AC:L/PR:N/UI:N/C:H/I:H/A:H").unwrap();
    }

    #[test]
    fn only_records_may_put_something_around_a_vector() {
        let v2 = "AV:N/AC:L/Au:N/C:N/I:N/A:C";
        for (record, vector) in [
            (format!("({v2})"), v2),
            (format!(" {v2}"), v2),
            (format!("\t({v2})\n"), v2),
            (format!("{V4}\n"), V4),
        ] {
            assert_eq!(CvssVector::parse(&record), CvssVector::parse_strict(vector), "{record:?}");
            CvssVector::parse_strict(&record).unwrap_err();
        }
        // Parentheses are a habit of 2.0 alone.
        CvssVector::parse(&format!("({V4})")).unwrap_err();
    }

    #[test]
    fn faults_are_named() {
        let part = |text: &str| text.to_owned();
        for (text, fault) in [
            ("", CvssFault::NoMetric(part(""))),
            ("CVSS:5.0/AV:N", CvssFault::Version),
            ("CVSS:3.1/AV:N", CvssFault::Missing("AC")),
            ("CVSS:3.1/AV:X", CvssFault::UnknownValue("AV", part("X"))),
            ("CVSS:3.1/AV:N/AV:N", CvssFault::Twice("AV")),
            ("CVSS:3.1/Au:N", CvssFault::UnknownMetric(part("Au"))),
            ("CVSS:3.0/AV:N/", CvssFault::NoMetric(part(""))),
            ("CVSS:4.0/MSC:S", CvssFault::UnknownValue("MSC", part("S"))),
        ] {
            assert_eq!(CvssVector::parse(text).unwrap_err().fault, fault, "{text}");
        }
        let long = format!("CVSS:3.1/{}", "AV:N/".repeat(1000));
        assert_eq!(CvssVector::parse(&long).unwrap_err().fault, CvssFault::Version);
    }

    #[test]
    fn groups_give_the_scores_their_names() {
        for (more, name, overall) in [
            ("", Nomenclature::Base, 93),
            ("/E:U", Nomenclature::BaseThreat, 81),
            ("/MAV:L", Nomenclature::BaseEnvironmental, 86),
            ("/E:P/CR:L", Nomenclature::BaseThreatEnvironmental, 88),
            ("/S:P/AU:Y/R:I/V:C/RE:H/U:Red", Nomenclature::Base, 93),
        ] {
            let vector = CvssVector::parse(&format!("{V4}{more}")).unwrap();
            assert_eq!(vector.nomenclature(), Some(name), "{more}");
            assert_eq!(vector.scores().base, 93);
            assert_eq!(vector.scores().overall(), overall, "{more}");
        }
        let kept = CvssVector::parse(&format!("{V4}/AU:Y/U:Red")).unwrap();
        assert_eq!((kept.get("U"), kept.get("S")), (Some("Red"), None));
        let last = kept.metrics().last().unwrap();
        assert_eq!(last, (MetricGroup::Supplemental, "U", "Red"));
    }

    #[test]
    fn ratings_are_those_of_each_version() {
        use Severity::{Critical, High, Low, Medium, None};
        let tenths = [0, 39, 40, 69, 70, 89, 90, 100];
        assert_eq!(
            tenths.map(|tenths| CvssVersion::V3_1.severity(tenths)),
            [None, Low, Medium, Medium, High, High, Critical, Critical]
        );
        assert_eq!(
            tenths.map(|tenths| CvssVersion::V2.severity(tenths)),
            [Low, Low, Medium, Medium, High, High, High, High]
        );
    }
}
