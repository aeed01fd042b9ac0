//! Streams are made here by the decoders themselves: they run on a coder that chooses what it
//! tells them, at random or by a script, and writes down the interval.
//!
//! A decoder that reads such a stream must give the same bytes again; that it is the right decoder is
//! asked from another program, in the tests of the format.

use super::{
    Compression, Packing,
    brimstone::Model,
    cyanide, darkhorse, decode,
    iron::{self, Settings},
    range::Intervals,
    sorting,
};
use crate::codec::{Step, output::Output};

/// Numbers by Marsaglia's xorshift, always the same for a seed.
pub(crate) struct Random(u32);

impl Random {
    pub(crate) fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761) | 1)
    }

    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        u32::try_from((u64::from(self.0) * u64::from(end)) >> 32).unwrap()
    }
}

/// What a coder that writes is to tell.
enum Choice {
    /// Anything, as likely as the models say.
    Dream(Random),
    /// These symbols and bits.
    Script(std::vec::IntoIter<usize>),
}

impl Choice {
    /// The next part or symbol; in a script the next item.
    fn next(&mut self, parts: u32) -> u32 {
        match self {
            // Not the last, which leaves the empty context of Brimstone and ends the stream.
            Self::Dream(random) => random.below((parts - 1).max(1)),
            Self::Script(items) => u32::try_from(items.next().unwrap_or(0)).unwrap(),
        }
    }
}

/// Writes for [`Carryless`](super::range::Carryless).
struct CarrylessWriter {
    choice: Choice,
    low: u32,
    range: u32,
    bytes: Vec<u8>,
}

impl CarrylessWriter {
    fn new(choice: Choice) -> Self {
        Self { choice, low: 0, range: u32::MAX, bytes: Vec::new() }
    }

    fn finish(mut self) -> Vec<u8> {
        self.bytes.extend(self.low.to_be_bytes());
        self.bytes
    }
}

impl Intervals for CarrylessWriter {
    fn part(&mut self, parts: u32) -> Step<u32> {
        self.range /= parts;
        Ok(self.choice.next(parts))
    }

    fn narrow(&mut self, start: u32, width: u32) -> Step<()> {
        self.low = self.low.wrapping_add(self.range * start);
        self.range *= width;
        loop {
            if self.low ^ self.low.wrapping_add(self.range) >= 1 << 24 {
                if self.range >= 1 << 16 {
                    return Ok(());
                }
                self.range = self.low.wrapping_neg() & 0xffff;
            }
            self.bytes.push(self.low.to_be_bytes()[0]);
            (self.low, self.range) = (self.low << 8, self.range << 8);
        }
    }

    fn remaining_bit(&mut self, weight: u32) -> Step<bool> {
        self.bit(weight, 12)
    }
}

/// Writes for [`Carrying`](super::range::Carrying), with a carry through what is written already.
struct CarryingWriter {
    choice: Choice,
    low: u64,
    range: u32,
    bytes: Vec<u8>,
}

impl CarryingWriter {
    fn new(choice: Choice) -> Self {
        Self { choice, low: 0, range: u32::MAX, bytes: vec![0] }
    }

    fn shift(&mut self) {
        if self.low >> 32 != 0 {
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        let low = u32::try_from(self.low & 0xffff_ffff).unwrap();
        self.bytes.push(low.to_be_bytes()[0]);
        self.low = u64::from(low << 8);
    }

    fn add(&mut self, count: u32) {
        self.low += u64::from(count);
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.shift();
        }
    }

    fn finish(mut self) -> Vec<u8> {
        (0..4).for_each(|_| self.shift());
        self.bytes
    }
}

impl Intervals for CarryingWriter {
    fn part(&mut self, parts: u32) -> Step<u32> {
        self.range /= parts;
        Ok(self.choice.next(parts))
    }

    fn narrow(&mut self, start: u32, width: u32) -> Step<()> {
        let skipped = self.range * start;
        self.range *= width;
        self.add(skipped);
        Ok(())
    }

    fn symbol(&mut self, frequencies: &[u32]) -> Step<usize> {
        let symbol = usize::try_from(self.choice.next(0)).unwrap();
        self.range /= frequencies.iter().sum::<u32>();
        self.narrow(frequencies[..symbol].iter().sum(), frequencies[symbol])?;
        Ok(symbol)
    }

    fn bit(&mut self, weight: u32, bits: u32) -> Step<bool> {
        let one = self.choice.next(2) == 1;
        self.range >>= bits;
        let (start, end) = if one { (weight, 1 << bits) } else { (0, weight) };
        self.narrow(start, end - start)?;
        Ok(one)
    }

    fn remaining_bit(&mut self, weight: u32) -> Step<bool> {
        let one = self.choice.next(2) == 1;
        let threshold = (self.range >> 12) * weight;
        self.range = if one { self.range - threshold } else { threshold };
        self.add(if one { threshold } else { 0 });
        Ok(one)
    }
}

