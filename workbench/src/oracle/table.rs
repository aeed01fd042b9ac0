//! The result as Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::score::{Outcome, Verdict};

/// Counts of one archive, or of all.
#[derive(Default)]
struct Row {
    packages: usize,
    exact: usize,
    named: usize,
    missed: usize,
    wrong: usize,
    literal: usize,
    literal_exact: usize,
}

impl Row {
    fn add(&mut self, outcome: &Outcome) {
        self.packages += 1;
        let exact = matches!(outcome.verdict, Verdict::Exact);
        match outcome.verdict {
            Verdict::Exact => self.exact += 1,
            Verdict::Named => self.named += 1,
            Verdict::Missed => self.missed += 1,
            Verdict::Wrong(_) => self.wrong += 1,
        }
        if outcome.literal {
            self.literal += 1;
            self.literal_exact += usize::from(exact);
        }
    }

    fn line(&self, name: &str) -> String {
        let percent = |part: usize, whole: usize| {
            let tenths = part * 1000 / whole.max(1);
            format!("{}.{} %", tenths / 10, tenths % 10)
        };
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} of {} ({}) |",
            self.packages,
            self.exact,
            percent(self.exact, self.packages),
            self.named,
            self.missed,
            self.wrong,
            self.literal_exact,
            self.literal,
            percent(self.literal_exact, self.literal),
        )
    }
}

const HEAD: &str = "\
# What the rules find in Debian's packages

Made by `cargo xtask oracle --write`. Each package is unpacked, its documentation and database are
left out, and the folder is scanned; the truth is the version of its source package. *Named*: the
right component without an exact version. The last column counts the packages in whose binaries the
version stands as text.

| archive | packages | exact | | named | missed | wrong | exact where the version is text |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

/// The whole page.
pub(super) fn of(outcomes: &[Outcome]) -> String {
    let outcomes: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.binary).collect();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut total = Row::default();
    for outcome in &outcomes {
        rows.entry(&outcome.archive).or_default().add(outcome);
        total.add(outcome);
    }
    let mut text = HEAD.to_owned();
    for (archive, row) in &rows {
        let _ = writeln!(text, "{}", row.line(archive));
    }
    let _ = writeln!(text, "{}", total.line("all"));
    text.push_str(&section("Wrong versions", &outcomes, |outcome| match &outcome.verdict {
        Verdict::Wrong(versions) => Some(format!("{versions} for {}", outcome.truth)),
        _ => None,
    }));
    text.push_str(&section("Missed", &outcomes, |outcome| {
        matches!(outcome.verdict, Verdict::Missed).then(|| outcome.truth.clone())
    }));
    text.push_str(&section("Named without the version", &outcomes, |outcome| {
        let text = if outcome.literal { " (stands in a binary)" } else { "" };
        matches!(outcome.verdict, Verdict::Named).then(|| format!("{}{text}", outcome.truth))
    }));
    text.push_str(&others(&outcomes));
    text
}

/// Packages for which something is to be told, one line for each rule and package.
fn section(
    title: &str,
    outcomes: &[&Outcome],
    told: impl Fn(&Outcome) -> Option<String>,
) -> String {
    let mut lines: BTreeMap<(&str, &str), BTreeSet<(String, &str)>> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(what) = told(outcome) {
            let line = lines.entry((&outcome.rule, &outcome.package)).or_default();
            line.insert((what, &outcome.archive));
        }
    }
    let mut text = format!("\n## {title}\n\n");
    if lines.is_empty() {
        text.push_str("None.\n");
    }
    for ((rule, package), cases) in lines {
        let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (what, archive) in &cases {
            by_text.entry(what).or_default().push(archive);
        }
        let cases: Vec<String> = by_text
            .iter()
            .map(|(what, archives)| format!("{what}: {}", archives.join(" ")))
            .collect();
        let _ = writeln!(text, "- {rule}, {package}: {}", cases.join("; "));
    }
    text
}

/// Other components with exact versions: copies inside, or false.
fn others(outcomes: &[&Outcome]) -> String {
    let mut seen: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for outcome in outcomes {
        for other in &outcome.others {
            seen.entry(other).or_default().insert(&outcome.package);
        }
    }
    let mut text = "\n## Other components told with a version\n\n".to_owned();
    for (other, packages) in seen {
        let packages: Vec<&str> = packages.into_iter().take(6).collect();
        let _ = writeln!(text, "- {other}: in {}", packages.join(", "));
    }
    text
}
