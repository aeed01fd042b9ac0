//! LZX as in cabinets (MS-PATCH, section 2; the same without a reference) and in Windows images, where
//! each chunk stands for itself (`wimlib` documents the differences).
//!
//! A stream is cut into frames of 32 KiB of output that start at a word. Codes of a block are sent as
//! differences to those of the block before. Calls of x86 are turned into absolute ones by the
//! packer, and back at the end.

use super::{
    Step,
    bits::{CUT, HighBits},
    huffman::Huffman,
    output::Output,
};

/// Output of one frame.
pub(super) const FRAME_BYTES: usize = 32 << 10;
/// Calls are translated in the first 32,768 frames only.
const TRANSLATED_BYTES: usize = FRAME_BYTES << 15;
/// The size that packers of Windows images tell for every chunk.
const WIM_FILE_BYTES: i32 = 12_000_000;
const LENGTH_SYMBOLS: usize = 249;

/// The state that goes from frame to frame.
#[expect(clippy::struct_excessive_bools, reason = "they do not exclude each other")]
pub(super) struct Lzx {
    /// Whether the stream is a chunk of a Windows image.
    image: bool,
    window_bits: u32,
    main_lengths: Vec<u8>,
    length_lengths: Vec<u8>,
    main: Option<Huffman>,
    length: Option<Huffman>,
    aligned: Option<Huffman>,
    recent: [usize; 3],
    stored: bool,
    /// Bytes that the present block still has.
    left: usize,
    /// A stored block of odd length is followed by a byte of padding.
    padded: bool,
    started: bool,
    /// File size for the translation of calls, where it is on.
    calls: Option<i32>,
}

impl Lzx {
    /// The state before the first frame. The window has 2^15 to 2^21 bytes.
    pub(super) fn new(window_bits: u32, image: bool) -> Step<Self> {
        let slots = match window_bits {
            15..=19 => 2 * window_bits,
            20 => 42,
            21 => 50,
            _ => return Err("an impossible window"),
        };
        let symbols = 256 + 8 * usize::try_from(slots).unwrap_or(0);
        Ok(Self {
            image,
            window_bits,
            main_lengths: vec![0; symbols],
            length_lengths: vec![0; LENGTH_SYMBOLS],
            main: None,
            length: None,
            aligned: None,
            recent: [1; 3],
            stored: false,
            left: 0,
            padded: false,
            started: image,
            calls: image.then_some(WIM_FILE_BYTES),
        })
    }

    /// Decodes one frame of at most `size` bytes of output.
    pub(super) fn frame(&mut self, input: &[u8], size: usize, output: &mut Output) -> Step<()> {
        let mut bits = HighBits::of_words(input);
        if !self.started {
            self.started = true;
            if bits.take(1)? == 1 {
                let (high, low) = (bits.take(16)?, bits.take(16)?);
                self.calls = Some((high << 16 | low).cast_signed());
            }
        }
        let end = output.len().saturating_add(size);
        while output.len() < end && !output.is_full() {
            if self.left == 0 {
                self.block(&mut bits, input)?;
            }
            let target = end.min(output.len() + self.left);
            let before = output.len();
            if self.stored {
                let at = bits.align();
                let bytes = input.get(at..at + (target - before)).ok_or(CUT)?;
                output.extend(bytes);
                bits.seek(at + bytes.len());
            } else {
                self.coded(&mut bits, target, output)?;
            }
            let made = output.len() - before;
            // A match over the end of its block or frame is not made by packers.
            self.left = self.left.checked_sub(made).ok_or("a match over the end of a block")?;
        }
        Ok(())
    }

    /// Reads the header of a block.
    fn block(&mut self, bits: &mut HighBits<'_>, input: &[u8]) -> Step<()> {
        if self.padded {
            let at = bits.align();
            bits.seek(at + 1);
            self.padded = false;
        }
        let kind = bits.take(3)?;
        self.left = self.block_size(bits)?;
        self.stored = kind == 3;
        match kind {
            1 | 2 => self.codes(bits, kind == 2)?,
            3 => {
                // One to sixteen bits of padding: a whole word where the stream is at one.
                bits.take(1)?;
                let at = bits.align();
                for (index, slot) in self.recent.iter_mut().enumerate() {
                    let word = input.get(at + 4 * index..).and_then(<[u8]>::first_chunk::<4>);
                    let word = u32::from_le_bytes(*word.ok_or(CUT)?);
                    *slot = usize::try_from(word).unwrap_or(usize::MAX);
                }
                bits.seek(at + 12);
                self.padded = !self.left.is_multiple_of(2);
            }
            _ => return Err("an unknown type of block"),
        }
        if self.left == 0 { Err("a block without bytes") } else { Ok(()) }
    }

    fn block_size(&self, bits: &mut HighBits<'_>) -> Step<usize> {
        if !self.image {
            return bits.number(24);
        }
        if bits.take(1)? == 1 {
            return Ok(FRAME_BYTES);
        }
        bits.number(if self.window_bits >= 16 { 24 } else { 16 })
    }

