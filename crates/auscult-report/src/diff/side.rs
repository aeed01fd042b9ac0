//! One of the two things that are compared, as lists of what has a name and a value.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use auscult_model::{
    Account, BootEntry, BootState, Facts, Finding, Known, Listener, Operation, Outcome,
    RootOperation, Severity, VersionClaim, VexStatus,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Error, SCAN_SCHEMA, ScanResult,
    json::word,
    rank::{makers, primary, urgency},
};

/// What is there under a name, in words.
pub(crate) type Section = Known<BTreeMap<String, String>>;

/// A finding as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FindingSide {
    pub(crate) component: String,
    pub(crate) version: String,
    pub(crate) status: VexStatus,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) risk: Option<Outcome>,
    pub(crate) severity: Option<Severity>,
    pub(crate) kev: bool,
}

/// An image, a result or an SBOM that is compared with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub(crate) digest: String,
    pub(crate) components: Section,
    /// By id and component.
    pub(crate) findings: Known<BTreeMap<(String, String), FindingSide>>,
    pub(crate) services: Section,
    pub(crate) listeners: Section,
    pub(crate) accounts: Section,
    pub(crate) setuid: Section,
    pub(crate) kernel_options: Section,
}

impl Side {
    /// From a result of this program.
    pub fn of_result(result: &ScanResult) -> Self {
        let facts = &result.facts;
        let mut side = Self::of_operation(&facts.operation);
        side.digest = format!("sha256:{}", facts.input.sha256);
        let mut components = Values::default();
        for component in &facts.components {
            components.note(component.name.clone(), claim(&component.version));
        }
        side.components = Known::Known(components.joined());
        side.findings = result.assessment.as_ref().map(|assessment| {
            let findings = assessment.findings.iter();
            by_key(findings.map(|one| ((one.id.0.clone(), one.component.clone()), finding(one))))
        });
        side.kernel_options = kernel_options(facts);
        side
    }

    /// From a result that was written as JSON (`docs/schema/scan-1.json`).
    ///
    /// # Errors
    /// The text is no result of this program, or of a newer version of the form.
    pub fn of_json(text: &str) -> Result<Self, Error> {
        let document: Value = serde_json::from_str(text)?;
        if document.get("schema").and_then(Value::as_str) != Some(SCAN_SCHEMA) {
            return Err(Error::NoResult);
        }
        let operation = document.get("operation").cloned().unwrap_or(Value::Null);
        let operation: Operation = serde_json::from_value(operation).unwrap_or_default();
        let mut side = Self::of_operation(&operation);
        side.digest = text_at(&document, "/input/digest");
        let mut components = Values::default();
        for one in list(&document, "components") {
            let version = one.get("version").and_then(Value::as_str).unwrap_or("unknown");
            components.note(text_at(one, "/name"), version.to_owned());
        }
        side.components = Known::Known(components.joined());
        let unknown = document.pointer("/coverage/questions_unknown/findings");
        side.findings = match unknown.and_then(Value::as_str) {
            Some(reason) => Known::unknown(reason),
            None => Known::Known(by_key(list(&document, "findings").map(finding_of_json))),
        };
        Ok(side)
    }

    /// The findings that are open, by id and component; unknown where none were sought.
    pub fn open_findings(&self) -> Known<BTreeSet<(String, String)>> {
        self.findings.as_ref().map(|findings| {
            let open = findings.iter().filter(|(_, finding)| finding.status.is_open());
            open.map(|(key, _)| key.clone()).collect()
        })
    }

    fn of_operation(operation: &Operation) -> Self {
        let mut services = Values::default();
        let mut listeners = Values::default();
        let mut accounts = Values::default();
        let mut setuid = Values::default();
        for root in operation.roots() {
            for one in root.boot.known().into_iter().flatten() {
                services.note(format!("{}:{}", word(&one.source), one.name), service(one));
            }
            for one in root.listeners.known().into_iter().flatten() {
                listeners.note(listener_name(one), listener(one));
            }
            for one in root.accounts.known().into_iter().flatten() {
                accounts.note(one.name.clone(), account(one));
            }
            for one in root.setuid.known().into_iter().flatten() {
                let path = one.locator.path().map_or_else(String::new, ToString::to_string);
                let bits = match (one.setuid, one.setgid) {
                    (true, true) => "setuid, setgid",
                    (true, false) => "setuid",
                    _ => "setgid",
                };
                setuid.note(path, bits.to_owned());
            }
        }
        let section = |found: Values, question: fn(&RootOperation) -> Option<&str>| {
            let found = found.joined();
            if !found.is_empty() {
                return Known::Known(found);
            }
            let of_a_root = || operation.roots().iter().find_map(question);
            let reason = operation.roots.reason().or_else(of_a_root);
            reason.map_or(Known::Known(found), Known::unknown)
        };
        Self {
            digest: String::new(),
            components: Known::unknown("not asked"),
            findings: Known::unknown("not asked"),
            services: section(services, |root| root.boot.reason()),
            listeners: section(listeners, |root| root.listeners.reason()),
            accounts: section(accounts, |root| root.accounts.reason()),
            setuid: section(setuid, |root| root.setuid.reason()),
            kernel_options: Known::unknown("a result in JSON does not hold them"),
        }
    }
}

