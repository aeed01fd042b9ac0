//! Decoders, shared by all format modules: streams that end by themselves, and single blocks.
//!
//! [`decode`] reads one stream from the start of an extent and learns where it ends;
//! [`decode_block`] unpacks one block of a file system, whose packed length is known, into at most
//! so many bytes. The bit streams themselves are read by the compression crates of the workspace;
//! here are the frames around them, exact consumption, memory limits, and partial output.

use std::io::{BufRead, ErrorKind, Read};

use crate::{Derive, Entry, Extent, Fault, Sink, format::Opened, vault::Decoded};

mod bits;
mod block;
mod brotli;
mod deflate64;
mod frames;
pub(crate) mod gzip;
mod huffman;
mod implode;
mod inflate;
pub(crate) mod lz4;
mod lzh;
mod lzhuf;
mod lzma;
mod lzma2;
mod lznt1;
mod lzo_rle;
pub(crate) mod lzop;
mod lzw;
mod lzx;
mod member;
pub(crate) mod nrv2b;
mod output;
mod prefix;
mod quantum;
mod squeeze;
mod tiano;
mod xpress;
pub(crate) mod xz;
pub(crate) mod zpaq;
mod zstd;

pub(crate) use block::{BlockCodec, decode_block};
pub(crate) use frames::{FrameCodec, decode_frames};
pub(crate) use lzma::LzmaProperties;
pub(crate) use lzo_rle::decode_lzo_rle;
pub(crate) use lzw::{COMPRESS_MAGIC, LzwVariant, compress_header};
pub(crate) use member::{MemberCodec, Unpacking};
pub(crate) use prefix::{decode_prefix, decode_up_to};
pub(crate) use zstd::SKIPPABLE_MAGIC as ZSTD_SKIPPABLE_MAGIC;

/// What a decoder without a stream format of its own gives, or what is wrong with its input.
type Step<T> = Result<T, &'static str>;

/// A stream format that tells its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Codec {
    /// One gzip member (RFC 1952), checksum verified.
    Gzip,
    /// A raw deflate stream (RFC 1951).
    Deflate,
    /// One xz stream without padding (The .xz File Format 1.2).
    Xz,
    /// An LZMA stream with its 13-byte header.
    LzmaAlone,
    /// The same, of code for x86 whose jumps were made absolute before.
    LzmaX86,
    /// UEFI's own compression, with its header of two sizes.
    Efi,
    /// Intel's variant of it.
    Tiano,
    /// One lzip member.
    Lzip,
    /// One Zstandard frame (RFC 8878) or a skippable one.
    Zstd,
    /// One frame of the LZ4 frame format 1.6, or a skippable one.
    Lz4Frame,
    /// The legacy LZ4 frame of `lz4 -l` and of Linux kernels.
    Lz4Legacy,
    /// One bzip2 stream.
    Bzip2,
    /// One file of lzop.
    Lzop,
    /// One zlib stream (RFC 1950), checksum verified.
    Zlib,
    /// One brotli stream (RFC 7932).
    Brotli,
    /// A file of `compress`, which ends where the input does.
    Compress,
    /// An LZMA stream behind a header that someone else has read.
    LzmaBehind {
        /// Bytes of the header.
        header_bytes: u8,
        /// What it told.
        properties: LzmaProperties,
        /// Decoded size; none for a stream with an end marker.
        size: Option<u64>,
    },
}

/// Memory that a decoder may take for its dictionary or window, in bytes: enough for `xz -9` and
/// `zstd --ultra -22`, which ask for 64 and 128 MiB.
pub(crate) const WINDOW_BYTES_MAX: u32 = 256 << 20;
const WINDOW_KIB_MAX: u32 = WINDOW_BYTES_MAX >> 10;

/// What the decoders put out at once.
const BUFFER_BYTES: usize = 128 << 10;

