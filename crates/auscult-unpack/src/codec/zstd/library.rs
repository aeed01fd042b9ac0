//! Frames decoded by libzstd, which verifies their checksums itself.

use std::io::BufRead;

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::fault;
use crate::{
    Fault, Sink,
    codec::{BUFFER_BYTES, WINDOW_BYTES_MAX, input_fault},
};

/// Decodes all frames into memory. Returns the number of bytes.
pub(crate) fn decode_all(input: &[u8], output: &mut [u8]) -> Result<usize, String> {
    DCtx::create().decompress(output, input).map_err(|code| get_error_name(code).to_owned())
}

/// Decodes the frame whose magic was read.
pub(super) fn decode_frame(
    magic: [u8; 4],
    input: &mut impl BufRead,
    sink: &mut Sink<'_>,
) -> Result<(), Fault> {
    let mut decoder = DCtx::create();
    let named = |code| fault(&get_error_name(code));
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_BYTES_MAX.ilog2())).map_err(named)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut step = |chunk: &[u8], sink: &mut Sink<'_>| {
        let (mut from, mut to) = (InBuffer::around(chunk), OutBuffer::around(&mut buffer[..]));
        let left = decoder.decompress_stream(&mut to, &mut from).map_err(named)?;
        sink.push(to.as_slice())?;
        Ok::<_, Fault>((left, from.pos()))
    };
    step(&magic, sink)?;
    loop {
        let chunk = input.fill_buf().map_err(|error| input_fault("zstd", &error))?;
        if chunk.is_empty() {
            return Err(fault(&"the input ends early"));
        }
        let (left, used) = step(chunk, sink)?;
        input.consume(used);
        if left == 0 {
            return Ok(());
        }
    }
}