/// A packed stream with what it unpacks to.
pub(crate) struct Sample {
    pub(crate) name: String,
    /// The number of its compression in an archive.
    pub(crate) number: u64,
    pub(crate) packed: Vec<u8>,
    pub(crate) content: Vec<u8>,
}

fn sample(name: &str, number: u64, packed: Vec<u8>, content: Vec<u8>) -> Sample {
    Sample { name: name.to_owned(), number, packed, content }
}

/// Text that the model believes in.
fn dream_of_brimstone(exponent: u8, order: u8, length: usize, seed: u32) -> Sample {
    let mut model = Model::new(exponent, order).unwrap();
    let mut writer = CarrylessWriter::new(Choice::Dream(Random::new(seed)));
    let mut content = Vec::new();
    while content.len() < length {
        // Where the dream leaves the empty context the stream would end.
        content.push(model.next(&mut writer).unwrap().unwrap());
    }
    let packed = [vec![exponent, order], writer.finish()].concat();
    sample(&format!("brimstone-{exponent}-{order}-{seed}"), 0, packed, content)
}

fn dream_of_cyanide(symbols: u8, lengths: &[usize], seed: u32) -> Sample {
    let (mut packed, mut content) = (vec![9], Vec::new());
    for (seed, &length) in (seed..).zip(lengths) {
        let mut writer = CarrylessWriter::new(Choice::Dream(Random::new(seed)));
        let mut block = cyanide::ranks(&mut writer, length, symbols).unwrap();
        let first = length / 3;
        let word = |size: usize| u32::try_from(size).unwrap().to_be_bytes();
        packed.push(0x77);
        packed.extend([word(length), word(first)].concat());
        packed.push(symbols);
        packed.extend(writer.finish());
        sorting::unrank(&mut block);
        content.extend(sorting::unsort(&block, first).unwrap());
    }
    packed.push(0xff);
    sample(&format!("cyanide-{symbols}-{seed}"), 1, packed, content)
}

/// Bits from the highest down.
fn bits(value: u32, count: u32) -> impl Iterator<Item = usize> {
    (0..count).rev().map(move |place| usize::from(value >> place & 1 == 1))
}

/// A length: mostly a short one, never the longest, which is the end.
fn script_of_length(script: &mut Vec<usize>, random: &mut Random) {
    if random.below(8) == 0 {
        script.push(1);
        script.extend(bits(random.below(255), 8));
    } else {
        script.push(0);
        script.extend(bits(random.below(16), 4));
    }
}

/// Literals of so many bytes, and matches of every kind, at random.
fn script_of_darkhorse(items: u32, kinds: u32, alphabet: u32, seed: u32) -> Sample {
    let mut random = Random::new(seed);
    let mut script = Vec::new();
    for _ in 0..items {
        match random.below(8) {
            0..=3 => {
                script.push(0);
                script.extend(bits(random.below(alphabet), 8));
            }
            4..=5 => {
                script.extend([1, 0]);
                script_of_length(&mut script, &mut random);
                let kind = random.below(kinds);
                script.extend(bits(kind, 6));
                let count = (kind / 2).saturating_sub(1);
                script.extend(bits(random.below(1 << count), count));
            }
            6 => {
                let long = random.below(2) == 1;
                script.extend([1, 1, 0, usize::from(long)]);
                if long {
                    script_of_length(&mut script, &mut random);
                }
            }
            _ => {
                script.extend([1, 1, 1]);
                let places = [&[0][..], &[1, 0], &[1, 1]];
                script.extend(places[usize::try_from(random.below(3)).unwrap()]);
                script_of_length(&mut script, &mut random);
            }
        }
    }
    // The end.
    script.extend([1, 0, 1]);
    script.extend(bits(255, 8));
    let mut writer = CarryingWriter::new(Choice::Script(script.into_iter()));
    let mut output = Output::new(usize::MAX);
    darkhorse::decode_by(&mut writer, &mut output, 1 << 24).unwrap();
    let packed = [vec![24], writer.finish()].concat();
    sample(&format!("darkhorse-{kinds}-{seed}"), 2, packed, output.into_bytes())
}

/// Bits from the lowest up, for the heads of Iron.
#[derive(Default)]
pub(crate) struct LowBits(Vec<bool>);

impl LowBits {
    pub(crate) fn flag(&mut self, bit: bool) {
        self.0.push(bit);
    }

    pub(crate) fn number(&mut self, value: u64) {
        let value = value + 1;
        self.0.extend((1..value.count_ones()).map(|_| true));
        self.0.push(false);
        self.0.extend((0..=value.ilog2()).map(|place| value >> place & 1 == 1));
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.extend((0..8).map(|place| byte >> place & 1 == 1));
    }

