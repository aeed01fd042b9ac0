//! Frames decoded by `ruzstd`.

// With the C library only `decoder` is used, for prefixes of streams.
#![cfg_attr(feature = "c-codecs", expect(dead_code, reason = "the C library decodes frames"))]

use std::io::BufRead;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::fault;
use crate::{Fault, Sink, codec::WINDOW_BYTES_MAX};

/// Bytes decoded between two visits to the sink.
const STEP_BYTES: usize = 1 << 20;

/// A decoder with our limit on its window.
pub(crate) fn decoder() -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::from(WINDOW_BYTES_MAX));
    decoder
}

/// Decodes all frames into memory. Returns the number of bytes.
pub(crate) fn decode_all(input: &[u8], output: &mut [u8]) -> Result<usize, String> {
    decoder().decode_all(input, output).map_err(|error| error.to_string())
}

/// Decodes the frame whose magic was read.
pub(super) fn decode_frame(
    magic: [u8; 4],
    input: &mut impl BufRead,
    sink: &mut Sink<'_>,
) -> Result<(), Fault> {
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
