//! LZ4 frames (LZ4 Frame Format 1.6.x) and the legacy frame that Linux kernels are packed with.

use std::io::{BufRead, Read};

use std::hash::Hasher as _;

use twox_hash::XxHash32;

use super::{input_fault, skip, take};
use crate::{Endian, Fault, Sink, View, checksum::agrees};

pub(crate) const FRAME_MAGIC: u32 = 0x184d_2204;
pub(crate) const LEGACY_MAGIC: u32 = 0x184c_2102;
/// Magic numbers of skippable frames, without their low four bits.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// How far back a match may reach.
const WINDOW_BYTES: usize = 64 << 10;
/// Every block of a legacy frame but the last holds this many bytes.
pub(crate) const LEGACY_BLOCK_BYTES: usize = 8 << 20;
/// Most bytes that a legacy block can be packed into: what incompressible data grows to.
pub(crate) const LEGACY_PACKED_BYTES_MAX: usize =
    LEGACY_BLOCK_BYTES + LEGACY_BLOCK_BYTES / 255 + 16;

/// The descriptor of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are flag bits of the format")]
pub(crate) struct Descriptor {
    /// Bytes of magic and descriptor.
    pub(crate) length: usize,
    /// Largest decoded block.
    pub(crate) block_bytes_max: usize,
    /// Decoded size of the frame, where it is told.
    pub(crate) content_bytes: Option<u64>,
    independent: bool,
    block_checksums: bool,
    content_checksum: bool,
    dictionary: bool,
}

impl Descriptor {
    /// Reads magic and descriptor at the start of these bytes and verifies its checksum.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let fault = |why: &str| Fault::new(0, "read the lz4 header", why);
        let view = View(bytes);
        let (flags, block) = (view.u8(4)?, view.u8(5)?);
        let magic = view.u32(0, Endian::Little)?;
        // Version 01, reserved bits zero.
        if magic != FRAME_MAGIC || flags & 0xc2 != 0x40 || block & 0x8f != 0 {
            return Err(fault("not a header"));
        }
        let block_bytes_max = match block >> 4 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(fault("an impossible block size")),
        };
        let mut length = 6;
        let content_bytes = (flags & 8 != 0).then(|| view.u64(6, Endian::Little)).transpose()?;
        length += if content_bytes.is_some() { 8 } else { 0 };
        let dictionary = flags & 1 != 0;
        length += if dictionary { 4 } else { 0 };
        let [_, checksum, ..] = XxHash32::oneshot(0, view.bytes(4, length - 4)?).to_le_bytes();
        if !agrees(view.u8(length)?, checksum) {
            return Err(fault("its checksum is wrong"));
        }
        Ok(Self {
            length: length + 1,
            block_bytes_max,
            content_bytes,
            independent: flags & 0x20 != 0,
            block_checksums: flags & 0x10 != 0,
            content_checksum: flags & 4 != 0,
            dictionary,
        })
    }
}

/// Decodes one frame, or passes over a skippable one.
pub(super) fn decode_frame(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let magic = take::<4>(input, "lz4")?;
    if u32::from_le_bytes(magic) & !0xf == SKIPPABLE_MAGIC {
        let length = u32::from_le_bytes(take::<4>(input, "lz4")?);
        return skip(input, u64::from(length), "lz4");
    }
    let descriptor = take_descriptor(input, magic)?;
    if descriptor.dictionary {
        return Err(fault("a dictionary is needed, which no image names"));
    }
    let (start, mut content) = (sink.len(), XxHash32::with_seed(0));
    let mut packed = Vec::new();
    let mut block = vec![0; descriptor.block_bytes_max];
    loop {
        let word = u32::from_le_bytes(take::<4>(input, "lz4")?);
        if word == 0 {
            break;
        }
        let size = usize::try_from(word & 0x7fff_ffff).unwrap_or(usize::MAX);
        if size > descriptor.block_bytes_max {
            return Err(fault("a block longer than the frame allows"));
        }
        let stored = word >> 31 == 1;
        let whole = take_bytes(input, &mut packed, size);
        if stored && whole.is_err() {
            // What is there of a block that was not packed is good.
            sink.push(&packed)?;
        }
        whole?;
        if descriptor.block_checksums
            && !agrees(u32::from_le_bytes(take::<4>(input, "lz4")?), XxHash32::oneshot(0, &packed))
        {
            return Err(fault("the checksum of a block is wrong"));
        }
        if stored {
            content.write(&packed);
            sink.push(&packed)?;
            continue;
        }
        let history = if descriptor.independent { &[] } else { window(sink, start) };
        let made = lz4_flex::block::decompress_into_with_dict(&packed, &mut block, history)
            .map_err(|error| fault(&error.to_string()))?;
        let bytes = block.get(..made).unwrap_or_default();
        content.write(bytes);
        sink.push(bytes)?;
    }
    verify_end(input, &descriptor, content.finish_32(), sink.len() - start)
}

fn take_descriptor(input: &mut impl BufRead, magic: [u8; 4]) -> Result<Descriptor, Fault> {
    let mut bytes = magic.to_vec();
    let head = take::<3>(input, "lz4")?;
    bytes.extend(head);
    let [flags, ..] = head;
    let more = if flags & 8 != 0 { 8 } else { 0 } + if flags & 1 != 0 { 4 } else { 0 };
    let mut rest = Vec::new();
    take_bytes(input, &mut rest, more)?;
    bytes.extend(rest);
    Descriptor::parse(&bytes)
}

