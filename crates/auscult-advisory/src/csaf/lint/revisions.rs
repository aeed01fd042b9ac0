//! Tests 6.1.14, 6.1.16 to 6.1.22 and 6.1.30: versions and the revision history.

use jiff::Timestamp;

use super::{Report, repeated};
use crate::csaf::{list, text, version_order};

const HISTORY: &str = "/document/tracking/revision_history";

/// An item of the history.
#[derive(Clone, Copy)]
struct Item<'a> {
    place: usize,
    date: Option<Timestamp>,
    written: &'a str,
    number: &'a str,
}

fn items<'a>(report: &Report<'a>) -> Vec<Item<'a>> {
    let all = list(report.document, &["document", "tracking", "revision_history"]).iter();
    all.enumerate()
        .map(|(place, item)| {
            let written = text(item, &["date"]);
            Item { place, date: written.parse().ok(), written, number: text(item, &["number"]) }
        })
        .collect()
}

/// The items by date; those of one moment by their number.
fn by_date<'a>(report: &Report<'a>) -> Vec<Item<'a>> {
    let mut all = items(report);
    all.sort_by(|one, other| {
        let undated = |item: &Item<'a>| if item.date.is_none() { item.written } else { "" };
        let date = one.date.cmp(&other.date).then_with(|| undated(one).cmp(undated(other)));
        date.then_with(|| version_order(one.number, other.number))
    });
    all
}

fn without_build(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// The part after the hyphen, where there is one.
fn pre_release(version: &str) -> Option<&str> {
    without_build(version).split_once('-').map(|(_, part)| part)
}

fn without_pre_release(version: &str) -> &str {
    without_build(version).split('-').next().unwrap_or(version)
}

fn is_integer(version: &str) -> bool {
    !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first number of a version.
fn major(version: &str) -> Option<u64> {
    without_pre_release(version).split('.').next()?.parse().ok()
}

fn is_released(report: &Report<'_>) -> bool {
    matches!(report.text(&["document", "tracking", "status"]), "final" | "interim")
}

/// 6.1.14: later items have greater numbers.
pub(super) fn sorted(report: &mut Report<'_>) {
    let all = by_date(report);
    for (earlier, later) in all.iter().zip(all.iter().skip(1)) {
        if version_order(earlier.number, later.number).is_gt() {
            let path = format!("{HISTORY}/{}/number", later.place);
            let message = format!("{} is later than {} and smaller", later.number, earlier.number);
            report.fail(path, message);
        }
    }
}

/// 6.1.16: the document has the version of its last item.
pub(super) fn latest(report: &mut Report<'_>) {
    let version = report.text(&["document", "tracking", "version"]);
    let draft = report.text(&["document", "tracking", "status"]) == "draft";
    let plain = |version| if draft { without_pre_release(version) } else { without_build(version) };
    if let Some(last) = by_date(report).last()
        && plain(last.number) != plain(version)
    {
        report.fail(
            "/document/tracking/version",
            format!("the last item of the history is {}, the document {version}", last.number),
        );
    }
}

/// 6.1.17: what is not released yet is a draft.
pub(super) fn draft(report: &mut Report<'_>) {
    let version = report.text(&["document", "tracking", "version"]);
    let status = report.text(&["document", "tracking", "status"]);
    let early = major(version) == Some(0) || pre_release(version).is_some();
    if early && status != "draft" {
        report.fail("/document/tracking/status", format!("version {version} is a draft"));
    }
}

/// 6.1.18: the history of a released document begins with its release.
pub(super) fn released(report: &mut Report<'_>) {
    if !is_released(report) {
        return;
    }
    for item in items(report).iter().filter(|item| major(item.number) == Some(0)) {
        report.fail(format!("{HISTORY}/{}/number", item.place), "a released document has drafts");
    }
}

/// 6.1.19: no item of the history is a pre-release.
pub(super) fn pre_release_items(report: &mut Report<'_>) {
    for item in items(report).iter().filter(|item| pre_release(item.number).is_some()) {
        let path = format!("{HISTORY}/{}/number", item.place);
        report.fail(path, format!("{} is a pre-release", item.number));
    }
}

/// 6.1.20: a released document is no pre-release.
pub(super) fn pre_release_version(report: &mut Report<'_>) {
    let version = report.text(&["document", "tracking", "version"]);
    if is_released(report) && pre_release(version).is_some() {
        report.fail("/document/tracking/version", format!("{version} is a pre-release"));
    }
}

/// 6.1.21: no version is left out.
pub(super) fn missing_item(report: &mut Report<'_>) {
    let all = by_date(report);
    let numbers: Vec<(usize, u64)> =
        all.iter().filter_map(|item| Some((item.place, major(item.number)?))).collect();
    if let Some((place, first)) = numbers.first()
        && *first > 1
    {
        report.fail(format!("{HISTORY}/{place}/number"), "the first version is neither 0 nor 1");
    }
    for ((_, earlier), (place, later)) in numbers.iter().zip(numbers.iter().skip(1)) {
        if *later > earlier.saturating_add(1) {
            let message = format!("versions between {earlier} and {later} are left out");
            report.fail(format!("{HISTORY}/{place}/number"), message);
        }
    }
}

/// 6.1.22: a version stands in the history once.
pub(super) fn multiple_definition(report: &mut Report<'_>) {
    for (place, number) in repeated(items(report).iter().map(|item| item.number)) {
        report.fail(format!("{HISTORY}/{place}/number"), format!("{number} stands there before"));
    }
}

/// 6.1.30: versions are counted in one way.
pub(super) fn mixed(report: &mut Report<'_>) {
    let version = report.text(&["document", "tracking", "version"]);
    let all = items(report);
    let numbers = || all.iter().map(|item| item.number).chain([version]).filter(|n| !n.is_empty());
    if numbers().any(is_integer) && !numbers().all(is_integer) {
        report.fail("/document/tracking/version", "integers and semantic versions are mixed");
    }
}
