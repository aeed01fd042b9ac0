//! What holds for all formats together.

use crate::formats::format_names;

/// What the users' list of formats says.
const LIST: &str = include_str!("../../../../../docs/formats.md");

#[test]
fn every_format_is_in_the_list_for_users() {
    let missing: Vec<_> =
        format_names().filter(|name| !LIST.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/formats.md lacks {missing:?}");
}
