//! Broadcom's TRX images, versions 1 and 2, as OpenWrt's `trx.c` and the kernel's `bcm47xxpart.c`
//! describe them. The checksum must hold, or the partitions must be in order.

use crate::{
    Endian::Little,
    Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::{checksum::Crc32, formats::support::layout::Layout};

pub(crate) static FORMAT: Format =
    Format { name: "trx", magics: &[Magic::start(b"HDR0")], carve: true, open };

/// The checksum covers everything from here on.
const COVERED_FROM: u64 = 12;
const IMAGE_BYTES_MAX: u64 = 256 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 32)?;
    let view = View(&head);
    let length = u64::from(view.u32(4, Little)?);
    let version = view.u16(14, Little)?;
    let (header_bytes, count) = match version {
        1 => (28, 3),
        2 => (32, 4),
        _ => return Err(NotThis),
    };
    if !(header_bytes..=IMAGE_BYTES_MAX).contains(&length) {
        return Err(NotThis);
    }
    let mut offsets = Vec::new();
    for index in 0..count {
        offsets.push(u64::from(view.u32(16 + index * 4, Little)?));
    }
    offsets.retain(|&offset| offset != 0);
    let inside = offsets.iter().all(|offset| (header_bytes..length).contains(offset));
    if offsets.is_empty() || !inside || !offsets.is_sorted() {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(0, length);
    let mut faults = Vec::new();
    if image.len() == length {
        let stored = view.u32(8, Little)?;
        // Stored without the last inversion.
        let computed = !Crc32::of_extent(&image.from(COVERED_FROM))?;
        if stored != computed {
            let why = format!("{stored:#010x} stored, {computed:#010x} computed");
            faults.push(Fault::new(COVERED_FROM, "check the image's checksum", why));
        }
    }
    let mut layout = Layout::new(image);
    layout.consumed(0, header_bytes);
    let ends = offsets.iter().skip(1).copied().chain([length]);
    for (number, (&start, end)) in (1..).zip(offsets.iter().zip(ends)) {
        layout.part(format!("partition{number}"), start, end - start);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let attributes = vec![("version", version.to_string())];
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::vendor::trx;

    use crate::{
        Tree,
        formats::testing::hostile::{check, locators},
    };

    #[test]
    fn partitions_are_parts_and_the_checksum_is_checked() {
        let mut bytes = trx(&[b"loader", b"a kernel", b"rootfs"]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        for number in 1..=3 {
            assert!(found.contains(&format!("image@0x0/trx:/partition{number}")), "{found:?}");
        }
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        check(&bytes, 28);
        bytes[30] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].what.contains("checksum"));
    }
}
