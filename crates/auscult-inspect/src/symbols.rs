//! Which releases can a library be of, by the functions that it exports?
//!
//! A library keeps what it exports and adds to it, so each function marks a step in its history.
//! A library that has the marks of a step is not older than it; one that has none of the marks of
//! a later step is older than that, as long as it is whole otherwise: a builder can leave single
//! features out. Neither tells a version, both together tell a range.
//!
//! The histories are data, `symbols/ID.toml`, one file for each rule; `cargo xtask symbols` makes
//! them from packages of several releases of a distribution (`docs/adr/0008-symbol-histories.md`).
//!
//! Not here: names of symbol versions as a loader checks them. `OPENSSL_3.0.1` says what a program
//! needs at least of its library; of the library itself it is one mark among others.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    sync::{LazyLock, OnceLock},
};

use auscult_model::{BinaryFacts, Locator, Sha256};
use serde::{Deserialize, Serialize};

use crate::elf;

/// `(ID, text)` of every history, sorted; written by the build script.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/symbol_files.rs"));

/// Share of a step's marks that must be there for the library to have reached it, in percent, and
/// their least number, or all if it has fewer. A builder may have taken over a single function.
const REACHED_PERCENT: usize = 60;
const PRESENT_MIN: usize = 2;
/// Marks that a step must have for their absence to mean something.
const ABSENT_MIN: usize = 3;
/// Share of the earlier marks that must be there for absence to mean something, in percent: a
/// library with half of its features left out lacks new functions for another reason.
const WHOLE_PERCENT: usize = 80;
/// Marks that are named as evidence for each bound.
const NAMED_MAX: usize = 4;

/// The history of the libraries of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct History {
    /// The id of the component's rule.
    pub id: String,
    /// Its libraries, sorted by stem.
    pub libraries: Vec<Library>,
}

/// The history of one library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Library {
    /// Its soname up to `.so`, such as `libz`.
    pub stem: String,
    /// The releases that were looked at, each in the suites given: `1.2.13 bookworm`.
    pub seen: Vec<String>,
    /// Functions that every release seen has: what lacks them is another library, or a part.
    pub core: Vec<String>,
    /// The steps, oldest first.
    pub steps: Vec<Step>,
}

/// Functions that came in one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// The first release that is known to have them.
    pub since: String,
    /// No release before this one has them. It may lie below `since` by the releases that nobody
    /// looked at.
    pub at_least: String,
    /// Who says so.
    pub source: Source,
    /// Some of the functions, sorted.
    pub symbols: Vec<String>,
}

/// Who says in which release a function came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Upstream, by the name of the symbol version that it gave them.
    Upstream,
    /// The packager, who keeps a list (deb-symbols(5)); the bound is the release packaged before.
    Packager,
    /// The files of two suites, of which one has them and the other has not.
    Files,
}

/// What exports say of a version; at least one bound is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The least release that it can be.
    pub at_least: Option<String>,
    /// The least release that is too high.
    pub below: Option<String>,
    /// The functions that tell so.
    pub detail: String,
}

impl History {
    /// Reads a history.
    ///
    /// # Errors
    /// The text is no TOML or not of this form.
    pub fn from_toml(text: &str) -> Result<Self, Box<toml::de::Error>> {
        toml::from_str(text).map_err(Box::new)
    }

    /// The history that the program carries for the rule with this id.
    pub fn builtin(id: &str) -> Option<&'static Self> {
        static READ: LazyLock<BTreeMap<&str, (&str, Once)>> =
            LazyLock::new(|| FILES.iter().map(|(id, text)| (*id, (*text, Once::new()))).collect());
        let (text, history) = READ.get(id)?;
        // Read when first asked for: most images hold few of these libraries.
        history.get_or_init(|| Self::from_toml(text).ok()).as_ref()
    }

    /// The library of this soname or file name.
    pub fn library(&self, soname: &str) -> Option<&Library> {
        self.libraries.iter().find(|library| library.stem == stem(soname))
    }
}

