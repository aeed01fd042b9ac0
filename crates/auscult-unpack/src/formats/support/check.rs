//! Checksums and digests as headers describe them: an algorithm, where its value stands, what it
//! covers. A wrong one is told with both values.

use crc::Crc;
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::{
    Endian, Extent, Fault,
    checksum::{Crc32, agrees, each_piece},
    digest::hex,
};

/// The CRC of bzip2 and MPEG-2 (most significant bit first), with the final inversion of bzip2.
static CRC_BZIP2: Crc<u32> = Crc::<u32>::new(&crc::CRC_32_BZIP2);
/// The CRC of the POSIX utility `cksum` without the length that it appends.
static CRC_POSIX_RAW: Crc<u32> = Crc::<u32>::new(&crc::Algorithm {
    width: 32,
    poly: 0x04c1_1db7,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0,
    check: 0x89a1_897f,
    residue: 0,
});
/// The CRC of zlib that starts from zero and is not inverted, as the kernel's `crc32_le(0, …)`.
static CRC_ZERO: Crc<u32> = Crc::<u32>::new(&crc::Algorithm {
    width: 32,
    poly: 0x04c1_1db7,
    init: 0,
    refin: true,
    refout: true,
    xorout: 0,
    check: 0x2dfd_2d88,
    residue: 0,
});
/// The CRC of Rockchip's tools: a digit of the polynomial is another than everywhere else.
static CRC_ROCKCHIP: Crc<u32> = Crc::<u32>::new(&crc::Algorithm {
    width: 32,
    poly: 0x04c1_0db7,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0,
    check: 0x889a_9615,
    residue: 0,
});
static CRC16_GENIBUS: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_GENIBUS);

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// CRC-32 of zlib.
    Crc32,
    /// The same without the final inversion (JAMCRC).
    Crc32NotInverted,
    /// The same without any inversion.
    Crc32FromZero,
    /// CRC-32 with the most significant bit first, inverted at both ends (bzip2).
    Crc32Bzip2,
    /// The same without any inversion.
    Crc32PosixRaw,
    /// CRC-32 with a polynomial of Rockchip's own.
    Crc32Rockchip,
    /// CRC-16 with the polynomial of CCITT, most significant bit first, inverted at both ends.
    Crc16Genibus,
    /// Sum of all bytes, modulo 256.
    Sum8,
    /// Sum of all bytes, modulo 2^16.
    Sum16,
    /// Sum of all bytes, modulo 2^32.
    Sum32,
    /// Sum of 16-bit words of this order; a last odd byte is padded with zero.
    Words16(Endian),
    /// Sum of 32-bit words of this order; last odd bytes are padded with zeros.
    Words32(Endian),
    /// Adler-32 of zlib.
    Adler32,
    Md5,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// Bytes of its value.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Sum8 => 1,
            Self::Crc16Genibus | Self::Sum16 | Self::Words16(_) => 2,
            Self::Md5 => 16,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            _ => 4,
        }
    }

    /// The value over an extent, most significant byte first.
    ///
    /// # Errors
    /// The fault that stops reading.
    pub(crate) fn over(self, extent: &Extent) -> Result<Vec<u8>, Fault> {
        let mut state = State::of(self);
        each_piece(extent, |bytes| state.update(bytes))?;
        Ok(state.value())
    }

    /// The value over bytes in memory, as a number; digests have none.
    pub(crate) fn number(self, bytes: &[u8]) -> u32 {
        let mut state = State::of(self);
        state.update(bytes);
        state.value().iter().take(4).fold(0, |value, &byte| value << 8 | u32::from(byte))
    }
}

