//! Files of archives: packed bytes whose unpacked size the archive tells, in the ways that have no
//! stream format of their own.

use std::io::Read;

use super::{
    LzmaProperties, Step,
    deflate64::{self, Variant},
    fault_of, implode, input_fault, lzh, lzhuf,
    lzw::{self, LzwVariant},
    output::Output,
    pump, squeeze,
};
use crate::{Derive, Extent, Fault, Sink, View};

/// How a file of an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberCodec {
    /// Deflate64 (ZIP method 9).
    Deflate64,
    /// Implode (ZIP method 6) with bits 1 and 2 of the flags.
    Implode {
        /// A window of 8 KiB instead of 4.
        large_window: bool,
        /// Literals have a code, too.
        literals: bool,
    },
    /// Shrink (ZIP method 1).
    Shrink,
    /// LZMA with the header of ZIP method 14.
    ZipLzma,
    /// PPMd variant I revision 1 with the two bytes of ZIP method 98.
    ZipPpmd,
    /// LZ77 with Huffman codes of LHA, ARJ and ZOO.
    Lzh {
        /// Width of the number of distance codes.
        distance_bits: u32,
    },
    /// `-lh1-` of LHA, with a code that adapts.
    LzhAdaptive,
    /// ARJ method 4.
    ArjFastest,
    /// `-lzs-` of LArc.
    Lzs,
    /// `-lz5-` of LArc.
    Lz5,
    /// LZW in one of its variants.
    Lzw(LzwVariant),
    /// Runs of ARC.
    ArcRuns,
    /// Runs of ARC, squeezed.
    ArcSqueezed,
    /// Runs of ARC, in LZW.
    ArcCrunched,
}

/// Longest piece that is put out at once, so that what comes before a limit is kept.
const STEP_BYTES: usize = 1 << 20;

/// Unpacks a file into the sink.
///
/// # Errors
/// What is wrong with it; what was put out before is kept.
pub(crate) fn decode_member(
    codec: MemberCodec,
    input: &[u8],
    size: u64,
    sink: &mut Sink<'_>,
) -> Result<(), Fault> {
    match codec {
        MemberCodec::ZipLzma => return zip_lzma(input, size, sink),
        MemberCodec::ZipPpmd => return zip_ppmd(input, size, sink),
        _ => {}
    }
    let limit = usize::try_from(size.min(sink.allowance().saturating_add(1)));
    let mut output = Output::new(limit.unwrap_or(usize::MAX));
    let result = decode_output(codec, input, &mut output);
    push_all(sink, output.into_bytes())?;
    result.map_err(|why| Fault::new(0, format!("decompress {}", name(codec)), why))?;
    if sink.len() < size {
        let why = format!("{size} bytes promised, {} there", sink.len());
        return Err(Fault::new(0, format!("decompress {}", name(codec)), why));
    }
    Ok(())
}

/// Pushes bytes: at once where they fit, otherwise in steps up to the limit.
pub(super) fn push_all(sink: &mut Sink<'_>, bytes: Vec<u8>) -> Result<(), Fault> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= sink.allowance()) {
        return sink.adopt(bytes);
    }
    bytes.chunks(STEP_BYTES).try_for_each(|step| sink.push(step))
}

fn name(codec: MemberCodec) -> &'static str {
    match codec {
        MemberCodec::Deflate64 => "deflate64",
        MemberCodec::Implode { .. } => "implode",
        MemberCodec::Shrink => "shrink",
        MemberCodec::ZipLzma => "lzma",
        MemberCodec::ZipPpmd => "ppmd",
        MemberCodec::Lzh { .. } | MemberCodec::LzhAdaptive => "lzh",
        MemberCodec::ArcRuns | MemberCodec::ArcSqueezed | MemberCodec::ArcCrunched => "arc",
        MemberCodec::ArjFastest => "arj",
        MemberCodec::Lzs => "lzs",
        MemberCodec::Lz5 => "lz5",
        MemberCodec::Lzw(_) => "lzw",
    }
}

