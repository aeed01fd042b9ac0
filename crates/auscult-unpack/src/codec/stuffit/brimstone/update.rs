//! How the model learns: new states in the contexts that did not know the byte, new contexts behind
//! it, and frequencies cut in half.

use super::{
    super::super::Step,
    FREQUENCY_MAX, Model,
    graph::{STATE, State},
    heap::{Heap, Place},
};

/// Where a chain of new contexts begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// At the state that was found.
    Found,
    /// At the one in the next shorter context.
    Shorter,
    /// One further.
    Shortest,
}

impl Model {
    /// Learns the byte that was found; starts anew where the memory is full.
    pub(super) fn update(&mut self) -> Step<()> {
        if self.learn()?.is_none() {
            self.restart()?;
            self.mark = 0;
        }
        Ok(())
    }

    /// None where the memory is full.
    fn learn(&mut self) -> Step<Option<()>> {
        let found = self.heap.state(self.found)?;
        let shorter = self.count_in_shorter(found)?;
        if self.fallen == 0 {
            let made = self.deepen(Begin::Shortest, None)?;
            (self.asked, self.first) = (found.successor, found.successor);
            return Ok(made);
        }
        self.fallen -= 1;
        let (next, begin) = if self.fallen == 0 {
            (found.successor, Begin::Shorter)
        } else {
            let Some(next) = self.heap.new_context()? else { return Ok(None) };
            self.heap.set_open(next, true)?;
            (next, Begin::Found)
        };
        if self.heap.is_open(self.longest)? {
            let state = Heap::only_state(self.longest);
            self.heap.set_byte(state, found.symbol)?;
            self.heap.set_successor(state, next)?;
        }
        if self.add_states(found, next)?.is_none() {
            return Ok(None);
        }
        if found.successor == 0 {
            self.heap.set_successor(self.found, next)?;
            self.fallen += 1;
        } else {
            if self.heap.is_open(found.successor)? && self.deepen(begin, shorter)?.is_none() {
                return Ok(None);
            }
            self.asked = self.heap.successor(self.found)?;
        }
        self.first = self.asked;
        self.longest = next;
        if next == 0 { Err("a text that goes on nowhere") } else { Ok(Some(())) }
    }

    /// Counts the byte in the next shorter context, too, while it is rare; tells its state there.
    fn count_in_shorter(&mut self, found: State) -> Step<Option<Place>> {
        let context = self.heap.suffix(self.asked)?;
        if u32::from(found.frequency) >= FREQUENCY_MAX / 4 || context == 0 {
            return Ok(None);
        }
        let mut state = self.heap.find(context, found.symbol)?;
        let frequency = self.heap.frequency(state)?;
        if self.heap.count(context)? == 1 {
            if frequency < 32 {
                self.heap.gain(state, 1)?;
            }
            return Ok(Some(state));
        }
        if state != self.heap.states(context)?
            && frequency >= self.heap.frequency(state.wrapping_sub(STATE))?
        {
            state = self.heap.exchange(state)?;
        }
        if frequency < 7 * FREQUENCY_MAX / 8 {
            self.heap.gain(state, 2)?;
            let sum = self.heap.sum(context)?;
            self.heap.set_sum(context, sum + 2)?;
        }
        Ok(Some(state))
    }

