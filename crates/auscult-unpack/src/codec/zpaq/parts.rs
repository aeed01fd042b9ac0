//! Components of a model: what each predicts for the next bit, and what it learns from it.
//!
//! Predictions are logits: ln(p / (1 - p)) in units of 1/64, from -2048 to 2047, p being the chance
//! of a one.
//!
//! Tables hold differences from what they start with, so that they are made of zeros: memory that a
//! header asks for costs nothing until it is used.

use super::{index, tables::Tables};

/// What all components know of the byte that is being coded.
pub(super) struct Moment {
    /// The bits of it so far behind a one.
    pub(super) bits: u32,
    /// The bits of its present half behind a one, and above those the first half with a one in front
    /// once it is known: nine bits in all.
    pub(super) place: u32,
    /// What the components have predicted for the next bit.
    pub(super) logits: [i32; 256],
    pub(super) tables: &'static Tables,
}

impl Moment {
    /// What a component has predicted.
    #[inline]
    pub(super) fn logit(&self, input: u8) -> i32 {
        self.logits.get(usize::from(input)).copied().unwrap_or(0)
    }

    /// Whether a half of the byte begins.
    fn begins_half(&self) -> bool {
        self.bits == 1 || self.bits & 0xf0 == 16
    }

    /// How far a prediction is from the bit, in units of 2^-15.
    #[inline]
    fn error(&self, logit: i32, bit: bool) -> i32 {
        i32::from(bit) * 0x7fff - self.tables.squash(logit)
    }
}

#[inline]
fn clamp_logit(logit: i32) -> i32 {
    logit.clamp(-2048, 2047)
}

/// Weights of the mixers have 20 bits.
#[inline]
fn clamp_weight(weight: i32) -> i32 {
    weight.clamp(-(1 << 19), (1 << 19) - 1)
}

/// The product of an error and an input, as far as a weight moves.
#[inline]
fn lesson(error: i32, input: i32) -> i32 {
    (error * input + (1 << 12)) >> 13
}

/// Chances by context with counts of how often each was seen: CM, and the table of SSE. A cell holds
/// the chance in its upper 22 bits and the count in its lower ten.
pub(super) struct Direct {
    /// Cells, each with the bits inverted that are set in the one that it starts with.
    cells: Vec<u32>,
    /// What cells start with, over and over.
    starts: [u32; 32],
    limit: u32,
    place: usize,
}

impl Direct {
    /// As many cells as 2^`bits`, at even odds.
    pub(super) fn new(bits: u8, limit: u8) -> Self {
        Self::of(size(bits, 1), [1 << 31; 32], limit)
    }

    fn of(cells: usize, starts: [u32; 32], limit: u8) -> Self {
        Self { cells: vec![0; cells], starts, limit: u32::from(limit) * 4, place: 0 }
    }

    #[inline]
    fn start(&self, place: usize) -> u32 {
        self.starts.get(place & 31).copied().unwrap_or(0)
    }

    #[inline]
    fn cell(&self, place: usize) -> u32 {
        let cell = self.cells.get(place & (self.cells.len() - 1)).copied().unwrap_or(0);
        cell ^ self.start(place)
    }

    #[inline]
    pub(super) fn predict(&mut self, context: u32, moment: &Moment) -> i32 {
        self.place = index(context ^ moment.place);
        moment.tables.stretch(self.cell(self.place) >> 17)
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, moment: &Moment) {
        let cell = self.cell(self.place);
        let count = cell & 0x3ff;
        let error = i32::from(bit) * 0x7fff - i32::try_from(cell >> 17).unwrap_or(0);
        // The product may have 33 bits, the sum has 32 again.
        let change = error.wrapping_mul(moment.tables.rate(count)) & !0x3ff;
        let more = u32::from(count < self.limit);
        let new = cell.wrapping_add(change.cast_unsigned()).wrapping_add(more);
        let (start, mask) = (self.start(self.place), self.cells.len() - 1);
        if let Some(cell) = self.cells.get_mut(self.place & mask) {
            *cell = new ^ start;
        }
    }
}