fn decode_output(codec: MemberCodec, input: &[u8], output: &mut Output) -> Step<()> {
    match codec {
        MemberCodec::Deflate64 => deflate64::decode(input, output, Variant::Deflate64).map(|_| ()),
        MemberCodec::Implode { large_window, literals } => {
            implode::decode(input, output, large_window, literals)
        }
        MemberCodec::Shrink => lzw::unshrink(input, output),
        MemberCodec::Lzh { distance_bits } => lzh::decode(input, output, distance_bits),
        MemberCodec::LzhAdaptive => lzhuf::decode(input, output),
        MemberCodec::ArcRuns => squeeze::unpack_runs(input, output),
        MemberCodec::ArcSqueezed => squeeze::unsqueeze(input, output),
        MemberCodec::ArcCrunched => squeeze::uncrunch(input, output),
        MemberCodec::ArjFastest => lzh::decode_fastest(input, output),
        MemberCodec::Lzs => lzh::decode_lzs(input, output),
        MemberCodec::Lz5 => lzh::decode_lz5(input, output),
        MemberCodec::Lzw(variant) => lzw::decode(input, output, variant),
        MemberCodec::ZipLzma | MemberCodec::ZipPpmd => Err("read elsewhere"),
    }
}

/// Version of the LZMA SDK, length of the properties, properties (APPNOTE.TXT section 5.8.8).
fn zip_lzma(input: &[u8], size: u64, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let view = View(input);
    let length = usize::from(view.u16(2, crate::Endian::Little)?);
    let properties = view.bytes(4, length)?;
    let bad = || Fault::new(0, "decompress lzma", "impossible properties");
    let dictionary = View(properties).u32(1, crate::Endian::Little)?;
    let properties =
        LzmaProperties::from_byte(View(properties).u8(0)?, dictionary).ok_or_else(bad)?;
    let rest = input.get(4 + length..).unwrap_or_default();
    let mut reader = properties.reader(rest, size)?;
    reader.set_defer_errors(true);
    pump(&mut reader, sink, |_| ()).map_err(|stop| fault_of("lzma", &stop))
}

/// Order less one in 4 bits, memory in MiB less one in 8, restoration method in 4 (section 5.10).
fn zip_ppmd(input: &[u8], size: u64, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let word = View(input).u16(0, crate::Endian::Little)?;
    let (order, memory) = (u32::from(word & 15) + 1, (u32::from(word >> 4 & 0xff) + 1) << 20);
    let method = match word >> 12 {
        0 => ppmd_rust::RestoreMethod::Restart,
        1 => ppmd_rust::RestoreMethod::CutOff,
        _ => return Err(Fault::new(0, "decompress ppmd", "an unknown restoration method")),
    };
    let rest = input.get(2..).unwrap_or_default();
    let decoder = ppmd_rust::Ppmd8Decoder::new(rest, order, memory, method)
        .map_err(|error| Fault::new(0, "decompress ppmd", error.to_string()))?;
    pump(&mut decoder.take(size), sink, |_| ()).map_err(|stop| fault_of("ppmd", &stop))?;
    if sink.len() < size { Err(input_fault("ppmd", &cut())) } else { Ok(()) }
}

fn cut() -> std::io::Error {
    std::io::ErrorKind::UnexpectedEof.into()
}

/// The transform of a file, for derived extents.
#[derive(Debug)]
pub(crate) struct Unpacking {
    /// How it is packed.
    pub(crate) codec: MemberCodec,
    /// The packed bytes.
    pub(crate) input: Extent,
    /// The unpacked size.
    pub(crate) size: u64,
}

impl Unpacking {
    /// The unpacked bytes.
    pub(crate) fn extent(self) -> Extent {
        let vault = std::sync::Arc::clone(self.input.vault());
        Extent::derived(&vault, self.size, self)
    }
}

impl Derive for Unpacking {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        decode_member(self.codec, &self.input.read_all()?, self.size, sink)
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}
