//! ZPAQL: the machine that computes contexts and undoes transforms.
//!
//! Registers A to D of 32 bits, a flag, an array H of words and an array M of bytes, whose sizes are
//! powers of two and whose indices wrap, and 256 registers R. A program runs once for each byte; all
//! but the program counter stays as it is between the runs.

use super::{super::Step, header::machine_bytes, index};

/// Instructions that one byte of input may take: programs for contexts take up to some hundred.
const STEPS_PER_INPUT_BYTE: u64 = 1 << 10;
/// Instructions that one byte of output may take: programs that undo LZ77 or a Burrows-Wheeler
/// transform take less than fifty.
const STEPS_PER_OUTPUT_BYTE: u64 = 1 << 6;
/// Instructions that a program may take besides, for each byte of its memory: tables are filled
/// before the first byte or after the last.
const STEPS_PER_MEMORY_BYTE: u64 = 2;
const STEPS_FOR_MEMORY_MAX: u64 = 1 << 24;
/// Instructions that any program may take.
const STEPS_MIN: u64 = 1 << 16;
/// Output that is collected before it is handed on, in bytes.
const OUTPUT_BYTES: usize = 64 << 10;

const WRONG: &str = "a program leaves its code or uses what is no instruction";
const ENDLESS: &str = "a program does not come to its end";

/// An instruction as it stands at one place of the program: jumps may lead into the middle of others.
#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    operand: u8,
    /// Where a jump goes.
    target: u32,
}

/// Codes that are not made of bit fields.
mod code {
    pub(super) const JUMP_IF: u8 = 39;
    pub(super) const JUMP_UNLESS: u8 = 47;
    pub(super) const STORE: u8 = 55;
    pub(super) const HALT: u8 = 56;
    pub(super) const OUT: u8 = 57;
    pub(super) const HASH: u8 = 59;
    pub(super) const HASH_H: u8 = 60;
    pub(super) const JUMP: u8 = 63;
    pub(super) const JUMP_FAR: u8 = 255;
}

/// How much a machine may do for its block, in instructions.
#[derive(Clone, Copy)]
pub(super) struct Work {
    pub(super) left: u64,
    /// What a run costs besides its instructions.
    pub(super) of_run: u64,
}

/// A machine with its program.
pub(super) struct Machine {
    instructions: Vec<Instruction>,
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    flag: bool,
    h: Vec<u32>,
    m: Vec<u8>,
    r: Vec<u32>,
    place: usize,
    steps_left: u64,
    /// What `steps_left` was when it was last raised.
    steps_granted: u64,
    work: Work,
    /// Whether output goes anywhere.
    speaks: bool,
    output: Vec<u8>,
}

impl Machine {
    /// A machine with memory of these sizes, as powers of two: words of H, bytes of M. The sizes were
    /// checked with the header.
    pub(super) fn new(program: &[u8], bits: (u8, u8), speaks: bool, work: Work) -> Self {
        let for_memory = STEPS_FOR_MEMORY_MAX.min(STEPS_PER_MEMORY_BYTE * machine_bytes(bits));
        let steps = STEPS_MIN.saturating_add(for_memory).min(work.left);
        let size = |bits: u8| 1_usize.checked_shl(u32::from(bits)).unwrap_or(1);
        Self {
            instructions: decode(program),
            a: 0,
            b: 0,
            c: 0,
            d: 0,
            flag: false,
            h: vec![0; size(bits.0)],
            m: vec![0; size(bits.1)],
            r: vec![0; 256],
            place: 0,
            steps_left: steps,
            steps_granted: steps,
            work,
            speaks,
            output: Vec::new(),
        }
    }

    /// A word of H.
    #[inline]
    pub(super) fn word(&self, place: u32) -> u32 {
        self.h.get(index(place) & (self.h.len() - 1)).copied().unwrap_or(0)
    }

    /// What was put out since it was taken last.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Starts a run with this in A, and goes on as [`go_on`](Self::go_on) does.
    ///
    /// # Errors
    /// What is wrong with the program.
    #[inline]
    pub(super) fn run(&mut self, input: u32) -> Step<bool> {
        self.work.left = self.work.left.checked_sub(self.work.of_run).ok_or(ENDLESS)?;
        self.grant(STEPS_PER_INPUT_BYTE)?;
        self.a = input;
        self.place = 0;
        self.go_on()
    }

