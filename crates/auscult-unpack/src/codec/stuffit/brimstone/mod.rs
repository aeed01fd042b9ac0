//! Brimstone, method 0 of StuffIt X: PPMd variant G by Dmitry Shkarin with a start and an allocator
//! of its own ("SitxBrimstoneAlgorithm" in the wiki of XADMaster).
//!
//! Contexts of falling order are asked for the next byte, each with the bytes left out that longer
//! ones have ruled out already.

mod graph;
mod heap;
mod update;

use self::{
    graph::STATE,
    heap::{Heap, Place},
};
use super::{
    super::{Step, output::Output},
    input::Input,
    range::{Carryless, Intervals},
};

/// Bits of a probability, and how fast it follows.
const WEIGHT_BITS: u32 = 14;
const PERIOD_BITS: u32 = 7;
/// Highest frequency of a state, and of the only one in a context.
const FREQUENCY_MAX: u32 = 124;
const ONLY_FREQUENCY_MAX: u32 = 128;
/// Escapes from a context with one state at first, by the number of states of the shorter context
/// and by the success of the last guess.
const ESCAPES_FIRST: [u16; 16] = [
    0x3cdd, 0x1f3f, 0x59bf, 0x48f3, 0x5ffb, 0x5545, 0x63d1, 0x5d9d, 0x64a1, 0x5abc, 0x6632, 0x6051,
    0x68f6, 0x549b, 0x6bca, 0x3ab0,
];
/// Frequency that an escape begins with, by its probability.
const ESCAPE_FREQUENCIES: [u8; 16] = [25, 14, 9, 7, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2];
/// Bytes that are more likely than others at the start.
const TEXT_BYTES: u32 = 128;

/// Decodes, behind the bytes that tell memory and order, until the output is full.
pub(super) fn decode(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    let (exponent, order) = (input.byte()?, input.byte()?);
    let mut model = Model::new(exponent, order)?;
    let mut coder = Carryless::new(input)?;
    while !output.is_full() {
        match model.next(&mut coder)? {
            Some(byte) => output.push(byte),
            None => return Ok(()),
        }
    }
    Ok(())
}

/// How often escapes happened in contexts that are alike.
#[derive(Clone, Copy, Default)]
struct Escapes {
    sum: u16,
    shift: u32,
    count: u8,
}

impl Escapes {
    /// The frequency of an escape; what is told is taken from the sum.
    fn mean(&mut self) -> u32 {
        let mean = self.sum >> self.shift;
        self.sum -= mean;
        u32::from(mean & 0x3ff).max(1)
    }

    /// Follows more slowly from time to time.
    fn settle(&mut self) {
        if self.shift >= PERIOD_BITS {
            return;
        }
        self.count = self.count.wrapping_sub(1);
        if self.count == 0 {
            self.sum = self.sum.wrapping_mul(2);
            self.count = 3 << self.shift;
            self.shift += 1;
        }
    }
}

/// The model with all that it learned.
pub(super) struct Model {
    heap: Heap,
    order: u8,
    /// The context that is asked, the one that was asked first, and the longest one.
    asked: Place,
    first: Place,
    longest: Place,
    /// The state that was found; zero after an escape.
    found: Place,
    /// How many orders below the highest the found state is.
    fallen: u32,
    /// Bytes that were ruled out carry this mark.
    mark: u8,
    marks: [u8; 256],
    /// Index of the last state of the context that was left.
    last_left: u32,
    escape_first: u8,
    succeeded: bool,
    weights: Vec<[u16; 16]>,
    escapes: Vec<[Escapes; 8]>,
}

impl Model {
    /// A model that keeps contexts of up to `order` bytes in `1 << exponent` bytes of memory.
    ///
    /// # Errors
    /// Where there is no such model.
    pub(super) fn new(exponent: u8, order: u8) -> Step<Self> {
        if order == 0 {
            return Err("a model without contexts");
        }
        let mut model = Self {
            heap: Heap::new(exponent)?,
            order,
            asked: 0,
            first: 0,
            longest: 0,
            found: 0,
            fallen: 1,
            mark: 1,
            marks: [0; 256],
            last_left: 0,
            escape_first: 0,
            succeeded: false,
            weights: Vec::new(),
            escapes: Vec::new(),
        };
        model.restart()?;
        Ok(model)
    }

