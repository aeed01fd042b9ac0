//! NRV2B, the method of the UCL library that QNX and boot loaders use: literals, and matches whose
//! offsets and lengths are gamma-coded bits taken from bytes in between, most significant bit first.

use crate::Fault;

/// Offsets beyond this one make a match longer by one.
const FAR: u32 = 0xd00;
/// The offset that ends a stream.
const END: u32 = u32::MAX;

/// Decodes one stream; more than `output_max` bytes are a fault.
///
/// # Errors
/// What is wrong with the stream.
pub(crate) fn decode(input: &[u8], output_max: usize) -> Result<Vec<u8>, Fault> {
    let mut bits = Bits { input, at: 0, byte: 0, left: 0 };
    let mut output = Vec::new();
    let mut last = 1_u32;
    loop {
        while bits.bit()? == 1 {
            if output.len() >= output_max {
                return Err(fault("longer than it may be"));
            }
            output.push(bits.next()?);
        }
        let mut offset = bits.gamma()?;
        if offset == 2 {
            offset = last;
        } else {
            let high = offset.checked_sub(3).ok_or_else(|| fault("an impossible offset"))?;
            offset = high.wrapping_shl(8) | u32::from(bits.next()?);
            if offset == END {
                return Ok(output);
            }
            offset = offset.checked_add(1).ok_or_else(|| fault("an impossible offset"))?;
            last = offset;
        }
        let mut length = bits.bit()? << 1 | bits.bit()?;
        if length == 0 {
            length = bits.gamma()?.saturating_add(2);
        }
        length = length.saturating_add(u32::from(offset > FAR)).saturating_add(1);
        copy(&mut output, offset, length, output_max)?;
    }
}

fn copy(output: &mut Vec<u8>, offset: u32, length: u32, output_max: usize) -> Result<(), Fault> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let from = output.len().checked_sub(offset).filter(|_| offset > 0);
    let from = from.ok_or_else(|| fault("a match before the start"))?;
    if length > output_max - output.len().min(output_max) {
        return Err(fault("longer than it may be"));
    }
    for at in from..from + length {
        let byte = output.get(at).copied().unwrap_or(0);
        output.push(byte);
    }
    Ok(())
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress nrv2b", why)
}

struct Bits<'data> {
    input: &'data [u8],
    at: usize,
    byte: u8,
    left: u32,
}

impl Bits<'_> {
    fn next(&mut self) -> Result<u8, Fault> {
        let byte = self.input.get(self.at).ok_or_else(|| fault("the input ends early"))?;
        self.at += 1;
        Ok(*byte)
    }

    fn bit(&mut self) -> Result<u32, Fault> {
        if self.left == 0 {
            self.byte = self.next()?;
            self.left = 8;
        }
        self.left -= 1;
        Ok(u32::from(self.byte >> self.left & 1))
    }

    /// Bits behind a first one, each followed by one that tells whether it was the last.
    fn gamma(&mut self) -> Result<u32, Fault> {
        let mut value = 1_u32;
        loop {
            value = value.checked_mul(2).ok_or_else(|| fault("an impossible number"))?;
            value |= self.bit()?;
            if self.bit()? == 1 {
                return Ok(value);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::decode;

    /// What `ucl_nrv2b_99_compress` of UCL 1.03 makes of a text said three times.
    const PACKED: &str = "ff74686520514e5820f6696d616709f666696c04ff73797374656d20fd686f6c64732084\
                          1fd83b0eb32a651eb32fd82e204a1058000000000024ff";

    pub(crate) const TEXT: &str =
        "the QNX image file system holds the QNX image; the image holds the system. ";

    pub(crate) fn packed() -> Vec<u8> {
        let digits: Vec<u8> = PACKED.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn what_the_library_packs_is_unpacked() {
        assert_eq!(decode(&packed(), 1000).unwrap(), TEXT.repeat(3).into_bytes());
    }

    #[test]
    fn damage_is_a_fault_and_not_a_panic() {
        let packed = packed();
        for length in 0..packed.len() {
            assert!(decode(&packed[..length], 1000).is_err());
        }
        for at in 0..packed.len() {
            for flip in [1, 0x10, 0x80, 0xff] {
                let mut damaged = packed.clone();
                damaged[at] ^= flip;
                assert!(decode(&damaged, 1000).map_or(0, |output| output.len()) <= 1000);
            }
        }
        assert!(decode(&packed, 100).unwrap_err().why.contains("longer"));
    }
}