/// Rows of histories by context, found by a hash: one for each half of a byte. The first byte of a
/// row is a check, the others are the histories for the bits so far.
struct Rows {
    bytes: Vec<u8>,
    /// Bits of the context that are no check.
    bits: u32,
    row: usize,
}

/// Bytes of a row.
const ROW_BYTES: usize = 16;

impl Rows {
    fn new(bits: u8) -> Self {
        Self { bytes: vec![0; size(bits, 64)], bits: u32::from(bits) + 2, row: 0 }
    }

    fn byte(&self, place: usize) -> u8 {
        self.bytes.get(place).copied().unwrap_or(0)
    }

    /// Goes to the row of a context: one of three with its check, or else the one of them whose
    /// first history is the shortest, cleared.
    fn find(&mut self, context: u32) {
        let check = context.checked_shr(self.bits).unwrap_or(0).to_le_bytes()[0];
        let first = (index(context) * ROW_BYTES) & (self.bytes.len() - ROW_BYTES);
        let places = [first, first ^ ROW_BYTES, first ^ (2 * ROW_BYTES)];
        if let Some(place) = places.into_iter().find(|&place| self.byte(place) == check) {
            self.row = place;
            return;
        }
        let [worth, worth1, worth2] = places.map(|place| self.byte(place + 1));
        self.row = if worth <= worth1 && worth <= worth2 {
            places[0]
        } else if worth1 < worth2 {
            places[1]
        } else {
            places[2]
        };
        if let Some(row) = self.bytes.get_mut(self.row..self.row + ROW_BYTES) {
            row.fill(0);
            row.iter_mut().take(1).for_each(|byte| *byte = check);
        }
    }

    /// The history for the bits so far.
    #[inline]
    fn history(&mut self, context: u32, moment: &Moment) -> u8 {
        if moment.begins_half() {
            self.find(context.wrapping_add(16 * moment.bits));
        }
        self.byte(self.row + index(moment.place & 15))
    }

    #[inline]
    fn learn(&mut self, bit: bool, moment: &Moment) {
        if let Some(history) = self.bytes.get_mut(self.row + index(moment.place & 15)) {
            *history = moment.tables.next(*history, bit);
        }
    }
}

/// Chances by history by context: ICM.
pub(super) struct Indirect {
    rows: Rows,
    /// For each history, in units of 2^-23.
    chances: Vec<u32>,
    history: u8,
}

impl Indirect {
    pub(super) fn new(bits: u8, tables: &Tables) -> Self {
        Self { rows: Rows::new(bits), chances: tables.chances().to_vec(), history: 0 }
    }

    #[inline]
    pub(super) fn predict(&mut self, context: u32, moment: &Moment) -> i32 {
        self.history = self.rows.history(context, moment);
        let chance = self.chances.get(usize::from(self.history)).copied().unwrap_or(0);
        moment.tables.stretch(chance >> 8)
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, moment: &Moment) {
        self.rows.learn(bit, moment);
        if let Some(chance) = self.chances.get_mut(usize::from(self.history)) {
            let error = i32::from(bit) * 0x7fff - i32::try_from(*chance >> 8).unwrap_or(0);
            *chance = chance.wrapping_add((error >> 2).cast_unsigned());
        }
    }
}

/// Follows the last place with the same context: MATCH.
pub(super) struct Match {
    /// Where each context was last.
    places: Vec<u32>,
    buffer: Vec<u8>,
    /// Where the present byte is in the buffer.
    at: u32,
    /// Bits of it that are there.
    bits: u32,
    /// Bytes that have agreed, up to 255.
    length: u32,
    /// How far back the predicted byte is.
    distance: u32,
    predicted: bool,
}

/// A match does not grow further.
const MATCH_MAX: u32 = 255;

impl Match {
    pub(super) fn new(bits: u8, buffer_bits: u8) -> Self {
        let mut buffer = vec![0; size(buffer_bits, 1)];
        buffer.iter_mut().take(1).for_each(|byte| *byte = 1);
        Self {
            places: vec![0; size(bits, 1)],
            buffer,
            at: 0,
            bits: 0,
            length: 0,
            distance: 0,
            predicted: false,
        }
    }

