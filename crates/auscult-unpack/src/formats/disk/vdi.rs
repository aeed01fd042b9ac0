//! VDI, the virtual disks of VirtualBox (VirtualBox `src/VBox/Storage/VDICore.h`): a header, a map
//! of blocks, blocks. Everything is little-endian.
//!
//! What a differencing disk leaves to its parent reads as zeros and is told.

use super::assembly::{Assembled, Assembly, parent_fault};
use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::guid::guid,
};

pub(crate) static FORMAT: Format =
    Format { name: "vdi", magics: &[Magic::at(64, &[0x7f, 0x10, 0xda, 0xbe])], carve: true, open };

/// Entries of the map: no block, a block of zeros.
const FREE: u32 = u32::MAX;
const ZERO: u32 = u32::MAX - 1;
/// Largest disk that is believed.
const SIZE_MAX: u64 = 1 << 60;

struct Header {
    kind: u32,
    map: u64,
    data: u64,
    size: u64,
    block_bytes: u64,
    /// Bytes before each block.
    extra_bytes: u64,
    blocks: u64,
    uuid: [u8; 16],
    parent: [u8; 16],
}

impl Header {
    fn parse(view: View<'_>) -> Result<Option<Self>, Fault> {
        let u32_at = |offset| view.u32(offset, Little).map(u64::from);
        let header = Self {
            kind: view.u32(76, Little)?,
            map: u32_at(340)?,
            data: u32_at(344)?,
            size: view.u64(368, Little)?,
            block_bytes: u32_at(376)?,
            extra_bytes: u32_at(380)?,
            blocks: u32_at(384)?,
            uuid: view.array(392)?,
            parent: view.array(440)?,
        };
        let fits = view.u32(68, Little)? >> 16 == 1
            && u32_at(72)? >= 0x180
            && (1..=4).contains(&header.kind)
            && header.block_bytes.is_power_of_two()
            && header.block_bytes >= 4096
            && header.size < SIZE_MAX
            && header.blocks == header.size.div_ceil(header.block_bytes)
            && header.map >= 456
            && header.data >= header.map + header.blocks * 4;
        Ok(fits.then_some(header))
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            1 => "dynamic",
            2 => "fixed",
            3 => "undo",
            _ => "differencing",
        }
    }

    fn has_parent(&self) -> bool {
        self.kind > 2
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let head = image.read(0, 512)?;
    let header = Header::parse(View(&head))?.ok_or(NotThis)?;
    let mut attributes = vec![
        ("kind", header.kind_name().to_owned()),
        ("size", header.size.to_string()),
        ("block-size", header.block_bytes.to_string()),
        ("uuid", guid(&header.uuid)),
    ];
    if header.has_parent() {
        attributes.push(("parent-uuid", guid(&header.parent)));
    }
    let disk = disk(image, &header);
    let mut faults = disk.faults;
    faults.extend(parent_fault(disk.elsewhere, &guid(&header.parent)));
    Ok(Opened {
        length: disk.end,
        attributes,
        entries: vec![Entry::part("disk", disk.content)],
        faults,
        unread: None,
    })
}

fn disk(image: &Extent, header: &Header) -> Assembled {
    let mut disk = Assembly::new(image, header.size);
    disk.used(header.map, header.blocks * 4);
    match image.read(header.map, header.blocks * 4) {
        Ok(map) => {
            let step = header.block_bytes + header.extra_bytes;
            let (words, _) = map.as_chunks::<4>();
            for word in words {
                match u32::from_le_bytes(*word) {
                    FREE if header.has_parent() => disk.elsewhere(header.block_bytes),
                    FREE | ZERO => disk.zeros(header.block_bytes),
                    block => {
                        let place = header.data + u64::from(block).saturating_mul(step);
                        disk.used(place, step);
                        disk.stored(place.saturating_add(header.extra_bytes), header.block_bytes);
                    }
                }
            }
        }
        Err(fault) => disk.missing(header.size, fault),
    }
    disk.finish()
}

#[cfg(test)]
mod tests {
    use crate::formats::disk::virtual_tests::{self, Case};

    #[test]
    fn disks_of_the_reference_tool() {
        let cases: [Case; 2] =
            [("vdi", &["-O", "vdi"]), ("vdi", &["-O", "vdi", "-o", "static=on"])];
        virtual_tests::compare(&cases);
    }

    #[test]
    fn damage_never_panics() {
        virtual_tests::damage(&[("vdi", &["-O", "vdi"])], 512);
    }
}
