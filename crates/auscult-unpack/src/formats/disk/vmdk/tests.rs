//! VMDK: disks of the reference tool, and damaged ones.

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use crate::{
    Tree,
    formats::{
        disk::virtual_tests::{self, Case, convert},
        testing::{hostile::attribute, reference::run},
    },
};

#[test]
fn disks_of_the_reference_tool() {
    let cases: [Case; 4] = [
        ("vmdk", &["-O", "vmdk"]),
        ("vmdk", &["-O", "vmdk", "-o", "zeroed_grain=on"]),
        ("vmdk", &["-O", "vmdk", "-o", "subformat=streamOptimized"]),
        ("vmdk", &["-O", "vmdk", "-o", "subformat=monolithicSparse,compat6=on"]),
    ];
    virtual_tests::compare(&cases);
}

#[test]
fn descriptors_and_parents_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["-O", "vmdk", "-o", "subformat=monolithicFlat"];
    let Some(text) = convert(folder.path(), &vec![7; 1 << 20], &options) else { return };
    let tree = Tree::from_bytes(text, &Limits::default());
    let of = |key: &str| attribute(&tree, "vmdk-descriptor", key).unwrap();
    assert_eq!(of("kind"), "monolithicFlat");
    assert!(of("extents").starts_with("RW 2048 FLAT \"image-flat\" 0"), "{}", of("extents"));
    let Some(_) = convert(folder.path(), &vec![7; 1 << 20], &["-O", "vmdk"]) else { return };
    let (image, child) = (folder.path().join("image"), folder.path().join("child"));
    let paths = [image.to_str().unwrap(), child.to_str().unwrap()];
    let arguments = ["create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", paths[0], paths[1]];
    assert!(run("qemu-img", &arguments));
    let tree = Tree::from_bytes(std::fs::read(&child).unwrap(), &Limits::default());
    assert_eq!(attribute(&tree, "vmdk", "parent").unwrap(), paths[0]);
    assert!(tree.problems().iter().any(|problem| problem.why.contains("another file")));
}

#[test]
fn redo_logs_of_esxi_are_named() {
    let mut cowd = Writer::new(Endian::Little);
    cowd.bytes(b"COWD").u32(1).u32(3).u32(4096).u32(1).u32(4).u32(1).u32(9).fill(1, 6000);
    let mut sesparse = Writer::new(Endian::Little);
    sesparse.u64(0xcafe_babe).u64(0x2_0000_0001).u64(4096).u64(8).fill(0, 160);
    sesparse.u64(8).u64(4).fill(1, 6000);
    for (format, image) in [("vmdk-cowd", cowd), ("vmdk-sesparse", sesparse)] {
        let tree = Tree::from_bytes(image.finish(), &Limits::default());
        assert_eq!(attribute(&tree, format, "size").unwrap(), (4096 * 512).to_string());
        let regions = &tree.coverage().regions_unread;
        assert!(regions.iter().any(|region| region.reason.contains("redo log")));
    }
}

#[test]
fn damage_never_panics() {
    let stream: &'static [&'static str] = &["-O", "vmdk", "-o", "subformat=streamOptimized"];
    virtual_tests::damage(&[("vmdk", &["-O", "vmdk"]), ("vmdk", stream)], 100);
}