    #[inline]
    fn byte(&self, place: u32) -> u8 {
        self.buffer.get(index(place) & (self.buffer.len() - 1)).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn predict(&mut self, moment: &Moment) -> i32 {
        if self.length == 0 {
            return 0;
        }
        let byte = self.byte(self.at.wrapping_sub(self.distance));
        self.predicted = byte >> (7 - self.bits) & 1 == 1;
        let doubt = 2048 / self.length;
        let chance = if self.predicted { (1 << 15) - doubt } else { doubt };
        moment.tables.stretch(chance)
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, context: u32) {
        if self.predicted != bit {
            self.length = 0;
        }
        let mask = self.buffer.len() - 1;
        if let Some(byte) = self.buffer.get_mut(index(self.at) & mask) {
            *byte = *byte << 1 | u8::from(bit);
        }
        self.bits += 1;
        if self.bits == 8 {
            self.bits = 0;
            self.next_byte(context, u32::try_from(mask).unwrap_or(u32::MAX));
        }
    }

    fn next_byte(&mut self, context: u32, mask: u32) {
        self.at = self.at.wrapping_add(1) & mask;
        let place = index(context) & (self.places.len() - 1);
        if self.length == 0 {
            let last = self.places.get(place).copied().unwrap_or(0);
            self.distance = self.at.wrapping_sub(last);
            // A distance of the whole buffer would compare it with itself.
            while self.distance & mask != 0 && self.length < MATCH_MAX {
                let before = self.at.wrapping_sub(self.length).wrapping_sub(1);
                if self.byte(before) != self.byte(before.wrapping_sub(self.distance)) {
                    break;
                }
                self.length += 1;
            }
        } else {
            self.length = (self.length + 1).min(MATCH_MAX);
        }
        if let Some(slot) = self.places.get_mut(place) {
            *slot = self.at;
        }
    }
}

/// Two inputs mixed with one weight by context: MIX2.
pub(super) struct Mix2 {
    /// Weights of the first input in units of 2^-16, less one half; the second has the rest.
    weights: Vec<i16>,
    inputs: (u8, u8),
    rate: i32,
    mask: u32,
    place: usize,
}

impl Mix2 {
    pub(super) fn new(bits: u8, inputs: (u8, u8), rate: u8, mask: u8) -> Self {
        Self {
            weights: vec![0; size(bits, 1)],
            inputs,
            rate: i32::from(rate),
            mask: u32::from(mask),
            place: 0,
        }
    }

    #[inline]
    pub(super) fn predict(&mut self, context: u32, moment: &Moment) -> i32 {
        let context = context.wrapping_add(moment.bits & self.mask);
        self.place = index(context) & (self.weights.len() - 1);
        let weight = i32::from(self.weights.get(self.place).copied().unwrap_or(0)) + (1 << 15);
        let (first, second) = (moment.logit(self.inputs.0), moment.logit(self.inputs.1));
        (weight * first + ((1 << 16) - weight) * second) >> 16
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, logit: i32, moment: &Moment) {
        let error = (moment.error(logit, bit) * self.rate) >> 5;
        let difference = moment.logit(self.inputs.0) - moment.logit(self.inputs.1);
        if let Some(weight) = self.weights.get_mut(self.place) {
            let new = i32::from(*weight) + lesson(error, difference);
            *weight = i16::try_from(new.clamp(-(1 << 15), (1 << 15) - 1)).unwrap_or(0);
        }
    }
}

/// Inputs that follow each other, mixed with weights by context: MIX.
pub(super) struct Mix {
    /// Weights in units of 2^-16, less the one at the start, as many for each context as there are
    /// inputs.
    weights: Vec<i32>,
    /// The same share for all inputs.
    start: i32,
    first: usize,
    count: usize,
    contexts: usize,
    rate: i32,
    mask: u32,
    row: usize,
}

impl Mix {
    pub(super) fn new(bits: u8, first: u8, count: u8, rate: u8, mask: u8) -> Self {
        let inputs = usize::from(count).max(1);
        Self {
            weights: vec![0; size(bits, inputs)],
            start: (1 << 16) / i32::from(count.max(1)),
            first: usize::from(first),
            count: inputs,
            contexts: size(bits, 1),
            rate: i32::from(rate),
            mask: u32::from(mask),
            row: 0,
        }
    }

