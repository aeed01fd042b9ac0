//! Which packages of Debian tell something about which rule.

use std::{collections::HashMap, fs};

use anyhow::Context as _;
use serde::Deserialize;
use xtask::shell::root;

use crate::debian::Package;

/// Packages of one rule in one archive.
const PER_RULE_MAX: usize = 2;
/// Larger packages take long and tell no more.
const SIZE_MAX: u64 = 12 << 20;
/// Packages that hold no program of the project.
const ASIDE: &[&str] = &[
    "-dev",
    "-doc",
    "-dbg",
    "-dbgsym",
    "-data",
    "-common",
    "-examples",
    "-tests",
    "-locales",
    "-headers",
];
/// Bindings to another language hold calls and not the project's code.
const BINDINGS: &[&str] = &["-java", "-ocaml", "-perl", "-ruby", "-tcl"];
const BINDINGS_BEFORE: &[&str] = &["python3-", "ruby-", "lua-", "php-"];
/// Sources of Debian whose names, or whose packages' names, other projects have as well: rule and
/// source. None of these holds a line of what the rule describes.
const NAMESAKES: &[(&str, &str)] = &[
    ("ace", "golang-github-yosssi-ace"),      // templates in Go
    ("docker", "docker"),                     // a system tray
    ("hackrf", "hackrf"),                     // the host's library; the rule is the firmware
    ("ijg-libjpeg", "libjpeg"),               // the JPEG committee's reference software
    ("mongoose", "suitesparse"),              // splits graphs
    ("ncurses", "golang-github-xo-terminfo"), // reads terminfo in Go
    ("pacman", "pacman"),                     // a game
    ("putty", "plink"),                       // genetics
    ("react", "react"),                       // reactive programming in OCaml
    ("trusted-firmware-a", "atf"),            // automated test framework
    ("zephyr", "zephyr"),                     // messages with Kerberos
];

/// What the oracle needs of a rule.
#[derive(Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    aliases: Vec<String>,
    /// Whether any pattern reads a version; others can only name.
    #[serde(default)]
    patterns: Vec<Pattern>,
}

#[derive(Deserialize)]
struct Pattern {}

impl Rule {
    /// Every name by which packages call it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().chain([&self.name]).map(String::as_str)
    }
}

/// A package and the rule that must find it.
pub(crate) struct Case {
    pub(crate) package: Package,
    pub(crate) rule: String,
    pub(crate) name: String,
}

/// Every rule of the project.
pub(crate) fn rules() -> anyhow::Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for group in fs::read_dir(root().join("crates/auscult-inspect/rules"))?.flatten() {
        if !group.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(group.path())?.flatten() {
            let text = fs::read_to_string(file.path())?;
            let rule = toml::from_str::<Rule>(&text);
            rules.push(rule.with_context(|| format!("read {}", file.path().display()))?);
        }
    }
    rules.retain(|rule| !rule.patterns.is_empty());
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(rules)
}

/// At most [`PER_RULE_MAX`] packages for each rule: those called like it first, then the largest.
pub(crate) fn cases(packages: &[Package], rules: &[Rule]) -> Vec<Case> {
    let mut by_name: HashMap<&str, &Rule> = HashMap::new();
    for rule in rules {
        for name in rule.names() {
            by_name.insert(name, rule);
        }
    }
    let mut found: HashMap<&str, Vec<&Package>> = HashMap::new();
    for package in packages.iter().filter(|package| is_telling(package)) {
        let rule = by_name.get(package.source.as_str()).or_else(|| by_name.get(&*package.name));
        if let Some(rule) = rule
            && !NAMESAKES.contains(&(rule.id.as_str(), package.source.as_str()))
            && (rule.id == "python" || !is_binding(&package.name))
        {
            found.entry(&rule.id).or_default().push(package);
        }
    }
    let mut cases = Vec::new();
    for rule in rules {
        let Some(packages) = found.get_mut(rule.id.as_str()) else { continue };
        let called = |package: &Package| {
            let name = &package.name;
            *name == rule.name || rule.aliases.contains(name) || stem(name) == rule.name
        };
        packages.sort_by_key(|package| {
            (!called(package), std::cmp::Reverse(package.size), package.name.clone())
        });
        packages.dedup_by(|one, other| one.name == other.name);
        cases.extend(packages.iter().take(PER_RULE_MAX).map(|&package| Case {
            package: package.clone(),
            rule: rule.id.clone(),
            name: rule.name.clone(),
        }));
    }
    cases
}

fn is_telling(package: &Package) -> bool {
    package.architecture != "all"
        && package.size <= SIZE_MAX
        && !ASIDE.iter().any(|end| package.name.ends_with(end))
}

fn is_binding(package: &str) -> bool {
    BINDINGS.iter().any(|end| package.ends_with(end))
        || BINDINGS_BEFORE.iter().any(|start| package.starts_with(start))
}

/// `libexpat1` is `libexpat`.
fn stem(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'))
}