/// The digest over all histories.
pub(crate) fn digest() -> Sha256 {
    let texts: Vec<u8> = FILES.iter().flat_map(|(_, text)| text.bytes()).collect();
    Sha256::of(&texts)
}

/// A soname or file name up to `.so`: `libz.so.1` is `libz`.
pub fn stem(soname: &str) -> &str {
    soname.split_once(".so").map_or(soname, |(stem, _)| stem)
}

/// A history, once it was read.
type Once = OnceLock<Option<History>>;

/// What the headers of an ELF file tell; none if the bytes are none.
pub fn read_binary(bytes: &[u8]) -> Option<BinaryFacts> {
    elf::read(&Locator::image(), bytes).map(|binary| binary.facts)
}

impl Library {
    /// The releases that a library with these exports can be of; none if they contradict the
    /// history or tell nothing.
    pub fn read(&self, exports: &[String]) -> Option<Reading> {
        let exports: HashSet<&str> = exports.iter().map(String::as_str).collect();
        let has = |name: &&String| exports.contains(name.as_str());
        let count = |step: &Step| step.symbols.iter().filter(has).count();
        let mut marks = self.core.len();
        let mut present = self.core.iter().filter(has).count();
        if !is_whole(present, marks) {
            return None;
        }
        let reached = self.steps.iter().map(|step| {
            let (present, marks) = (count(step), step.symbols.len());
            present >= PRESENT_MIN.min(marks) && present * 100 >= marks * REACHED_PERCENT
        });
        let lower = last_reached(&reached.collect::<Vec<_>>());
        let (past, later) = self.steps.split_at_checked(lower.map_or(0, |at| at + 1))?;
        for step in past {
            marks += step.symbols.len();
            present += count(step);
        }
        // One mark of a later step and not the others: somebody took a single function over.
        let torn = later.iter().any(|step| count(step) > 0);
        let telling = |step: &&Step| {
            step.symbols.iter().map(|name| weight(name)).sum::<usize>() >= ABSENT_MIN
        };
        let upper = later.iter().find(telling).filter(|_| !torn && is_whole(present, marks));
        let lower = lower.and_then(|at| self.steps.get(at));
        if lower.is_none() && upper.is_none() {
            return None;
        }
        let mut parts = Vec::new();
        if let Some(step) = lower {
            let names = step.symbols.iter().filter(has);
            parts.push(format!("exports {} of {}", named(names), step.since));
        }
        if let Some(step) = upper {
            parts.push(format!("lacks {} of {}", named(step.symbols.iter()), step.since));
        }
        Some(Reading {
            at_least: lower.map(|step| step.at_least.clone()),
            below: upper.map(|step| step.since.clone()),
            detail: parts.join(", "),
        })
    }
}

/// The last step of an unbroken row. A packager may have put old functions into a later step, which
/// even an old library seems to have reached; so one step may be missing, as a feature that was
/// left out, only where two behind it are reached.
fn last_reached(reached: &[bool]) -> Option<usize> {
    let mut last = None;
    let at = |index: usize| reached.get(index).copied().unwrap_or(false);
    let mut next = 0;
    loop {
        if at(next) {
            last = Some(next);
            next += 1;
        } else if at(next + 1) && at(next + 2) {
            next += 1;
        } else {
            return last;
        }
    }
}

fn is_whole(present: usize, marks: usize) -> bool {
    present * 100 >= marks * WHOLE_PERCENT
}

/// How much the absence of a name weighs. The name of a symbol version, which a linker exports
/// beside the functions, stands for all functions of that version.
fn weight(name: &str) -> usize {
    if name.contains('.') { ABSENT_MIN } else { 1 }
}

