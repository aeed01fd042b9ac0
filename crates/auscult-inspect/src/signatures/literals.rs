//! Where the literals of all rules stand in a file's bytes.
//!
//! Of each literal the four bytes are chosen that are rarest in programs. One look at a table of bits
//! per byte of the file tells whether such four bytes may begin there; the table stays in the
//! processor's first cache, as an automaton of thousands of states does not. Rabin and Karp's
//! "Efficient randomized pattern-matching algorithms" (1987), with a fixed window of four bytes.

use std::collections::BTreeMap;

use super::rule::{LITERAL_MIN, Literal};

/// The number of a literal.
pub(super) type LiteralId = usize;

/// Bytes of a literal that are looked for first.
const ANCHOR_BYTES: usize = LITERAL_MIN;
/// Four bytes are spread over so many values.
const HASH_BITS: u32 = 16;
const WORDS: usize = 1 << (HASH_BITS - 6);

/// Literals and where each is to be found; equal ones share a number.
pub(super) struct Literals {
    numbers: BTreeMap<Literal, LiteralId>,
    /// A bit for each hash that an anchor has.
    hashes: Box<[u64; WORDS]>,
    /// The literals whose anchors have a hash, by that hash.
    anchors: Vec<Vec<Anchored>>,
}

struct Anchored {
    literal: LiteralId,
    /// The four bytes, and how far in they stand.
    anchor: u32,
    offset: usize,
    bytes: Vec<u8>,
}

impl Default for Literals {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            hashes: Box::new([0; WORDS]),
            anchors: std::iter::repeat_with(Vec::new).take(1 << HASH_BITS).collect(),
        }
    }
}

impl Literals {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a literal, which from now on is looked for.
    pub(super) fn number(&mut self, literal: &Literal) -> LiteralId {
        if let Some(&number) = self.numbers.get(literal) {
            return number;
        }
        let number = self.numbers.len();
        self.numbers.insert(literal.clone(), number);
        let (offset, anchor) = rarest(&literal.0);
        let hash = hash(anchor);
        let (word, bit) = place(hash);
        if let Some(word) = self.hashes.get_mut(word) {
            *word |= bit;
        }
        if let Some(list) = self.anchors.get_mut(hash) {
            list.push(Anchored { literal: number, anchor, offset, bytes: literal.0.clone() });
        }
        number
    }

    /// Calls `found` with each literal and each of its places, the places of a literal in order.
    pub(super) fn find(&self, bytes: &[u8], mut found: impl FnMut(LiteralId, usize)) {
        for (at, window) in bytes.windows(ANCHOR_BYTES).enumerate() {
            let Some(&window) = window.first_chunk() else { continue };
            let anchor = u32::from_le_bytes(window);
            let hash = hash(anchor);
            let (word, bit) = place(hash);
            if self.hashes.get(word).is_some_and(|word| word & bit != 0) {
                let anchors = self.anchors.get(hash).into_iter().flatten();
                for one in anchors.filter(|one| one.anchor == anchor) {
                    if let Some(start) = one.start(bytes, at) {
                        found(one.literal, start);
                    }
                }
            }
        }
    }
}

impl Anchored {
    /// Where the literal starts whose anchor stands at this place, if the rest of it is there too.
    fn start(&self, bytes: &[u8], anchor_at: usize) -> Option<usize> {
        let start = anchor_at.checked_sub(self.offset)?;
        bytes.get(start..)?.starts_with(&self.bytes).then_some(start)
    }
}

/// A multiplicative hash (Knuth, The Art of Computer Programming, volume 3, section 6.4).
fn hash(anchor: u32) -> usize {
    usize::try_from(anchor.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)).unwrap_or(0)
}

/// The word of a hash and its bit in it.
fn place(hash: usize) -> (usize, u64) {
    (hash >> 6, 1 << (hash & 63))
}

/// The rarest four bytes of a literal, and where they stand in it.
fn rarest(literal: &[u8]) -> (usize, u32) {
    let windows = literal.windows(ANCHOR_BYTES).enumerate();
    let windows = windows.filter_map(|(at, window)| Some((at, *window.first_chunk()?)));
    let rarest = windows.min_by_key(|(at, window): &(usize, [u8; ANCHOR_BYTES])| {
        (window.iter().map(|&byte| weight(byte)).sum::<u32>(), *at)
    });
    rarest.map_or((0, 0), |(at, window)| (at, u32::from_le_bytes(window)))
}

/// How often a byte stands in programs and their texts, as a rough logarithm.
fn weight(byte: u8) -> u32 {
    match byte {
        0 => 12,
        0xff => 8,
        b' ' | b'a' | b'e' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 7,
        b'_' | b'.' | b'/' | b'-' | b'b'..=b'z' => 6,
        b'0'..=b'9' | 1..=0x10 => 5,
        b'A'..=b'Z' => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::{Literal, Literals};

    /// Bytes without a pattern.
    fn noise(length: usize) -> Vec<u8> {
        let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        let states = std::iter::successors(Some(7_u32), next);
        states.take(length).map(|state| state.to_be_bytes()[0]).collect()
    }

    /// Every place of every literal, found one by one.
    fn plainly(literals: &[&[u8]], bytes: &[u8]) -> Vec<(usize, usize)> {
        let of_one = |(number, literal): (usize, &&[u8])| {
            let places = bytes.windows(literal.len()).enumerate();
            let places = places.filter(|(_, window)| window == literal).map(|(at, _)| at);
            places.map(move |at| (number, at)).collect::<Vec<_>>()
        };
        literals.iter().enumerate().flat_map(of_one).collect()
    }

    #[test]
    fn every_place_of_every_literal_is_found() {
        let wanted: [&[u8]; 6] =
            [b"OpenSSL ", b"SSL 1.", b"aaaa", b"aaaaa", b"\0\0\0\0", b"\xf1\xd8\xc3\xb2\xa4"];
        let mut literals = Literals::default();
        let numbers: Vec<usize> =
            wanted.iter().map(|one| literals.number(&Literal(one.to_vec()))).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        assert_eq!(literals.number(&Literal(b"aaaa".to_vec())), 2, "a number of its own");
        let mut bytes = noise(4096);
        for piece in [&b"OpenSSL 1.1.1w"[..], b"aaaaaaa\0\0\0\0\0\0", b"\xf1\xd8\xc3\xb2\xa4"] {
            bytes.extend_from_slice(piece);
        }
        for end in [0, 3, 4096, bytes.len() - 1, bytes.len()] {
            let mut found = Vec::new();
            literals.find(&bytes[..end], |literal, at| found.push((literal, at)));
            let in_order = |number| found.iter().filter(move |one| one.0 == number).copied();
            let found: Vec<_> = numbers.iter().flat_map(|&number| in_order(number)).collect();
            assert_eq!(found, plainly(&wanted, &bytes[..end]));
        }
    }
}
