//! The header of a block: sizes of memory, the components of the model, the program that computes
//! their contexts.

use super::super::Step;
use crate::{Endian::Little, View};

/// Memory that the model and the programs of one block may take, in bytes: as much as one output may
/// have there. The program's default methods ask for up to 500 MiB; only its slowest asks for more,
/// 24 times the bytes of a block, where blocks have more than 40 MiB.
const MODEL_BYTES_MAX: u64 = 1 << 30;
/// Length of the header, sizes of memory, number of components.
const FIXED_BYTES: usize = 7;

/// What a block says of its decoder before its first segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Level of the format: 2 allows blocks without a model.
    pub(crate) level: u8,
    /// Memory of the program for contexts, as powers of two: words of H, bytes of M.
    pub(super) context_bits: (u8, u8),
    /// The same of the program that undoes what was done before packing.
    pub(super) post_bits: (u8, u8),
    pub(super) parts: Vec<Part>,
    pub(super) program: Vec<u8>,
}

/// A component of the model as the header describes it. Sizes are powers of two; inputs are numbers
/// of components before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Constant { value: u8 },
    Direct { bits: u8, limit: u8 },
    Indirect { bits: u8 },
    Match { bits: u8, buffer_bits: u8 },
    Average { first: u8, second: u8, weight: u8 },
    Mix2 { bits: u8, first: u8, second: u8, rate: u8, mask: u8 },
    Mix { bits: u8, first: u8, count: u8, rate: u8, mask: u8 },
    Chain { bits: u8, input: u8 },
    Refine { bits: u8, input: u8, start: u8, limit: u8 },
}

impl Part {
    /// The component at the start of the bytes, number `index` of its model, and its length.
    fn parse(bytes: &[u8], index: usize) -> Step<(Self, usize)> {
        let part = match *bytes {
            [1, value, ..] => (Self::Constant { value }, 2),
            [2, bits, limit, ..] => (Self::Direct { bits, limit }, 3),
            [3, bits, ..] => (Self::Indirect { bits }, 2),
            [4, bits, buffer_bits, ..] => (Self::Match { bits, buffer_bits }, 3),
            [5, first, second, weight, ..] => (Self::Average { first, second, weight }, 4),
            [6, bits, first, second, rate, mask, ..] => {
                (Self::Mix2 { bits, first, second, rate, mask }, 6)
            }
            [7, bits, first, count, rate, mask, ..] => {
                (Self::Mix { bits, first, count, rate, mask }, 6)
            }
            [8, bits, input, ..] => (Self::Chain { bits, input }, 3),
            [9, bits, input, start, limit, ..] => (Self::Refine { bits, input, start, limit }, 5),
            _ => return Err("an unknown component"),
        };
        if part.0.is_sound(index) { Ok(part) } else { Err("an impossible component") }
    }

    /// Whether it takes from components before it only, with a rate that can be.
    fn is_sound(self, index: usize) -> bool {
        let before = |input: u8| usize::from(input) < index;
        match self {
            Self::Average { first, second, .. } | Self::Mix2 { first, second, .. } => {
                before(first) && before(second)
            }
            Self::Mix { first, count, .. } => {
                count > 0 && usize::from(first) + usize::from(count) <= index
            }
            Self::Chain { input, .. } => before(input),
            Self::Refine { input, start, limit, .. } => {
                before(input) && u16::from(start) <= u16::from(limit) * 4
            }
            Self::Constant { .. }
            | Self::Direct { .. }
            | Self::Indirect { .. }
            | Self::Match { .. } => true,
        }
    }

    /// Memory that it takes, in bytes.
    fn bytes(self) -> u64 {
        match self {
            Self::Constant { .. } | Self::Average { .. } => 0,
            Self::Direct { bits, .. } => cells(bits, 4),
            Self::Indirect { bits } | Self::Chain { bits, .. } => cells(bits, 64),
            Self::Match { bits, buffer_bits } => {
                cells(bits, 4).saturating_add(cells(buffer_bits, 1))
            }
            Self::Mix2 { bits, .. } => cells(bits, 2),
            Self::Mix { bits, count, .. } => cells(bits, 4 * u64::from(count)),
            Self::Refine { bits, .. } => cells(bits, 128),
        }
    }
}

/// Bytes of a table of so many cells.
fn cells(bits: u8, bytes: u64) -> u64 {
    1_u64.checked_shl(u32::from(bits)).map_or(u64::MAX, |count| count.saturating_mul(bytes))
}

