//! Brotli streams (RFC 7932), which have no magic, no checksum and no size.

use std::io::BufRead;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{BUFFER_BYTES, input_fault};
use crate::{Fault, Sink};

/// Decodes one stream; stops right after its last byte. Windows of more than 16 MiB, which the RFC
/// does not know, are refused.
pub(super) fn decode(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0;
    loop {
        let chunk = input.fill_buf().map_err(|error| input_fault("brotli", &error))?;
        let (at_end, mut available) = (chunk.is_empty(), chunk.len());
        let (mut used, mut room, mut made) = (0, buffer.len(), 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut used,
            chunk,
            &mut room,
            &mut made,
            &mut buffer,
            &mut total,
            &mut state,
        );
        input.consume(used);
        sink.push(buffer.get(..made).unwrap_or_default())?;
        match result {
            BrotliResult::ResultSuccess => return Ok(()),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput if !at_end => {}
            BrotliResult::NeedsMoreInput => return Err(fault("the input ends early")),
            BrotliResult::ResultFailure => return Err(fault("the stream is damaged")),
        }
    }
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress brotli", why)
}
