//! Zstandard frames (RFC 8878), skippable ones included. Dictionaries are not supported: nothing
//! in an image says where one is.

use std::io::BufRead;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{WINDOW_BYTES_MAX, skip, take};
use crate::{Fault, Sink};

/// Magic numbers of skippable frames, without their low four bits (section 3.1.2).
pub(crate) const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;
/// Bytes decoded between two visits to the sink.
const STEP_BYTES: usize = 1 << 20;

/// A decoder with our limit on its window.
pub(super) fn decoder() -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::from(WINDOW_BYTES_MAX));
    decoder
}

/// Decodes one frame, or passes over a skippable one.
pub(super) fn decode(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let magic = take::<4>(input, "zstd")?;
    if u32::from_le_bytes(magic) & !0xf == SKIPPABLE_MAGIC {
        let length = u32::from_le_bytes(take::<4>(input, "zstd")?);
        return skip(input, u64::from(length), "zstd");
    }
    let fault = |error: &dyn std::fmt::Display| Fault::new(0, "decompress zstd", error.to_string());
    let mut decoder = decoder();
    decoder.init(std::io::Read::chain(&magic[..], &mut *input)).map_err(|error| fault(&error))?;
    while !decoder.is_finished() {
        let step = BlockDecodingStrategy::UptoBytes(STEP_BYTES);
        let result = decoder.decode_blocks(&mut *input, step);
        drain(&mut decoder, sink)?;
        result.map_err(|error| fault(&error))?;
    }
    drain(&mut decoder, sink)?;
    match (decoder.get_checksum_from_data(), decoder.get_calculated_checksum()) {
        (Some(stored), Some(computed)) if stored != computed => {
            Err(Fault::new(0, "verify zstd", "the checksum is wrong"))
        }
        _ => Ok(()),
    }
}

/// Moves what no later block refers to into the sink.
fn drain(decoder: &mut FrameDecoder, sink: &mut Sink<'_>) -> Result<(), Fault> {
    while decoder.can_collect() > 0 {
        let Some(bytes) = decoder.collect().filter(|bytes| !bytes.is_empty()) else { break };
        sink.push(&bytes)?;
    }
    Ok(())
}
