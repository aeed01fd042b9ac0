//! The "rubin" compressor: an arithmetic coder with a fixed probability for each bit of a byte
//! (kernel `fs/jffs2/compr_rubin.c`).

/// Registers of 16 bits; their upper bit.
const UPPER_BIT: u32 = 1 << 15;
const LOWER_BITS: u32 = UPPER_BIT - 1;
/// What the probabilities are parts of.
const DIVIDER: u32 = 256;

/// The decoder's state: an interval of `width` from `low` on, and the code's place in it.
struct Decoder<'data> {
    input: &'data [u8],
    position: usize,
    low: u32,
    width: u32,
    code: u32,
}

impl Decoder<'_> {
    /// The next bit; past the end of the input they are zero.
    fn pull(&mut self) -> u32 {
        let byte = self.input.get(self.position / 8).copied().unwrap_or(0);
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        u32::from(bit)
    }

    /// The next bit of the output, which is set with this probability.
    fn bit(&mut self, probability: u32) -> bool {
        // The interval is never empty, so it soon reaches over the upper bit.
        while self.low >= UPPER_BIT || self.low + self.width <= UPPER_BIT {
            self.low = (self.low & LOWER_BITS) << 1;
            self.width <<= 1;
            self.code = ((self.code & LOWER_BITS) << 1) + self.pull();
        }
        let zero = (DIVIDER - probability) * self.width / DIVIDER;
        let zero = zero.clamp(1, self.width - 1);
        let is_set = self.code >= self.low + zero;
        if is_set {
            self.low += zero;
            self.width -= zero;
        } else {
            self.width = zero;
        }
        is_set
    }
}

/// Decodes bytes behind a header with the probabilities of their bits, from the lowest on. There
/// is no end but the length.
pub(super) fn decode(stored: &[u8], length: usize) -> Vec<u8> {
    let Some((probabilities, input)) = stored.split_at_checked(8) else { return Vec::new() };
    let mut decoder = Decoder { input, position: 0, low: 0, width: 2 * UPPER_BIT, code: 0 };
    for _ in 0..16 {
        decoder.code = decoder.code << 1 | decoder.pull();
    }
    let mut output = Vec::with_capacity(length);
    while output.len() < length {
        let mut byte = 0;
        for (index, &probability) in probabilities.iter().enumerate() {
            byte |= u8::from(decoder.bit(probability.into())) << index;
        }
        output.push(byte);
    }
    output
}

#[cfg(test)]
pub(super) mod tests {
    use super::{DIVIDER, LOWER_BITS, UPPER_BIT, decode};

    /// Encodes bytes, as `rubin_do_compress` does.
    pub(in super::super) fn encode(bytes: &[u8]) -> Vec<u8> {
        let share = |bit: u8| {
            let set = bytes.iter().filter(|&&byte| byte >> bit & 1 == 1).count();
            u8::try_from((set * 256 / bytes.len().max(1)).clamp(1, 255)).unwrap()
        };
        let probabilities = [0, 1, 2, 3, 4, 5, 6, 7].map(share);
        let (mut low, mut width, mut bits) = (0, 2 * UPPER_BIT, Vec::new());
        for &byte in bytes {
            for (index, &probability) in probabilities.iter().enumerate() {
                while low >= UPPER_BIT || low + width <= UPPER_BIT {
                    bits.push(low & UPPER_BIT != 0);
                    low = (low & LOWER_BITS) << 1;
                    width <<= 1;
                }
                let zero = (DIVIDER - u32::from(probability)) * width / DIVIDER;
                let zero = zero.clamp(1, width - 1);
                if byte >> index & 1 == 1 {
                    low += zero;
                    width -= zero;
                } else {
                    width = zero;
                }
            }
        }
        for _ in 0..16 {
            bits.push(low & UPPER_BIT != 0);
            low = (low & LOWER_BITS) << 1;
        }
        let join = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        bits.resize(bits.len().next_multiple_of(8), false);
        [&probabilities[..], &bits.chunks(8).map(join).collect::<Vec<u8>>()].concat()
    }

    #[test]
    fn what_was_encoded_comes_back() {
        for bytes in [&b"a"[..], b"some text, some text", &[0; 300], &[0xff; 300]] {
            assert_eq!(decode(&encode(bytes), bytes.len()), bytes);
        }
        assert_eq!(decode(b"short", 4), b"");
        assert_eq!(decode(&[0; 8], 3), [0; 3]);
        assert_eq!(decode(&[255; 40], 100).len(), 100);
    }
}
