//! The listing of a tree.

use auscult_report::{TreeRow, tree_text};

fn rows() -> Vec<TreeRow> {
    vec![
        TreeRow {
            locator: "image@0x0/squashfs:/etc".parse().unwrap(),
            kind: "directory".into(),
            size: None,
            mode: Some(0o755),
            owner: Some("0:0".into()),
            modified: None,
            note: None,
        },
        TreeRow {
            locator: "image@0x0/squashfs:/etc/passwd".parse().unwrap(),
            kind: "file".into(),
            size: Some(12_345),
            mode: Some(0o4644),
            owner: Some("0:0".into()),
            modified: Some(1_700_000_000),
            note: Some("a\u{1b}[2J\nb".into()),
        },
    ]
}

#[test]
fn text_has_one_line_for_each_row() {
    insta::assert_snapshot!(tree_text(&rows()), @r"
    KIND       MODE  OWNER    SIZE  LOCATOR                         NOTE
    directory  0755  0:0            image@0x0/squashfs:/etc
    file       4644  0:0    12,345  image@0x0/squashfs:/etc/passwd  a\u{1b}[2J\nb
    2 entries
    ");
}