    /// Forgets everything.
    fn restart(&mut self) -> Step<()> {
        const FULL: &str = "a model without room to start";
        let heap = &mut self.heap;
        heap.clear();
        let root = heap.new_context()?.ok_or(FULL)?;
        let states = heap.allocate(128)?.ok_or(FULL)?;
        heap.set_last(root, u8::MAX)?;
        heap.set_sum(root, 256 + 1 + TEXT_BYTES)?;
        heap.set_states(root, states)?;
        for symbol in 0..=u8::MAX {
            let frequency = if u32::from(symbol) < TEXT_BYTES { 2 } else { 1 };
            let at = states + u32::from(symbol) * STATE;
            heap.set_state(at, graph::State { symbol, frequency, successor: 0 })?;
        }
        // Zeros are taken to have been before.
        let (mut longest, mut state) = (root, states);
        for order in 1..=self.order {
            let context = heap.new_context()?.ok_or(FULL)?;
            heap.set_suffix(context, longest)?;
            heap.set_successor(state, context)?;
            longest = context;
            if order < self.order {
                state = Heap::only_state(context);
                heap.set_state(state, graph::State { symbol: 0, frequency: 1, successor: 0 })?;
            }
        }
        heap.set_open(longest, true)?;
        self.longest = longest;
        self.first = heap.suffix(longest)?;
        self.asked = self.first;
        (self.marks, self.succeeded, self.fallen) = ([0; 256], false, 1);
        self.weights = (2..130)
            .map(|count| ESCAPES_FIRST.map(|first| (1 << WEIGHT_BITS) - first / count))
            .collect();
        let begin = |row: u16| Escapes { sum: (4 * row + 10) << 3, shift: 3, count: 3 };
        self.escapes = (0..43).map(|row| [begin(row); 8]).collect();
        Ok(())
    }

    /// The next byte; none where the empty context is left, which ends the text.
    pub(super) fn next(&mut self, coder: &mut impl Intervals) -> Step<Option<u8>> {
        if self.heap.count(self.asked)? == 1 {
            self.ask_only(coder)?;
        } else {
            self.ask_fresh(coder)?;
        }
        while self.found == 0 {
            loop {
                self.fallen += 1;
                self.asked = self.heap.suffix(self.asked)?;
                if self.asked == 0 {
                    return Ok(None);
                }
                if self.heap.last(self.asked)? != self.last_left {
                    break;
                }
            }
            self.ask_again(coder)?;
        }
        let state = self.heap.state(self.found)?;
        if self.fallen == 0 && !self.heap.is_open(state.successor)? {
            (self.asked, self.first) = (state.successor, state.successor);
        } else {
            self.update()?;
            if self.mark == 0 {
                (self.mark, self.marks) = (1, [0; 256]);
            }
        }
        Ok(Some(state.symbol))
    }

    fn mark(&mut self, symbol: u8) {
        if let Some(mark) = self.marks.get_mut(usize::from(symbol)) {
            *mark = self.mark;
        }
    }

    /// Asks a context with one state whether it is the one.
    fn ask_only(&mut self, coder: &mut impl Intervals) -> Step<()> {
        let state = Heap::only_state(self.asked);
        let frequency = self.heap.frequency(state)?;
        let column = match self.heap.last(self.heap.suffix(self.asked)?)? {
            few @ 0..6 => 2 * few,
            6..50 => 12,
            _ => 14,
        } + u32::from(self.succeeded);
        let index = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        let row = self.weights.get_mut(index(frequency.wrapping_sub(1)));
        let weight = row.and_then(|row| row.get_mut(index(column))).ok_or("no probability")?;
        let missed = coder.bit(u32::from(*weight), WEIGHT_BITS)?;
        let mean = (*weight + (1 << (PERIOD_BITS - 2))) >> PERIOD_BITS;
        *weight -= mean;
        self.succeeded = !missed;
        if missed {
            let grade = usize::from(*weight >> 10);
            self.escape_first = ESCAPE_FREQUENCIES.get(grade).copied().unwrap_or(0);
            self.last_left = 0;
            self.found = 0;
            let symbol = self.heap.symbol(state)?;
            self.mark(symbol);
        } else {
            *weight += 1 << PERIOD_BITS;
            self.found = state;
            if frequency < ONLY_FREQUENCY_MAX {
                self.heap.gain(state, 1)?;
            }
        }
        Ok(())
    }

    /// Asks a context with several states of which none was ruled out.
    fn ask_fresh(&mut self, coder: &mut impl Intervals) -> Step<()> {
        let context = self.asked;
        if self.heap.is_open(context)? {
            return Err("a context without states");
        }
        let (states, last) = (self.heap.states(context)?, self.heap.last(context)?);
        let total = self.heap.sum(context)?;
        let part = coder.part(total)?;
        self.succeeded = false;
        let mut start = 0;
        for index in 0..=last {
            let state = states.wrapping_add(index * STATE);
            let width = self.heap.frequency(state)?;
            if part < start + width {
                coder.narrow(start, width)?;
                self.succeeded = index == 0 && 2 * width > total;
                return self.count_fresh(context, state, index);
            }
            start += width;
        }
        coder.narrow(start, total.wrapping_sub(start))?;
        self.last_left = last;
        self.found = 0;
        for index in 0..=last {
            let symbol = self.heap.symbol(states.wrapping_add(index * STATE))?;
            self.mark(symbol);
        }
        Ok(())
    }

