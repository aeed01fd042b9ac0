//! Contexts and their states, as they lie in the heap.
//!
//! A context has the index of its last state, a mark, then either the sum of its frequencies and
//! the place of its states, or its only state; then the next shorter context. A state has a byte,
//! its frequency, and the context that follows it.

use super::super::super::Step;
use super::heap::{Heap, Place};

/// Bytes of a state.
pub(super) const STATE: u32 = 6;
const MARK: u32 = 1;
const SUM: u32 = 2;
const STATES: u32 = 4;
const SUFFIX: u32 = 8;

/// A state by value.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) symbol: u8,
    pub(super) frequency: u8,
    pub(super) successor: Place,
}

impl Heap {
    pub(super) fn state(&self, at: Place) -> Step<State> {
        Ok(State {
            symbol: self.byte(at)?,
            frequency: self.byte(at.wrapping_add(1))?,
            successor: self.place(at.wrapping_add(2))?,
        })
    }

    pub(super) fn set_state(&mut self, at: Place, state: State) -> Step<()> {
        self.set_byte(at, state.symbol)?;
        self.set_byte(at.wrapping_add(1), state.frequency)?;
        self.set_place(at.wrapping_add(2), state.successor)
    }

    pub(super) fn symbol(&self, state: Place) -> Step<u8> {
        self.byte(state)
    }

    pub(super) fn frequency(&self, state: Place) -> Step<u32> {
        self.byte(state.wrapping_add(1)).map(u32::from)
    }

    /// Adds to the frequency of a state.
    pub(super) fn gain(&mut self, state: Place, more: u8) -> Step<u8> {
        let frequency = self.byte(state.wrapping_add(1))?.wrapping_add(more);
        self.set_byte(state.wrapping_add(1), frequency)?;
        Ok(frequency)
    }

    pub(super) fn successor(&self, state: Place) -> Step<Place> {
        self.place(state.wrapping_add(2))
    }

    pub(super) fn set_successor(&mut self, state: Place, context: Place) -> Step<()> {
        self.set_place(state.wrapping_add(2), context)
    }

    /// Exchanges two states that stand side by side; the place of the first.
    pub(super) fn exchange(&mut self, second: Place) -> Step<Place> {
        let first = second.wrapping_sub(STATE);
        let (one, other) = (self.state(first)?, self.state(second)?);
        self.set_state(first, other)?;
        self.set_state(second, one)?;
        Ok(first)
    }

    /// Index of the last state of a context.
    pub(super) fn last(&self, context: Place) -> Step<u32> {
        self.byte(context).map(u32::from)
    }

    pub(super) fn set_last(&mut self, context: Place, last: u8) -> Step<()> {
        self.set_byte(context, last)
    }

    /// Whether a context only marks where the text goes on, without states of its own.
    pub(super) fn is_open(&self, context: Place) -> Step<bool> {
        self.byte(context.wrapping_add(MARK)).map(|mark| mark != 0)
    }

    pub(super) fn set_open(&mut self, context: Place, open: bool) -> Step<()> {
        self.set_byte(context.wrapping_add(MARK), open.into())
    }

    /// States of a context; none of one that only marks a place.
    pub(super) fn count(&self, context: Place) -> Step<u32> {
        Ok(if self.is_open(context)? { 0 } else { self.last(context)? + 1 })
    }

    pub(super) fn sum(&self, context: Place) -> Step<u32> {
        self.short(context.wrapping_add(SUM)).map(u32::from)
    }

    pub(super) fn set_sum(&mut self, context: Place, sum: u32) -> Step<()> {
        let [low, high, ..] = sum.to_le_bytes();
        self.set_short(context.wrapping_add(SUM), u16::from_le_bytes([low, high]))
    }

    pub(super) fn states(&self, context: Place) -> Step<Place> {
        self.place(context.wrapping_add(STATES))
    }

    pub(super) fn set_states(&mut self, context: Place, states: Place) -> Step<()> {
        self.set_place(context.wrapping_add(STATES), states)
    }

    /// The only state of a context, which lies in it.
    pub(super) fn only_state(context: Place) -> Place {
        context.wrapping_add(SUM)
    }

    /// The next shorter context; zero for the empty one.
    pub(super) fn suffix(&self, context: Place) -> Step<Place> {
        self.place(context.wrapping_add(SUFFIX))
    }

    pub(super) fn set_suffix(&mut self, context: Place, suffix: Place) -> Step<()> {
        self.set_place(context.wrapping_add(SUFFIX), suffix)
    }

    /// A context without anything; none where the memory is full.
    pub(super) fn new_context(&mut self) -> Step<Option<Place>> {
        let context = self.context()?;
        if let Some(context) = context {
            self.set_last(context, 0)?;
            self.set_open(context, false)?;
            self.set_suffix(context, 0)?;
        }
        Ok(context)
    }

    /// The state of a byte in a context that has it.
    pub(super) fn find(&self, context: Place, symbol: u8) -> Step<Place> {
        if self.count(context)? == 1 {
            return Ok(Self::only_state(context));
        }
        let states = self.states(context)?;
        for index in 0..=self.last(context)? {
            let state = states.wrapping_add(index * STATE);
            if self.symbol(state)? == symbol {
                return Ok(state);
            }
        }
        Err("a shorter context without the byte of a longer one")
    }
}
