//! Headers of one shape: a magic, numbers, checksums, parts behind them. Each is described as data,
//! and one reader opens them all.

use std::ops::RangeInclusive;

use crate::{
    Endian, Extent, View,
    digest::hex,
    format::{Candidate, NotThis, Opened},
};

use super::{
    check::{Algorithm, Verdict, check},
    layout::{Layout, text_of},
};

/// A number of a header, or one made of them. Offsets are in bytes from the start of the header.
#[derive(Debug)]
pub(crate) enum Number {
    Fixed(u64),
    At8(usize),
    At32(usize),
    Sum(&'static [Self]),
    Difference(&'static Self, &'static Self),
}

/// What must hold before a header is believed.
#[derive(Debug)]
pub(crate) enum Demand {
    Within(Number, RangeInclusive<u64>),
    Equal(Number, Number),
    AtMost(Number, Number),
    /// A field of printable ASCII, padded with NUL or blanks, and not empty.
    Name(usize, usize),
    /// A field of only this byte.
    Only(u8, usize, usize),
    /// Exactly these bytes.
    Bytes(usize, &'static [u8]),
}

/// How a field is told as an attribute.
#[derive(Debug)]
pub(crate) enum Tell {
    Text(usize, usize),
    Decimal(Number),
    Hex(Number),
    /// So many bytes, as decimal numbers with dots between them.
    Dotted(usize, usize),
    /// A code with its name; unknown ones are told as numbers.
    Code(Number, &'static [(u64, &'static str)]),
    /// So many bytes in hexadecimal.
    Digits(usize, usize),
    /// The same for every header.
    Word(&'static str),
}

/// A checksum.
#[derive(Debug)]
pub(crate) struct Sum {
    /// The attribute that tells what came of it.
    pub(crate) name: &'static str,
    pub(crate) algorithm: Algorithm,
    /// Where its value stands.
    pub(crate) stored: usize,
    /// What it covers: start and length.
    pub(crate) covers: (Number, Number),
    /// Bytes in it that count as zero: start and length.
    pub(crate) blank: Option<(u64, u64)>,
    /// Whether a header with a wrong one is none.
    pub(crate) decisive: bool,
}

/// A part behind the header. One of no length is left out.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its name; empty for the only payload.
    pub(crate) name: &'static str,
    pub(crate) offset: Number,
    pub(crate) length: Number,
    /// Why it cannot be read.
    pub(crate) unread: Option<&'static str>,
}

/// A header of this shape.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) endian: Endian,
    /// Bytes that are read of it: all that the numbers and texts below stand in.
    pub(crate) head_bytes: u64,
    pub(crate) demands: &'static [Demand],
    pub(crate) tells: &'static [(&'static str, Tell)],
    pub(crate) sums: &'static [Sum],
    /// Its length.
    pub(crate) header: Number,
    pub(crate) parts: &'static [Part],
    /// What it claims, itself included.
    pub(crate) total: Number,
}

/// Images that a header may claim: more than any flash chip of an embedded device.
const TOTAL_BYTES_MAX: u64 = 64 << 30;

/// A header while it is read.
struct Head<'data> {
    view: View<'data>,
    endian: Endian,
}

