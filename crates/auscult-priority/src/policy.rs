//! The gate's policy: `--fail-on LIST` and `gate.toml`.

use std::fmt;

use auscult_model::{Outcome, SNAPSHOT_AGE_DAYS_MAX, Severity};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{Error, toml_text};

/// What makes a build fail, and what must be known for it to pass.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// The rules; a build that breaks one fails.
    #[serde(alias = "fail_on")]
    pub fail_on: Vec<Rule>,
    /// Share of the image's content that may stay unread, in percent; padding is no content. The
    /// default is 50: machine code of kernel and boot loader, which no parser consumes, is a quarter
    /// to a third of an image of a small Linux device that was opened entirely, while a root file
    /// system that stayed closed is most of it. Images without a kernel deserve a lower limit.
    #[serde(deserialize_with = "percent")]
    pub unread_max_percent: u8,
    /// Age of the newest affected ranges of the snapshot, and of each source that a rule needs, in
    /// days before the as-of date; 14 by default.
    pub snapshot_max_age_days: u32,
    /// Sources that the snapshot must hold records of, besides those that the rules need.
    pub required_sources: Vec<String>,
    /// Whether a build may hold components of which the snapshot has no record at all. True by
    /// default, as every device holds programs of its own maker; they are listed as `no data`.
    pub allow_no_data: bool,
    /// Whether a build may hold components that the snapshot has advisories for and whose version
    /// is unknown. False by default: nobody can tell which of the advisories apply.
    pub allow_version_unknown: bool,
    /// Findings that are left aside for a time.
    pub ignore: Vec<Ignore>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fail_on: Vec::new(),
            unread_max_percent: 50,
            snapshot_max_age_days: SNAPSHOT_AGE_DAYS_MAX,
            required_sources: Vec::new(),
            allow_no_data: true,
            allow_version_unknown: false,
            ignore: Vec::new(),
        }
    }
}

/// A finding that is left aside, for a reason and for a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ignore {
    /// The advisory, by its id or an alias.
    pub id: String,
    /// Only for this component; for all when it is left out.
    #[serde(default)]
    pub component: Option<String>,
    /// Why; must not be empty.
    #[serde(deserialize_with = "reason")]
    pub reason: String,
    /// From this day on it no longer counts.
    pub expires: Date,
}

impl Policy {
    /// A policy of rules alone, from the words of `--fail-on`.
    ///
    /// # Errors
    /// [`Error::UnknownRule`] and [`Error::NoRule`].
    pub fn fail_on(list: &str) -> Result<Self, Error> {
        let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        let fail_on = words.map(Rule::parse).collect::<Result<Vec<_>, _>>()?;
        if fail_on.is_empty() {
            return Err(Error::NoRule);
        }
        Ok(Self { fail_on, ..Self::default() })
    }

    /// Reads `gate.toml`.
    ///
    /// # Errors
    /// [`Error::Toml`] with the line, the key and the words allowed.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml_text::parse("gate policy", text)
    }
}

/// A rule of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An SSVC outcome of the hospital, this or a worse one.
    Ssvc(Outcome),
    /// A risk that is uncontrolled for the maker (FDA).
    Uncontrolled,
    /// A known exploited vulnerability.
    Kev,
    /// A published severity, this or a worse one. A finding without a published severity counts as
    /// critical: what is unknown never reads as clean.
    Severity(Severity),
    /// A finding that nobody decided about yet.
    Untriaged,
    /// A finding that the baseline does not have.
    New,
    /// An open gap of this severity or a worse one.
    Gap(Severity),
}

impl Rule {
    /// Every word that names a rule.
    pub const WORDS: [&str; 12] = [
        "immediate",
        "out-of-cycle",
        "scheduled",
        "uncontrolled",
        "kev",
        "critical",
        "high",
        "medium",
        "low",
        "untriaged",
        "new",
        "gap:high",
    ];

    /// Reads a word.
    ///
    /// # Errors
    /// [`Error::UnknownRule`], which lists the words.
    pub fn parse(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "immediate" => Self::Ssvc(Outcome::Immediate),
            "out-of-cycle" => Self::Ssvc(Outcome::OutOfCycle),
            "scheduled" => Self::Ssvc(Outcome::Scheduled),
            "uncontrolled" => Self::Uncontrolled,
            "kev" => Self::Kev,
            "critical" => Self::Severity(Severity::Critical),
            "high" => Self::Severity(Severity::High),
            "medium" => Self::Severity(Severity::Medium),
            "low" => Self::Severity(Severity::Low),
            "untriaged" => Self::Untriaged,
            "new" => Self::New,
            "gap:high" => Self::Gap(Severity::High),
            _ => return Err(Error::UnknownRule { word: word.to_owned() }),
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.into_iter().find(|word| Self::parse(word).as_ref() == Ok(self));
        formatter.write_str(word.unwrap_or("rule"))
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let value = i64::deserialize(deserializer)?;
    u8::try_from(value)
        .ok()
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| D::Error::custom(format!("{value} is no percentage from 0 to 100")))
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() {
        return Err(D::Error::custom("an ignored finding needs a reason"));
    }
    Ok(reason)
}

#[cfg(test)]
mod tests {
    use super::{Policy, Rule};

    #[test]
    fn every_word_reads_back() {
        for word in Rule::WORDS {
            assert_eq!(Rule::parse(word).unwrap().to_string(), word);
        }
        let policy = Policy::fail_on("kev, immediate,").unwrap();
        assert_eq!(policy.fail_on, [Rule::Kev, Rule::parse("immediate").unwrap()]);
    }

    #[test]
    fn the_sample_policy_is_complete() {
        let policy = Policy::parse(include_str!("../../../samples/gate.toml")).unwrap();
        assert!(policy.fail_on.contains(&Rule::Kev));
        assert_eq!(policy.ignore.len(), 1);
    }

    #[test]
    fn errors_say_where_and_what_is_allowed() {
        let words = "immediate, out-of-cycle, scheduled, uncontrolled, kev, critical, high, \
                     medium, low, untriaged, new, gap:high";
        let message = Policy::fail_on("kev,severe").unwrap_err().to_string();
        assert_eq!(message, format!("read \"severe\" as a rule: expected one of {words}"));
        assert!(Policy::fail_on(" ,").unwrap_err().to_string().ends_with(words));
        for (text, expected) in [
            (
                "allow-no-data = true\nfail-on = [\n  \"kev\",\n  \"severe\",\n]\n",
                // The line of the key; the word itself is in the message.
                "read the gate policy at line 2: read \"severe\" as a rule: expected one of \
                 immediate",
            ),
            (
                "fail-on = [\"kev\"]\nunread = 3\n",
                "read the gate policy at line 2: unknown field `unread`, expected one of",
            ),
            (
                "unread-max-percent = 300\n",
                "read the gate policy at line 1: 300 is no percentage from 0 to 100",
            ),
            (
                "[[ignore]]\nid = \"CVE-2020-1\"\nreason = \"\"\nexpires = 2027-01-01\n",
                "read the gate policy at line 3: an ignored finding needs a reason",
            ),
            (
                "[[ignore]]\nid = \"CVE-2020-1\"\nreason = \"not built in\"\n",
                "read the gate policy at line 1: missing field `expires`",
            ),
        ] {
            let message = Policy::parse(text).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