    pub(crate) fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(8), false);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        self.0.chunks(8).map(byte).collect()
    }
}

/// A sorted text and the row where it begins.
fn sort(text: &[u8], by_four: bool) -> (Vec<u8>, usize) {
    let byte = |at: usize| text[at % text.len()];
    let count = text.len();
    let mut rows: Vec<usize> = (0..count).collect();
    if by_four {
        // By the four bytes before each, the nearest first; the row of the last byte begins.
        rows.sort_by_key(|&at| [1, 2, 3, 4].map(|back| byte(at + count - back)));
        let first = rows.iter().position(|&at| at == count - 1).unwrap();
        return (rows.into_iter().map(byte).collect(), first);
    }
    rows.sort_by(|&one, &other| {
        let row = |start: usize| (start..start + count).map(byte);
        row(one).cmp(row(other))
    });
    let first = rows.iter().position(|&at| at == 0).unwrap();
    (rows.into_iter().map(|at| byte(at + count - 1)).collect(), first)
}

/// Two sorted blocks, each with a stored one behind it.
fn pack_by_iron(by_four: bool, by_use: bool, texts: [&[u8]; 2]) -> Sample {
    let numbers = [6, 6, 8, 3, 5, 4, 4, 2, 5];
    let settings = Settings {
        by_four,
        by_use,
        totals_max: [64, 64, 256],
        rank_shifts: [3, 5, 4],
        length_shifts: [4, 2, 5],
    };
    let mut head = LowBits::default();
    head.flag(by_four);
    head.flag(by_use);
    for number in numbers {
        head.number(number);
    }
    let mut packed = head.bytes();
    for text in texts {
        let (block, first) = sort(text, by_four);
        let script = iron::plan::of(&block, by_use).into_iter();
        let mut writer = CarryingWriter::new(Choice::Script(script));
        assert_eq!(iron::runs(&mut writer, block.len(), &settings), Ok(block));
        let mut head = LowBits::default();
        head.flag(false);
        head.number(u64::try_from(text.len()).unwrap());
        head.flag(false);
        head.number(u64::try_from(first).unwrap());
        packed.extend([head.bytes(), writer.finish()].concat());
        let mut head = LowBits::default();
        head.flag(false);
        head.number(6);
        head.flag(true);
        packed.extend([&head.bytes()[..], b"stored"].concat());
    }
    packed.push(1);
    let content = texts.map(|text| [text, b"stored"].concat()).concat();
    sample(&format!("iron-{by_four}-{by_use}"), 6, packed, content)
}

/// Runs, all bytes, and words that come again.
fn text(length: usize, seed: u32) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut text: Vec<u8> = (0..=u8::MAX).collect();
    while text.len() < length {
        let start = random.below(u32::try_from(text.len()).unwrap());
        let start = usize::try_from(start).unwrap();
        match random.below(6) {
            0 => text.resize(text.len() + 1 + start % 90, text[start]),
            1 => text.push(text[start].wrapping_add(1)),
            _ => text.extend_from_within(start..text.len().min(start + 7)),
        }
    }
    text
}

/// One of each kind, as blocks.
fn blend() -> Sample {
    let parts = [
        sample("", 0, b"stored bytes".to_vec(), b"stored bytes".to_vec()),
        script_of_darkhorse(300, 30, 256, 5),
        dream_of_cyanide(40, &[500], 6),
        dream_of_brimstone(16, 3, 700, 7),
        script_of_darkhorse(100, 20, 9, 8),
    ];
    let (mut packed, mut content) = (Vec::new(), Vec::new());
    for part in parts {
        let method = match part.number {
            _ if part.name.is_empty() => 0,
            2 => 1,
            1 => 2,
            _ => 3,
        };
        packed.extend([0x77, method]);
        packed.extend(u32::try_from(part.content.len()).unwrap().to_be_bytes());
        packed.extend(part.packed);
        content.extend(part.content);
    }
    sample("blend", 4, packed, content)
}

