//! Unpacks a folder: its coders bound together as readers (ids of `Methods.txt` of the LZMA SDK).

use std::{
    io::{self, Read},
    sync::Arc,
};

use lzma_rust2::{
    Lzma2Reader,
    filter::{bcj::BcjReader, bcj2::Bcj2Reader, delta::DeltaReader},
};

use super::header::{Coder, Folder};
use crate::{
    Derive, Endian, Extent, Fault, Sink, Vault, View,
    codec::{self, Codec, LzmaProperties, MemberCodec, WINDOW_BYTES_MAX},
};

const COPY: u64 = 0;
const DELTA: u64 = 3;
const LZMA: u64 = 0x03_01_01;
const LZMA2: u64 = 0x21;
const PPMD: u64 = 0x03_04_01;
const DEFLATE: u64 = 0x04_01_08;
const DEFLATE64: u64 = 0x04_01_09;
const BZIP2: u64 = 0x04_02_02;
const ZSTD: u64 = 0x04_f7_11_01;
const BROTLI: u64 = 0x04_f7_11_02;
const LZ4: u64 = 0x04_f7_11_04;
const BCJ2: u64 = 0x03_03_01_1b;
const AES: u64 = 0x06_f1_07_01;
/// Filters for machine code: the short ids since 7-Zip 9 and the long ones.
const FILTERS: &[(u64, &str, Filter)] = &[
    (0x04, "bcj-x86", Filter::X86),
    (0x05, "bcj-ppc", Filter::Ppc),
    (0x06, "bcj-ia64", Filter::Ia64),
    (0x07, "bcj-arm", Filter::Arm),
    (0x08, "bcj-armt", Filter::ArmThumb),
    (0x09, "bcj-sparc", Filter::Sparc),
    (0x0a, "bcj-arm64", Filter::Arm64),
    (0x0b, "bcj-riscv", Filter::Riscv),
    (0x03_03_01_03, "bcj-x86", Filter::X86),
    (0x03_03_02_05, "bcj-ppc", Filter::Ppc),
    (0x03_03_04_01, "bcj-ia64", Filter::Ia64),
    (0x03_03_05_01, "bcj-arm", Filter::Arm),
    (0x03_03_07_01, "bcj-armt", Filter::ArmThumb),
    (0x03_03_08_05, "bcj-sparc", Filter::Sparc),
];
const NAMES: &[(u64, &str)] = &[
    (COPY, "copy"),
    (DELTA, "delta"),
    (LZMA, "lzma"),
    (LZMA2, "lzma2"),
    (PPMD, "ppmd"),
    (DEFLATE, "deflate"),
    (DEFLATE64, "deflate64"),
    (BZIP2, "bzip2"),
    (ZSTD, "zstd"),
    (BROTLI, "brotli"),
    (LZ4, "lz4"),
    (BCJ2, "bcj2"),
    (AES, "aes"),
];
/// Most packed bytes of a coder that needs them all at once.
const PACKED_BYTES_MAX: u64 = 1 << 30;
/// Streams that BCJ2 reads.
const BCJ2_INPUTS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    X86,
    Ppc,
    Ia64,
    Arm,
    ArmThumb,
    Sparc,
    Arm64,
    Riscv,
}

/// The usual name of a method.
pub(super) fn name(method: u64) -> String {
    let filter = FILTERS.iter().map(|&(id, name, _)| (id, name));
    let known = NAMES.iter().copied().chain(filter).find(|&(id, _)| id == method);
    known.map_or_else(|| format!("{method:#x}"), |(_, name)| name.to_owned())
}

/// Why a folder cannot be unpacked, if so.
pub(super) fn obstacle(folder: &Folder) -> Option<String> {
    let unknown = |coder: &&Coder| {
        let filter = FILTERS.iter().any(|&(id, _, _)| id == coder.method);
        let known = NAMES.iter().any(|&(id, _)| id == coder.method);
        let inputs = if coder.method == BCJ2 { BCJ2_INPUTS } else { 1 };
        !(filter || known) || coder.inputs != inputs || coder.outputs != 1
    };
    if folder.coders.iter().any(|coder| coder.method == AES) {
        return Some("encrypted".to_owned());
    }
    let coder = folder.coders.iter().find(unknown)?;
    Some(format!("compressed by method {}", name(coder.method)))
}

