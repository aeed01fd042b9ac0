//! Bytes that makers store in another dress: with a fixed pattern over them, in another byte order,
//! or as text. None of this is encryption: it needs no secret.

use crate::{Derive, Extent, Fault, Sink, checksum::each_piece};

/// How bytes are dressed.
#[derive(Clone, Debug)]
pub(crate) enum Dress {
    /// Exclusive or with this pattern, which repeats.
    Xor(Vec<u8>),
    /// Base64 (RFC 4648, section 4); line ends and blanks between are passed over.
    Base64,
    /// Ascii85 as PostScript has it (PostScript Language Reference, section 3.13.3), without the
    /// markers around it.
    Ascii85,
}

/// The transform that takes a dress off.
#[derive(Debug)]
pub(crate) struct Undressed {
    pub(crate) dress: Dress,
    pub(crate) input: Extent,
}

impl Derive for Undressed {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        match &self.dress {
            Dress::Xor(pattern) => pieces(&self.input, sink, |position, bytes, output| {
                let phase = usize::try_from(position % length(pattern).max(1)).unwrap_or(0);
                let pattern = pattern.iter().cycle().skip(phase);
                output.extend(bytes.iter().zip(pattern).map(|(byte, mask)| byte ^ mask));
                Ok(())
            }),
            Dress::Base64 => {
                let mut group = Group::default();
                pieces(&self.input, sink, |_, bytes, output| group.base64(bytes, output))
            }
            Dress::Ascii85 => {
                let mut group = Group::default();
                pieces(&self.input, sink, |_, bytes, output| group.ascii85(bytes, output))?;
                sink.push(&group.ascii85_rest()?)
            }
        }
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}

/// Bytes without their dress, whose length is that of the dress: patterns.
pub(crate) fn xored(input: &Extent, pattern: &[u8]) -> Extent {
    let transform = Undressed { dress: Dress::Xor(pattern.to_vec()), input: input.clone() };
    Extent::derived(input.vault(), input.len(), transform)
}

/// Bytes without their dress, computed to learn their length.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn undressed(input: &Extent, dress: Dress) -> Result<Extent, Fault> {
    let transform = Undressed { dress, input: input.clone() };
    let mut sink = input.vault().sink(input.weight());
    transform.derive(&mut sink)?;
    Ok(Extent::computed_by(input.vault(), sink.finish(), transform))
}

/// Lets `convert` append what each piece of the input comes to.
fn pieces(
    input: &Extent,
    sink: &mut Sink<'_>,
    mut convert: impl FnMut(u64, &[u8], &mut Vec<u8>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (mut position, mut result) = (0, Ok(()));
    each_piece(input, |bytes| {
        if result.is_err() {
            return;
        }
        let mut output = Vec::with_capacity(bytes.len());
        result = convert(position, bytes, &mut output)
            .map_err(|fault| fault.within(position))
            .and_then(|()| sink.push(&output));
        position += length(bytes);
    })?;
    result
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Digits of a group of text that is not complete yet.
#[derive(Default)]
struct Group {
    value: u32,
    digits: u32,
}

fn unexpected(at: usize, byte: u8) -> Fault {
    let why = format!("an unexpected byte {byte:#04x}");
    Fault::new(u64::try_from(at).unwrap_or(0), "decode text", why)
}

impl Group {
    fn base64(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), Fault> {
        for (at, &byte) in bytes.iter().enumerate() {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.base64_end(output);
                    continue;
                }
                b'\n' | b'\r' | b' ' | b'\t' => continue,
                _ => return Err(unexpected(at, byte)),
            };
            self.value = self.value << 6 | u32::from(digit);
            self.digits += 1;
            if self.digits == 4 {
                let [_, decoded @ ..] = self.value.to_be_bytes();
                output.extend(decoded);
                (self.value, self.digits) = (0, 0);
            }
        }
        Ok(())
    }

    /// The padding: two or three digits before it are one or two bytes. A second text may follow.
    fn base64_end(&mut self, output: &mut Vec<u8>) {
        let [_, one, two, _] = (self.value << (6 * (4 - self.digits.min(4)))).to_be_bytes();
        match self.digits {
            2 => output.push(one),
            3 => output.extend([one, two]),
            _ => {}
        }
        (self.value, self.digits) = (0, 0);
    }

    fn ascii85(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), Fault> {
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'!'..=b'u' => {
                    let digit = u32::from(byte - b'!');
                    let value =
                        self.value.checked_mul(85).and_then(|value| value.checked_add(digit));
                    self.value = value.ok_or_else(|| unexpected(at, byte))?;
                    self.digits += 1;
                }
                b'z' if self.digits == 0 => output.extend([0; 4]),
                b'\n' | b'\r' | b' ' | b'\t' | b'\0' | 0x0c => {}
                _ => return Err(unexpected(at, byte)),
            }
            if self.digits == 5 {
                output.extend(self.value.to_be_bytes());
                (self.value, self.digits) = (0, 0);
            }
        }
        Ok(())
    }

    /// The bytes of a last group of less than five digits.
    fn ascii85_rest(&self) -> Result<Vec<u8>, Fault> {
        if self.digits == 0 {
            return Ok(Vec::new());
        }
        let missing = 5 - self.digits;
        let filled = (0..missing).try_fold(self.value, |value, _| {
            value.checked_mul(85).and_then(|value| value.checked_add(84))
        });
        let fault = || Fault::new(0, "decode text", "its last group is too large");
        let bytes = filled.ok_or_else(fault)?.to_be_bytes();
        let count = usize::try_from(self.digits - 1).unwrap_or(0);
        Ok(bytes.get(..count).unwrap_or_default().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{Dress, undressed, xored};
    use crate::{Extent, Vault};

    fn extent(bytes: &[u8]) -> Extent {
        Extent::from_memory(&Arc::new(Vault::new(Limits::default())), bytes.to_vec())
    }

    #[test]
    fn texts_of_the_specifications() {
        let decode = |dress: &Dress, text: &[u8]| {
            undressed(&extent(text), dress.clone()).and_then(|found| found.read_all())
        };
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\r\nYg==", "foob")]
        {
            assert_eq!(decode(&Dress::Base64, text.as_bytes()).unwrap(), bytes);
        }
        assert!(decode(&Dress::Base64, b"Zm9*").unwrap_err().why.contains("0x2a"));
        for (text, bytes) in
            [("9jqo^", "Man "), ("9jqo", "Man"), ("9j\nqo^BlbD-z", "Man is d\0\0\0\0")]
        {
            assert_eq!(decode(&Dress::Ascii85, text.as_bytes()).unwrap(), bytes);
        }
        assert!(decode(&Dress::Ascii85, b"uuuuu").is_err());
    }

    #[test]
    fn a_pattern_goes_on_over_every_seam() {
        let plain: Vec<u8> = (0..3_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        let pattern = [1, 2, 0x80];
        let dressed: Vec<u8> =
            plain.iter().zip(pattern.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        assert_eq!(xored(&extent(&dressed), &pattern).read_all().unwrap(), plain);
    }
}