fn verify_end(
    input: &mut impl BufRead,
    descriptor: &Descriptor,
    checksum: u32,
    made: u64,
) -> Result<(), Fault> {
    if descriptor.content_checksum
        && !agrees(u32::from_le_bytes(take::<4>(input, "lz4")?), checksum)
    {
        return Err(fault("the checksum of the content is wrong"));
    }
    if descriptor.content_bytes.is_some_and(|bytes| bytes != made) {
        return Err(fault("the size of the content is wrong"));
    }
    Ok(())
}

/// The bytes of this frame, which began at `start`, that a linked block may refer to.
fn window<'sink>(sink: &'sink Sink<'_>, start: u64) -> &'sink [u8] {
    let made = usize::try_from(sink.len() - start).unwrap_or(usize::MAX);
    sink.window(made.min(WINDOW_BYTES))
}

/// Decodes a legacy frame. It has no end mark: it ends after a block that is not full, at the end
/// of the input, or where no size of a block follows.
pub(super) fn decode_legacy(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    if u32::from_le_bytes(take::<4>(input, "lz4")?) != LEGACY_MAGIC {
        return Err(fault("not a header"));
    }
    let mut packed = Vec::new();
    let mut block = vec![0; LEGACY_BLOCK_BYTES];
    loop {
        let Some(size) = next_legacy_size(input)? else { return Ok(()) };
        input.consume(4);
        take_bytes(input, &mut packed, size)?;
        let made = lz4_flex::block::decompress_into(&packed, &mut block)
            .map_err(|error| fault(&error.to_string()))?;
        sink.push(block.get(..made).unwrap_or_default())?;
        if made < LEGACY_BLOCK_BYTES {
            return Ok(());
        }
    }
}

/// Looks at the size of the next block without consuming it.
fn next_legacy_size(input: &mut impl BufRead) -> Result<Option<usize>, Fault> {
    let chunk = input.fill_buf().map_err(|error| input_fault("lz4", &error))?;
    let Ok(word) = View(chunk).u32(0, Endian::Little) else { return Ok(None) };
    let size = usize::try_from(word).unwrap_or(usize::MAX);
    Ok((size > 0 && size <= LEGACY_PACKED_BYTES_MAX).then_some(size))
}

/// Reads this many bytes in place of those held so far; where some are missing, the rest stays.
pub(super) fn take_bytes(
    input: &mut impl BufRead,
    bytes: &mut Vec<u8>,
    size: usize,
) -> Result<(), Fault> {
    bytes.clear();
    let limit = u64::try_from(size).unwrap_or(u64::MAX);
    let count =
        Read::take(input, limit).read_to_end(bytes).map_err(|error| input_fault("lz4", &error))?;
    if count == size { Ok(()) } else { Err(fault("the input ends early")) }
}

/// Decodes the first `length` bytes of a block (LZ4 Block Format); fewer where the input ends right
/// after a literal run. What follows in the input is not looked at.
pub(super) fn decode_prefix(input: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    let early = || fault("the input ends early");
    let mut output = Vec::with_capacity(length);
    let mut rest = input;
    while output.len() < length {
        let (&token, after) = rest.split_first().ok_or_else(early)?;
        rest = after;
        let literals = take_length(token >> 4, &mut rest)?;
        let wanted = literals.min(length - output.len());
        output.extend_from_slice(rest.get(..wanted).ok_or_else(early)?);
        rest = rest.get(literals..).unwrap_or_default();
        if output.len() == length || rest.is_empty() {
            break;
        }
        let (offset, after) = rest.split_first_chunk::<2>().ok_or_else(early)?;
        rest = after;
        let count = take_length(token & 0xf, &mut rest)?.saturating_add(MATCH_BYTES_MIN);
        copy_match(&mut output, u16::from_le_bytes(*offset).into(), count, length)?;
    }
    Ok(output)
}

/// The shortest match of the block format.
const MATCH_BYTES_MIN: usize = 4;

/// A length: 15 in its nibble goes on in bytes, up to the first that is not 255.
fn take_length(nibble: u8, rest: &mut &[u8]) -> Result<usize, Fault> {
    let mut length = usize::from(nibble);
    if nibble == 15 {
        loop {
            let (&byte, after) = rest.split_first().ok_or_else(|| fault("the input ends early"))?;
            *rest = after;
            length += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
    }
    Ok(length)
}

/// Repeats `count` bytes from `offset` bytes back, up to a total length.
fn copy_match(
    output: &mut Vec<u8>,
    offset: usize,
    count: usize,
    length: usize,
) -> Result<(), Fault> {
    let start = output.len().checked_sub(offset).filter(|_| offset > 0);
    let start = start.ok_or_else(|| fault("a match from before the start"))?;
    let end = output.len().saturating_add(count).min(length);
    // A match may overlap itself: what was copied is copied again.
    while output.len() < end {
        let step = (output.len() - start).min(end - output.len());
        output.extend_from_within(start..start + step);
    }
    Ok(())
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress lz4", why)
}
