//! Bytes as another bus reads them: each word of two or four bytes the other way round.

use crate::{Derive, Extent, Fault, Sink};

/// Bytes read at once; a multiple of every word.
const STEP_BYTES: u64 = 1 << 20;

/// The same bytes with each word reversed; an incomplete last word is left out.
pub(crate) fn swapped(input: &Extent, word_bytes: u8) -> Extent {
    let word = u64::from(word_bytes.max(1));
    let input = input.clamp(0, input.len() / word * word);
    let vault = std::sync::Arc::clone(input.vault());
    Extent::derived(&vault, input.len(), Swap { input, word_bytes: usize::from(word_bytes.max(1)) })
}

struct Swap {
    input: Extent,
    word_bytes: usize,
}

impl Derive for Swap {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut at = 0;
        while at < self.input.len() {
            let mut bytes = self.input.read_up_to(at, STEP_BYTES)?.to_vec();
            bytes.chunks_mut(self.word_bytes).for_each(<[u8]>::reverse);
            sink.push(&bytes)?;
            at += STEP_BYTES;
        }
        Ok(())
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::swapped;
    use crate::{Extent, Vault};

    #[test]
    fn words_are_reversed_and_half_a_word_is_left_out() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let input = Extent::from_memory(&vault, &b"abcdefghi"[..]);
        assert_eq!(swapped(&input, 4).read_all().unwrap(), "dcbahgfe");
        assert_eq!(swapped(&input, 2).read_all().unwrap(), "badcfehg");
    }
}
