//! The first bytes of a packed block whose end nobody tells: file systems pad packed data to whole
//! blocks, or refer to a part of what a block unpacks to.

use flate2::{Decompress, FlushDecompress, Status};

use super::{BlockCodec, block, input_fault, lz4, zstd};
use crate::Fault;

/// Window of a Zstandard frame that is a block: its makers use at most this much.
const WINDOW_BYTES_MAX: u64 = 8 << 20;

/// Unpacks the first `length` bytes of a block. What stands behind the bytes that these need, in
/// the input as in the output, is not looked at.
///
/// # Errors
/// What is wrong with the block, or that it holds fewer bytes; its offset is 0.
pub(crate) fn decode_prefix(
    codec: BlockCodec,
    input: &[u8],
    length: usize,
) -> Result<Vec<u8>, Fault> {
    let output = decode_up_to(codec, input, length)?;
    if output.len() < length {
        let why = format!("{length} bytes promised, {} there", output.len());
        return Err(Fault::new(0, "decompress a block", why));
    }
    Ok(output)
}

/// The same, but a block that holds fewer bytes is no fault.
///
/// # Errors
/// What is wrong with the block; its offset is 0.
pub(crate) fn decode_up_to(
    codec: BlockCodec,
    input: &[u8],
    length: usize,
) -> Result<Vec<u8>, Fault> {
    Ok(match codec {
        BlockCodec::Zlib => inflate(input, length, true)?,
        BlockCodec::Deflate => inflate(input, length, false)?,
        BlockCodec::Lz4 => lz4::decode_prefix(input, length)?,
        BlockCodec::Zstd => unpack_zstd(input, length)?,
        BlockCodec::LzmaRaw(properties) => {
            block::read_lzma(properties.reader(input, u64::MAX)?, length)?
        }
        // The others have no makers that pad them.
        other => block::decode_block(other, input, length)?,
    })
}

fn inflate(input: &[u8], length: usize, zlib: bool) -> Result<Vec<u8>, Fault> {
    let mut output = vec![0; length];
    let mut decoder = Decompress::new(zlib);
    let mut made = 0;
    while made < length {
        let rest = input.get(usize::try_from(decoder.total_in()).unwrap_or(usize::MAX)..);
        let room = output.get_mut(made..).unwrap_or_default();
        let before = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(rest.unwrap_or_default(), room, FlushDecompress::None);
        made = usize::try_from(decoder.total_out()).unwrap_or(usize::MAX);
        match status {
            Ok(Status::StreamEnd) => break,
            Ok(_) if before == (decoder.total_in(), decoder.total_out()) => break,
            Ok(_) => {}
            // What an error at the very end of the stream spoils is not wanted any more.
            Err(_) if made >= length => break,
            Err(error) => return Err(Fault::new(0, "decompress zlib", error.to_string())),
        }
    }
    output.truncate(made);
    Ok(output)
}

fn unpack_zstd(input: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    let fault = |error: &dyn std::fmt::Display| Fault::new(0, "decompress zstd", error.to_string());
    let mut decoder = zstd::frame_decoder();
    decoder.set_max_window_size(WINDOW_BYTES_MAX);
    let mut reader = ruzstd::decoding::StreamingDecoder::new_with_decoder(input, decoder)
        .map_err(|error| fault(&error))?;
    let mut output = vec![0; length];
    let made =
        block::fill(&mut reader, &mut output).map_err(|error| input_fault("zstd", &error))?;
    output.truncate(made);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use auscult_testkit::stream;

    use super::{super::BlockCodec, decode_prefix};

    type Packer = fn(&[u8]) -> Vec<u8>;

    #[test]
    fn every_prefix_of_a_padded_block() {
        let bytes: Vec<u8> = (0..3000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let packers: [(BlockCodec, Packer); 4] = [
            (BlockCodec::Zlib, stream::zlib),
            (BlockCodec::Deflate, stream::deflate),
            (BlockCodec::Zstd, stream::zstd),
            (BlockCodec::Lz4, lz4_flex::block::compress),
        ];
        for (codec, pack) in packers {
            let packed = [&pack(&bytes)[..], &[0; 100]].concat();
            for length in [0, 1, 17, 4096, bytes.len() - 1, bytes.len()] {
                let output = decode_prefix(codec, &packed, length).unwrap();
                assert!(output == bytes[..length], "{codec:?} {length}");
            }
            assert!(decode_prefix(codec, &packed, bytes.len() + 1).is_err(), "{codec:?}");
            for end in 0..packed.len() - 100 {
                let _ = decode_prefix(codec, &packed[..end], bytes.len());
            }
        }
    }
}