/// A stored block and one with a code of a single distance among forty.
fn deflate() -> Sample {
    let mut bits = LowBits::default();
    let put = |bits: &mut LowBits, value: u32, count: u32| {
        (0..count).for_each(|place| bits.flag(value >> place & 1 == 1));
    };
    put(&mut bits, 0, 3);
    bits.align();
    let mut packed = bits.bytes();
    packed.extend(b"\x05\x00\xfa\xffsaved");
    let mut bits = LowBits::default();
    // 257 + 2 codes of literals, 1 + 39 of distances, 4 + 14 of lengths.
    for (value, count) in [(1, 1), (2, 2), (2, 5), (39, 6), (14, 4)] {
        put(&mut bits, value, count);
    }
    // Lengths of the codes for lengths, in the order 16, 17, 18, 0, 8, …, 1: 18, 0, 2 and 1.
    let order = [0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2];
    for length in order {
        put(&mut bits, length, 3);
    }
    // Codes of two bits, by number: 0 is 00, 1 is 01, 2 is 10, 18 is 11.
    let code = |bits: &mut LowBits, codes: &[bool]| codes.iter().for_each(|&bit| bits.flag(bit));
    let zeros = |bits: &mut LowBits, count: u32| {
        code(bits, &[true, true]);
        put(bits, count - 11, 7);
    };
    zeros(&mut bits, 97);
    // `a` has a code of one bit, the end and 258 of two: 0, 10 and 11.
    code(&mut bits, &[false, true]);
    zeros(&mut bits, 138);
    zeros(&mut bits, 20);
    code(&mut bits, &[true, false]);
    code(&mut bits, &[false, false]);
    code(&mut bits, &[true, false]);
    // Distances: only the first has a code, and the rest is zeros.
    code(&mut bits, &[false, true]);
    zeros(&mut bits, 39);
    // `a`, a match of four bytes at distance one, the end.
    code(&mut bits, &[false]);
    code(&mut bits, &[true, true, false]);
    code(&mut bits, &[true, false]);
    packed.extend(bits.bytes());
    sample("deflate", 3, [vec![15], packed].concat(), b"savedaaaaa".to_vec())
}

/// A stream of each kind.
pub(crate) fn samples() -> Vec<Sample> {
    let packed = [&[1, 1, b'k'][..], &crate::codec::rc4(b"k", b"in disguise")].concat();
    let mut samples = vec![sample("rc4", 5, packed, b"in disguise".to_vec()), deflate(), blend()];
    for (exponent, order, length, seed) in [
        (20, 4, 4000, 1),
        (12, 4, 6000, 2),
        (13, 8, 9000, 3),
        (16, 2, 20_000, 4),
        (20, 16, 2000, 5),
    ] {
        samples.push(dream_of_brimstone(exponent, order, length, seed));
    }
    for (symbols, seed) in [(0, 10), (1, 20), (30, 30), (200, 40), (253, 50)] {
        samples.push(dream_of_cyanide(symbols, &[6, 2000, 3000], seed));
    }
    for (items, kinds, alphabet, seed) in
        [(1000, 12, 256, 1), (1000, 26, 7, 2), (4000, 48, 256, 3), (1000, 34, 40, 4)]
    {
        samples.push(script_of_darkhorse(items, kinds, alphabet, seed));
    }
    let (one, other) = (text(3000, 1), text(800, 2));
    for (by_four, by_use) in [(false, false), (false, true), (true, false), (true, true)] {
        samples.push(pack_by_iron(by_four, by_use, [&one, &other]));
    }
    samples
}

fn unpack(sample: &Sample) -> (Vec<u8>, Step<()>) {
    let mut output = Output::new(sample.content.len());
    let result = decode(Compression::of(Some(sample.number)), &sample.packed, &mut output);
    (output.into_bytes(), result)
}

#[test]
fn streams_are_unpacked() {
    for sample in samples() {
        let (bytes, result) = unpack(&sample);
        assert!(bytes == sample.content && result == Ok(()), "{}: {result:?}", sample.name);
    }
}

#[test]
fn damaged_streams_do_no_harm() {
    let small = [
        dream_of_brimstone(12, 4, 200, 1),
        dream_of_cyanide(100, &[200], 2),
        script_of_darkhorse(100, 30, 256, 3),
        pack_by_iron(true, true, [b"a small text", b"a text that is small, too"]),
        pack_by_iron(false, false, [b"a small text", b"a text that is small, too"]),
        deflate(),
    ];
    for mut sample in small {
        let packed = std::mem::take(&mut sample.packed);
        for at in 0..packed.len() {
            for flip in [1, 0x80, 0xff] {
                sample.packed = packed.clone();
                sample.packed[at] ^= flip;
                let _ = unpack(&sample);
            }
            sample.packed = packed[..at].to_vec();
            let (bytes, _) = unpack(&sample);
            assert!(bytes.len() <= sample.content.len());
        }
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let obstacle = |compression: Option<u64>, filter: Option<u64>| {
        let filter = filter.map(super::Filter::of);
        Packing { compression: Compression::of(compression), filter }.obstacle()
    };
    assert_eq!(obstacle(None, None).or(obstacle(Some(6), Some(2))), None);
    for (compression, filter, what) in [
        (Some(7), None, "compression jpeg"),
        (Some(9), Some(2), "compression method 9"),
        (Some(0), Some(0), "filter english"),
        (Some(0), Some(99), "filter filter 99"),
    ] {
        let expected = format!("not extracted: StuffIt X {what}");
        assert_eq!(obstacle(compression, filter), Some(expected));
    }
}
