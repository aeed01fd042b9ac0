//! What undoes the transform before packing: nothing, or a program at the start of the first segment.

use super::{
    super::Step,
    header::Header,
    machine::{Machine, Work},
};

/// What the first bytes of a block were.
enum State {
    /// Nothing yet.
    Start,
    /// A program is told: its length, in two bytes.
    Length(Option<u8>),
    /// The program comes.
    Program { code: Vec<u8>, length: usize },
    /// Bytes are put out as they are.
    Pass(Vec<u8>),
    /// Bytes go through the program.
    Run { machine: Box<Machine>, halted: bool },
}

/// Takes bytes as the coder gives them, puts bytes out as they were.
pub(super) struct Post {
    state: State,
    /// Memory of the program.
    bits: (u8, u8),
    work: Work,
    /// Where output goes while there is no program.
    none: Vec<u8>,
}

impl Post {
    pub(super) fn new(header: &Header, work: u64) -> Self {
        let work = Work { left: work, of_run: 1 };
        Self { state: State::Start, bits: header.post_bits, work, none: Vec::new() }
    }

    /// Takes bytes; fewer than all while there is output to be taken or something is wrong. Returns
    /// how many.
    pub(super) fn write(&mut self, bytes: &[u8]) -> (usize, Step<()>) {
        match &mut self.state {
            State::Pass(output) => {
                output.extend_from_slice(bytes);
                (bytes.len(), Ok(()))
            }
            State::Run { machine, halted } => {
                for (&byte, count) in bytes.iter().zip(1..) {
                    match machine.run(u32::from(byte)) {
                        Ok(true) => {}
                        Ok(false) => {
                            *halted = false;
                            return (count, Ok(()));
                        }
                        Err(why) => return (count, Err(why)),
                    }
                }
                (bytes.len(), Ok(()))
            }
            _ => match bytes.first() {
                Some(&byte) => (1, self.prepare(byte)),
                None => (0, Ok(())),
            },
        }
    }

    /// Takes a byte in front of the data.
    fn prepare(&mut self, byte: u8) -> Step<()> {
        match &mut self.state {
            State::Start => {
                self.state = match byte {
                    0 => State::Pass(Vec::new()),
                    1 => State::Length(None),
                    _ => return Err("an unknown transform"),
                };
            }
            State::Length(first @ None) => *first = Some(byte),
            State::Length(Some(first)) => {
                let length = usize::from(u16::from_le_bytes([*first, byte]));
                if length == 0 {
                    return Err("an empty program");
                }
                self.state = State::Program { code: Vec::with_capacity(length), length };
            }
            State::Program { code, length } => {
                code.push(byte);
                if code.len() == *length {
                    let machine = Box::new(Machine::new(code, self.bits, true, self.work));
                    self.state = State::Run { machine, halted: true };
                }
            }
            State::Pass(_) | State::Run { .. } => {}
        }
        Ok(())
    }

    /// Tells the program that a segment has ended.
    pub(super) fn end(&mut self) -> Step<()> {
        match &mut self.state {
            State::Pass(_) => Ok(()),
            State::Run { machine, halted } => {
                *halted = machine.run(u32::MAX)?;
                Ok(())
            }
            _ => Err("a segment that ends before its data"),
        }
    }

    /// Whether the program waits for the next byte, not for its output to be taken.
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.state, State::Run { halted: false, .. })
    }

    /// Lets the program go on, once its output was taken.
    pub(super) fn go_on(&mut self) -> Step<()> {
        if let State::Run { machine, halted } = &mut self.state {
            *halted = machine.go_on()?;
        }
        Ok(())
    }

    /// What was put out; to be cleared by who takes it.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        match &mut self.state {
            State::Pass(output) => output,
            State::Run { machine, .. } => machine.output(),
            _ => &mut self.none,
        }
    }
}