/// Decodes one stream from the start of `input`. Returns the bytes it takes up and what stopped it
/// early; what was put out before stays in the sink.
pub(crate) fn decode(codec: Codec, input: &Extent, sink: &mut Sink<'_>) -> (u64, Option<Fault>) {
    let mut stream = input.stream();
    let mut unused = 0;
    let result = match codec {
        Codec::Gzip => gzip::decode(&mut stream, sink),
        Codec::Deflate => inflate::decode(&mut stream, sink, false, |_| ()),
        Codec::Xz => return xz::decode(input, sink),
        Codec::Zlib => inflate::decode(&mut stream, sink, true, |_| ()),
        Codec::LzmaAlone => lzma::decode_alone(&mut stream, sink, &mut unused),
        Codec::LzmaX86 => lzma::decode_alone_x86(&mut stream, sink),
        Codec::Efi => tiano::decode(&mut stream, sink, 4),
        Codec::Tiano => tiano::decode(&mut stream, sink, 5),
        Codec::Lzip => lzma::decode_lzip(&mut stream, sink, &mut unused),
        Codec::Zstd => zstd::decode(&mut stream, sink),
        Codec::Lz4Frame => lz4::decode_frame(&mut stream, sink),
        Codec::Brotli => brotli::decode(&mut stream, sink),
        Codec::Lzop => lzop::decode(&mut stream, sink),
        Codec::Lz4Legacy => lz4::decode_legacy(&mut stream, sink),
        Codec::Compress => lzw::decode_file(&mut stream, sink),
        Codec::LzmaBehind { header_bytes, properties, size } => {
            skip(&mut stream, u64::from(header_bytes), "lzma").and_then(|()| {
                lzma::decode_raw(&mut stream, sink, properties, size, &mut unused, |_| ())
            })
        }
        Codec::Bzip2 => pump(&mut bzip2::bufread::BzDecoder::new(&mut stream), sink, |_| ())
            .map_err(|why| fault_of("bzip2", &why)),
    };
    let consumed = stream.position().saturating_sub(unused);
    (consumed, result.err().map(|fault| fault.within(consumed)))
}

/// Decodes streams of one kind that follow each other without a gap, as long as `more` says that
/// the bytes after one start another. A fault in the first ends it; one in a later stream too, but
/// the ones before it count.
pub(crate) fn decode_all(
    codec: Codec,
    input: &Extent,
    sink: &mut Sink<'_>,
    more: impl Fn(&Extent) -> bool,
) -> (u64, Option<Fault>) {
    let mut position = 0;
    loop {
        let (consumed, fault) = decode(codec, &input.from(position), sink);
        let fault = fault.map(|fault| fault.within(position));
        position += consumed;
        if fault.is_some() || consumed == 0 || !more(&input.from(position)) {
            return (position, fault);
        }
    }
}

/// The transform of a stream, for derived extents.
#[derive(Debug)]
pub(crate) struct Decoding {
    /// How the bytes are packed.
    pub(crate) codec: Codec,
    /// The packed bytes and nothing behind them, one stream or several.
    pub(crate) input: Extent,
}

impl Derive for Decoding {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let more = |rest: &Extent| !rest.is_empty();
        decode_all(self.codec, &self.input, sink, more).1.map_or(Ok(()), Err)
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}

/// A decoded payload with what it took and what stopped it.
pub(crate) struct Payload {
    /// The decoded bytes, lazily computed again when the cache drops them.
    pub(crate) extent: Extent,
    /// Packed bytes.
    pub(crate) consumed: u64,
    /// What stopped the decoder before the end.
    pub(crate) fault: Option<Fault>,
    /// Whether a limit stopped it, so that the bytes are good but not all there.
    pub(crate) limited: bool,
}

