//! What MediaTek's boot ROMs and first stages read (U-Boot, `tools/mtk_image.h`): device headers
//! (`EMMC_BOOT` and its kin, `BRLYT`), files with their information in front (`MMM`, GFH), and images
//! of the second stage (`LK`).

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::Layout,
    shape::{self, Demand, Number, Part, Shape, Tell},
};

pub(crate) static DEVICE: Format = Format {
    name: "mediatek-device",
    magics: &[
        Magic::start(b"EMMC_BOOT\0"),
        Magic::start(b"SF_BOOT\0"),
        Magic::start(b"SDMMC_BOOT\0"),
        Magic::start(b"COMBO_BOOT\0"),
    ],
    carve: true,
    open: open_device,
};

pub(crate) static FILE: Format = Format {
    name: "mediatek-file",
    magics: &[Magic::start(b"MMM\x01\x38\0\0\0FILE_INFO\0")],
    carve: true,
    open: open_file,
};

pub(crate) static LK: Format = Format {
    name: "mediatek-lk",
    magics: &[Magic::start(&[0x88, 0x16, 0x88, 0x58])],
    carve: true,
    open: |candidate| shape::open(candidate, &LK_SHAPE),
};

static LK_SHAPE: Shape = Shape {
    endian: Little,
    head_bytes: 512,
    demands: &[Demand::Name(8, 32), Demand::Within(Number::At32(4), 1..=1 << 30)],
    tells: &[("name", Tell::Text(8, 32)), ("load-address", Tell::Hex(Number::At32(40)))],
    sums: &[],
    header: Number::Fixed(512),
    parts: &[Part { name: "", offset: Number::Fixed(512), length: Number::At32(4), unread: None }],
    total: Number::Sum(&[Number::Fixed(512), Number::At32(4)]),
};

const LAYOUT_MAGIC: &[u8] = b"BRLYT\0\0\0";
const LAYOUT_CHECK: u32 = 0x4242_4242;
const IMAGE_BYTES_MAX: u64 = 64 << 20;
const MEDIA: &[(u32, &str)] = &[
    (0x1_0002, "nand"),
    (0x1_0005, "emmc"),
    (0x1_0007, "nor"),
    (0x1_0008, "sd"),
    (0x1_0009, "spi-nand"),
];

/// The header of a device: it points to the layout, which points to the file.
fn open_device(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 20)?;
    let place = u64::from(View(&head).u32(16, Little)?);
    if !(20..=4096).contains(&place) {
        return Err(NotThis);
    }
    let layout = candidate.extent.read(place, 40)?;
    let view = View(&layout);
    let (file, length) = (u64::from(view.u32(12, Little)?), u64::from(view.u32(16, Little)?));
    let fits = layout.starts_with(LAYOUT_MAGIC)
        && view.u32(20, Little)? == LAYOUT_CHECK
        && file >= place + 40
        && length > file
        && length <= IMAGE_BYTES_MAX;
    if !fits {
        return Err(NotThis);
    }
    let medium = view.u32(24, Little)?;
    let medium = MEDIA.iter().find(|(code, _)| *code == medium).map_or("unknown", |known| known.1);
    let mut laid = Layout::disjoint(candidate.extent.clamp(0, length));
    laid.consumed(0, file);
    laid.part("file", file, length - file);
    let laid = laid.finish();
    let attributes = vec![("medium", medium.to_owned())];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// A file with its information in front and its digest or signature behind.
fn open_file(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 56)?;
    let view = View(&head);
    let word = |at| view.u32(at, Little).map(u64::from);
    let (length, header, signature) = (word(32)?, word(40)?, word(44)?);
    let content = length.checked_sub(header).and_then(|rest| rest.checked_sub(signature));
    let content = content.ok_or(NotThis)?;
    if header < 56 || content == 0 || length > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("load-address", format!("{:#010x}", word(28)?)),
        ("file-type", format!("{:#x}", view.u16(24, Little)?)),
    ];
    let (mut faults, covered) = (Vec::new(), length - signature);
    match (view.u8(27)?, signature) {
        (_, 0) => attributes.push(("signature", "none".to_owned())),
        (1, 32) => {
            let stored = candidate.extent.read_up_to(covered, 32)?;
            let bytes = candidate.extent.clamp(0, covered);
            let verdict = check("the sha256", Algorithm::Sha256, &stored, &bytes, covered, 0);
            verdict.tell("sha256", &mut attributes, &mut faults);
        }
        (kind, bytes) => {
            attributes.push(("signature", format!("type {kind}, {bytes} bytes, not verified")));
        }
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, header);
    layout.part("", header, content);
    layout.consumed(covered, signature);
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::attribute,
            reference::{assert_survives_damage, run, sample},
        },
    };

    fn image(parameters: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(at("code"), sample(9000, 1)).unwrap();
        let arguments = ["-T", "mtk_image", "-a", "0x201000", "-e", "0x201000", "-n", parameters];
        run("mkimage", &[&arguments[..], &["-d", &at("code"), &at("out")]].concat())
            .then(|| fs::read(at("out")).unwrap())
    }

    #[test]
    fn what_mkimage_writes_is_opened() {
        for (parameters, path) in [
            ("media=emmc;aarch64=1", "mediatek-device:/file@0x0/mediatek-file"),
            ("media=nor", "mediatek-device:/file@0x0/mediatek-file"),
            ("lk=1;lkname=UBOOT", "mediatek-lk"),
        ] {
            let Some(bytes) = image(parameters) else { return };
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let path = format!("image@0x0/{path}").parse().unwrap();
            let (node, _) = tree.resolve(&path).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), sample(9000, 1));
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 64, 1499);
            if let Some(told) = attribute(&tree, "mediatek-file", "sha256") {
                assert_eq!(told, "verified");
                let mut damaged = bytes;
                let last = damaged.len() - 100;
                damaged[last] ^= 1;
                let tree = Tree::from_bytes(damaged, &Limits::default());
                assert!(tree.problems()[0].what.contains("sha256"));
            }
        }
    }
}