impl Head<'_> {
    fn number(&self, number: &Number) -> Option<u64> {
        let Self { view, endian } = *self;
        Some(match number {
            Number::Fixed(value) => *value,
            Number::At8(at) => u64::from(view.u8(*at).ok()?),
            Number::At32(at) => u64::from(view.u32(*at, endian).ok()?),
            Number::Sum(numbers) => numbers
                .iter()
                .try_fold(0_u64, |sum, number| sum.checked_add(self.number(number)?))?,
            Number::Difference(one, other) => self.number(one)?.checked_sub(self.number(other)?)?,
        })
    }

    fn holds(&self, demand: &Demand) -> Option<bool> {
        let is_text = |text: &[u8]| text.iter().all(|byte| (0x20..0x7f).contains(byte));
        let field = |at, length| self.view.bytes(at, length).ok();
        Some(match demand {
            Demand::Within(number, range) => range.contains(&self.number(number)?),
            Demand::Equal(one, other) => self.number(one)? == self.number(other)?,
            Demand::AtMost(one, other) => self.number(one)? <= self.number(other)?,
            Demand::Name(at, length) => {
                let text = self.view.text(*at, *length).ok()?;
                !text.trim_ascii().is_empty() && is_text(text)
            }
            Demand::Only(byte, at, length) => field(*at, *length)?.iter().all(|one| one == byte),
            Demand::Bytes(at, bytes) => field(*at, bytes.len())? == *bytes,
        })
    }

    fn told(&self, tell: &Tell) -> Option<String> {
        let bytes = |at, length| self.view.bytes(at, length).ok();
        Some(match tell {
            Tell::Text(at, length) => {
                let text = text_of(self.view.text(*at, *length).ok()?);
                return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
            }
            Tell::Decimal(number) => self.number(number)?.to_string(),
            Tell::Hex(number) => format!("{:#010x}", self.number(number)?),
            Tell::Dotted(at, length) => {
                let numbers = bytes(*at, *length)?.iter().map(u8::to_string);
                numbers.collect::<Vec<_>>().join(".")
            }
            Tell::Code(number, names) => {
                let code = self.number(number)?;
                let name = names.iter().find(|(known, _)| *known == code);
                name.map_or_else(|| format!("{code:#x}"), |(_, name)| (*name).to_owned())
            }
            Tell::Digits(at, length) => hex(bytes(*at, *length)?),
            Tell::Word(word) => (*word).to_owned(),
        })
    }

    fn verdict(&self, sum: &Sum, extent: &Extent) -> Option<Verdict> {
        let mut stored = self.view.bytes(sum.stored, sum.algorithm.width()).ok()?.to_vec();
        if stored.len() <= 4 && self.endian == Endian::Little {
            stored.reverse();
        }
        let (start, length) = (self.number(&sum.covers.0)?, self.number(&sum.covers.1)?);
        let covered = match sum.blank {
            None => extent.clamp(start, length),
            Some((at, count)) => with_blank(extent, (start, length), (at, count))?,
        };
        Some(check(&sum.name.replace('-', " "), sum.algorithm, &stored, &covered, length, start))
    }
}

/// Bytes of an extent with zeros in the place of some of them.
pub(crate) fn with_blank(
    extent: &Extent,
    (start, length): (u64, u64),
    (at, count): (u64, u64),
) -> Option<Extent> {
    let end = start.checked_add(length)?;
    let behind = at.checked_add(count)?;
    let parts = vec![
        extent.clamp(start, at.checked_sub(start)?),
        Extent::zeros(extent.vault(), count),
        extent.clamp(behind, end.checked_sub(behind)?),
    ];
    Some(Extent::joined(extent.vault(), parts))
}

/// Opens a candidate as this shape.
pub(crate) fn open(candidate: &Candidate, shape: &Shape) -> Result<Opened, NotThis> {
    let bytes = candidate.extent.read(0, shape.head_bytes)?;
    let head = Head { view: View(&bytes), endian: shape.endian };
    if !shape.demands.iter().all(|demand| head.holds(demand) == Some(true)) {
        return Err(NotThis);
    }
    let header = head.number(&shape.header).ok_or(NotThis)?;
    let total = head.number(&shape.total).ok_or(NotThis)?;
    if header < 1 || total < header || total > TOTAL_BYTES_MAX {
        return Err(NotThis);
    }
    let (mut attributes, mut faults) = (Vec::new(), Vec::new());
    for (name, tell) in shape.tells {
        attributes.extend(head.told(tell).map(|told| (*name, told)));
    }
    let image = candidate.extent.clamp(0, total);
    for sum in shape.sums {
        let verdict = head.verdict(sum, &image).ok_or(NotThis)?;
        if sum.decisive && !matches!(verdict, Verdict::Holds) {
            return Err(NotThis);
        }
        verdict.tell(sum.name, &mut attributes, &mut faults);
    }
    let mut layout = Layout::disjoint(image);
    layout.consumed(0, header);
    for part in shape.parts {
        let offset = head.number(&part.offset).ok_or(NotThis)?;
        let length = head.number(&part.length).ok_or(NotThis)?;
        match part.unread {
            _ if length == 0 => {}
            None => layout.part(part.name, offset, length),
            Some(reason) => layout.unread_part(part.name, offset, length, reason),
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length: total, attributes, entries: laid.entries, faults, unread: None })
}
