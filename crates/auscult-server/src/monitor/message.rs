//! What a rule's people are told: everything that is pending, put together by vulnerability.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
};

use auscult_store::{BuildId, Event, OrganisationId, ProductId, RuleId, Within};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    rule::Rule,
    told::{Change, Difference},
};
use crate::{access::SignInSettings, fleet::DeviceCounts, problem::Answer, state::App};

/// Vulnerabilities that a mail names; the others are counted.
const NAMED_MAX: usize = 100;
/// Builds that are named with each.
const BUILDS_MAX: usize = 5;

/// What is told.
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    /// `auscult.changes`, or `auscult.test`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) rule: String,
    pub(crate) at: String,
    /// The most urgent first.
    pub(crate) vulnerabilities: Vec<Told>,
    /// Builds whose verdict is new.
    pub(crate) verdicts: Vec<Judged>,
    /// Changes that are too many to be named; they are on the page of each build.
    pub(crate) more: usize,
    /// Devices of which nobody knows the build: each may have any of this.
    pub(crate) devices_of_unknown_build: u64,
    /// Where to look.
    pub(crate) url: String,
}

/// A vulnerability that changed for some builds.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) changes: BTreeSet<&'static str>,
    pub(crate) outcome: String,
    #[serde(skip)]
    urgency: u8,
    pub(crate) known_exploited: bool,
    pub(crate) components: BTreeSet<String>,
    pub(crate) builds: Vec<BuildName>,
    /// Devices that are known to run one of them.
    pub(crate) devices: u64,
    pub(crate) url: String,
}

/// A build by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BuildName {
    pub(crate) id: String,
    pub(crate) product: String,
    pub(crate) label: String,
}

/// A build whose verdict is new.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    pub(crate) build: BuildName,
    pub(crate) verdict: String,
    /// None where it was judged for the first time.
    pub(crate) before: Option<String>,
    pub(crate) open: usize,
    pub(crate) devices: u64,
    pub(crate) url: String,
}

/// What is asked of the store for a message.
struct Known {
    products: HashMap<ProductId, String>,
    devices: DeviceCounts,
    origin: String,
}

impl Known {
    async fn of(app: &App, organisation: OrganisationId) -> Answer<Self> {
        Ok(Self {
            products: crate::fleet::products(app, organisation, Within::ALL).await?,
            devices: DeviceCounts::of(app, organisation, Within::ALL).await?,
            origin: origin(app, organisation).await?,
        })
    }

    fn devices(&self, build: BuildId) -> u64 {
        self.devices.running(build)
    }

    fn name(&self, build: BuildId, changes: &Difference) -> BuildName {
        BuildName {
            id: build.to_string(),
            product: self.products.get(&changes.product).cloned().unwrap_or_default(),
            label: changes.label.clone(),
        }
    }
}

/// Where people reach this server, wherever it listens.
async fn origin(app: &App, organisation: OrganisationId) -> Answer<String> {
    Ok(SignInSettings::of(app, organisation).await?.origin(app))
}

impl Message {
    /// One that says nothing, to see whether it arrives.
    pub(crate) async fn test(
        app: &App,
        organisation: OrganisationId,
        rule: &str,
        now: Timestamp,
    ) -> Answer<Self> {
        let origin = origin(app, organisation).await?;
        Ok(Self::empty("auscult.test", &origin, rule, now))
    }

    fn empty(kind: &'static str, origin: &str, rule: &str, now: Timestamp) -> Self {
        Self {
            kind,
            rule: rule.to_owned(),
            at: now.to_string(),
            vulnerabilities: Vec::new(),
            verdicts: Vec::new(),
            more: 0,
            devices_of_unknown_build: 0,
            url: format!("{origin}/events"),
        }
    }

    /// Puts events together; none where a rule wants nothing of them.
    pub(crate) async fn of(
        app: &App,
        organisation: OrganisationId,
        (name, rule): (&str, &Rule),
        events: &[Event],
        now: Timestamp,
    ) -> Answer<Option<Self>> {
        let known = Known::of(app, organisation).await?;
        let mut message = Self::empty("auscult.changes", &known.origin, name, now);
        let mut told: BTreeMap<String, Told> = BTreeMap::new();
        for event in events {
            if rule.with_devices && known.devices(event.build) == 0 {
                continue;
            }
            let changes = Difference::read(&event.body)?;
            if rule.verdicts && (changes.is_first() || changes.is_another_verdict()) {
                message.verdicts.push(Judged::of(&known, event.build, &changes));
            }
            for change in changes.changes.iter().filter(|change| rule.tells(change)) {
                let one = told.entry(change.id.clone());
                let one = one.or_insert_with(|| Told::of(&known, change));
                one.add(&known, event.build, &changes, change);
            }
            message.more += changes.more;
        }
        message.vulnerabilities = told.into_values().collect();
        message
            .vulnerabilities
            .sort_by_key(|one| (std::cmp::Reverse(one.urgency), !one.known_exploited));
        message.devices_of_unknown_build = known.devices.of_unknown_build();
        let is_empty =
            message.vulnerabilities.is_empty() && message.verdicts.is_empty() && message.more == 0;
        Ok((!is_empty).then_some(message))
    }