/// A folder with its packed streams.
pub(super) struct Unpacking {
    pub(super) folder: Folder,
    pub(super) packed: Vec<Extent>,
}

impl Derive for Unpacking {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let output = self.folder.main_output().ok_or_else(|| fault("no output"))?;
        let mut reader = self.reader(output, self.folder.coders.len())?;
        codec::copy_into("7z", &mut reader, sink)
    }

    fn input_bytes(&self) -> u64 {
        self.packed.iter().fold(0, |sum, packed| sum.saturating_add(packed.weight()))
    }
}

impl Unpacking {
    /// A reader of this output. `depth` bounds chains that lead back to themselves.
    fn reader(&self, output: usize, depth: usize) -> Result<Box<dyn Read + '_>, Fault> {
        let depth = depth.checked_sub(1).ok_or_else(|| fault("coders that feed themselves"))?;
        let (mut inputs_before, mut outputs_before) = (0, 0);
        for coder in &self.folder.coders {
            if output < outputs_before + coder.outputs {
                let size = self.folder.sizes.get(output).copied().unwrap_or(0);
                let inputs = (inputs_before..inputs_before + coder.inputs)
                    .map(|input| self.input(input, depth))
                    .collect::<Result<Vec<_>, _>>()?;
                return Ok(Box::new(self.decoder(coder, inputs, size)?.take(size)));
            }
            inputs_before += coder.inputs;
            outputs_before += coder.outputs;
        }
        Err(fault("a stream that no coder has"))
    }

    fn input(&self, input: usize, depth: usize) -> Result<Box<dyn Read + '_>, Fault> {
        if let Some(pair) = self.folder.pairs.iter().find(|pair| pair.0 == input) {
            return self.reader(pair.1, depth);
        }
        let index = self.folder.packed.iter().position(|&packed| packed == input);
        let packed = index.and_then(|index| self.packed.get(index));
        let packed = packed.ok_or_else(|| fault("a packed stream that is not there"))?;
        Ok(Box::new(packed.stream()))
    }

    fn decoder<'data>(
        &'data self,
        coder: &Coder,
        mut inputs: Vec<Box<dyn Read + 'data>>,
        size: u64,
    ) -> Result<Box<dyn Read + 'data>, Fault> {
        if coder.method == BCJ2 {
            let reader =
                Bcj2Reader::try_new(inputs, size).map_err(|error| fault(error.to_string()))?;
            return Ok(Box::new(reader));
        }
        let input = inputs.pop().ok_or_else(|| fault("a coder without input"))?;
        let properties = View(&coder.properties);
        if let Some(&(_, _, filter)) = FILTERS.iter().find(|&&(id, _, _)| id == coder.method) {
            let start = properties.u32(0, Endian::Little).unwrap_or(0);
            return Ok(Box::new(bcj(filter, input, usize::try_from(start).unwrap_or(0))));
        }
        Ok(match coder.method {
            COPY => input,
            DELTA => Box::new(DeltaReader::new(input, usize::from(properties.u8(0)?) + 1)),
            LZMA => {
                let dictionary = properties.u32(1, Endian::Little)?;
                let lzma = LzmaProperties::from_byte(properties.u8(0)?, dictionary)
                    .ok_or_else(|| fault("impossible properties of lzma"))?;
                Box::new(lzma.reader(input, size)?)
            }
            LZMA2 => Box::new(Lzma2Reader::new(input, dictionary_2(properties.u8(0)?)?, None)),
            PPMD => {
                let (order, memory) =
                    (u32::from(properties.u8(0)?), properties.u32(1, Endian::Little)?);
                if memory > WINDOW_BYTES_MAX {
                    return Err(fault(format!("a model of {memory} bytes is wanted")));
                }
                let decoder =
                    ppmd_rust::Ppmd7Decoder::new(io::BufReader::new(input), order, memory);
                Box::new(decoder.map_err(|error| fault(error.to_string()))?)
            }
            DEFLATE => Box::new(flate2::read::DeflateDecoder::new(input)),
            BZIP2 => Box::new(bzip2::read::MultiBzDecoder::new(input)),
            DEFLATE64 => Box::new(self.whole(input, size, Way::Deflate64)),
            ZSTD => Box::new(self.whole(input, size, Way::Stream(Codec::Zstd))),
            LZ4 => Box::new(self.whole(input, size, Way::Stream(Codec::Lz4Frame))),
            BROTLI => Box::new(self.whole(input, size, Way::Stream(Codec::Brotli))),
            other => return Err(fault(format!("method {}", name(other)))),
        })
    }

    fn whole<'data>(
        &'data self,
        input: Box<dyn Read + 'data>,
        size: u64,
        way: Way,
    ) -> Whole<'data> {
        let vault = self.packed.first().map(Extent::vault);
        Whole { input: Some(input), output: None, position: 0, size, way, vault }
    }
}