/// Values by name: components, and what several file systems hold, have one name more than once.
#[derive(Default)]
struct Values(BTreeMap<String, BTreeSet<String>>);

impl Values {
    fn note(&mut self, name: String, value: String) {
        self.0.entry(name).or_default().insert(value);
    }

    /// The different values of a name side by side.
    fn joined(self) -> BTreeMap<String, String> {
        let join = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
        self.0.into_iter().map(|(name, values)| (name, join(values))).collect()
    }
}

/// Findings by their key. A component may be there in two versions: what is open stands for both,
/// and of two the more urgent one.
fn by_key(
    findings: impl Iterator<Item = ((String, String), FindingSide)>,
) -> BTreeMap<(String, String), FindingSide> {
    let weight = |one: &FindingSide| {
        (one.status.is_open(), one.outcome.map_or(u8::MAX, urgency), one.kev, one.severity)
    };
    let mut found: BTreeMap<(String, String), FindingSide> = BTreeMap::new();
    for (key, finding) in findings {
        match found.entry(key) {
            Entry::Vacant(place) => drop(place.insert(finding)),
            Entry::Occupied(mut place) if weight(&finding) > weight(place.get()) => {
                place.insert(finding);
            }
            Entry::Occupied(_) => {}
        }
    }
    found
}

fn claim(version: &VersionClaim) -> String {
    version.exact().map_or_else(|| "unknown".to_owned(), |version| version.0.clone())
}

fn finding(one: &Finding) -> FindingSide {
    FindingSide {
        component: one.component.clone(),
        version: one.version.0.clone(),
        status: one.vex.status,
        outcome: primary(one).map(|decision| decision.outcome),
        risk: makers(one).map(|decision| decision.outcome),
        severity: one.severity(),
        kev: one.kev.is_some(),
    }
}

fn finding_of_json(one: &Value) -> ((String, String), FindingSide) {
    let outcome = |wanted: fn(&Value) -> bool| {
        let decision = list(one, "decisions").find(|one| wanted(one))?;
        typed(decision, "/outcome")
    };
    let side = FindingSide {
        component: text_at(one, "/component"),
        version: text_at(one, "/version"),
        // A word that is not known must not hide the finding.
        status: typed(one, "/vex/status").unwrap_or(VexStatus::Affected),
        outcome: outcome(|one| text_at(one, "/policy").starts_with("ssvc:")),
        risk: outcome(|one| text_at(one, "/perspective") == "maker"),
        severity: typed(one, "/severity"),
        kev: one.get("kev").is_some_and(|kev| !kev.is_null()),
    };
    ((text_at(one, "/id"), side.component.clone()), side)
}

/// A value of the model at a place of a document.
fn typed<T: DeserializeOwned>(value: &Value, pointer: &str) -> Option<T> {
    T::deserialize(value.pointer(pointer)?).ok()
}

fn service(one: &BootEntry) -> String {
    let mut words = vec![one.command.clone()];
    words.extend(one.arguments.iter().cloned());
    let user = one.user.as_ref().map_or_else(String::new, |user| format!(" as {user}"));
    let state = match one.state {
        BootState::StartsAtBoot => "starts at boot",
        BootState::OnDemand => "on demand",
        BootState::Disabled => "disabled",
    };
    format!("{state}: {}{user}", words.join(" ").trim())
}

fn listener_name(one: &Listener) -> String {
    let port = one.port.known().map_or_else(|| "?".to_owned(), ToString::to_string);
    format!("{} {port} {}", word(&one.transport), one.name)
}

fn listener(one: &Listener) -> String {
    let address = one.address.known().map_or("any or unknown address", String::as_str);
    let started = one.started.known().map_or_else(|| "unknown".to_owned(), word);
    format!("{address}, {}, started: {started}", word(&one.certainty))
}

fn account(one: &Account) -> String {
    let part = |known: Option<String>| known.unwrap_or_else(|| "unknown".to_owned());
    let uid = part(one.uid.known().map(ToString::to_string));
    let shell = part(one.shell.known().cloned());
    let password = part(one.password.known().map(word));
    let keys = one.authorized_keys.len();
    let keys = if keys == 0 { String::new() } else { format!(", {keys} authorized_keys") };
    format!("uid {uid}, password {password}, shell {shell}{keys}")
}

fn kernel_options(facts: &Facts) -> Section {
    let mut options = BTreeMap::new();
    let mut reason = "no kernel in it".to_owned();
    for kernel in &facts.kernels {
        match &kernel.config {
            Known::Known(config) => options.extend(config.clone()),
            Known::Unknown(why) => reason.clone_from(why),
        }
    }
    Known::from_option(Some(options).filter(|options| !options.is_empty()), reason)
}

fn text_at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