    /// Runs until the program halts, or until there is much output that must be taken first; tells
    /// whether it halted.
    ///
    /// # Errors
    /// What is wrong with the program.
    pub(super) fn go_on(&mut self) -> Step<bool> {
        loop {
            let instruction = *self.instructions.get(self.place).ok_or(WRONG)?;
            self.steps_left = self.steps_left.checked_sub(1).ok_or(ENDLESS)?;
            let Instruction { code, operand, .. } = instruction;
            self.place += 1 + usize::from(code & 7 == 7);
            match code {
                64..=119 => {
                    let value = self.value(code & 7, operand);
                    self.assign(code >> 3 & 7, value);
                }
                128..=239 => {
                    let value = self.value(code & 7, operand);
                    self.calculate(code >> 3, value);
                }
                code::HALT => return Ok(true),
                code::OUT => {
                    if self.put_out()? {
                        return Ok(false);
                    }
                }
                _ => self.change(instruction)?,
            }
        }
    }

    /// Puts A out; tells whether that was much by now.
    fn put_out(&mut self) -> Step<bool> {
        if !self.speaks {
            return Ok(false);
        }
        self.output.push(low(self.a));
        self.grant(STEPS_PER_OUTPUT_BYTE)?;
        Ok(self.output.len() >= OUTPUT_BYTES)
    }

    /// Allows more instructions, but never more than all that the block may take.
    #[inline]
    fn grant(&mut self, steps: u64) -> Step<()> {
        let used = self.steps_granted.saturating_sub(self.steps_left);
        self.work.left = self.work.left.checked_sub(used).ok_or(ENDLESS)?;
        self.steps_left = self.steps_left.saturating_add(steps).min(self.work.left);
        self.steps_granted = self.steps_left;
        Ok(())
    }

    /// What the lowest three bits of a code name.
    #[inline]
    fn value(&self, source: u8, operand: u8) -> u32 {
        match source {
            0 => self.a,
            1 => self.b,
            2 => self.c,
            3 => self.d,
            4 => u32::from(self.byte(self.b)),
            5 => u32::from(self.byte(self.c)),
            6 => self.word(self.d),
            _ => u32::from(operand),
        }
    }

    #[inline]
    fn assign(&mut self, target: u8, value: u32) {
        match target {
            0 => self.a = value,
            1 => self.b = value,
            2 => self.c = value,
            3 => self.d = value,
            4 => self.set_byte(self.b, value),
            5 => self.set_byte(self.c, value),
            _ => self.set_word(self.d, value),
        }
    }

    /// Changes A, or the flag by comparing A.
    #[inline]
    fn calculate(&mut self, operation: u8, value: u32) {
        let a = self.a;
        self.a = match operation {
            16 => a.wrapping_add(value),
            17 => a.wrapping_sub(value),
            18 => a.wrapping_mul(value),
            19 => a.checked_div(value).unwrap_or(0),
            20 => a.checked_rem(value).unwrap_or(0),
            21 => a & value,
            22 => a & !value,
            23 => a | value,
            24 => a ^ value,
            25 => a.wrapping_shl(value),
            26 => a.wrapping_shr(value),
            27 => {
                self.flag = a == value;
                a
            }
            28 => {
                self.flag = a < value;
                a
            }
            _ => {
                self.flag = a > value;
                a
            }
        };
    }

    /// The instructions on one place, on R, hashes and jumps.
    fn change(&mut self, instruction: Instruction) -> Step<()> {
        let Instruction { code, operand, target } = instruction;
        let register = usize::from(operand);
        match code {
            code::JUMP_IF if !self.flag => {}
            code::JUMP_UNLESS if self.flag => {}
            code::JUMP_IF | code::JUMP_UNLESS | code::JUMP | code::JUMP_FAR => {
                self.place = index(target);
            }
            code::STORE => {
                if let Some(slot) = self.r.get_mut(register) {
                    *slot = self.a;
                }
            }
            code::HASH => self.a = hash(self.a, u32::from(self.byte(self.b))),
            code::HASH_H => self.set_word(self.d, hash(self.word(self.d), self.a)),
            7 | 15 | 23 | 31 => {
                let value = self.r.get(register).copied().unwrap_or(0);
                self.assign(code >> 3, value);
            }
            1..=52 if code & 7 <= 4 => self.change_one(code >> 3, code & 7)?,
            _ => return Err(WRONG),
        }
        Ok(())
    }

    /// Swaps with A, counts up or down, inverts, or clears.
    fn change_one(&mut self, target: u8, action: u8) -> Step<()> {
        let old = self.value(target, 0);
        let new = match action {
            0 if target == 0 => return Err(WRONG),
            0 => {
                // Of a byte only the lower part of A is swapped.
                let a = self.a;
                self.a = if matches!(target, 4 | 5) { a & !0xff | old } else { old };
                a
            }
            1 => old.wrapping_add(1),
            2 => old.wrapping_sub(1),
            3 => !old,
            _ => 0,
        };
        self.assign(target, new);
        Ok(())
    }

