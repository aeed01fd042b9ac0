//! How things are written on pages.

use std::collections::HashMap;

use auscult_model::{Finding, Outcome, Severity};
use auscult_report::primary;
use auscult_store::{BuildKind, Page, ProductId, Total};
use jiff::{Timestamp, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::Part;

/// A time, to the minute.
pub(super) fn time(time: Timestamp) -> String {
    TimeZone::UTC.to_datetime(time).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Products by name, with their ids, as forms list them.
pub(super) fn by_name(products: HashMap<ProductId, String>) -> Vec<(String, String)> {
    let products = products.into_iter().map(|(id, name)| (id.to_string(), name));
    let mut products: Vec<(String, String)> = products.collect();
    products.sort_unstable_by_key(|(_, name)| name.to_lowercase());
    products
}

/// What was uploaded.
pub(super) fn kind(kind: BuildKind) -> &'static str {
    match kind {
        BuildKind::Image => "image",
        BuildKind::Facts => "facts",
        BuildKind::Sbom => "SBOM",
    }
}

/// Where a page stands in its list, and the way to the next.
#[derive(Default)]
pub(super) struct Pager {
    /// "51 to 100", or how many there are.
    pub(super) range: String,
    pub(super) total: String,
    pub(super) next: Option<String>,
    /// The whole list as a file.
    pub(super) file: Option<String>,
    /// The filters that are set, as a query.
    filters: String,
}

impl Pager {
    /// Offers the whole list as a file, which is at this path.
    pub(super) fn with_file(mut self, path: &str) -> Self {
        let filters = self.filters.as_str();
        self.file =
            Some(if filters.is_empty() { path.to_owned() } else { format!("{path}?{filters}") });
        self
    }

    /// A part of a list in memory; `filters` are kept in the link to the next.
    pub(super) fn of<T>(part: &Part<T>, filters: &[(&str, &String)]) -> Self {
        Self {
            range: range(part.start, part.items.len()),
            total: part.total.to_string(),
            next: part.next.as_ref().map(|next| query(filters, next)),
            file: None,
            filters: set(filters).join("&"),
        }
    }

    /// A page of the store's.
    pub(super) fn of_page<T>(page: &Page<T>, filters: &[(&str, &String)]) -> Self {
        Self {
            range: page.items.len().to_string(),
            total: match page.total {
                Total::Exact(count) => count.to_string(),
                Total::AtLeast(count) => format!("more than {count}"),
            },
            next: page.next.as_ref().map(|next| query(filters, next.as_str())),
            file: None,
            filters: set(filters).join("&"),
        }
    }
}

/// The place of a page in its list: "51 to 100".
fn range(start: usize, count: usize) -> String {
    if count == 0 {
        return "0".to_owned();
    }
    format!("{} to {}", start + 1, start + count)
}

/// A query with the filters that are set, and the cursor of the next page.
fn query(pairs: &[(&str, &String)], after: &str) -> String {
    let mut all = vec![format!("after={}", escaped(after))];
    all.extend(set(pairs));
    format!("?{}", all.join("&"))
}

/// The filters that are set.
fn set(pairs: &[(&str, &String)]) -> Vec<String> {
    let set = pairs.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| format!("{name}={}", escaped(value))).collect()
}

/// The page of a finding.
pub(super) fn finding_href(build: &str, id: &str, component: &str) -> String {
    format!("/builds/{build}/findings/{}?component={}", escaped(id), escaped(component))
}

/// What is escaped in URLs: all but what is unreserved (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as a part of a URL.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A path as a value in a URL.
pub(super) fn escaped_path(path: &str) -> String {
    const BUT_SLASHES: &AsciiSet = &ESCAPED.remove(b'/');
    utf8_percent_encode(path, BUT_SLASHES).to_string()
}

/// The tone of a finding: how urgent it is, as long as it is open.
pub(super) fn tone_of(finding: &Finding) -> &'static str {
    if !finding.vex.status.is_open() {
        return "good";
    }
    match primary(finding).map(|decision| decision.outcome) {
        Some(Outcome::Immediate | Outcome::OutOfCycle) | None => "bad",
        Some(Outcome::Scheduled) => "warn",
        Some(_) if finding.severity() == Some(Severity::Critical) => "warn",
        Some(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{finding_href, query, range};

    #[test]
    fn urls_carry_whatever_a_name_holds() {
        let href = finding_href("1", "CVE-1", "lib a&b/c");
        assert_eq!(href, "/builds/1/findings/CVE-1?component=lib%20a%26b%2Fc");
        let value = "a b".to_owned();
        assert_eq!(query(&[("q", &value), ("x", &String::new())], "t-5"), "?after=t-5&q=a%20b");
        assert_eq!((range(0, 0), range(50, 50)), ("0".to_owned(), "51 to 100".to_owned()));
    }
}
