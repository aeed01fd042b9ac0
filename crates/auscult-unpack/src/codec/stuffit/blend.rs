//! Blend, method 4 of StuffIt X: blocks that are stored or packed by Darkhorse, Cyanide or
//! Brimstone, each anew ("SitxBlendAlgorithm" in the wiki of XADMaster).
//!
//! No block tells how long it is packed, and what packs them puts out more bytes than are read
//! back: the head of the next one is searched for.

use super::{
    super::{Step, output::Output},
    brimstone, cyanide, darkhorse,
    input::Input,
};

/// Mark, method, size.
const HEAD_BYTES: usize = 6;
const MARK: u8 = 0x77;
const METHOD_MAX: u8 = 3;
/// Sizes of blocks have these bits clear, but for the last one.
const ODD_BITS: usize = 0x1fff;

/// Decodes blocks until the output is full or no head follows.
pub(super) fn decode(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    while !output.is_full() {
        let Some((method, size)) = next_head(input) else { return Ok(()) };
        let size = size.min(output.limit() - output.len());
        let mut block = Output::new(size);
        let result = match method {
            0 => input.take(size).map(|bytes| block.extend(bytes)),
            1 => darkhorse::decode(input, &mut block),
            2 => cyanide::decode(input, &mut block),
            _ => brimstone::decode(input, &mut block),
        };
        let full = block.is_full();
        output.extend(&block.into_bytes());
        result?;
        if !full {
            return Err("a block shorter than its head tells");
        }
    }
    Ok(())
}

/// Goes behind the next head; its method and size.
fn next_head(input: &mut Input<'_>) -> Option<(u8, usize)> {
    let mut heads = input.remainder().windows(HEAD_BYTES).enumerate();
    let (at, (method, size)) = heads.find_map(|(at, head)| Some((at, read_head(head)?)))?;
    input.skip(at + HEAD_BYTES);
    Some((method, size))
}

/// What looks like a head, unless one might begin within it and its size is odd.
fn read_head(head: &[u8]) -> Option<(u8, usize)> {
    let &[MARK, method @ 0..=METHOD_MAX, a, b, c, d] = head else { return None };
    let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    let within = [(a, b), (b, c), (c, d)];
    let doubtful = within.iter().any(|&(mark, method)| mark == MARK && method <= METHOD_MAX);
    (!doubtful || size & ODD_BITS == 0).then_some((method, size))
}

#[cfg(test)]
mod tests {
    use super::{Input, decode, read_head};
    use crate::codec::output::Output;

    #[test]
    fn stored_blocks_are_found() {
        let bytes = b"\x77\0\0\0\0\x03abc...\x77\x77\0\0\0\0\x02de\x77";
        let mut output = Output::new(100);
        decode(&mut Input::new(bytes), &mut output).unwrap();
        assert_eq!(output.into_bytes(), b"abcde");
        assert!(decode(&mut Input::new(b"\x77\0\0\0\0\x03ab"), &mut Output::new(9)).is_err());
    }

    #[test]
    fn a_head_in_a_head_makes_it_doubtful() {
        assert_eq!(read_head(&[0x77, 1, 0, 0, 1, 2]), Some((1, 0x102)));
        assert_eq!(read_head(&[0x77, 1, 0x77, 2, 0, 1]), None);
        assert_eq!(read_head(&[0x77, 1, 0, 0x77, 0, 0]), Some((1, 0x77_0000)));
        assert_eq!(read_head(&[0x77, 4, 0, 0, 1, 2]), None);
    }
}
