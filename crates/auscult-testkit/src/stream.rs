//! Compressed streams: gzip, zlib, xz, LZMA alone, lzip, bzip2, lz4 (frame and legacy), zstd.

use std::io::{Read, Write};
use std::num::NonZeroU64;

use flate2::{Compression, GzBuilder};
use lzma_rust2::{LzipOptions, LzipWriter, LzmaOptions, LzmaWriter, XzOptions, XzWriter};

use crate::writer::{Endian, Writer, u32_of};

fn written<W: Write>(mut writer: W, bytes: &[u8]) -> W {
    writer.write_all(bytes).expect("memory takes every write");
    writer
}

/// A gzip member (RFC 1952) without name and time.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let encoder = GzBuilder::new().operating_system(3).write(Vec::new(), Compression::best());
    written(encoder, bytes).finish().expect("memory")
}

/// A gzip member that names its file, as `gzip FILE` writes it.
pub fn gzip_named(name: &str, mtime: u32, bytes: &[u8]) -> Vec<u8> {
    let builder = GzBuilder::new().operating_system(3).filename(name).mtime(mtime);
    written(builder.write(Vec::new(), Compression::best()), bytes).finish().expect("memory")
}

/// A zlib stream (RFC 1950).
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    written(encoder, bytes).finish().expect("memory")
}

/// A raw deflate stream (RFC 1951).
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    written(encoder, bytes).finish().expect("memory")
}

/// An xz stream (The .xz File Format 1.2) of one block with CRC-64.
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let writer = XzWriter::new(Vec::new(), XzOptions::with_preset(6)).expect("memory");
    written(writer, bytes).finish().expect("memory")
}

/// An xz stream of several blocks, each of at most `block_bytes` of input.
///
/// The encoder takes no block smaller than its dictionary; preset 0 keeps that at 256 KiB.
pub fn xz_in_blocks(bytes: &[u8], block_bytes: u64) -> Vec<u8> {
    let mut options = XzOptions::with_preset(0);
    options.set_block_size(NonZeroU64::new(block_bytes));
    let writer = XzWriter::new(Vec::new(), options).expect("memory");
    written(writer, bytes).finish().expect("memory")
}

/// An LZMA alone stream (`.lzma`) that states its size.
pub fn lzma_alone(bytes: &[u8]) -> Vec<u8> {
    let size = u64::try_from(bytes.len()).expect("fits 64 bits");
    let options = LzmaOptions::with_preset(6);
    let writer = LzmaWriter::new_use_header(Vec::new(), &options, Some(size)).expect("memory");
    written(writer, bytes).finish().expect("memory")
}

/// An LZMA alone stream of unknown size with an end marker, as kernels are often packed.
pub fn lzma_alone_with_end_marker(bytes: &[u8]) -> Vec<u8> {
    let options = LzmaOptions::with_preset(6);
    let writer = LzmaWriter::new_use_header(Vec::new(), &options, None).expect("memory");
    written(writer, bytes).finish().expect("memory")
}

/// A lzip member.
pub fn lzip(bytes: &[u8]) -> Vec<u8> {
    let writer = LzipWriter::new(Vec::new(), LzipOptions::with_preset(6));
    written(writer, bytes).finish().expect("memory")
}

/// A bzip2 stream.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::best())
        .read_to_end(&mut packed)
        .expect("memory");
    packed
}

/// A frame of the LZ4 frame format 1.6.
pub fn lz4_frame(bytes: &[u8]) -> Vec<u8> {
    let encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    written(encoder, bytes).finish().expect("memory")
}

/// The legacy LZ4 frame that `lz4 -l` writes and Linux kernels use: blocks of 8 MiB of input, each
/// with its packed length, until the end of the file.
pub fn lz4_legacy(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    writer.u32(0x184c_2102);
    for block in bytes.chunks(8 << 20) {
        let packed = lz4_flex::block::compress(block);
        writer.u32(u32_of(packed.len())).bytes(&packed);
    }
    writer.finish()
}

/// A Zstandard frame (RFC 8878).
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Base64 (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * at) & 0x3f).expect("six bits");
            let digit = ALPHABET.get(index).copied().map_or('=', char::from);
            text.push(if at > u32::try_from(group.len()).expect("at most three") {
                '='
            } else {
                digit
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    fn read_all(mut reader: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn streams_read_back() {
        let text = b"pump pump pump ".repeat(100);
        assert_eq!(read_all(flate2::read::GzDecoder::new(&*super::gzip(&text))), text);
        assert_eq!(read_all(flate2::read::ZlibDecoder::new(&*super::zlib(&text))), text);
        assert_eq!(read_all(bzip2::read::BzDecoder::new(&*super::bzip2(&text))), text);
        assert_eq!(read_all(lzma_rust2::XzReader::new(&*super::xz(&text), true)), text);
        assert_eq!(read_all(lzma_rust2::LzipReader::new(&*super::lzip(&text))), text);
        assert_eq!(read_all(lz4_flex::frame::FrameDecoder::new(&*super::lz4_frame(&text))), text);
        let zstd = super::zstd(&text);
        let decoder = ruzstd::decoding::StreamingDecoder::new(&*zstd).unwrap();
        assert_eq!(read_all(decoder), text);
        for packed in [super::lzma_alone(&text), super::lzma_alone_with_end_marker(&text)] {
            let reader = lzma_rust2::LzmaReader::new_mem_limit(&*packed, u32::MAX, None).unwrap();
            assert_eq!(read_all(reader), text);
        }
    }

    #[test]
    fn xz_blocks_are_several() {
        let bytes = vec![7; 1 << 20];
        let packed = super::xz_in_blocks(&bytes, 256 << 10);
        assert_eq!(read_all(lzma_rust2::XzReader::new(&*packed, true)), bytes);
        // The index holds the number of records in its second byte (.xz format 4.2).
        let footer = packed.len() - 12;
        let backward = u32::from_le_bytes(packed[footer + 4..footer + 8].try_into().unwrap());
        let index = footer - (usize::try_from(backward).unwrap() + 1) * 4;
        assert_eq!(packed[index..index + 2], [0, 4]);
    }
}
