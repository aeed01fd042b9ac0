//! Firmware of Senao's devices (EnGenius, some of D-Link's), as OpenWrt's `mksenaofw` writes it: a
//! header with a sum of itself, for access points a second one with the model, and a body under a
//! pattern that comes from the header's magic.

use crate::{
    Endian::Big,
    Entry, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::text_of,
    transform::xored,
};

pub(crate) static FORMAT: Format = Format {
    name: "senao",
    magics: &[Magic::at(MAGIC, &[0x12, 0x34, 0x56, 0x78])],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 0x60;
const OWN_SUM: usize = 0x58;
const MAGIC: usize = 0x5c;
/// The second header, without the model's name.
const MODEL_BYTES: u64 = 40;
const MODEL_NAME_BYTES_MAX: u64 = 64;
const BODY_BYTES_MAX: u64 = 128 << 20;
const TYPES: &[&str] =
    &["combined", "boot loader", "kernel", "kernel and applications", "applications"];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (kind, size) = (view.u32(0x1c, Big)?, u64::from(view.u32(0x20, Big)?));
    let version = view.text(0x0c, 16)?;
    if kind > 0xff || !version.is_ascii() || !(1..=BODY_BYTES_MAX).contains(&size) {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("vendor-id", format!("{:#x}", view.u32(4, Big)?)),
        ("product-id", format!("{:#x}", view.u32(8, Big)?)),
        ("version", text_of(version)),
    ];
    let kind = usize::try_from(kind).map_err(|_| NotThis)?;
    let name = TYPES.get(kind).map_or_else(|| kind.to_string(), |&name| name.to_owned());
    attributes.push(("type", name));
    let start = match model(extent) {
        Ok((end, told)) if kind == 0 => {
            attributes.extend(told);
            end
        }
        _ => HEADER_BYTES,
    };
    // The sum is that of both headers, in which itself counts as zero.
    let headers = extent.read(0, start)?;
    let own = View(&headers).bytes(OWN_SUM, 4)?;
    let bytes = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    if !cfg!(fuzzing) && bytes(&headers) - bytes(own) != view.u32(OWN_SUM, Big)? {
        return Err(NotThis);
    }
    let body = xored(&extent.clamp(start, size), &pattern(view.u32(MAGIC, Big)?));
    let stored = view.bytes(0x28, 16)?;
    let verdict = check("the body", Algorithm::Md5, stored, &body, size, start);
    let mut faults = Vec::new();
    verdict.tell("md5", &mut attributes, &mut faults);
    let entries = vec![Entry::payload(body)];
    Ok(Opened { length: start + size, attributes, entries, faults, unread: None })
}

/// Eight bytes: the magic, shifted by one more bit for each.
fn pattern(magic: u32) -> [u8; 8] {
    let mut shift = 0;
    [0; 8].map(|_: u8| {
        let [.., byte] = (magic >> shift).to_be_bytes();
        shift += 1;
        byte
    })
}

/// What a header tells.
type Told = Vec<(&'static str, String)>;

/// Where the second header ends, and what it tells.
fn model(extent: &crate::Extent) -> Result<(u64, Told), NotThis> {
    let head = extent.read(HEADER_BYTES, MODEL_BYTES)?;
    let view = View(&head);
    let name_bytes = u64::from(view.u32(36, Big)?);
    let version = |at| -> Result<String, NotThis> {
        let part = |index: usize| view.u32(at + index * 4, Big);
        Ok(format!("{}.{}.{}", part(0)?, part(1)?, part(2)?))
    };
    if !(1..=MODEL_NAME_BYTES_MAX).contains(&name_bytes) {
        return Err(NotThis);
    }
    let name = extent.read(HEADER_BYTES + MODEL_BYTES, name_bytes)?;
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err(NotThis);
    }
    let told = vec![
        ("model", text_of(&name)),
        ("firmware", version(8)?),
        ("built", view.u32(20, Big)?.to_string()),
        ("controller", version(24)?),
    ];
    Ok((HEADER_BYTES + MODEL_BYTES + name_bytes, told))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::md5};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn image(model: Option<&str>, body: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0).u32(0x101).u32(0x4f).field("1.2", 16).u32(if model.is_some() {
            0
        } else {
            2
        });
        writer.u32(u32::try_from(body.len()).unwrap()).u32(0).bytes(&md5(body)).fill(0, 32);
        writer.u32(0).u32(0x1234_5678);
        if let Some(model) = model {
            writer.bytes(b"all\0").u32(0).u32(3).u32(0).u32(1).u32(171_101);
            writer.u32(1).u32(8).u32(53).u32(u32::try_from(model.len()).unwrap());
            writer.bytes(model.as_bytes());
        }
        let mut bytes = writer.finish();
        let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
        bytes[0x58..0x5c].copy_from_slice(&sum.to_be_bytes());
        // The pattern that unblob knows, from where it starts.
        let pattern = [0x78, 0x3c, 0x9e, 0xcf, 0x67, 0xb3, 0x59, 0xac];
        bytes.extend(body.iter().zip(pattern.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    #[test]
    fn bodies_lose_their_pattern() {
        for model in [None, Some("ENS620EXT")] {
            let bytes = image(model, b"a body of more than eight bytes");
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let (node, _) = tree.resolve(&"image@0x0/senao".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), "a body of more than eight bytes");
            assert_eq!(attribute(&tree, "senao", "md5").unwrap(), "verified");
            assert_eq!(attribute(&tree, "senao", "model").as_deref(), model);
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 0x60, 11);
        }
        let mut bad = image(None, b"a body");
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(attribute(&tree, "senao", "md5").unwrap(), "wrong");
    }
}
