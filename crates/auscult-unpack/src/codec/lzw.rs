//! LZW with codes that grow: `compress` (`.Z`, after `ncompress`), shrink (ZIP method 1, APPNOTE.TXT section 5.1),
//! ZOO and ARC. They differ in reserved codes, in the order of bits and in how the table is cleared.

use std::io::BufRead;

use super::{
    Step,
    bits::{Bits, LowBits},
    input_fault,
    member::push_all,
    output::Output,
};
use crate::{Fault, Sink};

/// Codes of one byte.
const LITERALS: usize = 256;
const NONE: u16 = u16::MAX;

/// How a variant works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LzwVariant {
    /// Longest code, 9 to 16.
    pub(crate) bits_max: u32,
    /// Code that clears the table.
    pub(crate) clear: Option<u16>,
    /// Code that ends the stream.
    pub(crate) end: Option<u16>,
    /// Whether codes come in groups of eight, filled up where their length changes: `compress`.
    pub(crate) grouped: bool,
}

impl LzwVariant {
    /// `compress -b`; in block mode code 256 clears.
    pub(crate) fn compress(bits_max: u32, block: bool) -> Self {
        Self { bits_max, clear: block.then_some(256), end: None, grouped: true }
    }
}

/// Magic of `compress`, and what its third byte tells: the longest code, block mode, reserved bits.
pub(crate) const COMPRESS_MAGIC: [u8; 2] = [0x1f, 0x9d];
const COMPRESS_BITS: u8 = 0x1f;
const COMPRESS_BLOCK: u8 = 0x80;

/// The variant that the header of a `.Z` file tells.
pub(crate) fn compress_header([m0, m1, flags]: [u8; 3]) -> Option<LzwVariant> {
    let bits = flags & COMPRESS_BITS;
    let reserved = flags & !COMPRESS_BITS & !COMPRESS_BLOCK;
    let sound = [m0, m1] == COMPRESS_MAGIC && (9..=16).contains(&bits) && reserved == 0;
    sound.then(|| LzwVariant::compress(u32::from(bits), flags & COMPRESS_BLOCK != 0))
}

/// Decodes a `.Z` file, which ends where the input does.
pub(super) fn decode_file(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let fault = |why: &str| Fault::new(0, "decompress compress", why);
    let header = super::take::<3>(input, "compress")?;
    let variant = compress_header(header).ok_or_else(|| fault("not a header"))?;
    let mut packed = Vec::new();
    input.read_to_end(&mut packed).map_err(|error| input_fault("compress", &error))?;
    let limit = usize::try_from(sink.allowance().saturating_add(1)).unwrap_or(usize::MAX);
    let mut output = Output::new(limit);
    let result = decode(&packed, &mut output, variant);
    push_all(sink, output.into_bytes())?;
    result.map_err(fault)
}

/// The table: each code is a byte behind a shorter code.
struct Table {
    prefix: Vec<u16>,
    suffix: Vec<u8>,
    /// Length of each string.
    length: Vec<u32>,
}

impl Table {
    fn new() -> Self {
        let literals = 0..=u8::MAX;
        Self { prefix: vec![NONE; LITERALS], suffix: literals.collect(), length: vec![1; LITERALS] }
    }

    fn truncate(&mut self, count: usize) {
        self.prefix.resize(count, NONE);
        self.suffix.resize(count, 0);
        self.length.resize(count, 0);
    }

    fn len(&self) -> usize {
        self.prefix.len()
    }

    fn length_of(&self, code: u16) -> usize {
        let length = self.length.get(usize::from(code)).copied().unwrap_or(0);
        usize::try_from(length).unwrap_or(0)
    }

    /// Puts out the string of a code, backwards into its place; returns its first byte.
    fn put(&self, code: u16, output: &mut Output) -> Step<u8> {
        let length = self.length_of(code);
        let start = output.len();
        let mut code = code;
        if length == 0 {
            return Err("a code that stands for nothing");
        }
        // A string at the bound is cut from behind, so its place is made by hand.
        let room = output.grow(length);
        let mut index = length;
        let mut byte = 0;
        while index > 0 {
            index -= 1;
            byte = self.suffix.get(usize::from(code)).copied().ok_or("no such code")?;
            if index < room
                && let Some(slot) = output.tail_mut(start).get_mut(index)
            {
                *slot = byte;
            }
            code = self.prefix.get(usize::from(code)).copied().unwrap_or(NONE);
        }
        Ok(byte)
    }

    fn add(&mut self, prefix: u16, suffix: u8) {
        let length = self.length.get(usize::from(prefix)).copied().unwrap_or(0);
        self.prefix.push(prefix);
        self.suffix.push(suffix);
        self.length.push(length.saturating_add(1));
    }
}

