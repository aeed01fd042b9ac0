//! Zstandard frames (RFC 8878), skippable ones included. Dictionaries are not supported: nothing
//! in an image says where one is.

#[cfg(feature = "c-codecs")]
mod library;
mod pure;

use std::io::BufRead;

#[cfg(feature = "c-codecs")]
use self::library as decoder;
#[cfg(not(feature = "c-codecs"))]
use self::pure as decoder;
use super::{skip, take};
use crate::{Fault, Sink};

pub(super) use decoder::decode_all;
pub(super) use pure::decoder as frame_decoder;

/// Magic numbers of skippable frames, without their low four bits (section 3.1.2).
pub(crate) const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// Decodes one frame, or passes over a skippable one.
pub(super) fn decode(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let magic = take::<4>(input, "zstd")?;
    if u32::from_le_bytes(magic) & !0xf == SKIPPABLE_MAGIC {
        let length = u32::from_le_bytes(take::<4>(input, "zstd")?);
        return skip(input, u64::from(length), "zstd");
    }
    decoder::decode_frame(magic, input, sink)
}

fn fault(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(0, "decompress zstd", error.to_string())
}
