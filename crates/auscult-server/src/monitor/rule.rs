//! Rules: who wants to be told what, how soon, and by which way.

use auscult_model::Outcome;
use auscult_report::urgency;
use auscult_store::ProductId;
use jiff::{SignedDuration, Timestamp, Unit, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::told::{Difference, Kind};
use crate::problem::{Answer, Problem};

/// Addresses of a rule.
const ADDRESSES_MAX: usize = 50;

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Whether anybody is told.
    #[serde(default = "yes")]
    pub(crate) is_active: bool,
    /// Kinds of changes that are told.
    #[serde(default = "worse")]
    pub(crate) changes: Vec<Kind>,
    /// Only of findings that ask for this or more: `immediate`, `out-of-cycle` or `scheduled`. Of all
    /// where nothing is said. What nobody decided counts as the most urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_least: Option<String>,
    /// Whether to tell of a build whose verdict changed, and of one that was judged for the first time.
    #[serde(default = "yes")]
    pub(crate) verdicts: bool,
    /// Ids of products; of all where none is named.
    #[serde(default)]
    pub(crate) products: Vec<String>,
    /// Only of builds that a device is known to run.
    #[serde(default)]
    pub(crate) with_devices: bool,
    /// How soon.
    #[serde(default)]
    pub(crate) when: When,
    /// By which way.
    pub(crate) way: Way,
}

/// How soon people are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum When {
    /// Within a minute.
    AtOnce,
    /// What came together in an hour.
    Hourly,
    /// What came together in a day, at six in the morning (UTC).
    #[default]
    Daily,
}

/// By which way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Way {
    /// A mail.
    Mail {
        /// Addresses.
        to: Vec<String>,
    },
    /// A signed request to a program.
    Webhook {
        /// Where it listens, `https:`.
        url: String,
        /// What signs it; made here, and told once.
        #[serde(default)]
        secret: String,
        /// Certificates that are trusted in place of the public ones, PEM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    },
}

fn yes() -> bool {
    true
}

fn worse() -> Vec<Kind> {
    vec![Kind::New, Kind::Exploited, Kind::Reopened, Kind::Rescored]
}

impl When {
    pub(crate) const ALL: [Self; 3] = [Self::AtOnce, Self::Hourly, Self::Daily];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::AtOnce => "at-once",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
        }
    }

    /// The last moment for telling that is not after `now`.
    fn last_slot(self, now: Timestamp) -> Timestamp {
        const SIX: SignedDuration = SignedDuration::from_hours(6);
        let floor = |time: Timestamp, unit| {
            let civil = TimeZone::UTC.to_datetime(time);
            let floored = civil.round(
                jiff::civil::DateTimeRound::new().smallest(unit).mode(jiff::RoundMode::Floor),
            );
            let floored = floored.ok().and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok());
            floored.unwrap_or(time)
        };
        match self {
            Self::AtOnce => floor(now, Unit::Minute),
            Self::Hourly => floor(now, Unit::Hour),
            Self::Daily => floor(now - SIX, Unit::Day) + SIX,
        }
    }

    /// The moment for which people are to be told now of what was seen first at `since`; none while it
    /// is too early.
    pub(crate) fn due(self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let slot = self.last_slot(now);
        (self == Self::AtOnce || slot >= since).then_some(slot)
    }
}

/// The urgency of a word for `at_least`.
fn threshold(word: &str) -> Option<u8> {
    match word {
        "immediate" => Some(urgency(Outcome::Immediate)),
        "out-of-cycle" => Some(urgency(Outcome::OutOfCycle)),
        "scheduled" => Some(urgency(Outcome::Scheduled)),
        _ => None,
    }
}

impl Rule {
    /// One of which nothing is said but its way.
    pub(crate) fn by(way: Way) -> Self {
        Self {
            is_active: yes(),
            changes: worse(),
            at_least: None,
            verdicts: yes(),
            products: Vec::new(),
            with_devices: false,
            when: When::default(),
            way,
        }
    }

    pub(crate) fn read(body: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
    }

    pub(crate) fn text(&self) -> Answer<String> {
        serde_json::to_string(self).map_err(|error| Problem::internal("write a rule", &error))
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Answer<()> {
        if let Some(word) = &self.at_least
            && threshold(word).is_none()
        {
            let detail = format!("`at_least` is {word:?}");
            return Err(Problem::invalid(detail).hint("immediate, out-of-cycle or scheduled"));
        }
        for product in &self.products {
            product.parse::<ProductId>().map_err(|_| Problem::not_found("product"))?;
        }
        if self.changes.is_empty() && !self.verdicts {
            return Err(Problem::invalid("the rule tells nobody anything: choose what to tell"));
        }
        match &self.way {
            Way::Mail { to } => check_addresses(to),
            Way::Webhook { url, ca, .. } => crate::outbound::check(url, ca.as_deref()),
        }
    }

    /// Whether anything of this is to be told.
    pub(crate) fn wants(&self, product: ProductId, changes: &Difference) -> bool {
        let is_product = self.products.is_empty()
            || self.products.iter().any(|text| *text == product.to_string());
        let is_verdict = self.verdicts && (changes.is_first() || changes.is_another_verdict());
        self.is_active
            && is_product
            && (is_verdict || changes.changes.iter().any(|change| self.tells(change)))
    }

    /// Whether a change is to be told.
    pub(crate) fn tells(&self, change: &super::told::Change) -> bool {
        let least = self.at_least.as_deref().and_then(threshold).unwrap_or(0);
        self.changes.contains(&change.kind) && change.urgency >= least
    }
}

fn check_addresses(to: &[String]) -> Answer<()> {
    if to.is_empty() || to.len() > ADDRESSES_MAX {
        return Err(Problem::invalid(format!("a mail has 1 to {ADDRESSES_MAX} addresses")));
    }
    for address in to {
        super::mail::check_address(address)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::When;

    #[test]
    fn people_are_told_when_they_asked_for_it() {
        let check = |when: When, since: &str, now: &str, expect: Option<&str>| {
            let due = when.due(since.parse().unwrap(), now.parse().unwrap());
            assert_eq!(due.map(|due| due.to_string()).as_deref(), expect, "{when:?} {since} {now}");
        };
        let seen = "2026-11-27T05:59:30Z";
        check(When::AtOnce, seen, "2026-11-27T05:59:31Z", Some("2026-11-27T05:59:00Z"));
        check(When::Hourly, seen, "2026-11-27T05:59:59Z", None);
        check(When::Hourly, seen, "2026-11-27T06:00:01Z", Some("2026-11-27T06:00:00Z"));
        check(When::Daily, seen, "2026-11-27T05:59:59Z", None);
        check(When::Daily, seen, "2026-11-27T06:00:00Z", Some("2026-11-27T06:00:00Z"));
        check(When::Daily, "2026-11-27T06:00:01Z", "2026-11-28T05:00:00Z", None);
        check(
            When::Daily,
            "2026-11-27T06:00:01Z",
            "2026-11-28T07:00:00Z",
            Some("2026-11-28T06:00:00Z"),
        );
        // After days without power, once.
        check(When::Daily, seen, "2026-12-05T01:00:00Z", Some("2026-12-04T06:00:00Z"));
    }
}