    /// The line that stands in a list of mails.
    pub(crate) fn subject(&self) -> String {
        let Some(first) = self.vulnerabilities.first() else {
            return match (self.kind, self.verdicts.as_slice()) {
                ("auscult.test", _) => format!("auscult: a test of the rule {}", self.rule),
                (_, [one]) => {
                    format!("auscult: {} {} {}", one.build.product, one.build.label, one.verdict)
                }
                (_, all) => format!("auscult: {} builds were judged", all.len()),
            };
        };
        let rest = self.vulnerabilities.len() - 1;
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let exploited = if first.known_exploited { ", exploited" } else { "" };
        let devices = first.devices;
        format!("auscult: {}{more} ({}{exploited}, {devices} devices)", first.id, first.outcome)
    }

    /// The text of a mail.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes whatever is written to it.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if self.kind == "auscult.test" {
            writeln!(text, "This is a test. Whoever reads it is told by the rule {}.", self.rule)?;
        }
        for one in self.vulnerabilities.iter().take(NAMED_MAX) {
            one.write(text)?;
        }
        let unnamed = self.vulnerabilities.len().saturating_sub(NAMED_MAX);
        if unnamed > 0 {
            writeln!(text, "And {unnamed} more vulnerabilities.\n")?;
        }
        if !self.verdicts.is_empty() {
            writeln!(text, "Verdicts")?;
        }
        for one in self.verdicts.iter().take(NAMED_MAX) {
            let before = one.before.as_ref();
            let before = before
                .map_or("judged for the first time".to_owned(), |word| format!("before: {word}"));
            let BuildName { product, label, .. } = &one.build;
            writeln!(text, "  {product} {label}: {} ({before}), {} open", one.verdict, one.open)?;
            writeln!(text, "    {}", one.url)?;
        }
        if self.more > 0 {
            writeln!(text, "\n{} more changes are on the pages of the builds.", self.more)?;
        }
        if self.devices_of_unknown_build > 0 {
            let count = self.devices_of_unknown_build;
            writeln!(
                text,
                "\nOf {count} devices the build is unknown: each may have any of this."
            )?;
        }
        writeln!(text, "\nAll changes: {}\nYou get this by the rule: {}", self.url, self.rule)
    }
}

impl Told {
    fn of(known: &Known, change: &Change) -> Self {
        let url = format!("{}/where-used?q={}", known.origin, crate::pages::escaped(&change.id));
        Self {
            id: change.id.clone(),
            changes: BTreeSet::new(),
            outcome: change.outcome.clone(),
            urgency: change.urgency,
            known_exploited: false,
            components: BTreeSet::new(),
            builds: Vec::new(),
            devices: 0,
            url,
        }
    }

    fn add(&mut self, known: &Known, build: BuildId, changes: &Difference, change: &Change) {
        self.changes.insert(change.kind.word());
        self.known_exploited |= change.known_exploited;
        if change.urgency > self.urgency {
            self.urgency = change.urgency;
            self.outcome.clone_from(&change.outcome);
        }
        self.components.insert(format!("{} {}", change.component, change.version));
        let name = known.name(build, changes);
        if !self.builds.contains(&name) {
            self.builds.push(name);
            self.devices += known.devices(build);
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let exploited = if self.known_exploited { ", known to be exploited" } else { "" };
        let changes: Vec<&str> = self.changes.iter().copied().collect();
        writeln!(text, "{}: {}{exploited} ({})", self.id, self.outcome, changes.join(", "))?;
        let components: Vec<&str> = self.components.iter().map(String::as_str).collect();
        writeln!(text, "  in {}", components.join(", "))?;
        let named = self.builds.iter().take(BUILDS_MAX);
        let named: Vec<String> =
            named.map(|one| format!("{} {}", one.product, one.label)).collect();
        let rest = self.builds.len().saturating_sub(BUILDS_MAX);
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        writeln!(text, "  {} devices of {}{more}", self.devices, named.join(", "))?;
        writeln!(text, "  {}\n", self.url)
    }
}

impl Judged {
    fn of(known: &Known, build: BuildId, changes: &Difference) -> Self {
        Self {
            build: known.name(build, changes),
            verdict: changes.verdict.clone(),
            before: changes.verdict_before.clone(),
            open: changes.open,
            devices: known.devices(build),
            url: format!("{}/builds/{build}", known.origin),
        }
    }
}

/// The id under which a receiver can tell that it got a message before: of the same events it is the same.
pub(crate) fn id_of(rule: RuleId, events: &[Event]) -> String {
    let mut text = rule.to_string();
    for event in events {
        let _ = write!(text, " {}", event.id);
    }
    format!("msg_{}", auscult_model::Sha256::of(text.as_bytes()))
}
