//! Blocks of file systems: packed bytes of known length, unpacked into at most so many bytes.

use std::io::{ErrorKind, Read};

use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::LzmaReader;

use super::{
    LzmaProperties, WINDOW_KIB_MAX, input_fault, lznt1, lzx::Lzx, output::Output, xpress, xz, zstd,
};
use crate::Fault;

/// How a block is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockCodec {
    /// zlib (RFC 1950).
    Zlib,
    /// Deflate without a header (RFC 1951).
    Deflate,
    /// A whole xz stream.
    Xz,
    /// LZMA with its 13-byte header.
    LzmaAlone,
    /// LZMA without a header, with or without an end marker.
    LzmaRaw(LzmaProperties),
    /// A Zstandard frame.
    Zstd,
    /// One LZ4 block without a frame.
    Lz4,
    /// One LZO1X block.
    Lzo,
    /// Chunks of LZNT1.
    Lznt1,
    /// A chunk of LZX in a Windows image, with a window of so many bits.
    ImageLzx(u32),
    /// A chunk of XPRESS with Huffman codes (MS-XCA, section 2.1).
    XpressHuffman,
}

/// Unpacks a block. More than `output_max` bytes are a fault; fewer are not, since the last block
/// of a file is short.
///
/// # Errors
/// What is wrong with the block; its offset is 0.
pub(crate) fn decode_block(
    codec: BlockCodec,
    input: &[u8],
    output_max: usize,
) -> Result<Vec<u8>, Fault> {
    match codec {
        BlockCodec::Zlib => inflate(input, output_max, true),
        BlockCodec::Deflate => inflate(input, output_max, false),
        BlockCodec::Xz => xz::decode_small(input, output_max),
        BlockCodec::LzmaAlone => {
            let reader = LzmaReader::new_mem_limit(input, WINDOW_KIB_MAX, None)
                .map_err(|error| input_fault("lzma", &error))?;
            read_lzma(reader, output_max)
        }
        BlockCodec::LzmaRaw(properties) => {
            read_lzma(properties.reader(input, u64::MAX)?, output_max)
        }
        BlockCodec::Zstd => {
            let mut output = vec![0; output_max];
            let made = zstd::decode_all(input, &mut output);
            cut("zstd", output, made)
        }
        BlockCodec::Lz4 => {
            let mut output = vec![0; output_max];
            let made = lz4_flex::block::decompress_into(input, &mut output);
            cut("lz4", output, made)
        }
        BlockCodec::Lznt1 => lznt1::decode(input, output_max),
        BlockCodec::Lzo => {
            let mut output = vec![0; output_max];
            let made = lzo::decompress_into(input, &mut output);
            cut("lzo", output, made)
        }
        BlockCodec::ImageLzx(window_bits) => {
            let mut output = Output::new(output_max);
            let mut lzx = Lzx::new(window_bits, true).map_err(|why| fault("lzx", why))?;
            lzx.frame(input, output_max, &mut output).map_err(|why| fault("lzx", why))?;
            let mut bytes = output.into_bytes();
            lzx.translate(&mut bytes);
            Ok(bytes)
        }
        BlockCodec::XpressHuffman => {
            let mut output = Output::new(output_max);
            xpress::decode(input, &mut output).map_err(|why| fault("xpress", why))?;
            Ok(output.into_bytes())
        }
    }
}

fn cut<E: std::fmt::Display>(
    codec: &str,
    mut output: Vec<u8>,
    made: Result<usize, E>,
) -> Result<Vec<u8>, Fault> {
    output.truncate(made.map_err(|error| fault(codec, &error.to_string()))?);
    Ok(output)
}

fn fault(codec: &str, why: &str) -> Fault {
    Fault::new(0, format!("decompress {codec}"), why)
}

fn inflate(input: &[u8], output_max: usize, has_header: bool) -> Result<Vec<u8>, Fault> {
    let codec = if has_header { "zlib" } else { "deflate" };
    let mut output = vec![0; output_max];
    let mut decoder = Decompress::new(has_header);
    let status = decoder.decompress(input, &mut output, FlushDecompress::Finish);
    let made = usize::try_from(decoder.total_out()).unwrap_or(usize::MAX);
    match status {
        Ok(Status::StreamEnd) => {
            output.truncate(made);
            Ok(output)
        }
        Ok(_) if made >= output_max => Err(fault(codec, "longer than a block may be")),
        Ok(_) => Err(fault(codec, "the input ends early")),
        Err(error) => Err(fault(codec, &error.to_string())),
    }
}

/// Reads an LZMA block. Many packers leave out the end marker and the size: then the block ends
/// with its input or when it is full.
pub(super) fn read_lzma(
    mut reader: LzmaReader<&[u8]>,
    output_max: usize,
) -> Result<Vec<u8>, Fault> {
    reader.set_defer_errors(true);
    let mut output = vec![0; output_max];
    let mut made = 0;
    while let Some(rest) = output.get_mut(made..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => made += count,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && made > 0 => break,
            Err(error) => return Err(input_fault("lzma", &error)),
        }
    }
    output.truncate(made);
    Ok(output)
}

pub(super) fn fill(reader: &mut impl Read, output: &mut [u8]) -> std::io::Result<usize> {
    let mut made = 0;
    while let Some(rest) = output.get_mut(made..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => made += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}