/// Decodes to the end of the input, of the stream, or until the output is full.
pub(super) fn decode(input: &[u8], output: &mut Output, variant: LzwVariant) -> Step<()> {
    let mut codes = Codes::new(input, variant);
    let mut table = Table::new();
    let reserved =
        LITERALS + usize::from(variant.clear.is_some()) + usize::from(variant.end.is_some());
    table.truncate(reserved);
    let full = 1_usize << variant.bits_max;
    let mut previous: Option<(u16, u8)> = None;
    while !output.is_full() {
        let Some(code) = codes.next(table.len() + usize::from(previous.is_some())) else { break };
        if Some(code) == variant.end {
            break;
        }
        if Some(code) == variant.clear {
            table.truncate(reserved);
            codes.clear();
            previous = None;
            continue;
        }
        let known = usize::from(code) < table.len();
        let Some((before, first)) = previous else {
            let byte = table.put(code, output)?;
            previous = Some((code, byte));
            continue;
        };
        // A code that is just being defined repeats the string before it and its first byte.
        if !known {
            if usize::from(code) != table.len() || table.len() >= full {
                return Err("a code before its time");
            }
            table.add(before, first);
        }
        let byte = table.put(code, output)?;
        if known && table.len() < full {
            table.add(before, byte);
        }
        previous = Some((code, byte));
    }
    Ok(())
}

/// Codes of growing length.
struct Codes<'data> {
    bits: LowBits<'data>,
    variant: LzwVariant,
    width: u32,
    /// Codes of this length so far in the present group.
    in_group: u32,
}

impl<'data> Codes<'data> {
    fn new(input: &'data [u8], variant: LzwVariant) -> Self {
        Self { bits: LowBits::new(input), variant, width: 9, in_group: 0 }
    }

    /// The next code, where the table will then have this many entries.
    fn next(&mut self, entries: usize) -> Option<u16> {
        while self.width < self.variant.bits_max && entries > 1 << self.width {
            self.fill_group();
            self.width += 1;
        }
        self.in_group += 1;
        // The last byte may have bits to spare, so too few bits are the end.
        self.bits.take(self.width).ok().and_then(|code| u16::try_from(code).ok())
    }

    fn clear(&mut self) {
        self.fill_group();
        self.width = 9;
    }

    /// `compress` writes eight codes at a time, also where only some of them count.
    fn fill_group(&mut self) {
        if self.variant.grouped && !self.in_group.is_multiple_of(8) {
            for _ in self.in_group % 8..8 {
                let _ = self.bits.skip(self.width);
            }
        }
        self.in_group = 0;
    }
}

/// Decodes a shrunk member: the length of codes is switched by hand, and the table loses all its
/// leaves at once when it is full.
pub(super) fn unshrink(input: &[u8], output: &mut Output) -> Step<()> {
    const CONTROL: u16 = 256;
    const CODES: usize = 1 << 13;
    // Packers clear a full table only: more often is an attempt to waste time.
    const CLEAR_BYTES_MIN: usize = 64;
    let mut bits = LowBits::new(input);
    let mut table = Table::new();
    table.truncate(CODES);
    let (mut width, mut free, mut cleared) = (9, LITERALS + 1, 0);
    let mut previous: Option<(u16, u8)> = None;
    while !output.is_full() {
        let code = u16::try_from(bits.take(width)?).unwrap_or(NONE);
        if code == CONTROL {
            match bits.take(width)? {
                1 if width < 13 => width += 1,
                2 if bits.position() >= cleared + CLEAR_BYTES_MIN => {
                    clear_leaves(&mut table);
                    (free, cleared) = (LITERALS + 1, bits.position());
                }
                2 => return Err("the table is cleared too often"),
                _ => return Err("an unknown control code"),
            }
            continue;
        }
        let Some((before, first)) = previous else {
            previous = Some((code, table.put(code, output)?));
            continue;
        };
        // What a freed code was the start of grows or shrinks with it once it is used anew.
        measure(&mut table, code);
        while free < CODES && table.length_of(u16::try_from(free).unwrap_or(NONE)) != 0 {
            free += 1;
        }
        let own = free < CODES && usize::from(code) == free;
        if own {
            set(&mut table, free, before, first);
        }
        let byte = table.put(code, output)?;
        if !own && free < CODES {
            set(&mut table, free, before, byte);
        }
        previous = Some((code, byte));
    }
    Ok(())
}

/// Counts the bytes that a code stands for.
fn measure(table: &mut Table, code: u16) {
    let (mut at, mut length) = (code, 0_u32);
    while let Some(&prefix) = table.prefix.get(usize::from(at))
        && table.length_of(at) != 0
        && usize::try_from(length).is_ok_and(|length| length <= table.len())
    {
        (at, length) = (prefix, length + 1);
    }
    if at == NONE
        && let Some(slot) = table.length.get_mut(usize::from(code))
    {
        *slot = length;
    }
}

fn set(table: &mut Table, code: usize, prefix: u16, suffix: u8) {
    let length = table.length.get(usize::from(prefix)).copied().unwrap_or(0).saturating_add(1);
    if let (Some(p), Some(s), Some(l)) =
        (table.prefix.get_mut(code), table.suffix.get_mut(code), table.length.get_mut(code))
    {
        (*p, *s, *l) = (prefix, suffix, length);
    }
}

/// Frees every code that no other one extends, the one just used too.
fn clear_leaves(table: &mut Table) {
    let mut inner = vec![false; table.len()];
    for (&prefix, &length) in table.prefix.iter().zip(&table.length) {
        if length > 1
            && let Some(slot) = inner.get_mut(usize::from(prefix))
        {
            *slot = true;
        }
    }
    for ((length, prefix), inner) in
        table.length.iter_mut().zip(&mut table.prefix).zip(inner).skip(LITERALS + 1)
    {
        if !inner {
            (*length, *prefix) = (0, NONE);
        }
    }
}
