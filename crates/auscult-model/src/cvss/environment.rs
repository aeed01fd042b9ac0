//! The place where a product is used, as overrides of the environmental metrics of any vector.

use std::{fmt, str::FromStr};

use super::{CvssFault, CvssVector, CvssVersion, MetricGroup};

/// Environmental metrics that a hospital states once for a device, such as `CR:H/IR:H/AR:H/MAV:A`:
/// the requirements (CR, IR, AR), and modified base metrics for what stands before the device. It is
/// laid over vectors of every version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CvssEnvironment {
    stated: Vec<(String, String)>,
}

/// A vector in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InEnvironment {
    /// The vector with the overrides.
    pub vector: CvssVector,
    /// Overrides that its version cannot express, as `name:value`; they change nothing. Version 2.0
    /// has no modified metrics.
    pub left_out: Vec<String>,
}

/// Metrics that say the same in 3.x and 4.0.
const SAME: &[(&str, &str)] = &[("MC", "MVC"), ("MI", "MVI"), ("MA", "MVA")];

impl CvssEnvironment {
    /// No overrides.
    pub fn new() -> Self {
        Self::default()
    }

    /// States a metric; a later value replaces an earlier one.
    ///
    /// # Errors
    ///
    /// Where no version has such an environmental metric or such a value of it.
    pub fn state(&mut self, name: &str, value: &str) -> Result<(), CvssFault> {
        let environmental = |version: CvssVersion| {
            let found = version.find(name).map(|(_, metric)| metric);
            let metric = found.filter(|metric| metric.group == MetricGroup::Environmental)?;
            Some((metric.name, metric.values.contains(&value) || value == version.not_defined()))
        };
        let known: Vec<(&'static str, bool)> =
            CvssVersion::ALL.into_iter().filter_map(environmental).collect();
        let Some((metric, _)) = known.first() else {
            return Err(CvssFault::UnknownMetric(name.to_owned()));
        };
        if !known.iter().any(|(_, fits)| *fits) {
            return Err(CvssFault::UnknownValue(metric, value.to_owned()));
        }
        self.stated.retain(|(known, _)| known != name);
        self.stated.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.stated.is_empty()
    }
}

impl FromStr for CvssEnvironment {
    type Err = CvssFault;

    /// Reads `name:value` pairs with slashes between them; an empty text states nothing.
    fn from_str(text: &str) -> Result<Self, CvssFault> {
        let mut environment = Self::new();
        for part in text.trim().split('/').filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once(':').ok_or_else(|| CvssFault::NoMetric(part.to_owned()))?;
            environment.state(name, value)?;
        }
        Ok(environment)
    }
}

impl fmt::Display for CvssEnvironment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.stated.iter().enumerate() {
            write!(formatter, "{}{name}:{value}", if index == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}

impl CvssVector {
    /// Lays an environment over this vector: what is stated replaces what a publisher assumed. What
    /// the version cannot express changes nothing and is told, so that nobody takes it for counted.
    #[must_use]
    pub fn in_environment(&self, environment: &CvssEnvironment) -> InEnvironment {
        let mut vector = *self;
        let mut left_out = Vec::new();
        for (name, value) in &environment.stated {
            let (own, value) = translate(self.version, name, value);
            if vector.set(own, value).is_err() {
                left_out.push(format!("{name}:{value}"));
            }
        }
        InEnvironment { vector, left_out }
    }
}

/// A metric and its value in the words of a version. Both kinds of interaction of 4.0 are "required"
/// in 3.x; the way back is not one value, so there is none.
fn translate<'a>(version: CvssVersion, name: &'a str, value: &'a str) -> (&'a str, &'a str) {
    let v3 = matches!(version, CvssVersion::V3_0 | CvssVersion::V3_1);
    let other = SAME.iter().find_map(|(old, new)| match version {
        CvssVersion::V4 => (*old == name).then_some(*new),
        _ if v3 => (*new == name).then_some(*old),
        _ => None,
    });
    let undefined = matches!(value, "X" | "ND");
    let value = match (name, value) {
        _ if undefined => version.not_defined(),
        ("MUI", "P" | "A") if v3 => "R",
        (_, value) => value,
    };
    (other.unwrap_or(name), value)
}

#[cfg(test)]
mod tests {
    use super::{CvssEnvironment, CvssFault, CvssVector};

    #[test]
    fn overrides_fit_every_version() {
        let hospital: CvssEnvironment = "CR:H/IR:H/AR:H/MAV:A/MVC:H/MUI:P/CDP:H".parse().unwrap();
        for (vector, expected, left_out) in [
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N/E:P/CR:L",
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N/E:P/CR:H/IR:H/AR:H/MAV:A/MUI:R/MC:H",
                vec!["CDP:H"],
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/U:Red",
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N\
                 /CR:H/IR:H/AR:H/MAV:A/MUI:P/MVC:H/U:Red",
                vec!["CDP:H"],
            ),
            (
                "AV:N/AC:L/Au:N/C:P/I:N/A:N",
                "AV:N/AC:L/Au:N/C:P/I:N/A:N/CDP:H/CR:H/IR:H/AR:H",
                vec!["MAV:A", "MVC:H", "MUI:P"],
            ),
        ] {
            let published = CvssVector::parse(vector).unwrap();
            let placed = published.in_environment(&hospital);
            assert_eq!(placed.vector.to_string(), expected);
            assert_eq!(placed.left_out, left_out);
            assert_eq!(placed.vector.scores().base, published.scores().base);
        }
        let none = CvssEnvironment::default();
        let vector = CvssVector::parse("AV:N/AC:L/Au:N/C:P/I:N/A:N").unwrap();
        assert!(none.is_empty() && vector.in_environment(&none).vector == vector);
    }

    #[test]
    fn requirements_move_the_score_both_ways() {
        let vector = CvssVector::parse("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H").unwrap();
        let score = |text: &str| {
            let environment: CvssEnvironment = text.parse().unwrap();
            vector.in_environment(&environment).vector.scores().overall()
        };
        assert_eq!([score(""), score("AR:H"), score("AR:L")], [75, 93, 57]);
        assert_eq!(score("AR:L/AR:X"), 75);
    }

    #[test]
    fn what_no_version_knows_is_refused() {
        let read = |text: &str| text.parse::<CvssEnvironment>().unwrap_err();
        assert_eq!(read("AV:N"), CvssFault::UnknownMetric("AV".to_owned()));
        assert_eq!(read("CR:Q"), CvssFault::UnknownValue("CR", "Q".to_owned()));
        assert_eq!(read("CR"), CvssFault::NoMetric("CR".to_owned()));
    }
}
