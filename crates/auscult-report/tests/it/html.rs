//! The HTML form.

use auscult_report::html;

use crate::results;

/// Tags that the page may hold, as counted pairs.
const TAGS: [&str; 20] = [
    "html", "head", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "div", "ul", "li",
    "table", "thead", "tbody", "tr", "td", "details",
];

#[test]
fn tags_are_balanced_and_our_own() {
    for result in [results::ordinary(), results::empty(), results::hostile()] {
        let page = html(&result);
        let body = page.split_once("</style>").unwrap().1;
        for tag in TAGS {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        let own: Vec<&str> = body
            .split('<')
            .skip(1)
            .filter_map(|rest| rest.trim_start_matches('/').split(['>', ' ']).next())
            .filter(|tag| !TAGS.contains(tag) && !["th", "summary"].contains(tag))
            .collect();
        assert_eq!(own, Vec::<&str>::new());
    }
}

#[test]
fn hostile_names_are_text() {
    let page = html(&results::hostile());
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    assert!(page.chars().all(|character| character == '\n' || !character.is_control()));
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("Stale: older than 14 days"));
}

#[test]
fn page_loads_nothing() {
    let page = html(&results::flooded());
    for mark in ["http://", "https://", "url(", "@import", "<script", "src=", "href="] {
        assert!(!page.contains(mark), "{mark}");
    }
    assert_eq!(page.matches("<details>").count(), 200);
    assert!(page.contains("The reasons of 4,806 findings more are in -o json."));
}

#[test]
fn unknown_is_said() {
    let page = html(&results::empty());
    assert!(page.contains("Findings: unknown") && page.contains("no snapshot was given"));
    assert!(page.contains("inconclusive"));
}