    /// Adds a state to each context from the first that was asked to the one that had the byte.
    fn add_states(&mut self, found: State, next: Place) -> Step<Option<()>> {
        let known = self.heap.count(self.asked)?;
        let others = self.heap.sum(self.asked)?.wrapping_sub(known);
        let others = others.wrapping_sub(u32::from(found.frequency).wrapping_sub(1));
        let mut context = self.first;
        while context != self.asked {
            let count = self.heap.count(context)?;
            let room = if count == 1 {
                self.make_table(context, known)?
            } else {
                self.widen_table(context, count, known)?
            };
            if room.is_none() {
                return Ok(None);
            }
            let sum = self.heap.sum(context)?;
            let expected = (2 * u32::from(found.frequency)).wrapping_mul(sum + 6);
            let total = others.wrapping_add(sum);
            let times = |factor: u32| total.wrapping_mul(factor);
            let (frequency, more) = if expected < times(6) {
                (1 + u8::from(expected > total) + u8::from(expected >= times(4)), 3)
            } else {
                let higher = [9, 12, 15].map(|factor| u8::from(expected >= times(factor)));
                let frequency = 4 + higher.iter().sum::<u8>();
                (frequency, u32::from(frequency))
            };
            self.heap.set_sum(context, sum.wrapping_add(more))?;
            let state = State { symbol: found.symbol, frequency, successor: next };
            let place = self.heap.states(context)?.wrapping_add(count * STATE);
            self.heap.set_state(place, state)?;
            let last = u8::try_from(count).map_err(|_| "a context with more states than bytes")?;
            self.heap.set_last(context, last)?;
            context = self.heap.suffix(context)?;
        }
        Ok(Some(()))
    }

    /// Moves the only state of a context into a table.
    fn make_table(&mut self, context: Place, known: u32) -> Step<Option<()>> {
        let Some(states) = self.heap.allocate(1)? else { return Ok(None) };
        let mut only = self.heap.state(Heap::only_state(context))?;
        let rare = u32::from(only.frequency) < FREQUENCY_MAX / 4 - 1;
        only.frequency = if rare { only.frequency * 2 } else { 120 };
        self.heap.set_state(states, only)?;
        self.heap.set_states(context, states)?;
        let sum = u32::from(only.frequency) + u32::from(self.escape_first) + u32::from(known > 3);
        self.heap.set_sum(context, sum)?;
        Ok(Some(()))
    }

    /// Makes room for one more state in a table.
    fn widen_table(&mut self, context: Place, count: u32, known: u32) -> Step<Option<()>> {
        if count.is_multiple_of(2) {
            let states = self.heap.states(context)?;
            let Some(states) = self.heap.expand(states, count / 2)? else { return Ok(None) };
            self.heap.set_states(context, states)?;
        }
        let mut sum = self.heap.sum(context)?;
        if 4 * count <= known && sum <= 8 * count {
            sum += 2;
        }
        if 2 * count < known {
            sum += 1;
        }
        self.heap.set_sum(context, sum)?;
        Ok(Some(()))
    }

    /// Makes contexts for the place where the text goes on behind the found state, from the
    /// shortest that lacks one to the longest. None where the memory is full.
    fn deepen(&mut self, begin: Begin, shorter: Option<Place>) -> Step<Option<()>> {
        let found = self.heap.state(self.found)?;
        let open = found.successor;
        let (lacking, mut context) = self.lacking(begin, shorter, found)?;
        let mut first = self.heap.state(Heap::only_state(open))?;
        first.frequency = self.frequency_from(context, first.symbol)?;
        self.heap.set_state(Heap::only_state(open), first)?;
        for &state in lacking.iter().rev() {
            let Some(new) = self.heap.new_context()? else { return Ok(None) };
            self.heap.set_suffix(new, context)?;
            self.heap.set_state(Heap::only_state(new), first)?;
            self.heap.set_successor(state, new)?;
            context = new;
        }
        if self.fallen == 0 {
            self.heap.set_last(open, 0)?;
            self.heap.set_open(open, false)?;
            self.heap.set_suffix(open, context)?;
        }
        Ok(Some(()))
    }

    /// The states that lead to the open place, and the first context that leads elsewhere or, where
    /// none does, the shortest one.
    fn lacking(
        &self,
        begin: Begin,
        shorter: Option<Place>,
        found: State,
    ) -> Step<(Vec<Place>, Place)> {
        let mut lacking = Vec::new();
        let mut context = self.asked;
        match begin {
            Begin::Found => {
                lacking.push(self.found);
                if self.heap.suffix(context)? == 0 {
                    return Ok((lacking, context));
                }
            }
            Begin::Shorter => {}
            Begin::Shortest => context = self.heap.suffix(context)?,
        }
        let mut known = shorter;
        loop {
            context = self.heap.suffix(context)?;
            let state = match known.take() {
                Some(state) => state,
                None => self.heap.find(context, found.symbol)?,
            };
            let successor = self.heap.successor(state)?;
            if successor != found.successor {
                return Ok((lacking, successor));
            }
            lacking.push(state);
            if self.heap.suffix(context)? == 0 {
                return Ok((lacking, context));
            }
        }
    }

