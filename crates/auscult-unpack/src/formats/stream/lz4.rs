//! LZ4: frames (LZ4 Frame Format 1.6.x) and the legacy frame of Linux kernels and ramdisks.

use crate::{
    Endian, Extent, View,
    codec::{
        self, Codec,
        lz4::{Descriptor, LEGACY_MAGIC, LEGACY_PACKED_BYTES_MAX},
    },
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "lz4",
    magics: &[Magic::start(&[4, 0x22, 0x4d, 0x18]), Magic::start(&[2, 0x21, 0x4c, 0x18])],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 32)?;
    let view = View(&head);
    if view.u32(0, Endian::Little)? == LEGACY_MAGIC {
        return open_legacy(&candidate.extent, view);
    }
    let descriptor = Descriptor::parse(&head)?;
    let payload = codec::payload(Codec::Lz4Frame, &candidate.extent, |rest| {
        rest.read_up_to(0, 32).is_ok_and(|head| Descriptor::parse(&head).is_ok())
    });
    let mut attributes = vec![("block-size", descriptor.block_bytes_max.to_string())];
    if let Some(size) = descriptor.content_bytes {
        attributes.push(("content-size", size.to_string()));
    }
    Ok(payload.opened(attributes))
}

fn open_legacy(extent: &Extent, view: View<'_>) -> Result<Opened, NotThis> {
    let first = usize::try_from(view.u32(4, Endian::Little)?).map_err(|_| NotThis)?;
    if first == 0 || first > LEGACY_PACKED_BYTES_MAX {
        return Err(NotThis);
    }
    let payload = codec::payload(Codec::Lz4Legacy, extent, |_| false);
    // No checksum vouches for it: four bytes that happen to be there do not decode.
    if payload.extent.is_empty() {
        return Err(NotThis);
    }
    Ok(payload.opened(vec![("variant", "legacy".to_owned())]))
}
