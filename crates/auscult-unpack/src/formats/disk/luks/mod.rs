//! LUKS, encrypted volumes of Linux ("LUKS1 On-Disk Format Specification" 1.2.3, "LUKS2 On-Disk
//! Format Specification" 1.1.3): what the header tells. The payload is encrypted and counts as
//! unread. Volumes of dm-crypt without a header look like noise and are not recognised.

#[cfg(test)]
mod tests;
mod version1;
mod version2;

use crate::{
    Endian::Big,
    Extent, Fault, View,
    entropy::entropy_centibits,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "luks", magics: &[Magic::start(b"LUKS\xba\xbe")], carve: true, open };

/// Where a volume is in the middle of something, it ends before bytes that are not dense.
const STEP_BYTES: u64 = 64 << 10;
const DENSE_CENTIBITS: u16 = 790;

/// What a header tells.
struct Volume {
    attributes: Vec<(&'static str, String)>,
    /// Where the payload begins; nothing where it is on another device.
    payload: Option<u64>,
    /// Bytes of the payload, where they are told.
    payload_bytes: Option<u64>,
    header_bytes: u64,
    faults: Vec<Fault>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let head = image.read_up_to(0, 4096)?;
    let volume = match View(&head).u16(6, Big)? {
        1 => version1::read(View(&head))?,
        2 => version2::read(image, View(&head))?,
        _ => return Err(NotThis),
    };
    let Some(payload) = volume.payload else {
        return Ok(Opened {
            length: volume.header_bytes,
            attributes: volume.attributes,
            faults: volume.faults,
            unread: Some("the header of an encrypted volume on another device".to_owned()),
            ..Opened::default()
        });
    };
    let length = match volume.payload_bytes {
        Some(bytes) => payload.saturating_add(bytes),
        // A partition or file is the volume as a whole.
        None if candidate.offset == 0 => image.len().max(payload),
        None => dense_until(image, payload),
    };
    Ok(Opened {
        length,
        attributes: volume.attributes,
        faults: volume.faults,
        unread: Some("encrypted".to_owned()),
        ..Opened::default()
    })
}

/// The end of the bytes from a place on that look encrypted.
fn dense_until(image: &Extent, payload: u64) -> u64 {
    let mut place = payload;
    while let Ok(bytes) = image.read(place, STEP_BYTES) {
        if entropy_centibits(&bytes) < DENSE_CENTIBITS {
            break;
        }
        place += STEP_BYTES;
    }
    place
}
