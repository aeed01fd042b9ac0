//! Containers of NXP's i.MX 8 and 9 (AHAB; U-Boot, `include/imx8image.h`): an array of images with
//! their digests, and a block of signatures.
//!
//! Digests are verified; the hash of the keys is in the fuses of the device.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, Verdict, check},
    layout::Layout,
};

/// The tag and the low bytes of the flags: who signs, and with which of four keys.
pub(crate) static FORMAT: Format = Format {
    name: "imx-container",
    magics: &[
        Magic::at(3, &[TAG, 0x01, 0, 0]),
        Magic::at(3, &[TAG, 0x02, 0, 0]),
        Magic::at(3, &[TAG, 0x10, 0, 0]),
        Magic::at(3, &[TAG, 0x11, 0, 0]),
        Magic::at(3, &[TAG, 0x12, 0, 0]),
        Magic::at(3, &[TAG, 0x20, 0, 0]),
        Magic::at(3, &[TAG, 0x21, 0, 0]),
        Magic::at(3, &[TAG, 0x22, 0, 0]),
        Magic::at(3, &[TAG, 0x30, 0, 0]),
        Magic::at(3, &[TAG, 0x31, 0, 0]),
        Magic::at(3, &[TAG, 0x32, 0, 0]),
    ],
    carve: true,
    open,
};

const TAG: u8 = 0x87;
const TAG_SIGNATURES: u8 = 0x90;
const HEADER_BYTES: usize = 16;
const IMAGE_BYTES: usize = 128;
const IMAGES_MAX: usize = 32;
const CONTAINER_ALIGNMENT: u64 = 1024;
const SIZE_MAX: u64 = 256 << 20;
const ENCRYPTED: u32 = 0x400;
const SIGNERS: [&str; 3] = ["none", "by NXP", "by the maker"];
const KINDS: &[(u32, &str)] = &[
    (1, "csf"),
    (2, "scd"),
    (3, "executable"),
    (4, "data"),
    (5, "dcd"),
    (6, "seco"),
    (7, "provisioning"),
    (8, "dek"),
];

struct Image {
    name: String,
    offset: u64,
    size: u64,
    load: u64,
    encrypted: bool,
    verdict: Verdict,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 16)?;
    let view = View(&head);
    let header_bytes = usize::from(view.u16(1, Little)?);
    let (flags, count) = (view.u32(4, Little)?, usize::from(view.u8(11)?));
    let signatures = usize::from(view.u16(12, Little)?);
    let table_end = HEADER_BYTES + count * IMAGE_BYTES;
    let fits = view.u8(0)? <= 2
        && (1..=IMAGES_MAX).contains(&count)
        && view.u16(14, Little)? == 0
        && table_end <= header_bytes
        && (signatures == 0 || (table_end..header_bytes).contains(&signatures));
    // Containers stand at multiples of 1 KiB: digests at every chance hit would take too long.
    if !fits || !candidate.offset.is_multiple_of(CONTAINER_ALIGNMENT) {
        return Err(NotThis);
    }
    let length = u64::try_from(header_bytes).map_err(|_| NotThis)?;
    let bytes = candidate.extent.read(0, length)?;
    let table = bytes.get(HEADER_BYTES..table_end).ok_or(NotThis)?;
    // Images that overlap would be digested many times over.
    let sizes = table.chunks_exact(IMAGE_BYTES).map(|entry| View(entry).u32(4, Little));
    let sizes = sizes.map(|size| size.map_or(0, u64::from)).sum::<u64>();
    if sizes > candidate.extent.len() {
        return Err(NotThis);
    }
    let images = table.chunks_exact(IMAGE_BYTES).enumerate();
    let images = images.map(|(index, entry)| image(candidate, index, View(entry), length));
    let images = images.collect::<Result<Vec<Image>, NotThis>>()?;
    // A digest must hold: the header has nothing else to be known by.
    if !images.iter().any(|image| image.size > 0 && matches!(image.verdict, Verdict::Holds)) {
        return Err(NotThis);
    }
    let claimed = images.iter().map(|image| image.offset + image.size).max();
    let claimed = claimed.unwrap_or(0).max(length);
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, claimed));
    layout.consumed(0, length);
    let (mut faults, mut summary) = (Vec::new(), Vec::new());
    for image in images.into_iter().filter(|image| image.size > 0) {
        let Image { name, offset, size, load, .. } = image;
        summary.push(format!("{name} load {load:#x}, digest {}", image.verdict.word()));
        faults.extend(image.verdict.fault());
        if image.encrypted {
            layout.unread_part(name, offset, size, "encrypted: AES, with a key in the chip");
        } else {
            layout.part(name, offset, size);
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let signer = usize::try_from(flags & 3).ok().and_then(|code| SIGNERS.get(code));
    let block = View(&bytes).u8(signatures + 3).is_ok_and(|tag| tag == TAG_SIGNATURES);
    let signature = match signer {
        Some(signer) if flags & 3 != 0 && block => format!("{signer}, not verified"),
        _ => "none".to_owned(),
    };
    let attributes = vec![
        ("software-version", view.u16(8, Little)?.to_string()),
        ("images", summary.join("; ")),
        ("signature", signature),
    ];
    Ok(Opened { length: claimed, attributes, entries: laid.entries, faults, unread: None })
}

fn image(
    candidate: &Candidate,
    index: usize,
    entry: View<'_>,
    header_bytes: u64,
) -> Result<Image, NotThis> {
    let (offset, size) = (u64::from(entry.u32(0, Little)?), u64::from(entry.u32(4, Little)?));
    let flags = entry.u32(24, Little)?;
    if size > SIZE_MAX || offset > SIZE_MAX || (size > 0 && offset < header_bytes) {
        return Err(NotThis);
    }
    let algorithm = match flags >> 8 & 3 {
        0 => Algorithm::Sha256,
        1 => Algorithm::Sha384,
        2 => Algorithm::Sha512,
        _ => return Err(NotThis),
    };
    let kind = KINDS.iter().find(|(code, _)| *code == flags & 0xf);
    let name = kind.map_or("image", |(_, name)| name);
    let name = format!("{name}{index}");
    let stored = entry.bytes(32, algorithm.width())?;
    let content = candidate.extent.clamp(offset, size);
    let verdict =
        check(&format!("the digest of {name}"), algorithm, stored, &content, size, offset);
    let (load, encrypted) = (entry.u64(8, Little)?, flags & ENCRYPTED != 0);
    Ok(Image { name, offset, size, load, encrypted, verdict })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    #[test]
    fn what_mkimage_writes_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (code, config, out) = (at("code"), at("config"), at("out"));
        fs::write(&code, sample(5120, 1)).unwrap();
        let text = format!(
            "BOOT_FROM SD 0x400\nSOC_TYPE IMX8QM\nCONTAINER\nIMAGE A35 {code} 0x80000000\n"
        );
        fs::write(&config, text).unwrap();
        let arguments = ["-n", &config, "-T", "imx8image", "-e", "0x80000000", "-d", &code, &out];
        if !run("mkimage", &arguments) {
            return;
        }
        let bytes = fs::read(&out).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let told = attribute(&tree, "imx-container", "images").unwrap();
        assert_eq!(told, "executable0 load 0x80000000, digest verified");
        let path = "image@0x0/imx-container:/executable0".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), sample(5120, 1));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 0x100, 499);
        let mut damaged = bytes;
        damaged[0x2001] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("imx-container")));
    }
}