    fn codes(&mut self, bits: &mut HighBits<'_>, aligned: bool) -> Step<()> {
        self.aligned = None;
        if aligned {
            let mut lengths = [0; 8];
            for length in &mut lengths {
                *length = u8::try_from(bits.take(3)?).unwrap_or(0);
            }
            self.aligned = Some(Huffman::new(&lengths)?);
        }
        let (literals, matches) = self.main_lengths.split_at_mut(256);
        update(bits, literals)?;
        update(bits, matches)?;
        self.main = Some(Huffman::new(&self.main_lengths)?);
        update(bits, &mut self.length_lengths)?;
        self.length = Some(Huffman::new(&self.length_lengths)?);
        Ok(())
    }

    fn coded(&mut self, bits: &mut HighBits<'_>, target: usize, output: &mut Output) -> Step<()> {
        let (Some(main), Some(lengths)) = (&self.main, &self.length) else {
            return Err("a block without codes");
        };
        while output.len() < target && !output.is_full() {
            let symbol = main.read(bits)?;
            if let Ok(byte) = u8::try_from(symbol) {
                output.push(byte);
                continue;
            }
            let symbol = usize::from(symbol) - 256;
            let mut length = symbol % 8 + 2;
            if length == 9 {
                length += usize::from(lengths.read(bits)?);
            }
            let slot = symbol / 8;
            if let Some(&distance) = self.recent.get(slot) {
                // The one that was used goes to the front, in exchange.
                self.recent.swap(0, slot);
                output.copy(distance, length)?;
                continue;
            }
            let distance = distance(bits, slot, self.aligned.as_ref())?;
            self.recent = [distance, self.recent[0], self.recent[1]];
            output.copy(distance, length)?;
        }
        Ok(())
    }

    /// Turns the calls in all frames back, once no later frame looks back at them.
    pub(super) fn translate(&self, bytes: &mut [u8]) {
        let Some(file_bytes) = self.calls.filter(|&size| size != 0) else { return };
        // A chunk of an image is translated as a whole.
        let frame_bytes = if self.image { TRANSLATED_BYTES } else { FRAME_BYTES };
        let translated = bytes.len().min(TRANSLATED_BYTES);
        let frames = bytes.get_mut(..translated).unwrap_or_default().chunks_mut(frame_bytes);
        for (frame, start) in frames.zip((0_i32..).step_by(frame_bytes)) {
            translate_frame(frame, start, file_bytes);
        }
    }
}

fn translate_frame(frame: &mut [u8], start: i32, file_bytes: i32) {
    // A call that begins in the last bytes is left alone.
    let end = frame.len().saturating_sub(10);
    let mut at = 0;
    while let Some(found) = frame.get(at..end).and_then(|rest| memchr::memchr(0xe8, rest)) {
        at += found;
        let position = start.wrapping_add(i32::try_from(at).unwrap_or(0));
        let Some(target) = frame.get_mut(at + 1..).and_then(<[u8]>::first_chunk_mut::<4>) else {
            return;
        };
        let absolute = i32::from_le_bytes(*target);
        if absolute >= -position && absolute < file_bytes {
            let relative = if absolute >= 0 { absolute - position } else { absolute + file_bytes };
            *target = relative.to_le_bytes();
        }
        at += 5;
    }
}

/// Bits behind the base of a distance slot.
fn extra_bits(slot: usize) -> u32 {
    u32::try_from(slot / 2).unwrap_or(0).saturating_sub(1).min(17)
}

/// Two slots for each power of two up to 2^18, then steps of 2^17.
fn slot_base(slot: usize) -> usize {
    match slot {
        0..=3 => slot,
        4..=35 => (2 + slot % 2) << (slot / 2 - 1),
        _ => (slot - 34) << 17,
    }
}

fn distance(bits: &mut HighBits<'_>, slot: usize, aligned: Option<&Huffman>) -> Step<usize> {
    let extra = extra_bits(slot);
    let offset = match aligned {
        Some(code) if extra >= 3 => {
            let high = bits.number(extra - 3)? << 3;
            high | usize::from(code.read(bits)?)
        }
        _ => bits.number(extra)?,
    };
    Ok(slot_base(slot) + offset - 2)
}

/// Reads lengths of codes as differences, themselves coded with a code sent before.
fn update(bits: &mut HighBits<'_>, lengths: &mut [u8]) -> Step<()> {
    let mut code = [0; 20];
    for length in &mut code {
        *length = u8::try_from(bits.take(4)?).unwrap_or(0);
    }
    let code = Huffman::new(&code)?;
    let mut at = 0;
    while at < lengths.len() {
        let symbol = code.read(bits)?;
        let run = match symbol {
            17 => 4 + bits.number(4)?,
            18 => 20 + bits.number(5)?,
            19 => 4 + bits.number(1)?,
            _ => 1,
        };
        let difference = if symbol == 19 { code.read(bits)? } else { symbol };
        let rest = lengths.get_mut(at..).unwrap_or_default();
        let old = rest.first().copied().unwrap_or(0);
        let new = match symbol {
            17 | 18 => 0,
            _ if difference > 16 => return Err("an impossible difference of lengths"),
            _ => u8::try_from((u16::from(old) + 17 - difference) % 17).unwrap_or(0),
        };
        let run = run.min(rest.len());
        rest.get_mut(..run).unwrap_or_default().fill(new);
        at += run;
    }
    Ok(())
}