    #[inline]
    fn byte(&self, place: u32) -> u8 {
        self.m.get(index(place) & (self.m.len() - 1)).copied().unwrap_or(0)
    }

    #[inline]
    fn set_byte(&mut self, place: u32, value: u32) {
        let mask = self.m.len() - 1;
        if let Some(slot) = self.m.get_mut(index(place) & mask) {
            *slot = low(value);
        }
    }

    #[inline]
    fn set_word(&mut self, place: u32, value: u32) {
        let mask = self.h.len() - 1;
        if let Some(slot) = self.h.get_mut(index(place) & mask) {
            *slot = value;
        }
    }
}

/// The lowest byte.
#[inline]
fn low(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

fn hash(value: u32, with: u32) -> u32 {
    value.wrapping_add(with).wrapping_add(512).wrapping_mul(773)
}

/// The instruction at every place of a program.
fn decode(program: &[u8]) -> Vec<Instruction> {
    let byte = |place: usize| program.get(place).copied().unwrap_or(0);
    let instruction = |place: usize| {
        let (code, operand) = (byte(place), byte(place + 1));
        let far = u16::from_le_bytes([operand, byte(place + 2)]);
        let target = if code == code::JUMP_FAR {
            Some(usize::from(far))
        } else {
            (place + 2).checked_add_signed(isize::from(operand.cast_signed()))
        };
        let target = target.and_then(|target| u32::try_from(target).ok()).unwrap_or(u32::MAX);
        Instruction { code, operand, target }
    };
    (0..program.len()).map(instruction).collect()
}

#[cfg(test)]
mod tests {
    use super::{ENDLESS, Machine, WRONG, Work};

    fn run(program: &[u8], input: u32) -> (Machine, Result<bool, &'static str>) {
        let mut machine = Machine::new(program, (4, 4), true, Work { left: u64::MAX, of_run: 0 });
        let result = machine.run(input);
        (machine, result)
    }

    #[test]
    fn every_kind_of_instruction_does_its_work() {
        // b=a, *b=7, a+=*b, c=a, c--, d= 3, *d=c, a=*d, r=a 9, a=0, a=r 9, out, halt
        let (machine, result) =
            run(&[72, 103, 7, 132, 80, 18, 95, 3, 114, 70, 55, 9, 4, 7, 9, 57, 56], 30);
        assert_eq!((result, machine.output.as_slice()), (Ok(true), &[36][..]));
        // a swap with a byte keeps the rest of A; division by zero is zero
        let (machine, _) = run(&[32, 80, 159, 0, 65, 56], 0x1234_5678);
        assert_eq!((machine.m[0], machine.c, machine.a), (0x78, 0x1234_5600, 0));
        // a<<= 36 shifts by four, a*= 3, a&~ 16, hash
        let (machine, _) = run(&[207, 36, 151, 3, 183, 16, 59, 56], 1);
        assert_eq!(machine.a, (32 + 512) * 773);
    }

    #[test]
    fn jumps_lead_anywhere_in_the_program() {
        // until a is zero: out, a--; back
        let (machine, result) = run(&[223, 0, 39, 4, 57, 2, 63, 248, 56], 3);
        assert_eq!((result, machine.output.as_slice()), (Ok(true), &[3, 2, 1][..]));
        let (_, result) = run(&[255, 4, 0, 0, 56], 0);
        assert_eq!(result, Ok(true));
        // into the operand of the first one, which halts
        let (_, result) = run(&[71, 56, 63, 253], 0);
        assert_eq!(result, Ok(true));
        for program in [&[63, 5][..], &[63, 0x80], &[255, 200, 1], &[0], &[1], &[5], &[120], &[]] {
            assert_eq!(run(program, 0).1, Err(WRONG), "{program:?}");
        }
    }

    #[test]
    fn a_program_that_goes_round_is_stopped() {
        assert_eq!(run(&[63, 254], 0).1, Err(ENDLESS));
    }

    #[test]
    fn much_output_is_taken_in_between() {
        // out, a++; round
        let (mut machine, result) = run(&[57, 1, 63, 252], 0);
        assert_eq!((result, machine.output().len()), (Ok(false), 64 << 10));
        machine.output().clear();
        assert_eq!(machine.go_on(), Ok(false));
    }
}