    fn inputs<'moment>(&self, moment: &'moment Moment) -> &'moment [i32] {
        moment.logits.get(self.first..self.first + self.count).unwrap_or_default()
    }

    #[inline]
    pub(super) fn predict(&mut self, context: u32, moment: &Moment) -> i32 {
        let context = context.wrapping_add(moment.bits & self.mask);
        self.row = (index(context) & (self.contexts - 1)) * self.count;
        let weights = self.weights.get(self.row..self.row + self.count).unwrap_or_default();
        let pairs = weights.iter().zip(self.inputs(moment));
        let sum: i32 = pairs.map(|(weight, input)| ((weight + self.start) >> 8) * input).sum();
        clamp_logit(sum >> 8)
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, logit: i32, moment: &Moment) {
        let error = (moment.error(logit, bit) * self.rate) >> 4;
        let (inputs, start) = (self.inputs(moment), self.start);
        let weights = self.weights.get_mut(self.row..self.row + self.count).unwrap_or_default();
        for (weight, &input) in weights.iter_mut().zip(inputs) {
            *weight = clamp_weight(*weight + start + lesson(error, input)) - start;
        }
    }
}

/// An input scaled and moved by weights that a history chooses: ISSE.
pub(super) struct Chain {
    rows: Rows,
    /// For each history a factor in units of 2^-16, and what is added in units of 2^-10.
    weights: Vec<[i32; 2]>,
    input: u8,
    history: u8,
}

impl Chain {
    pub(super) fn new(bits: u8, input: u8, tables: &Tables) -> Self {
        let start = |&chance: &u32| [1 << 15, clamp_weight(tables.stretch(chance >> 8) * 1024)];
        let weights = tables.chances().iter().map(start).collect();
        Self { rows: Rows::new(bits), weights, input, history: 0 }
    }

    #[inline]
    pub(super) fn predict(&mut self, context: u32, moment: &Moment) -> i32 {
        self.history = self.rows.history(context, moment);
        let [factor, offset] =
            self.weights.get(usize::from(self.history)).copied().unwrap_or_default();
        clamp_logit((factor * moment.logit(self.input) + offset * 64) >> 16)
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, logit: i32, moment: &Moment) {
        self.rows.learn(bit, moment);
        let error = moment.error(logit, bit);
        if let Some([factor, offset]) = self.weights.get_mut(usize::from(self.history)) {
            *factor = clamp_weight(*factor + lesson(error, moment.logit(self.input)));
            *offset = clamp_weight(*offset + ((error + 16) >> 5));
        }
    }
}

/// An input refined by what came of it in its context: SSE. Each context has chances at 32 logits,
/// between which it interpolates.
pub(super) struct Refine {
    table: Direct,
    input: u8,
}

impl Refine {
    pub(super) fn new(bits: u8, input: u8, start: u8, limit: u8, tables: &Tables) -> Self {
        let mut starts = [0; 32];
        for (cell, step) in starts.iter_mut().zip(0..) {
            *cell = tables.squash(step * 64 - 992).cast_unsigned() << 17 | u32::from(start);
        }
        Self { table: Direct::of(size(bits, 32), starts, limit), input }
    }

    #[inline]
    pub(super) fn predict(&mut self, context: u32, moment: &Moment) -> i32 {
        let logit = (moment.logit(self.input) + 992).clamp(0, 1983).cast_unsigned();
        let (step, share) = (logit >> 6, logit & 63);
        let place = index(context.wrapping_add(moment.bits).wrapping_mul(32).wrapping_add(step));
        let (low, high) = (self.table.cell(place), self.table.cell(place + 1));
        // The nearer of the two learns.
        self.table.place = place + index(share >> 5);
        moment.tables.stretch(((low >> 10) * (64 - share) + (high >> 10) * share) >> 13)
    }

    #[inline]
    pub(super) fn learn(&mut self, bit: bool, moment: &Moment) {
        self.table.learn(bit, moment);
    }
}

/// Cells of a table, so many for each of 2^`bits`. The sizes were checked with the header.
fn size(bits: u8, cells: usize) -> usize {
    1_usize.checked_shl(u32::from(bits)).map_or(cells, |count| count.saturating_mul(cells))
}
