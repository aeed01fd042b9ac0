//! What a build does: who may sign in, what starts, what listens, what runs with its owner's rights.
//!
//! Taken from the facts in words that do not depend on where a file system lies in an image, so that
//! an image and a directory can be compared.

use std::collections::BTreeSet;

use auscult_model::{ByteName, Facts, Known, Locator, RootOperation};
use serde::{Deserialize, Serialize};

/// One thing that is expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expectation {
    /// Its name: the account, the entry, the socket, the file.
    pub name: String,
    /// What it is in full.
    pub what: String,
    /// The file that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<ByteName>,
}

/// Everything that is expected; unknown where the facts do not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Who may sign in; never a hash of a password.
    pub accounts: Known<Vec<Expectation>>,
    /// What starts.
    pub startup: Known<Vec<Expectation>>,
    /// What listens on the network.
    pub listeners: Known<Vec<Expectation>>,
    /// What runs with the rights of its owner or group.
    pub setuid: Known<Vec<Expectation>>,
}

impl Behaviour {
    /// A behaviour of which nothing is known.
    pub fn unknown(why: &str) -> Self {
        Self {
            accounts: Known::unknown(why),
            startup: Known::unknown(why),
            listeners: Known::unknown(why),
            setuid: Known::unknown(why),
        }
    }

    /// The behaviour that facts tell, of all roots together.
    pub fn of(facts: &Facts) -> Self {
        let roots = match &facts.operation.roots {
            Known::Known(roots) => roots,
            Known::Unknown(why) => return Self::unknown(why),
        };
        Self {
            accounts: gather(roots, |root| list(&root.accounts, account)),
            startup: gather(roots, |root| list(&root.boot, startup)),
            listeners: gather(roots, |root| list(&root.listeners, listener)),
            setuid: gather(roots, |root| list(&root.setuid, setuid)),
        }
    }

    /// The four lists with what one item of each is called.
    pub(crate) fn lists(&self) -> [(&'static str, &Known<Vec<Expectation>>); 4] {
        [
            ("account", &self.accounts),
            ("start-up entry", &self.startup),
            ("listener", &self.listeners),
            ("setuid file", &self.setuid),
        ]
    }
}

fn list<T>(known: &Known<Vec<T>>, say: fn(&T) -> Expectation) -> Known<Vec<Expectation>> {
    known.as_ref().map(|items| items.iter().map(say).collect())
}

/// The lists of all roots together; known where one of them is.
fn gather(
    roots: &[RootOperation],
    of: impl Fn(&RootOperation) -> Known<Vec<Expectation>>,
) -> Known<Vec<Expectation>> {
    let mut all = BTreeSet::new();
    let mut reason = Some("no root file system was found".to_owned());
    for root in roots {
        match of(root) {
            Known::Known(items) => {
                all.extend(items);
                reason = None;
            }
            Known::Unknown(why) if all.is_empty() => reason = reason.map(|_| why),
            Known::Unknown(_) => {}
        }
    }
    reason.map_or_else(|| Known::Known(all.into_iter().collect()), Known::Unknown)
}

fn path(locator: &Locator) -> Option<ByteName> {
    locator.path().cloned()
}

fn word<T: ToString>(known: &Known<T>) -> String {
    known.known().map_or_else(|| "?".to_owned(), ToString::to_string)
}

/// A value as its serialised form names it.
fn name<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn account(account: &auscult_model::Account) -> Expectation {
    let password = account.password.known().map_or_else(|| "?".to_owned(), name);
    let what = format!(
        "uid {}, shell {}, password {password}, {} files of keys",
        word(&account.uid),
        word(&account.shell),
        account.authorized_keys.len(),
    );
    Expectation { name: account.name.clone(), what, path: path(&account.locator) }
}

fn startup(entry: &auscult_model::BootEntry) -> Expectation {
    let what = format!(
        "{} {} as {} ({}, {})",
        entry.command,
        entry.arguments.join(" "),
        entry.user.as_deref().unwrap_or("root"),
        name(&entry.source),
        name(&entry.state),
    );
    let path = path(&entry.configuration);
    Expectation { name: entry.name.clone(), what, path }
}

fn listener(listener: &auscult_model::Listener) -> Expectation {
    let (address, socket) = (word(&listener.address), listener.socket());
    let what = format!("{} on {address} ({})", listener.name, name(&listener.certainty));
    Expectation { name: format!("{socket} {}", listener.name), what, path: path(&listener.locator) }
}

fn setuid(file: &auscult_model::SetuidFile) -> Expectation {
    let what = format!(
        "setuid {}, setgid {}, owner {}:{}",
        file.setuid,
        file.setgid,
        word(&file.user),
        word(&file.group)
    );
    let path = path(&file.locator);
    let name = path.as_ref().map(ToString::to_string).unwrap_or_default();
    Expectation { name, what, path }
}
