//! LZMA streams: LZMA alone (`lzma-file-format.txt` of XZ Utils),
//! raw LZMA with the properties told by someone else, and lzip (RFC draft-diaz-lzip).

use std::io::{BufRead, Read};

use lzma_rust2::LzmaReader;

use super::{Stop, WINDOW_BYTES_MAX, fault_of, input_fault, pump, take};
use crate::{
    Fault, Sink,
    checksum::{Crc32, agrees},
};

/// How an LZMA stream was made; a decoder must know it beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LzmaProperties {
    /// Literal context bits, 0 to 8.
    pub(crate) lc: u8,
    /// Literal position bits, 0 to 4.
    pub(crate) lp: u8,
    /// Position bits, 0 to 4.
    pub(crate) pb: u8,
    /// Size of the dictionary in bytes.
    pub(crate) dictionary_bytes: u32,
}

impl LzmaProperties {
    /// Takes the properties byte apart: `(pb * 5 + lp) * 9 + lc`.
    pub(crate) fn from_byte(byte: u8, dictionary_bytes: u32) -> Option<Self> {
        let (lc, rest) = (byte % 9, byte / 9);
        let (lp, pb) = (rest % 5, rest / 5);
        (pb <= 4).then_some(Self { lc, lp, pb, dictionary_bytes })
    }

    /// A decoder over `reader`; `u64::MAX` as size means that there is an end marker.
    pub(crate) fn reader<R: Read>(self, reader: R, size: u64) -> Result<LzmaReader<R>, Fault> {
        if self.dictionary_bytes > WINDOW_BYTES_MAX {
            let why = format!("a dictionary of {} bytes is wanted", self.dictionary_bytes);
            return Err(Fault::new(0, "decompress lzma", why));
        }
        let (lc, lp, pb) = (u32::from(self.lc), u32::from(self.lp), u32::from(self.pb));
        LzmaReader::new(reader, size, lc, lp, pb, self.dictionary_bytes, None)
            .map_err(|error| input_fault("lzma", &error))
    }
}

/// Decodes an LZMA alone stream; `unused` is how far the decoder read past its end.
pub(super) fn decode_alone(
    input: &mut impl BufRead,
    sink: &mut Sink<'_>,
    unused: &mut u64,
) -> Result<(), Fault> {
    let [props, d0, d1, d2, d3, size @ ..] = take::<13>(input, "lzma")?;
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let properties = LzmaProperties::from_byte(props, dictionary)
        .ok_or_else(|| Fault::new(0, "decompress lzma", "impossible properties"))?;
    let size = Some(u64::from_le_bytes(size)).filter(|&size| size != u64::MAX);
    decode_raw(input, sink, properties, size, unused, |_| ())
}

/// Decodes a raw LZMA stream, as [`decode_alone`].
pub(super) fn decode_raw(
    input: &mut impl BufRead,
    sink: &mut Sink<'_>,
    properties: LzmaProperties,
    size: Option<u64>,
    unused: &mut u64,
    watch: impl FnMut(&[u8]),
) -> Result<(), Fault> {
    if size == Some(0) {
        return Ok(());
    }
    let start = sink.len();
    let mut reader = properties.reader(input, size.unwrap_or(u64::MAX))?;
    // A stream of known size may have an end marker all the same; in any case the range coder
    // must come out even, which random bytes do not.
    reader.set_relaxed_end_condition(false);
    reader.set_defer_errors(true);
    let result = pump(&mut reader, sink, watch);
    *unused = u64::try_from(reader.into_parts().1.len()).unwrap_or(0);
    // The reader meets the end of its input also where an end marker is missing.
    result.map_err(|stop| match (&stop, size) {
        (Stop::Input(error), Some(size)) => {
            let made = sink.len() - start;
            let why = format!("{made} of {size} bytes decoded: {error}");
            Fault::new(0, "decompress lzma", why)
        }
        _ => fault_of("lzma", &stop),
    })
}

/// Decodes one lzip member: a header of 6 bytes, LZMA with an end marker, a trailer of 20.
pub(super) fn decode_lzip(
    input: &mut (impl BufRead + Rewind),
    sink: &mut Sink<'_>,
    unused: &mut u64,
) -> Result<(), Fault> {
    let [m0, m1, m2, m3, version, coded] = take::<6>(input, "lzip")?;
    let fault = |why: &str| Fault::new(0, "decompress lzip", why);
    if [m0, m1, m2, m3] != *b"LZIP" || version != 1 {
        return Err(fault("not a header"));
    }
    // The dictionary size is a power of two less up to seven sixteenths of it.
    let base = 1_u32.checked_shl(u32::from(coded & 0x1f)).unwrap_or(u32::MAX);
    let dictionary_bytes = base - base / 16 * u32::from(coded >> 5);
    let properties = LzmaProperties { lc: 3, lp: 0, pb: 2, dictionary_bytes };
    let (start, mut crc) = (sink.len(), Crc32::default());
    decode_raw(input, sink, properties, None, unused, |bytes| crc.update(bytes))?;
    input.rewind(*unused);
    *unused = 0;
    let [c0, c1, c2, c3, size @ .., _, _, _, _, _, _, _, _] = take::<20>(input, "lzip")?;
    if !agrees(u32::from_le_bytes([c0, c1, c2, c3]), crc.value()) {
        return Err(fault("the checksum is wrong"));
    }
    if u64::from_le_bytes(size) != sink.len() - start {
        return Err(fault("the length is wrong"));
    }
    Ok(())
}

/// An input that can give bytes back.
pub(super) trait Rewind {
    /// Goes back by this many consumed bytes.
    fn rewind(&mut self, count: u64);
}

impl Rewind for crate::Stream<'_> {
    fn rewind(&mut self, count: u64) {
        self.back(count);
    }
}
