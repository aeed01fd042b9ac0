//! LZO-RLE, LZO1X with runs of zeros (kernel `Documentation/staging/lzo.rst`, version 1 of the bit
//! stream). Streams of version 0 are LZO1X as it always was.

use crate::Fault;

/// The first byte of a stream with a version behind it.
const VERSION_MARK: u8 = 17;
/// `MIN_ZERO_RUN_LENGTH`.
const RUN_BYTES_MIN: usize = 4;
/// Matches of the third kind begin at this distance.
const FAR: usize = 0x4000;
/// Matches after four and more literals begin at this one.
const MIDDLE: usize = 0x800;

/// Unpacks a block of this length; fewer bytes are a fault, as are more.
pub(crate) fn decode_lzo_rle(input: &[u8], length: usize) -> Result<Vec<u8>, Fault> {
    let runs = input.len() >= 5 && input.first() == Some(&VERSION_MARK);
    let start = if runs { 2 } else { 0 };
    let runs = runs && input.get(1) != Some(&0);
    let rest = input.get(start..).unwrap_or_default();
    let mut decoder = Decoder { rest, output: Vec::with_capacity(length), length, runs };
    decoder.run()?;
    if decoder.output.len() < length {
        return Err(fault("the block ends early"));
    }
    Ok(decoder.output)
}

struct Decoder<'data> {
    rest: &'data [u8],
    output: Vec<u8>,
    length: usize,
    runs: bool,
}

/// What an instruction asks for before its trailing literals.
enum Step {
    Copy { distance: usize, count: usize },
    Zeros(usize),
    End,
}

impl Decoder<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        // Literals that the last instruction had: 4 stands for four and more.
        let mut state = 0;
        if let Some(&first) = self.rest.first().filter(|&&first| first > 17) {
            self.byte()?;
            let count = usize::from(first - 17);
            self.literals(count)?;
            state = count.min(4);
        }
        loop {
            let code = self.byte()?;
            if code < 16 && state == 0 {
                let count = 3 + self.extended(code.into(), 15)?;
                self.literals(count)?;
                state = 4;
                continue;
            }
            let (step, trailing) = self.instruction(code, state)?;
            match step {
                Step::End => return Ok(()),
                Step::Copy { distance, count } => self.copy(distance, count)?,
                Step::Zeros(count) => {
                    self.room(count)?;
                    self.output.resize(self.output.len() + count, 0);
                }
            }
            self.literals(trailing)?;
            state = trailing;
        }
    }

    /// Decodes anything but a run of literals.
    fn instruction(&mut self, code: u8, state: usize) -> Result<(Step, usize), Fault> {
        let wide = usize::from(code);
        if code >= 64 {
            let distance = (usize::from(self.byte()?) << 3) + (wide >> 2 & 7) + 1;
            return Ok((Step::Copy { distance, count: (wide >> 5) + 1 }, wide & 3));
        }
        if code < 16 {
            let near = (usize::from(self.byte()?) << 2) + (wide >> 2) + 1;
            let (distance, count) = if state == 4 { (near + MIDDLE, 3) } else { (near, 2) };
            return Ok((Step::Copy { distance, count }, wide & 3));
        }
        if code >= 32 {
            let count = 2 + self.extended(wide & 31, 31)?;
            let word = self.word()?;
            return Ok((Step::Copy { distance: (word >> 2) + 1, count }, word & 3));
        }
        if self.runs
            && code & 0xf8 == 0x18
            && let &[low, 0xff, high, ..] = self.rest
            && low & 0xfc == 0xfc
        {
            self.rest = self.rest.get(3..).unwrap_or_default();
            let count = (wide & 7 | usize::from(high) << 3) + RUN_BYTES_MIN;
            return Ok((Step::Zeros(count), usize::from(low & 3)));
        }
        let count = 2 + self.extended(wide & 7, 7)?;
        let word = self.word()?;
        let distance = ((wide & 8) << 11) + (word >> 2);
        if distance == 0 {
            return Ok((Step::End, 0));
        }
        Ok((Step::Copy { distance: distance + FAR, count }, word & 3))
    }

    /// A length: 0 goes on in bytes, zeros for 255 each up to one that is not.
    fn extended(&mut self, low: usize, base: usize) -> Result<usize, Fault> {
        if low > 0 {
            return Ok(low);
        }
        let mut length = base;
        loop {
            match self.byte()? {
                0 => length += 255,
                last => return Ok(length + usize::from(last)),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(|| fault("the input ends early"))?;
        self.rest = rest;
        Ok(byte)
    }

    fn word(&mut self) -> Result<usize, Fault> {
        Ok(usize::from(self.byte()?) | usize::from(self.byte()?) << 8)
    }

    fn room(&self, count: usize) -> Result<(), Fault> {
        if count > self.length - self.output.len() {
            return Err(fault("longer than a block may be"));
        }
        Ok(())
    }

    fn literals(&mut self, count: usize) -> Result<(), Fault> {
        self.room(count)?;
        let (bytes, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| fault("the input ends early"))?;
        self.output.extend_from_slice(bytes);
        self.rest = rest;
        Ok(())
    }

    fn copy(&mut self, distance: usize, count: usize) -> Result<(), Fault> {
        self.room(count)?;
        let start = self.output.len().checked_sub(distance);
        let start = start.ok_or_else(|| fault("a match from before the start"))?;
        let end = self.output.len() + count;
        while self.output.len() < end {
            let step = (self.output.len() - start).min(end - self.output.len());
            self.output.extend_from_within(start..start + step);
        }
        Ok(())
    }
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress lzo-rle", why)
}

#[cfg(test)]
mod tests {
    use super::decode_lzo_rle;

    #[test]
    fn runs_of_zeros_and_plain_instructions() {
        // Version 1: three literals, a run of 4 + 5 + 8 zeros with one literal behind, the end.
        let packed = [17, 1, 20, b'a', b'b', b'c', 0x18 | 5, 0xfd, 0xff, 1, b'x', 17, 0, 0];
        let wanted = [&b"abc"[..], &[0; 17], b"x"].concat();
        assert_eq!(decode_lzo_rle(&packed, wanted.len()).unwrap(), wanted);
        for end in 0..packed.len() {
            assert!(decode_lzo_rle(&packed[..end], wanted.len()).is_err());
        }
        assert!(decode_lzo_rle(&packed, 5).is_err());
    }

    #[test]
    fn version_0_is_what_lzop_packs() {
        let bytes: Vec<u8> = (0..60_000_u32).flat_map(|n| (n / 9).to_le_bytes()).collect();
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("plain"), folder.path().join("packed"));
        std::fs::write(&plain, &bytes[..200_000]).unwrap();
        let names = [plain.to_str().unwrap(), "-o", packed.to_str().unwrap()];
        if !crate::formats::testing::reference::run("lzop", &[&["-F"][..], &names].concat()) {
            return;
        }
        let file = std::fs::read(&packed).unwrap();
        // One block: its length and packed length stand before it, its end mark behind it.
        let length = 200_000_u32.to_be_bytes();
        let at = file.windows(4).position(|word| word == length).unwrap();
        let packed_bytes = u32::from_be_bytes(file[at + 4..at + 8].try_into().unwrap());
        let start = at + 8;
        let block = &file[start..start + usize::try_from(packed_bytes).unwrap()];
        assert!(decode_lzo_rle(block, 200_000).unwrap() == bytes[..200_000]);
    }
}
