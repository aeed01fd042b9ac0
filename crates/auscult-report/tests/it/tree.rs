//! The listing of a tree.

use auscult_model::Sha256;
use auscult_report::{TreeRow, tree_text};

fn rows() -> Vec<TreeRow> {
    vec![
        TreeRow {
            locator: "image@0x0/squashfs:/etc".parse().unwrap(),
            kind: "directory".into(),
            mode: Some(0o755),
            owner: Some("0:0".into()),
            ..TreeRow::default()
        },
        TreeRow {
            locator: "image@0x0/squashfs:/etc/passwd".parse().unwrap(),
            kind: "file".into(),
            size: Some(12_345),
            mode: Some(0o4644),
            owner: Some("0:0".into()),
            modified: Some(1_700_000_000),
            note: Some("a\u{1b}[2J\nb".into()),
            sha256: Some(Sha256::of(b"content")),
            ..TreeRow::default()
        },
        TreeRow {
            locator: "image@0x0/squashfs".parse().unwrap(),
            kind: "container".into(),
            format: Some("squashfs".into()),
            size: Some(4096),
            attributes: [("compression".to_owned(), "xz".to_owned())].into(),
            unread: Some("not extracted".into()),
            ..TreeRow::default()
        },
    ]
}

#[test]
fn text_has_one_line_for_each_row() {
    insta::assert_snapshot!(tree_text(&rows()), @r"
    KIND       MODE  OWNER    SIZE  SHA-256           LOCATOR                         NOTE
    directory  0755  0:0                              image@0x0/squashfs:/etc
    file       4644  0:0    12,345  ed7002b439e9ac84  image@0x0/squashfs:/etc/passwd  a\u{1b}[2J\nb
    container                4,096                    image@0x0/squashfs              unread: not extracted, compression xz
    3 entries
    ");
}