impl Header {
    /// Reads it from the byte that tells the level. Returns its length too.
    ///
    /// # Errors
    /// What no decoder takes.
    pub(crate) fn parse(bytes: &[u8]) -> Step<(Self, usize)> {
        const CUT: &str = "the header of a block is cut short";
        let view = View(bytes);
        let (Ok(level), Ok(kind), Ok(length)) = (view.u8(0), view.u8(1), view.u16(2, Little))
        else {
            return Err(CUT);
        };
        if !matches!(level, 1 | 2) || kind != 1 {
            return Err("a block of an unknown level");
        }
        let length = 2 + usize::from(length);
        let body = view.bytes(2, length).map_err(|_| CUT)?;
        let &[_, _, context_h, context_m, post_h, post_m, count, ..] = body else {
            return Err("a header that is too short");
        };
        if level == 1 && count == 0 {
            return Err("a block of level 1 without a model");
        }
        let mut rest = body.get(FIXED_BYTES..).unwrap_or_default();
        let mut parts = Vec::with_capacity(usize::from(count));
        for index in 0..usize::from(count) {
            let (part, length) = Part::parse(rest, index)?;
            parts.push(part);
            rest = rest.get(length..).unwrap_or_default();
        }
        // Both the components and the program end with a zero.
        let (Some((0, program)), Some(0)) = (rest.split_first(), rest.last()) else {
            return Err("a header without its ends");
        };
        if program.is_empty() {
            return Err("a header without a program");
        }
        let header = Self {
            level,
            context_bits: (context_h, context_m),
            post_bits: (post_h, post_m),
            parts,
            program: program.to_vec(),
        };
        Ok((header, 2 + length))
    }

    /// Whether the bytes are predicted rather than stored.
    pub(crate) fn is_modelled(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Memory that decoding takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|part| part.bytes());
        let machines = [self.context_bits, self.post_bits].map(machine_bytes);
        parts.chain(machines).fold(0, u64::saturating_add)
    }

    /// Why the block is not decoded, if it asks for too much.
    pub(crate) fn refusal(&self) -> Option<String> {
        let (asked, most) = (self.memory_bytes(), MODEL_BYTES_MAX);
        (asked > most).then(|| format!("its decoder needs {asked} bytes of memory, over {most}"))
    }
}

/// Memory of a machine, in bytes.
pub(super) fn machine_bytes((h_bits, m_bits): (u8, u8)) -> u64 {
    cells(h_bits, 4).saturating_add(cells(m_bits, 1))
}

#[cfg(test)]
mod tests {
    use super::{Header, MODEL_BYTES_MAX, Part};

    fn header(parts: &[u8], count: u8) -> Vec<u8> {
        let body = [&[0, 0, 3, 4, count][..], parts, &[0, 56, 0]].concat();
        let length = u16::try_from(body.len()).unwrap().to_le_bytes();
        [&[2, 1], &length[..], &body].concat()
    }

    #[test]
    fn components_take_from_those_before_them() {
        let bytes = header(&[1, 200, 3, 5, 7, 0, 0, 2, 24, 255], 3);
        let (read, length) = Header::parse(&bytes).unwrap();
        assert_eq!((length, read.is_modelled()), (bytes.len(), true));
        assert_eq!(read.parts[1], Part::Indirect { bits: 5 });
        assert_eq!((read.program.as_slice(), read.post_bits), (&[56, 0][..], (3, 4)));
        // One word and one byte, eight words and sixteen bytes, rows, weights.
        assert_eq!(read.memory_bytes(), 5 + 48 + (64 << 5) + 8);
        for wrong in [
            header(&[1, 200, 7, 0, 0, 2, 24, 255], 2),
            header(&[8, 5, 0], 1),
            header(&[1, 0, 9, 5, 0, 5, 1], 2),
            header(&[10, 0], 1),
            header(&[1, 0], 2),
        ] {
            assert!(Header::parse(&wrong).is_err(), "{wrong:?}");
        }
        for length in 0..bytes.len() {
            assert!(Header::parse(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn memory_without_end_is_refused() {
        for parts in [[2, 32, 255], [2, 255, 255], [4, 40, 3], [4, 3, 31]] {
            let (read, _) = Header::parse(&header(&parts, 1)).unwrap();
            assert!(read.memory_bytes() > MODEL_BYTES_MAX && read.refusal().is_some());
        }
    }
}
