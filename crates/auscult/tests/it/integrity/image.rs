//! What is done to the image of a unit, and which build it is.

use std::fs;

use auscult_testkit::Tree;

use super::{Bench, ROOT_AT, assert_failed, flash, items, root};
use crate::support::text;

/// Writes an image and verifies it.
fn verify(bench: &Bench, bytes: &[u8], more: &[&str]) -> (i32, serde_json::Value) {
    let image = bench.at("unit.img");
    fs::write(&image, bytes).expect("write the image");
    bench.verify(&image, more)
}

fn changed(change: impl FnOnce(Tree) -> Tree) -> Vec<u8> {
    flash(&change(root()))
}

pub(super) fn append(mut tree: Tree, path: &str, text: &str) -> Tree {
    for entry in &mut tree.entries {
        if entry.path == path.as_bytes()
            && let auscult_testkit::EntryKind::File(content) = &mut entry.kind
        {
            content.extend_from_slice(text.as_bytes());
        }
    }
    tree
}

#[test]
fn files_that_only_root_can_make_are_found_in_an_image() {
    let bench = Bench::new();
    let mut foreign = root();
    let tool = foreign.entries.iter_mut().find(|entry| entry.path == b"bin/tool");
    tool.expect("it is there").uid = 4242;
    let (exit, verdict) = verify(&bench, &flash(&foreign), &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "owner-changed", "/bin/tool", "owner 4242");
    assert_failed(&verdict, "region-changed", "squashfs", "other bytes");

    let devices = changed(|tree| {
        tree.block_device("/etc/flash", 0o666, (31, 0)).character_device(
            "/var/log/m",
            0o600,
            (1, 1),
        )
    });
    let (_, verdict) = verify(&bench, &devices, &[]);
    assert_failed(&verdict, "device-added", "/etc/flash", "block device");
    assert_failed(&verdict, "device-in-data", "/var/log/m", "character device");
}

#[test]
fn new_accounts_and_listeners_are_told_by_what_they_are() {
    let bench = Bench::new();
    let tampered = changed(|tree| {
        let tree = append(tree, "etc/passwd", "back:x:0:0::/:/bin/sh\n");
        let tree = append(tree, "etc/inittab", "::respawn:/bin/tool -x\n");
        append(tree, "etc/inetd.conf", "telnet stream tcp nowait root /bin/su su\n")
    });
    let (exit, verdict) = verify(&bench, &tampered, &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "behaviour-added", "account back", "uid 0");
    assert_failed(&verdict, "behaviour-added", "listener tcp/23", "su");
    assert_failed(&verdict, "behaviour-added", "start-up entry", "/bin/tool -x");
    assert_failed(&verdict, "longer", "/etc/passwd", "who may sign in");
}

#[test]
fn bytes_between_behind_and_missing_are_found() {
    let bench = Bench::new();
    let good = flash(&root());
    let mut stored = good.clone();
    stored[ROOT_AT - 0x100] = 0;
    let (exit, verdict) = verify(&bench, &stored, &[]);
    assert_eq!(exit, 3);
    assert_failed(&verdict, "not-erased", "padding", "must be ff");

    let mut longer = good.clone();
    longer.extend_from_slice(b"a secret");
    let (_, verdict) = verify(&bench, &longer, &[]);
    assert_failed(&verdict, "bytes-appended", "behind the image", "8 bytes");

    let mut loader = good.clone();
    loader[5] ^= 1;
    let (_, verdict) = verify(&bench, &loader, &[]);
    assert_failed(&verdict, "region-changed", "0x0+", "other bytes");

    let (_, verdict) = verify(&bench, &good[..good.len() - 0x100], &[]);
    assert_failed(&verdict, "image-truncated", "padding", "ends at");
}

#[test]
fn old_and_unknown_builds_do_not_pass() {
    let bench = Bench::new();
    bench.old_build();
    let old = fs::read(bench.at("old.img")).expect("read the old image");
    let reference = bench.at("old");
    let (exit, verdict) = verify(&bench, &old, &["--reference", text(&reference)]);
    assert_eq!((exit, &verdict["build"]["build_id"]), (3, &"build-1".into()));
    assert_failed(&verdict, "rollback", "build", "build-2 has 2");
    // The present build beside the old one's reference is no rollback.
    let (exit, verdict) = verify(&bench, &flash(&root()), &["--reference", text(&reference)]);
    assert_eq!(
        (exit, &verdict["build"]["build_id"]),
        (0, &"build-2".into()),
        "{:#?}",
        items(&verdict)
    );

    let other = flash(&Tree::new().file("/bin/other", 0o755, "x").file("/etc/x", 0o644, "y"));
    let (exit, verdict) = verify(&bench, &other, &[]);
    assert_eq!((exit, &verdict["build"]), (3, &serde_json::Value::Null));
    assert_failed(&verdict, "unknown-build", "build", "0 % of the files");
}
