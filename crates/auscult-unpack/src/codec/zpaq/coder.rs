//! Bytes of a segment: under the arithmetic coder, or stored in pieces.

use super::{super::Step, header::Header, model::Model};

const CUT: &str = "the input ends early";

/// Gives the bytes of segments one after the other.
pub(super) struct Coder {
    model: Option<Box<Model>>,
    /// Where the next coded byte is.
    at: usize,
    low: u32,
    high: u32,
    /// The last four coded bytes; without a model the bytes left of a piece.
    code: u32,
}

impl Coder {
    /// A coder before the first segment of a block.
    pub(super) fn new(header: &Header, work: u64) -> Self {
        let model = header.is_modelled().then(|| Box::new(Model::new(header, work)));
        Self { model, at: 0, low: 1, high: u32::MAX, code: 0 }
    }

    /// Goes to the start of a segment.
    pub(super) fn start(&mut self, input: &[u8]) {
        (self.at, self.code) = (0, 0);
        if self.model.is_some() {
            // Bytes that are not there read as what ends a segment.
            for _ in 0..4 {
                self.code = self.code << 8 | u32::from(input.get(self.at).copied().unwrap_or(0));
                self.at += 1;
            }
        }
    }

    /// Adds up to so many bytes. Tells whether the segment has ended.
    pub(super) fn read(&mut self, input: &[u8], bytes: &mut Vec<u8>, most: usize) -> Step<bool> {
        let Some(mut model) = self.model.take() else { return self.copy(input, bytes, most) };
        let result = self.decode(&mut model, input, bytes, most);
        self.model = Some(model);
        result
    }

    fn decode(
        &mut self,
        model: &mut Model,
        input: &[u8],
        bytes: &mut Vec<u8>,
        most: usize,
    ) -> Step<bool> {
        while bytes.len() < most {
            if self.bit(0, input)? {
                return if self.code == 0 { Ok(true) } else { Err("a segment without its end") };
            }
            let mut byte = 0;
            for _ in 0..8 {
                let bit = self.bit(model.predict(), input)?;
                byte = byte << 1 | u8::from(bit);
                model.learn(bit)?;
            }
            bytes.push(byte);
        }
        Ok(false)
    }

    /// The next bit, with its chance of being a one in units of 2^-16.
    #[inline]
    fn bit(&mut self, chance: u32, input: &[u8]) -> Step<bool> {
        if !(self.low..=self.high).contains(&self.code) {
            return Err("a code outside of its range");
        }
        let range = u64::from(self.high - self.low);
        let share = u32::try_from((range * u64::from(chance)) >> 16).unwrap_or(u32::MAX);
        let middle = self.low.saturating_add(share);
        let bit = self.code <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle.saturating_add(1);
        }
        while (self.high ^ self.low) < 1 << 24 {
            self.high = self.high << 8 | 0xff;
            // Four zeros in a row are left to mark the end.
            self.low = (self.low << 8).max(1);
            let next = *input.get(self.at).ok_or(CUT)?;
            self.code = self.code << 8 | u32::from(next);
            self.at += 1;
        }
        Ok(bit)
    }

    /// Pieces with their length in four bytes in front; a length of zero ends the segment.
    fn copy(&mut self, input: &[u8], bytes: &mut Vec<u8>, most: usize) -> Step<bool> {
        while bytes.len() < most {
            let rest = input.get(self.at..).unwrap_or_default();
            if self.code == 0 {
                self.code = u32::from_be_bytes(*rest.first_chunk().ok_or(CUT)?);
                self.at += 4;
                if self.code == 0 {
                    return Ok(true);
                }
                continue;
            }
            let count = super::index(self.code).min(most - bytes.len());
            let piece = rest.get(..count.min(rest.len())).unwrap_or_default();
            bytes.extend_from_slice(piece);
            self.at += piece.len();
            self.code -= u32::try_from(piece.len()).unwrap_or(0);
            if piece.len() < count {
                return Err(CUT);
            }
        }
        Ok(false)
    }
}