fn fault(why: impl Into<String>) -> Fault {
    Fault::new(0, "decompress 7z", why)
}

fn bcj<R: Read>(filter: Filter, input: R, start: usize) -> BcjReader<R> {
    match filter {
        Filter::X86 => BcjReader::new_x86(input, start),
        Filter::Ppc => BcjReader::new_ppc(input, start),
        Filter::Ia64 => BcjReader::new_ia64(input, start),
        Filter::Arm => BcjReader::new_arm(input, start),
        Filter::ArmThumb => BcjReader::new_arm_thumb(input, start),
        Filter::Sparc => BcjReader::new_sparc(input, start),
        Filter::Arm64 => BcjReader::new_arm64(input, start),
        Filter::Riscv => BcjReader::new_riscv(input, start),
    }
}

/// Size of an LZMA2 dictionary: 2 or 3 in front of a power of two.
fn dictionary_2(property: u8) -> Result<u32, Fault> {
    let size = match property {
        0..=39 => (2 | u64::from(property & 1)) << (property / 2 + 11),
        40 => u64::from(u32::MAX),
        _ => return Err(fault("an impossible dictionary of lzma2")),
    };
    u32::try_from(size)
        .ok()
        .filter(|&size| size <= WINDOW_BYTES_MAX)
        .ok_or_else(|| fault(format!("a dictionary of {size} bytes is wanted")))
}

/// How bytes are unpacked that are read whole.
#[derive(Clone, Copy)]
enum Way {
    Deflate64,
    Stream(Codec),
}

/// A decoder that needs all of its input at once.
struct Whole<'data> {
    input: Option<Box<dyn Read + 'data>>,
    output: Option<Extent>,
    position: u64,
    size: u64,
    way: Way,
    vault: Option<&'data Arc<Vault>>,
}

/// In front of the streams of brotli, 7-Zip ZS puts skippable frames of 16 bytes with their length.
const BROTLI_FRAME: &[u8] = &[0x50, 0x2a, 0x4d, 0x18, 8, 0, 0, 0];

/// Frames of a stream one after the other.
struct Frames {
    codec: Codec,
    packed: Extent,
}

impl Derive for Frames {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut at = 0;
        while at < self.packed.len() {
            let framed = self.packed.read_up_to(at, 8)?.starts_with(BROTLI_FRAME);
            at += if framed && self.codec == Codec::Brotli { 16 } else { 0 };
            let (used, fault) = codec::decode(self.codec, &self.packed.from(at), sink);
            fault.map_or(Ok(()), Err)?;
            at += used.max(1);
        }
        Ok(())
    }

    fn input_bytes(&self) -> u64 {
        self.packed.weight()
    }
}

impl Whole<'_> {
    fn decode(&self, packed: Vec<u8>) -> Option<Extent> {
        let (vault, size) = (self.vault?, self.size);
        let packed = Extent::from_memory(vault, packed);
        Some(match self.way {
            Way::Deflate64 => {
                let codec = MemberCodec::Deflate64;
                codec::Unpacking { codec, input: packed, size }.extent()
            }
            Way::Stream(codec) => Extent::derived(vault, size, Frames { codec, packed }),
        })
    }
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(input) = self.input.take() {
            let mut packed = Vec::new();
            input.take(PACKED_BYTES_MAX).read_to_end(&mut packed)?;
            self.output = self.decode(packed);
        }
        let Some(output) = &self.output else { return Ok(0) };
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let bytes = output.read_up_to(self.position, length).map_err(io::Error::other)?;
        for (slot, &byte) in buffer.iter_mut().zip(bytes.iter()) {
            *slot = byte;
        }
        self.position += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }
}
