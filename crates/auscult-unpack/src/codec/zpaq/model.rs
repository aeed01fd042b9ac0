//! The model of a block: a chance for each bit, from components in a row.

use super::{
    super::Step,
    header::{Header, Part},
    machine::{Machine, Work},
    parts::{Chain, Direct, Indirect, Match, Mix, Mix2, Moment, Refine},
    tables::TABLES,
};

/// What a component costs for each byte, in instructions of a machine: a few for each bit.
const STEPS_PER_PART: u64 = 32;

/// A component with what it has learnt.
enum Component {
    Constant,
    Direct(Direct),
    Indirect(Indirect),
    Match(Match),
    Average { inputs: (u8, u8), weight: i32 },
    Mix2(Mix2),
    Mix(Mix),
    Chain(Chain),
    Refine(Refine),
}

/// All components of a block.
pub(super) struct Model {
    components: Vec<Component>,
    /// For each component what the program made of the bytes before.
    contexts: Vec<u32>,
    moment: Moment,
    machine: Machine,
}

impl Model {
    /// The model before the first bit. The header was checked to ask for no more memory than there
    /// may be.
    pub(super) fn new(header: &Header, work: u64) -> Self {
        let tables = &*TABLES;
        let parts = u64::try_from(header.parts.len()).unwrap_or(u64::MAX);
        let work = Work { left: work, of_run: parts.saturating_mul(STEPS_PER_PART) };
        let mut moment = Moment { bits: 1, place: 1, logits: [0; 256], tables };
        for (part, logit) in header.parts.iter().zip(&mut moment.logits) {
            if let Part::Constant { value } = *part {
                *logit = (i32::from(value) - 128) * 4;
            }
        }
        let component = |part: &Part| match *part {
            Part::Constant { .. } => Component::Constant,
            Part::Direct { bits, limit } => Component::Direct(Direct::new(bits, limit)),
            Part::Indirect { bits } => Component::Indirect(Indirect::new(bits, tables)),
            Part::Match { bits, buffer_bits } => Component::Match(Match::new(bits, buffer_bits)),
            Part::Average { first, second, weight } => {
                Component::Average { inputs: (first, second), weight: i32::from(weight) }
            }
            Part::Mix2 { bits, first, second, rate, mask } => {
                Component::Mix2(Mix2::new(bits, (first, second), rate, mask))
            }
            Part::Mix { bits, first, count, rate, mask } => {
                Component::Mix(Mix::new(bits, first, count, rate, mask))
            }
            Part::Chain { bits, input } => Component::Chain(Chain::new(bits, input, tables)),
            Part::Refine { bits, input, start, limit } => {
                Component::Refine(Refine::new(bits, input, start, limit, tables))
            }
        };
        Self {
            components: header.parts.iter().map(component).collect(),
            contexts: vec![0; header.parts.len()],
            moment,
            machine: Machine::new(&header.program, header.context_bits, false, work),
        }
    }

    /// The chance that the next bit is a one, in units of 2^-16.
    #[inline]
    pub(super) fn predict(&mut self) -> u32 {
        let moment = &mut self.moment;
        let mut last = 0;
        for (place, (component, &context)) in
            self.components.iter_mut().zip(&self.contexts).enumerate()
        {
            last = match component {
                Component::Constant => moment.logits.get(place).copied().unwrap_or(0),
                Component::Direct(part) => part.predict(context, moment),
                Component::Indirect(part) => part.predict(context, moment),
                Component::Match(part) => part.predict(moment),
                Component::Average { inputs, weight } => {
                    let (first, second) = (moment.logit(inputs.0), moment.logit(inputs.1));
                    (first * *weight + second * (256 - *weight)) >> 8
                }
                Component::Mix2(part) => part.predict(context, moment),
                Component::Mix(part) => part.predict(context, moment),
                Component::Chain(part) => part.predict(context, moment),
                Component::Refine(part) => part.predict(context, moment),
            };
            if let Some(logit) = moment.logits.get_mut(place) {
                *logit = last;
            }
        }
        moment.tables.squash(last).cast_unsigned() * 2 + 1
    }

    /// Learns what the bit was.
    ///
    /// # Errors
    /// What is wrong with the program for contexts.
    #[inline]
    pub(super) fn learn(&mut self, bit: bool) -> Step<()> {
        let moment = &self.moment;
        let all = self.components.iter_mut().zip(&self.contexts).zip(&moment.logits);
        for ((component, &context), &logit) in all {
            match component {
                Component::Constant | Component::Average { .. } => {}
                Component::Direct(part) => part.learn(bit, moment),
                Component::Indirect(part) => part.learn(bit, moment),
                Component::Match(part) => part.learn(bit, context),
                Component::Mix2(part) => part.learn(bit, logit, moment),
                Component::Mix(part) => part.learn(bit, logit, moment),
                Component::Chain(part) => part.learn(bit, logit, moment),
                Component::Refine(part) => part.learn(bit, moment),
            }
        }
        self.advance(bit)
    }

    /// Goes to the next bit, and after the last of a byte lets the program make new contexts.
    fn advance(&mut self, bit: bool) -> Step<()> {
        let Moment { bits, place, .. } = &mut self.moment;
        *bits = *bits << 1 | u32::from(bit);
        match *bits {
            256.. => {
                let byte = *bits & 0xff;
                (*bits, *place) = (1, 1);
                self.machine.run(byte)?;
                for (context, number) in self.contexts.iter_mut().zip(0..) {
                    *context = self.machine.word(number);
                }
            }
            16..32 => *place = (*place & 15) << 5 | u32::from(bit) << 4 | 1,
            _ => *place = *place & 0x1f0 | (*place << 1 | u32::from(bit)) & 15,
        }
        Ok(())
    }
}