    /// What a byte that is new in a context begins with, by its frequency in a shorter one.
    fn frequency_from(&self, context: Place, symbol: u8) -> Step<u8> {
        let state = self.heap.find(context, symbol)?;
        let frequency = self.heap.frequency(state)?;
        if self.heap.count(context)? == 1 {
            return u8::try_from(frequency).map_err(|_| "an impossible frequency");
        }
        let own = frequency.wrapping_sub(1);
        let all = self.heap.sum(context)?.wrapping_sub(self.heap.last(context)? + 1);
        let others = all.wrapping_sub(own);
        let twice = own.wrapping_mul(2);
        if twice <= others {
            return Ok(if own.wrapping_mul(5) > others { 2 } else { 1 });
        }
        let more = twice.wrapping_add(others.wrapping_mul(3)).wrapping_sub(1);
        let more = more.checked_div(others.wrapping_mul(2)).ok_or("a context of one byte only")?;
        let [low, ..] = more.wrapping_add(1).to_le_bytes();
        Ok(low)
    }

    /// Halves the frequencies of a context, sorts its states by them, and drops those that are left
    /// with nothing. The found state becomes the first.
    pub(super) fn rescale(&mut self, context: Place) -> Step<()> {
        let (states, count) = (self.heap.states(context)?, self.heap.last(context)? + 1);
        self.heap.gain(self.found, 4)?;
        let mut escapes = self.heap.sum(context)?.wrapping_add(4);
        let rounding = u32::from(self.fallen != 0);
        let mut sorted: Vec<State> = Vec::new();
        for index in 0..count {
            let mut state = self.heap.state(states.wrapping_add(index * STATE))?;
            escapes = escapes.wrapping_sub(u32::from(state.frequency));
            let halved = u32::midpoint(u32::from(state.frequency), rounding);
            state.frequency = u8::try_from(halved).unwrap_or(u8::MAX);
            let place = sorted.iter().rposition(|other| other.frequency >= state.frequency);
            sorted.insert(place.map_or(0, |place| place + 1), state);
        }
        let sum: u32 = sorted.iter().map(|state| u32::from(state.frequency)).sum();
        let kept = sorted.iter().rposition(|state| state.frequency > 0);
        let kept = u32::try_from(kept.ok_or("a context without frequencies")?).unwrap_or(0) + 1;
        escapes = escapes.wrapping_add(count - kept);
        self.heap.set_last(context, u8::try_from(kept - 1).unwrap_or(u8::MAX))?;
        if kept == 1 && count > 1 {
            return self.keep_only(context, sorted.first().copied(), escapes, count);
        }
        for (index, state) in (0..).zip(sorted) {
            self.heap.set_state(states.wrapping_add(index * STATE), state)?;
        }
        let (old, new) = (count.div_ceil(2), kept.div_ceil(2));
        let states = if old == new { states } else { self.heap.shrink(states, old, new)? };
        self.heap.set_states(context, states)?;
        self.heap.set_sum(context, sum.wrapping_add(escapes.wrapping_add(1) / 2))?;
        self.found = states;
        Ok(())
    }

    /// Puts the only state that is left into its context.
    fn keep_only(
        &mut self,
        context: Place,
        state: Option<State>,
        mut escapes: u32,
        count: u32,
    ) -> Step<()> {
        let mut state = state.ok_or("a context without states")?;
        loop {
            state.frequency = state.frequency.div_ceil(2);
            escapes /= 2;
            if escapes <= 1 {
                break;
            }
        }
        let states = self.heap.states(context)?;
        self.heap.give_back(states, count.div_ceil(2))?;
        self.found = Heap::only_state(context);
        self.heap.set_state(self.found, state)
    }
}
