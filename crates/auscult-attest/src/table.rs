//! A verdict for people. Text out of images is hostile and never steers a terminal.

use std::fmt::Write as _;

use auscult_model::clean;

use crate::{Group, Item, Outcome, Overall, Verdict};

/// Items of one group that are shown; JSON holds all.
const ITEMS_MAX: usize = 20;

impl Verdict {
    /// The result as text.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let outcome = match self.outcome {
            Overall::Pass => "PASS",
            Overall::Fail => "FAIL",
            Overall::Inconclusive => "INCONCLUSIVE",
        };
        let scope = match self.scope {
            crate::Scope::Directory => "a directory",
            crate::Scope::Live => "a running system",
            crate::Scope::Image => "an image",
        };
        let (level, as_of) = (self.level, self.as_of);
        let _ = writeln!(text, "{outcome}  {scope}, assurance level {level:?}, as of {as_of}");
        match &self.build {
            Some(build) => {
                let mut names = vec![&build.vendor, &build.model, &build.firmware_version];
                names.retain(|name| name.is_some());
                let names: Vec<&str> = names.iter().filter_map(|name| name.as_deref()).collect();
                let names = names.join(" ");
                let names = clean(&names);
                let id = clean(&build.build_id);
                let space = if names.is_empty() { "" } else { " " };
                let _ = writeln!(text, "build {id}{space}{names}");
            }
            None => text.push_str("build unknown\n"),
        }
        if let Some(points) = self.accounted_basis_points {
            let (whole, part) = (points / 100, points % 100);
            let _ = writeln!(text, "the reference accounts for {whole}.{part:02} % of its image");
        }
        text.push_str("\nCHECKS\n");
        for check in &self.checks {
            line(&mut text, check);
        }
        let (good, other): (Vec<&Group>, Vec<&Group>) =
            self.groups.iter().partition(|group| group.items.is_empty());
        for group in other {
            group_text(&mut text, group);
        }
        let (groups, passed) = (good.len(), good.iter().map(|group| group.passed).sum::<u64>());
        if groups > 0 {
            let _ = writeln!(text, "\n{passed} items of {groups} other groups passed");
        }
        text
    }
}

fn group_text(text: &mut String, group: &Group) {
    let Group { passed, failed, not_measured, .. } = group;
    let name = clean(&group.name);
    let _ =
        writeln!(text, "\n{name}: {passed} passed, {failed} failed, {not_measured} not measured");
    for item in group.items.iter().take(ITEMS_MAX) {
        line(text, item);
    }
    if let Some(more) = group.items.len().checked_sub(ITEMS_MAX).filter(|&more| more > 0) {
        let _ = writeln!(text, "  … and {more} more; -o json lists all");
    }
}

fn line(text: &mut String, item: &Item) {
    let outcome = match item.outcome {
        Outcome::Fail => "FAIL",
        Outcome::NotMeasured => "NOT MEASURED",
        Outcome::Pass => "PASS",
    };
    let (subject, reason) = (clean(&item.subject), clean(&item.reason));
    let _ = write!(text, "  {outcome:<12}  {subject}: {reason}");
    if let Some(meaning) = &item.meaning {
        let _ = write!(text, " ({})", clean(meaning));
    }
    text.push('\n');
}
