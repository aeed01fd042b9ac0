//! Decision tables as data: points with ordered values, and an outcome for every combination.
//!
//! The tables lie in `data/` as text that a regulatory reader can check against the publication:
//! SSVC Deployer, Supplier, Utility, Human and Public Safety Impact 1.0.0 (CERT/CC), BOD 26-04
//! timelines 1.0.0 and Coordinator 2.0.3 (CISA), and our own defaults where the publications leave the cells open.

use std::sync::LazyLock;

/// A table that has an outcome for every combination of its points' values.
#[derive(Debug)]
pub(crate) struct Table {
    /// The name that decisions cite.
    pub(crate) policy: &'static str,
    /// The points, in the order of the path.
    pub(crate) points: Vec<Point>,
    /// Outcomes, the last point varying fastest.
    outcomes: Vec<&'static str>,
}

/// A decision point; its values go from harmless to grave.
#[derive(Debug)]
pub(crate) struct Point {
    /// Name, such as `system-exposure`.
    pub(crate) name: &'static str,
    /// Its values.
    pub(crate) values: Vec<&'static str>,
}

/// SSVC Deployer 1.0.0.
pub(crate) static DEPLOYER: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/ssvc-deployer-1.0.0.table")));
/// Human Impact as CERT/CC publishes it.
pub(crate) static HUMAN_IMPACT_CERTCC: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/human-impact-certcc-1.0.0.table")));
/// Human Impact with the stricter of the contradictory cells.
pub(crate) static HUMAN_IMPACT_STRICT: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/human-impact-medical-strict.table")));
/// CISA BOD 26-04.
pub(crate) static BOD_26_04: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/cisa-bod-26-04-1.0.0.table")));
/// SSVC Supplier 1.0.0.
pub(crate) static SUPPLIER: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/ssvc-supplier-1.0.0.table")));
/// SSVC Utility 1.0.0.
pub(crate) static UTILITY: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/ssvc-utility-1.0.0.table")));
/// SSVC Public Safety Impact 1.0.0.
pub(crate) static PUBLIC_SAFETY: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/ssvc-public-safety-impact-1.0.0.table")));
/// CISA Coordinator 2.0.3.
pub(crate) static COORDINATOR: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/cisa-coordinator-2.0.3.table")));
/// Exploitability from reach, obstacles and exploitation.
pub(crate) static EXPLOITABILITY: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/exploitability-default-1.table")));
/// FDA controlled / uncontrolled.
pub(crate) static FDA_MATRIX: LazyLock<Table> =
    LazyLock::new(|| embedded(include_str!("../data/fda-matrix-default-1.table")));

#[expect(clippy::expect_used, reason = "the tables are compiled in; a test reads every one")]
fn embedded(text: &'static str) -> Table {
    Table::parse(text).expect("invariant: an embedded table is complete")
}

impl Table {
    /// Reads a table. `None` when a row is missing, repeated or out of order, so that every
    /// combination is answered.
    fn parse(text: &'static str) -> Option<Self> {
        let mut table = Self { policy: "", points: Vec::new(), outcomes: Vec::new() };
        let mut rows = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            match words.next()? {
                "policy" => table.policy = words.next()?,
                "point" => {
                    table.points.push(Point { name: words.next()?, values: words.collect() });
                }
                first => rows.push(std::iter::once(first).chain(words).collect::<Vec<_>>()),
            }
        }
        let (last, leading) = table.points.split_last()?;
        let mut rows = rows.into_iter();
        for combination in combinations(leading) {
            let row = rows.next()?;
            let (answers, outcomes) = row.split_at_checked(leading.len())?;
            if answers != combination || outcomes.len() != last.values.len() {
                return None;
            }
            table.outcomes.extend(outcomes);
        }
        rows.next().is_none().then_some(table)
    }

    /// The outcome for these answers, one per point in order.
    pub(crate) fn look_up(&self, answers: &[&str]) -> Option<&'static str> {
        if answers.len() != self.points.len() {
            return None;
        }
        let mut row = 0;
        for (point, answer) in self.points.iter().zip(answers) {
            let value = point.values.iter().position(|value| value == answer)?;
            row = row * point.values.len() + value;
        }
        self.outcomes.get(row).copied()
    }

    /// The values of a point; empty for a name that the table does not have.
    pub(crate) fn values_of(&self, name: &str) -> &[&'static str] {
        self.points.iter().find(|point| point.name == name).map_or(&[], |point| &point.values)
    }
}

/// All combinations of the points' values, the last varying fastest.
fn combinations(points: &[Point]) -> Vec<Vec<&'static str>> {
    points.iter().fold(vec![Vec::new()], |prefixes, point| {
        let extend = |prefix: &Vec<&'static str>, value| [prefix.as_slice(), &[value]].concat();
        prefixes
            .iter()
            .flat_map(|prefix| point.values.iter().map(move |value| extend(prefix, *value)))
            .collect()
    })
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
