//! The codings of SquashFS blocks, the registered ones and those that vendors put in their place.
//!
//! The superblock names the coding, but vendor images say one thing and hold another: LZMA under
//! the number of zlib, LZMA without its header, with a header without a length. So the choice is
//! made on data: each coding is tried on the first compressed block of inodes, and the first that
//! yields inodes is kept. Blocks are small (at most 1 MiB), so all of them decode in memory.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::{LzmaReader, XzReader};

/// Memory that a dictionary may take, in KiB: blocks are 1 MiB at most, headers lie.
const DICTIONARY_KIB_MAX: u32 = 64 << 10;
/// Properties byte of LZMA with 3 literal context bits, 0 literal position bits and 2 position
/// bits: the encoder's default.
const LZMA_DEFAULT: u8 = 0x5d;
/// Bytes of a `.lzma` header: properties, dictionary size, length.
const LZMA_HEADER_BYTES: usize = 13;

/// How the bytes of a block are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Number 1.
    Zlib,
    /// Number 2, in one of its layouts.
    Lzma(LzmaLayout),
    /// Number 3.
    Lzo,
    /// Number 4.
    Xz,
    /// Number 5.
    Lz4,
    /// Number 6.
    Zstd,
}

/// What stands before the LZMA range coder's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LzmaLayout {
    /// A `.lzma` header with properties, dictionary size and length.
    Alone,
    /// Properties and dictionary size, no length.
    NoLength,
    /// Nothing or bytes of no use, with fixed properties.
    Bare {
        /// The properties byte.
        properties: u8,
        /// Bytes to skip.
        skip: usize,
    },
}

/// Bytes of private headers in front of bare LZMA that are worth a try.
const SKIPS: [usize; 4] = [0, 4, 5, 8];

impl Coding {
    /// The coding that the superblock's number names.
    pub(super) fn registered(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Zlib,
            2 => Self::Lzma(LzmaLayout::Alone),
            3 => Self::Lzo,
            4 => Self::Xz,
            5 => Self::Lz4,
            6 => Self::Zstd,
            _ => return None,
        })
    }

    /// All codings in the order in which to try them when the registered one fails: those with a
    /// recognisable header first, guesses at the properties last.
    pub(super) fn candidates() -> impl Iterator<Item = Self> {
        let framed = [
            Self::Zlib,
            Self::Xz,
            Self::Zstd,
            Self::Lzma(LzmaLayout::Alone),
            Self::Lzma(LzmaLayout::NoLength),
        ];
        let usual = SKIPS.into_iter().map(|skip| (LZMA_DEFAULT, skip));
        // Literal context and position bits share four bits in practice: the SDK's own bound.
        let any = (0..225_u8)
            .filter(|properties| properties % 9 + properties / 9 % 5 <= 4)
            .flat_map(|properties| SKIPS.map(|skip| (properties, skip)));
        let bare = usual
            .chain(any)
            .map(|(properties, skip)| Self::Lzma(LzmaLayout::Bare { properties, skip }));
        framed.into_iter().chain(bare).chain([Self::Lzo, Self::Lz4])
    }

    /// The name for people.
    pub(super) fn name(self) -> String {
        match self {
            Self::Zlib => "gzip".to_owned(),
            Self::Lzma(LzmaLayout::Alone) => "lzma".to_owned(),
            Self::Lzma(LzmaLayout::NoLength) => "lzma (header without length)".to_owned(),
            Self::Lzma(LzmaLayout::Bare { properties, skip }) => {
                format!("lzma (no header, properties {properties:#04x}, {skip} bytes skipped)")
            }
            Self::Lzo => "lzo".to_owned(),
            Self::Xz => "xz".to_owned(),
            Self::Lz4 => "lz4".to_owned(),
            Self::Zstd => "zstd".to_owned(),
        }
    }

    /// Decodes one block of at most `output_max` bytes.
    ///
    /// # Errors
    /// Why it could not be decoded.
    pub(super) fn decode(self, input: &[u8], output_max: usize) -> Result<Vec<u8>, String> {
        match self {
            Self::Zlib => decode_zlib(input, output_max),
            Self::Lzma(layout) => decode_lzma(layout, input, output_max),
            Self::Lzo => decode_into(output_max, |output| lzo::decompress_into(input, output)),
            Self::Xz => {
                read_to_end(XzReader::new_mem_limit(input, false, DICTIONARY_KIB_MAX), output_max)
            }
            Self::Lz4 => {
                decode_into(output_max, |output| lz4_flex::block::decompress_into(input, output))
            }
            Self::Zstd => decode_zstd(input, output_max),
        }
    }
}