impl Payload {
    /// What a format of one stream gives the engine.
    pub(crate) fn opened(self, attributes: Vec<(&'static str, String)>) -> Opened {
        let empty = self.extent.is_empty();
        let unread = self.fault.as_ref().filter(|_| empty).map(|fault| fault.why.clone());
        Opened {
            length: self.consumed,
            attributes,
            entries: vec![Entry::payload(self.extent)],
            faults: self.fault.into_iter().collect(),
            unread,
        }
    }
}

/// Decodes the streams at the start of `input` into a payload.
pub(crate) fn payload(codec: Codec, input: &Extent, more: impl Fn(&Extent) -> bool) -> Payload {
    let vault = input.vault();
    let (source, start) = input.place();
    if let Some(known) = vault.decoded((source, start, codec), input.len()) {
        let Decoded { source, length, consumed, .. } = known;
        let transform = Decoding { codec, input: input.clamp(0, consumed) };
        let extent = Extent::derived_again(vault, source, length, transform);
        return Payload { extent, consumed, fault: None, limited: false };
    }
    let mut sink = vault.sink(input.weight());
    let (consumed, fault) = decode_all(codec, input, &mut sink, more);
    let limited = sink.refusal().is_some();
    let transform = Decoding { codec, input: input.clamp(0, consumed) };
    let extent = Extent::computed_by(vault, sink.finish(), transform);
    if fault.is_none() {
        let (decoded, length) = (extent.place().0, extent.len());
        let decoded = Decoded { source: decoded, length, consumed, input_length: input.len() };
        vault.remember((source, start, codec), decoded);
    }
    Payload { extent, consumed, fault, limited }
}

/// Why a decoder stopped.
enum Stop {
    /// The sink refused more.
    Refused(Fault),
    /// The input is damaged or cut short.
    Input(std::io::Error),
}

/// Copies everything a decoder gives into the sink; `watch` sees it pass by.
fn pump(
    reader: &mut impl Read,
    sink: &mut Sink<'_>,
    mut watch: impl FnMut(&[u8]),
) -> Result<(), Stop> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                watch(bytes);
                sink.push(bytes).map_err(Stop::Refused)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Stop::Input(error)),
        }
    }
}

/// Copies everything a chain of decoders gives into the sink.
///
/// # Errors
/// What stopped it; what was put out before is kept.
pub(crate) fn copy_into(
    codec: &str,
    reader: &mut impl Read,
    sink: &mut Sink<'_>,
) -> Result<(), Fault> {
    pump(reader, sink, |_| ()).map_err(|stop| fault_of(codec, &stop))
}

/// The fault of a stopped decoder, at the place where its input stands.
fn fault_of(codec: &str, stop: &Stop) -> Fault {
    match stop {
        Stop::Refused(fault) => fault.clone(),
        Stop::Input(error) => input_fault(codec, error),
    }
}

fn input_fault(codec: &str, error: &std::io::Error) -> Fault {
    let why = match error.kind() {
        ErrorKind::UnexpectedEof => "the input ends early".to_owned(),
        _ => error.to_string(),
    };
    Fault::new(0, format!("decompress {codec}"), why)
}

/// Reads a fixed number of bytes of a frame.
fn take<const N: usize>(input: &mut impl BufRead, codec: &str) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(|error| input_fault(codec, &error))?;
    Ok(bytes)
}

/// Passes over bytes that are not decoded.
fn skip(input: &mut impl BufRead, count: u64, codec: &str) -> Result<(), Fault> {
    let mut left = count;
    while left > 0 {
        let there = input.fill_buf().map_err(|error| input_fault(codec, &error))?.len();
        if there == 0 {
            return Err(Fault::new(0, format!("decompress {codec}"), "the input ends early"));
        }
        let step = there.min(usize::try_from(left).unwrap_or(usize::MAX));
        input.consume(step);
        left -= u64::try_from(step).unwrap_or(left);
    }
    Ok(())
}

/// Packers without a free program, for tests of the formats that have them.
#[cfg(test)]
pub(crate) mod packers {
    pub(crate) use super::{implode::implode, lzhuf::encode as lzhuf, lzw::shrink};
    use super::{lzx, quantum};

    /// Frames of Quantum that go on from each other.
    pub(crate) fn quantum(frames: &[&[u8]], distance: usize) -> Vec<Vec<u8>> {
        let mut state = quantum::Quantum::new(16).unwrap();
        frames.iter().map(|frame| quantum::encode(&mut state, frame, distance)).collect()
    }

    /// The only block of a chunk of a Windows image as the first frame of a cabinet.
    pub(crate) fn lzx_of_chunk(chunk: &[u8], size: usize) -> Vec<u8> {
        lzx::frame_of_chunk(chunk, size)
    }
}

#[cfg(test)]
mod tests;
