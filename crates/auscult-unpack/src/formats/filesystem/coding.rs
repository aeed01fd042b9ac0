//! The codings of blocks of SquashFS and cramfs, the registered ones and those that vendors put in
//! their place.
//!
//! The superblock names the coding, but vendor images say one thing and hold another: LZMA under
//! the number of zlib, LZMA without its header, with a header without a length, or with one of the
//! vendor's own. So the choice is made on data (`choice.rs` of each). Blocks are small (at most 1 MiB), so
//! all of them decode in memory.
//!
//! Some vendors code each block in one of two ways: the "sqlzma" patches with LZMA or, where that
//! gains nothing, with zlib; Broadcom metadata with zlib and contents with LZMA. The first byte
//! tells, for that of zlib never is the usual properties of LZMA.

use crate::{
    Endian, Fault, View,
    codec::{BlockCodec, LzmaProperties, decode_block},
};

/// Properties byte of LZMA with 3 literal context bits, 0 literal position bits and 2 position
/// bits: the encoder's default.
const LZMA_DEFAULT: u8 = 0x5d;
/// Bytes of the properties and the dictionary size in front of LZMA without a length.
const LZMA_HEADER_BYTES: usize = 5;
/// Bytes of a header with a byte for each property.
const LZMA_FIELDS_BYTES: usize = 4;

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
    /// Four bytes: position bits, literal context bits, literal position bits, and one for the
    /// encoder only; they differ from block to block (DD-WRT).
    Fields,
    /// Nothing or bytes of no use, with fixed properties.
    Bare {
        /// The properties byte.
        properties: u8,
        /// Bytes to skip.
        skip: usize,
    },
}

/// Bytes of private headers in front of bare LZMA that are worth a try.
const SKIPS: [usize; 5] = [0, 4, 5, 8, 9];

/// Smaller images are not worth the time that hundreds of guesses take, for thousands of them fit
/// into an input that someone made to waste it.
const GUESSED_BYTES_MIN: u64 = 2048;

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
    pub(super) fn candidates(bytes_used: u64) -> impl Iterator<Item = Self> {
        let framed = [
            Self::Zlib,
            Self::Xz,
            Self::Zstd,
            Self::Lzma(LzmaLayout::Alone),
            Self::Lzma(LzmaLayout::NoLength),
            Self::Lzma(LzmaLayout::Fields),
        ];
        let usual = SKIPS.into_iter().map(|skip| (LZMA_DEFAULT, skip));
        // Literal context and position bits share four bits in practice: the SDK's own bound.
        let any = (0..225_u8)
            .filter(move |_| bytes_used >= GUESSED_BYTES_MIN)
            .filter(|properties| properties % 9 + properties / 9 % 5 <= 4)
            .flat_map(|properties| SKIPS.map(|skip| (properties, skip)));
        let bare = usual
            .chain(any)
            .map(|(properties, skip)| Self::Lzma(LzmaLayout::Bare { properties, skip }));
        framed.into_iter().chain(bare).chain([Self::Lzo, Self::Lz4])
    }

    /// Whether a block that begins so is not coded like this but in the other of the two ways.
    pub(super) fn is_other(self, input: &[u8]) -> bool {
        match self {
            Self::Zlib => is_lzma(input),
            Self::Lzma(LzmaLayout::Alone | LzmaLayout::NoLength) => is_zlib(input),
            _ => false,
        }
    }

    /// The name for people.
    pub(super) fn name(self) -> String {
        match self {
            Self::Zlib => "gzip".to_owned(),
            Self::Lzma(LzmaLayout::Alone) => "lzma".to_owned(),
            Self::Lzma(LzmaLayout::NoLength) => "lzma (header without length)".to_owned(),
            Self::Lzma(LzmaLayout::Fields) => "lzma (a byte for each property)".to_owned(),
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
    pub(super) fn decode(self, input: &[u8], output_max: usize) -> Result<Vec<u8>, Fault> {
        let codec = match self {
            Self::Zlib if is_lzma(input) => {
                let layout = if has_length(input, output_max) {
                    LzmaLayout::Alone
                } else {
                    LzmaLayout::NoLength
                };
                return Self::Lzma(layout).decode(input, output_max);
            }
            Self::Lzma(LzmaLayout::Alone | LzmaLayout::NoLength) if is_zlib(input) => {
                BlockCodec::Zlib
            }
            Self::Zlib => BlockCodec::Zlib,
            Self::Lzma(LzmaLayout::Alone) => BlockCodec::LzmaAlone,
            Self::Lzma(LzmaLayout::NoLength) => {
                let properties = input.first().copied().unwrap_or(u8::MAX);
                return decode_bare(properties, input.get(LZMA_HEADER_BYTES..), output_max);
            }
            Self::Lzma(LzmaLayout::Fields) => {
                let properties = properties_of_fields(input).unwrap_or(u8::MAX);
                return decode_bare(properties, input.get(LZMA_FIELDS_BYTES..), output_max);
            }
            Self::Lzma(LzmaLayout::Bare { properties, skip }) => {
                return decode_bare(properties, input.get(skip..), output_max);
            }
            Self::Lzo => BlockCodec::Lzo,
            Self::Xz => BlockCodec::Xz,
            Self::Lz4 => BlockCodec::Lz4,
            Self::Zstd => BlockCodec::Zstd,
        };
        decode_block(codec, input, output_max)
    }
}

/// Whether a block begins with the usual properties of LZMA.
fn is_lzma(input: &[u8]) -> bool {
    input.first() == Some(&LZMA_DEFAULT)
}

/// Whether the length of a block stands behind the properties of LZMA, and not its first bytes.
fn has_length(input: &[u8], output_max: usize) -> bool {
    let length = View(input).u64(LZMA_HEADER_BYTES, Endian::Little);
    length.is_ok_and(|length| usize::try_from(length).is_ok_and(|length| length <= output_max))
}

/// Whether a block begins with a header of zlib (RFC 1950, section 2.2) with the largest window,
/// which is a multiple of 31. No LZMA does that has at most four literal bits.
fn is_zlib(input: &[u8]) -> bool {
    matches!(input, [0x78, flags, ..] if (0x7800 | u16::from(*flags)) % 31 == 0)
}

/// The properties byte of LZMA from a header with a byte for each property.
fn properties_of_fields(input: &[u8]) -> Option<u8> {
    let &[position, context, literal_position, _, ..] = input else { return None };
    let within = position <= 4 && context <= 8 && literal_position <= 4;
    within.then(|| (position * 5 + literal_position) * 9 + context)
}

fn decode_bare(properties: u8, coded: Option<&[u8]>, output_max: usize) -> Result<Vec<u8>, Fault> {
    // No match can reach back further than the block is long.
    let dictionary_bytes = u32::try_from(output_max).unwrap_or(u32::MAX);
    let properties = LzmaProperties::from_byte(properties, dictionary_bytes);
    // The range coder's first byte is always zero; it tells a wrong layout at once.
    match (properties, coded) {
        (Some(properties), Some(coded @ [0, ..])) => {
            decode_block(BlockCodec::LzmaRaw(properties), coded, output_max)
        }
        _ => Err(Fault::new(0, "decompress lzma", "the bytes are laid out in another way")),
    }
}
