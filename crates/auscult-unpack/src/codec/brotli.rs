//! Brotli streams (RFC 7932). They have no magic: whoever names one must know that it is one.

use std::io::BufRead;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{BUFFER_BYTES, input_fault};
use crate::{Fault, Sink};

/// Decodes one stream and stops right after its last byte.
pub(super) fn decode(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let allocator = StandardAlloc::default;
    let mut state = BrotliState::new(allocator(), allocator(), allocator());
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0;
    loop {
        let chunk = input.fill_buf().map_err(|error| input_fault("brotli", &error))?;
        let (mut there, mut used) = (chunk.len(), 0);
        let (mut room, mut made) = (buffer.len(), 0);
        let result = BrotliDecompressStream(
            &mut there,
            &mut used,
            chunk,
            &mut room,
            &mut made,
            &mut buffer,
            &mut total,
            &mut state,
        );
        let at_end = chunk.is_empty();
        input.consume(used);
        sink.push(buffer.get(..made).unwrap_or_default())?;
        match result {
            BrotliResult::ResultSuccess => return Ok(()),
            BrotliResult::NeedsMoreInput if at_end => return Err(fault("the input ends early")),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(fault("a damaged stream")),
        }
    }
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress brotli", why)
}