    /// Counts a state that was found at once; it may pass the one before it.
    fn count_fresh(&mut self, context: Place, state: Place, index: u32) -> Step<()> {
        let frequency = u32::from(self.heap.gain(state, 4)?);
        let sum = self.heap.sum(context)?;
        self.heap.set_sum(context, sum + 4)?;
        self.found = state;
        if index > 0 {
            if frequency <= self.heap.frequency(state.wrapping_sub(STATE))? {
                return Ok(());
            }
            self.found = self.heap.exchange(state)?;
        }
        if frequency > FREQUENCY_MAX { self.rescale(context) } else { Ok(()) }
    }

    /// Asks a shorter context, whose states were ruled out in part.
    fn ask_again(&mut self, coder: &mut impl Intervals) -> Step<()> {
        let context = self.asked;
        let (states, last) = (self.heap.states(context)?, self.heap.last(context)?);
        let mut left: [(Place, u32); 256] = [(0, 0); 256];
        let mut count = 0;
        let mut total = 0;
        for index in 0..=last {
            let state = states.wrapping_add(index * STATE);
            let symbol = self.heap.symbol(state)?;
            if self.marks.get(usize::from(symbol)).is_some_and(|mark| *mark != self.mark) {
                let frequency = self.heap.frequency(state)?;
                total += frequency;
                if let Some(slot) = left.get_mut(count) {
                    *slot = (state, frequency);
                }
                count += 1;
            }
        }
        let left = left.get(..count).unwrap_or_default();
        let mut certain = Escapes::default();
        let escapes = match self.alike(context)? {
            Some((row, column)) => {
                let row = self.escapes.get_mut(row);
                row.and_then(|row| row.get_mut(column)).ok_or("no such contexts")?
            }
            None => &mut certain,
        };
        let scale = total + if last == 255 { 1 } else { escapes.mean() };
        let part = coder.part(scale)?;
        let mut start = 0;
        for &(state, width) in left {
            if part < start + width {
                coder.narrow(start, width)?;
                escapes.settle();
                return self.count_again(context, state);
            }
            start += width;
        }
        coder.narrow(total, scale - total)?;
        let [low, high, ..] = scale.to_le_bytes();
        escapes.sum = escapes.sum.wrapping_add(u16::from_le_bytes([low, high]));
        self.last_left = last;
        for &(state, _) in left {
            let symbol = self.heap.symbol(state)?;
            self.mark(symbol);
        }
        Ok(())
    }

    /// Which contexts are like this one, in the table of escapes. None for the empty context.
    fn alike(&self, context: Place) -> Step<Option<(usize, usize)>> {
        let last = self.heap.last(context)?;
        if last == 255 {
            return Ok(None);
        }
        let more = last.checked_sub(self.last_left).filter(|&more| more > 0);
        let more = more.ok_or("a shorter context with fewer bytes")?;
        let shorter = self.heap.last(self.heap.suffix(context)?)?;
        let row = match more - 1 {
            few @ 0..4 => few,
            some @ 4..12 => 4 + (some - 4) / 2,
            many @ 12..44 => 8 + (many - 12) / 4,
            most => 16 + (most - 44) / 8,
        };
        // The difference to a shorter context that has fewer states is negative.
        let column = usize::from(more + last < shorter)
            + 2 * usize::from(self.heap.sum(context)? < 11 * (last + 1))
            + 4 * usize::from(self.last_left + 1 > more);
        Ok(Some((usize::try_from(row).unwrap_or(usize::MAX), column)))
    }

    /// Counts a state that was found after an escape.
    fn count_again(&mut self, context: Place, state: Place) -> Step<()> {
        self.found = state;
        let frequency = u32::from(self.heap.gain(state, 4)?);
        let sum = self.heap.sum(context)?;
        self.heap.set_sum(context, sum + 4)?;
        if frequency > FREQUENCY_MAX {
            self.rescale(context)?;
        }
        self.mark = self.mark.wrapping_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, decode};
    use crate::codec::output::Output;

    /// With an interval that is cut off at its low end, the model stays with the zeros it starts
    /// from.
    #[test]
    fn zeros_go_on() {
        let mut output = Output::new(1000);
        decode(&mut Input::new(&[20, 4, 0, 0, 0, 0]), &mut output).unwrap();
        assert_eq!(output.into_bytes(), [0; 1000]);
        for head in [[20, 0], [40, 4], [4, 4]] {
            let bytes = [&head[..], &[0; 20]].concat();
            assert!(decode(&mut Input::new(&bytes), &mut Output::new(9)).is_err());
        }
    }
}