/// The first names of a list, with the number of the others.
fn named<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    let mut text = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{FILES, History, Library, Source, Step};
    use crate::signatures::RuleSet;

    fn library() -> Library {
        let names = |prefix: &str, count: usize| -> Vec<String> {
            (0..count).map(|number| format!("{prefix}_{number}")).collect()
        };
        let step = |since: &str, at_least: &str, count: usize| Step {
            since: since.to_owned(),
            at_least: at_least.to_owned(),
            source: Source::Packager,
            symbols: names(&since.replace('.', "_"), count),
        };
        Library {
            stem: "libdemo".to_owned(),
            seen: Vec::new(),
            core: names("core", 5),
            steps: vec![
                step("1.2", "1.1", 4),
                step("1.4", "1.4", 1),
                step("2.0", "1.9", 2),
                step("2.2", "2.1", 3),
            ],
        }
    }

    /// Bounds of a library with the core and the marks `SINCE:COUNT`.
    fn bounds(core: usize, steps: &[(&str, usize)]) -> Option<(Option<String>, Option<String>)> {
        let library = library();
        let mut exports = library.core[..core].to_vec();
        for (since, count) in steps {
            let step = library.steps.iter().find(|step| step.since == *since).unwrap();
            exports.extend_from_slice(&step.symbols[..*count]);
        }
        library.read(&exports).map(|reading| (reading.at_least, reading.below))
    }

    #[test]
    fn marks_present_and_absent_bound_the_version() {
        let some = |least: Option<&str>, limit: Option<&str>| {
            Some((least.map(str::to_owned), limit.map(str::to_owned)))
        };
        for (core, steps, expect) in [
            (5, &[][..], some(None, Some("1.2"))),
            (5, &[("1.2", 4)], some(Some("1.1"), Some("2.2"))),
            (5, &[("1.2", 4), ("1.4", 1)], some(Some("1.4"), Some("2.2"))),
            (5, &[("1.2", 4), ("1.4", 1), ("2.0", 2), ("2.2", 3)], some(Some("2.1"), None)),
            // A step is missing: a feature, if the library has what came next.
            (5, &[("1.2", 4), ("2.0", 2), ("2.2", 2)], some(Some("2.1"), None)),
            (5, &[("1.2", 4), ("2.2", 3)], some(Some("1.1"), None)),
            // One function of a later release: taken over, or the step is missing.
            (5, &[("1.2", 4), ("2.2", 1)], some(Some("1.1"), None)),
            (5, &[("1.2", 1)], None),
            // Features left out: what is absent tells nothing.
            (5, &[("1.2", 3), ("1.4", 1), ("2.0", 1)], some(Some("1.4"), None)),
            // Another library of that name, or none of its exports.
            (3, &[("1.2", 4)], None),
            (0, &[], None),
        ] {
            assert_eq!(bounds(core, steps), expect, "{core} {steps:?}");
        }
    }

    #[test]
    fn the_functions_are_named() {
        let library = library();
        let exports = [library.core.clone(), library.steps[0].symbols.clone()].concat();
        let detail = library.read(&exports).unwrap().detail;
        assert_eq!(
            detail,
            "exports 1_2_0, 1_2_1, 1_2_2, 1_2_3 of 1.2, lacks 2_2_0, 2_2_1, 2_2_2 of 2.2"
        );
    }

    #[test]
    fn the_histories_are_in_order_and_have_rules() {
        let rules = RuleSet::builtin();
        for (id, text) in FILES {
            let history = History::from_toml(text).unwrap();
            assert_eq!(history.id, *id);
            let rule = rules.rules().iter().find(|rule| rule.id == *id).unwrap();
            let scheme = rule.scheme();
            for library in &history.libraries {
                assert!(!library.core.is_empty() && !library.steps.is_empty(), "{id}");
                for step in &library.steps {
                    let order = auscult_version::compare(scheme, &step.at_least, &step.since);
                    assert!(order.is_some_and(std::cmp::Ordering::is_le), "{id} {step:?}");
                }
                for pair in library.steps.windows(2) {
                    let order = auscult_version::compare(scheme, &pair[0].since, &pair[1].since);
                    assert!(order.is_some_and(std::cmp::Ordering::is_lt), "{id} {pair:?}");
                }
            }
        }
    }
}
