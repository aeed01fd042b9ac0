//! LVM2: devices of our own, in the text that the tools write, and damaged ones.

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use super::checksum;
use crate::{
    Tree,
    formats::testing::{
        hostile::{attribute, locators, noise},
        reference::{assert_survives_damage, container},
    },
};

const UUID: &str = "abcdefghijklmnopqrstuvwxyz012345";
const MIB: usize = 1 << 20;

fn group(volumes: &str) -> String {
    let dashed = "abcdef-ghij-klmn-opqr-stuv-wxyz-012345";
    format!(
        r#"vg0 {{
id = "VGuuid"
seqno = 3
format = "lvm2" # informational
status = ["RESIZEABLE", "READ", "WRITE"]
extent_size = 2048
physical_volumes {{
pv0 {{
id = "{dashed}"
device = "/dev/sda1"
status = ["ALLOCATABLE"]
dev_size = 20480
pe_start = 2048
pe_count = 9
}}
pv1 {{
id = "another"
pe_start = 2048
}}
}}
logical_volumes {{
{volumes}
}}
}}
creation_time = 1500000000
"#
    )
}

fn segment(number: u32, start: u32, count: u32, rest: &str) -> String {
    format!("segment{number} {{\nstart_extent = {start}\nextent_count = {count}\n{rest}\n}}\n")
}

/// A device of ten MiB, the first of which is the label's.
fn device(text: &str, content: &[u8]) -> Vec<u8> {
    let mut label = Writer::new(Endian::Little);
    label.bytes(b"LABELONE").u64(1).u32(0).u32(32).bytes(b"LVM2 001");
    label.bytes(UUID.as_bytes()).u64(10 << 20);
    label.u64(1 << 20).u64(0).u64(0).u64(0).u64(4096).u64((1 << 20) - 4096).u64(0).u64(0);
    label.fill(0, 512 - label.len());
    let mut label = label.finish();
    let sum = checksum(&label[20..]);
    label[16..20].copy_from_slice(&sum.to_le_bytes());
    // The text stands at the end of the ring and goes on at its start.
    let size = MIB - 4096;
    let split = text.len() / 2;
    let mut area = Writer::new(Endian::Little);
    area.u32(0).bytes(super::AREA_MAGIC).u32(1).u64(4096).u64(size as u64);
    area.u64((size - split) as u64).u64(text.len() as u64).u32(checksum(text.as_bytes())).u32(0);
    area.fill(0, 512 - area.len());
    let mut area = area.finish();
    let sum = checksum(&area[4..]);
    area[..4].copy_from_slice(&sum.to_le_bytes());
    let mut image = vec![0; MIB];
    image[512..1024].copy_from_slice(&label);
    image[4096..4608].copy_from_slice(&area);
    let (first, second) = text.as_bytes().split_at(split);
    image[MIB - split..].copy_from_slice(first);
    image[4608..4608 + second.len()].copy_from_slice(second);
    image.extend_from_slice(content);
    image.resize(10 * MIB, 0);
    image
}

#[test]
fn volumes_of_several_segments_and_stripes_are_joined() {
    let linear = [
        "root {\n".to_owned(),
        segment(2, 2, 1, "type = \"striped\"\nstripe_count = 1\nstripes = [\n\"pv0\", 0\n]"),
        segment(1, 0, 2, "type = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 4]"),
        "}\n".to_owned(),
        "fast {\n".to_owned(),
        segment(
            1,
            0,
            2,
            "type = \"striped\"\nstripe_count = 2\nstripe_size = 128\nstripes = [\"pv0\", 2, \"pv0\", 3]",
        ),
        "}\nhalf {\n".to_owned(),
        segment(1, 0, 1, "type = \"striped\"\nstripes = [\"pv1\", 0]"),
        "}\npool {\n".to_owned(),
        segment(1, 0, 1, "type = \"thin-pool\"\nmetadata = \"meta\""),
        "}\n".to_owned(),
    ];
    let content = noise(6 * MIB);
    let tree = Tree::from_bytes(device(&group(&linear.concat()), &content), &Limits::default());
    let inside = container(&tree, "lvm2");
    assert_eq!(tree.node(inside).len(), 10 << 20);
    let read = |path: &[u8]| tree.bytes(tree.member(inside, path).unwrap()).unwrap();
    assert!(read(b"/root") == [&content[4 * MIB..6 * MIB], &content[..MIB]].concat());
    let stripes: Vec<u8> = (0..16)
        .flat_map(|row| {
            let at = |extent: usize| extent * MIB + row * 65_536;
            [&content[at(2)..at(2) + 65_536], &content[at(3)..at(3) + 65_536]].concat()
        })
        .collect();
    assert!(read(b"/fast") == stripes);
    assert_eq!(attribute(&tree, "lvm2", "group").unwrap(), "vg0");
    let volumes = attribute(&tree, "lvm2", "volumes").unwrap();
    assert_eq!(volumes, "root: striped; fast: striped; half: striped; pool: thin-pool");
    let why: Vec<&str> = tree.problems().iter().map(|problem| problem.why.as_str()).collect();
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why.iter().any(|why| why.contains("thin-pool")));
    assert!(why.iter().any(|why| why.contains("other devices")));
    // What no volume holds is a part of its own.
    assert!(locators(&tree).contains(&"image@0x0/lvm2:/gap-0x200000".to_owned()));
}

#[test]
fn damaged_text_is_told_and_the_data_kept() {
    let text = group("");
    let image = device(&text, &noise(MIB));
    let mut damaged = image.clone();
    damaged[4608 + 10] ^= 1;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum of the text")));
    let found = locators(&tree);
    assert!(found.contains(&"image@0x0/lvm2:/gap-0x100000".to_owned()), "{found:?}");
    assert_survives_damage(&image[..8192], 0, 61);
    for position in (512..700).chain(4096..4180).step_by(3) {
        let mut flipped = image[..MIB + 4096].to_vec();
        flipped[position] ^= 0x11;
        drop(Tree::from_bytes(flipped, &Limits::default()));
    }
}