fn decode_zlib(input: &[u8], output_max: usize) -> Result<Vec<u8>, String> {
    let mut output = Vec::with_capacity(output_max);
    let mut state = Decompress::new(true);
    match state.decompress_vec(input, &mut output, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Ok(output),
        Ok(_) => Err(format!("zlib: no end within {output_max} bytes")),
        Err(error) => Err(error.to_string()),
    }
}

fn decode_zstd(input: &[u8], output_max: usize) -> Result<Vec<u8>, String> {
    let window_max = u64::from(DICTIONARY_KIB_MAX) << 10;
    let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(input, window_max)
        .map_err(|error| error.to_string())?;
    read_to_end(decoder, output_max)
}

fn decode_into<E: ToString>(
    output_max: usize,
    decode: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<Vec<u8>, String> {
    let mut output = vec![0; output_max];
    let length = decode(&mut output).map_err(|error| error.to_string())?;
    output.truncate(length);
    Ok(output)
}

fn read_to_end(reader: impl Read, output_max: usize) -> Result<Vec<u8>, String> {
    let bound = u64::try_from(output_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut output = Vec::with_capacity(output_max);
    reader.take(bound).read_to_end(&mut output).map_err(|error| error.to_string())?;
    if output.len() > output_max {
        return Err(format!("more than {output_max} bytes in a block"));
    }
    Ok(output)
}

fn decode_lzma(layout: LzmaLayout, input: &[u8], output_max: usize) -> Result<Vec<u8>, String> {
    let header = match layout {
        LzmaLayout::Alone => LZMA_HEADER_BYTES,
        LzmaLayout::NoLength => 5,
        LzmaLayout::Bare { skip, .. } => skip,
    };
    let (head, coded) = input.split_at_checked(header).ok_or("lzma: no header")?;
    // The range coder's first byte is always zero; it tells a wrong layout at once.
    if coded.first() != Some(&0) {
        return Err("lzma: the coded bytes do not start with zero".to_owned());
    }
    let properties = match layout {
        LzmaLayout::Bare { properties, .. } => properties,
        _ => head.first().copied().unwrap_or_default(),
    };
    let promised = match (layout, head.last_chunk::<8>()) {
        (LzmaLayout::Alone, Some(length)) => usize::try_from(u64::from_le_bytes(*length)).ok(),
        _ => None,
    };
    let promised = promised.filter(|&length| length <= output_max);
    // A dictionary larger than the block would never be looked at.
    let dictionary = u32::try_from(output_max).unwrap_or(u32::MAX);
    let length = promised.and_then(|length| u64::try_from(length).ok()).unwrap_or(u64::MAX);
    let reader = LzmaReader::new_with_props(coded, length, properties, dictionary, None)
        .map_err(|error| error.to_string())?;
    match promised {
        Some(_) => read_to_end(reader, output_max),
        None => read_unbounded(reader, output_max),
    }
}

/// Reads a stream of unknown length: it ends at its marker, at the bound, or where the input ends,
/// since encoders without headers also leave out the marker.
fn read_unbounded(mut reader: LzmaReader<&[u8]>, output_max: usize) -> Result<Vec<u8>, String> {
    reader.set_defer_errors(true);
    let mut output = Vec::with_capacity(output_max);
    let bound = u64::try_from(output_max).unwrap_or(u64::MAX);
    let result = reader.by_ref().take(bound).read_to_end(&mut output);
    match result {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.to_string()),
        _ if output.is_empty() => Err("lzma: nothing decoded".to_owned()),
        _ => Ok(output),
    }
}