/// A checksum while it is computed. Pieces are multiples of four bytes, but for the last.
enum State {
    Zlib(Crc32, u32),
    Long(crc::Digest<'static, u32>),
    Short(crc::Digest<'static, u16>),
    Sum(usize, u32),
    Words16(Endian, u16),
    Words32(Endian, u32),
    Adler(u32, u32),
    Md5(Md5),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// Largest prime below 2^16 (RFC 1950).
const ADLER_MODULUS: u32 = 65_521;
/// Bytes of Adler-32 before its sums could overflow.
const ADLER_STEP: usize = 5552;

impl State {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Zlib(Crc32::default(), 0),
            Algorithm::Crc32NotInverted => Self::Zlib(Crc32::default(), u32::MAX),
            Algorithm::Crc32FromZero => Self::Long(CRC_ZERO.digest()),
            Algorithm::Crc32Bzip2 => Self::Long(CRC_BZIP2.digest()),
            Algorithm::Crc32PosixRaw => Self::Long(CRC_POSIX_RAW.digest()),
            Algorithm::Crc32Rockchip => Self::Long(CRC_ROCKCHIP.digest()),
            Algorithm::Crc16Genibus => Self::Short(CRC16_GENIBUS.digest()),
            Algorithm::Sum8 | Algorithm::Sum16 | Algorithm::Sum32 => {
                Self::Sum(algorithm.width(), 0)
            }
            Algorithm::Words16(endian) => Self::Words16(endian, 0),
            Algorithm::Words32(endian) => Self::Words32(endian, 0),
            Algorithm::Adler32 => Self::Adler(1, 0),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Zlib(crc, _) => crc.update(bytes),
            Self::Long(digest) => digest.update(bytes),
            Self::Short(digest) => digest.update(bytes),
            Self::Sum(_, sum) => {
                *sum = bytes.iter().fold(*sum, |sum, &byte| sum.wrapping_add(u32::from(byte)));
            }
            Self::Words16(endian, sum) => {
                *sum = words16(bytes, *endian).fold(*sum, u16::wrapping_add);
            }
            Self::Words32(endian, sum) => {
                *sum = words32(bytes, *endian).fold(*sum, u32::wrapping_add);
            }
            Self::Adler(low, high) => {
                for step in bytes.chunks(ADLER_STEP) {
                    for &byte in step {
                        *low += u32::from(byte);
                        *high += *low;
                    }
                    *low %= ADLER_MODULUS;
                    *high %= ADLER_MODULUS;
                }
            }
            Self::Md5(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
            Self::Sha384(digest) => digest.update(bytes),
            Self::Sha512(digest) => digest.update(bytes),
        }
    }

    fn value(self) -> Vec<u8> {
        match self {
            Self::Zlib(crc, inversion) => (crc.value() ^ inversion).to_be_bytes().to_vec(),
            Self::Long(digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Short(digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Sum(width, sum) => {
                let bytes = sum.to_be_bytes();
                bytes.get(4 - width..).unwrap_or_default().to_vec()
            }
            Self::Words16(_, sum) => sum.to_be_bytes().to_vec(),
            Self::Words32(_, sum) => sum.to_be_bytes().to_vec(),
            Self::Adler(low, high) => (high << 16 | low).to_be_bytes().to_vec(),
            Self::Md5(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
            Self::Sha384(digest) => digest.finalize().to_vec(),
            Self::Sha512(digest) => digest.finalize().to_vec(),
        }
    }
}

fn words16(bytes: &[u8], endian: Endian) -> impl Iterator<Item = u16> {
    let number = move |word| match endian {
        Endian::Little => u16::from_le_bytes(word),
        Endian::Big => u16::from_be_bytes(word),
    };
    let (whole, rest) = bytes.as_chunks::<2>();
    let last = rest.first().map(|&byte| [byte, 0]);
    whole.iter().copied().chain(last).map(number)
}

fn words32(bytes: &[u8], endian: Endian) -> impl Iterator<Item = u32> {
    let number = move |word| match endian {
        Endian::Little => u32::from_le_bytes(word),
        Endian::Big => u32::from_be_bytes(word),
    };
    let (whole, rest) = bytes.as_chunks::<4>();
    let last = (!rest.is_empty()).then(|| {
        let mut word = [0; 4];
        word.iter_mut().zip(rest).for_each(|(place, &byte)| *place = byte);
        word
    });
    whole.iter().copied().chain(last).map(number)
}

/// What came of a check.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The stored value is the computed one.
    Holds,
    /// It is another.
    Wrong(Fault),
    /// Some of the bytes that it covers are not there.
    Unknown,
}

impl Verdict {
    /// In one word, for attributes.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Holds => "verified",
            Self::Wrong(_) => "wrong",
            Self::Unknown => "not verified: truncated",
        }
    }

    /// Compares two numbers of a header.
    pub(crate) fn of_numbers(what: &str, stored: u32, computed: u32, place: u64) -> Self {
        if agrees(stored, computed) {
            return Self::Holds;
        }
        let why = format!("{stored:#x} stored, {computed:#x} computed");
        Self::Wrong(Fault::new(place, format!("check {what}"), why))
    }

    /// What is wrong.
    pub(crate) fn fault(self) -> Option<Fault> {
        match self {
            Self::Wrong(fault) => Some(fault),
            Self::Holds | Self::Unknown => None,
        }
    }

    /// Tells it under this name, and a wrong one as a fault.
    pub(crate) fn tell(
        self,
        name: &'static str,
        attributes: &mut Vec<(&'static str, String)>,
        faults: &mut Vec<Fault>,
    ) {
        attributes.push((name, self.word().to_owned()));
        if let Self::Wrong(fault) = self {
            faults.push(fault);
        }
    }
}

/// Compares a stored value, most significant byte first, with the one over `covered`, which should
/// have `length` bytes. `place` is where the covered bytes start, for the fault.
pub(crate) fn check(
    what: &str,
    algorithm: Algorithm,
    stored: &[u8],
    covered: &Extent,
    length: u64,
    place: u64,
) -> Verdict {
    if covered.len() < length {
        return Verdict::Unknown;
    }
    match algorithm.over(covered) {
        Ok(computed) if cfg!(fuzzing) || computed == stored => Verdict::Holds,
        Ok(computed) => {
            let why = format!("{} stored, {} computed", shown(stored), shown(&computed));
            Verdict::Wrong(Fault::new(place, format!("check {what}"), why))
        }
        Err(fault) => Verdict::Wrong(fault.within(place)),
    }
}

/// Numbers with `0x`, digests without, as everyone writes them.
fn shown(bytes: &[u8]) -> String {
    let start = if bytes.len() <= 8 { "0x" } else { "" };
    format!("{start}{}", hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::Algorithm;
    use crate::Endian::{Big, Little};

    #[test]
    fn published_check_values() {
        let digits = b"123456789";
        for (algorithm, expected) in [
            (Algorithm::Crc32, 0xcbf4_3926_u32),
            (Algorithm::Crc32NotInverted, 0x340b_c6d9),
            (Algorithm::Crc32FromZero, 0x2dfd_2d88),
            (Algorithm::Crc32Bzip2, 0xfc89_1918),
            (Algorithm::Crc32PosixRaw, 0x89a1_897f),
            (Algorithm::Crc32Rockchip, 0x889a_9615),
            (Algorithm::Crc16Genibus, 0xd64e),
            (Algorithm::Sum8, 0xdd),
            (Algorithm::Sum16, 0x1dd),
            (Algorithm::Sum32, 0x1dd),
            (Algorithm::Words16(Big), 0x3132 + 0x3334 + 0x3536 + 0x3738 + 0x3900 - 0x10000),
            (Algorithm::Words32(Little), 0x3433_3231 + 0x3837_3635 + 0x39),
            (Algorithm::Adler32, 0x091e_01de),
        ] {
            let found = algorithm.number(digits);
            assert_eq!(found, expected, "{algorithm:?}: {found:#x}");
        }
    }
}
