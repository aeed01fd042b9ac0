//! The header of the first version: fixed fields and eight key slots.

use super::Volume;
use crate::{Endian::Big, View, format::NotThis, formats::support::layout::text_of};

const SLOTS: usize = 208;
const SLOT_BYTES: usize = 48;
const SLOT_COUNT: usize = 8;
/// States of a slot.
const ENABLED: u32 = 0x00ac_71f3;
const DISABLED: u32 = 0x0000_dead;
const SECTOR_BYTES: u64 = 512;
const HEADER_BYTES: u64 = 592;

pub(super) fn read(view: View<'_>) -> Result<Volume, NotThis> {
    let text = |offset, length| view.text(offset, length).map(text_of);
    let (cipher, mode, hash) = (text(8, 32)?, text(40, 32)?, text(72, 32)?);
    let key_bytes = view.u32(108, Big)?;
    let mut slots = Vec::new();
    for index in 0..SLOT_COUNT {
        let at = SLOTS + index * SLOT_BYTES;
        match view.u32(at, Big)? {
            ENABLED => {
                let iterations = view.u32(at + 4, Big)?;
                slots.push(format!("{index}: pbkdf2 {hash}, {iterations} iterations"));
            }
            DISABLED => {}
            _ => return Err(NotThis),
        }
    }
    if cipher.is_empty() || mode.is_empty() || hash.is_empty() || !(8..=1024).contains(&key_bytes) {
        return Err(NotThis);
    }
    let payload = u64::from(view.u32(104, Big)?) * SECTOR_BYTES;
    Ok(Volume {
        attributes: vec![
            ("version", "1".to_owned()),
            ("cipher", format!("{cipher}-{mode}")),
            ("hash", hash),
            ("key-bits", (u64::from(key_bytes) * 8).to_string()),
            ("key-slots", slots.join("; ")),
            ("uuid", text(168, 40)?),
            ("payload-offset", payload.to_string()),
        ],
        // A detached header has its payload at the start of another device.
        payload: (payload > 0).then_some(payload),
        payload_bytes: None,
        header_bytes: HEADER_BYTES,
        faults: Vec::new(),
    })
}
