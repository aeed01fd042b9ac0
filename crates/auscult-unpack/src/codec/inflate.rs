//! Deflate and zlib streams (RFC 1951, RFC 1950).

use std::io::BufRead;

use flate2::{Decompress, FlushDecompress, Status};

use super::{BUFFER_BYTES, input_fault};
use crate::{Fault, Sink};

/// Decodes one stream; `watch` sees the output pass by. Stops right after its last byte.
pub(super) fn decode(
    input: &mut impl BufRead,
    sink: &mut Sink<'_>,
    zlib: bool,
    mut watch: impl FnMut(&[u8]),
) -> Result<(), Fault> {
    let codec = if zlib { "zlib" } else { "deflate" };
    let mut decoder = Decompress::new(zlib);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let chunk = input.fill_buf().map_err(|error| input_fault(codec, &error))?;
        let at_end = chunk.is_empty();
        let (before_in, before_out) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(chunk, &mut buffer, FlushDecompress::None);
        let used = usize::try_from(decoder.total_in() - before_in).unwrap_or(usize::MAX);
        let made = usize::try_from(decoder.total_out() - before_out).unwrap_or(usize::MAX);
        input.consume(used);
        // Also what was put out before an error counts.
        let output = buffer.get(..made).unwrap_or_default();
        watch(output);
        sink.push(output)?;
        match status {
            Ok(Status::StreamEnd) => return Ok(()),
            Ok(_) if used > 0 || made > 0 => {}
            Ok(_) if at_end => return Err(fault(codec, "the input ends early")),
            Ok(_) => return Err(fault(codec, "the decoder does not go on")),
            Err(error) => return Err(fault(codec, &error.to_string())),
        }
    }
}

fn fault(codec: &str, why: &str) -> Fault {
    Fault::new(0, format!("decompress {codec}"), why)
}
