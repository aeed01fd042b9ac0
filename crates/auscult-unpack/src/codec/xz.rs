//! The .xz container (The .xz File Format 1.2): streams, blocks, filters and checks.
//!
//! The LZMA2 bit stream and the filters are read by libraries. The container is read here for
//! checks at the speed of memory and for blocks that tell their size, which are decoded on all
//! cores.

use std::io::{BufRead, Read};

use lzma_rust2::filter::{bcj::BcjReader, delta::DeltaReader};
use rayon::prelude::*;

use super::{BUFFER_BYTES, input_fault, lzma2};
use crate::{
    Endian::Little,
    Extent, Fault, Sink, View,
    checksum::{Check, Crc32, agrees},
};

/// Magic of a stream header (section 2.1.1.1).
pub(crate) const MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// Bytes of a stream header and of a stream footer.
const STREAM_HEADER_BYTES: u64 = 12;
/// Longest block header (section 3.1.1).
const BLOCK_HEADER_BYTES_MAX: u64 = 1024;
/// Blocks of one stream; each takes at least a few bytes, so this bounds the index only.
const BLOCKS_MAX: usize = 1 << 20;
/// Output of the blocks that are decoded at once: so much, or one block for each thread. Longer
/// blocks are decoded one by one, straight into the sink.
const BATCH_BYTES: u64 = 64 << 20;
/// Filters of a chain (section 3.1.2).
const FILTERS_MAX: usize = 4;

const FILTER_DELTA: u64 = 0x03;
const FILTER_LZMA2: u64 = 0x21;

/// What a stream header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamHeader {
    /// How blocks are checked: the number of section 2.1.1.2.
    check: u8,
}

impl StreamHeader {
    /// Reads a stream header.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let view = View(bytes);
        let [zero, check] = view.array(6)?;
        let sound = bytes.starts_with(MAGIC)
            && zero == 0
            && check <= 0xf
            && agrees(view.u32(8, Little)?, Crc32::of(&[zero, check]));
        if sound { Ok(Self { check }) } else { Err(fault(0, "not a header")) }
    }

    /// The name of the check.
    pub(crate) fn check_name(self) -> &'static str {
        match self.check {
            0 => "none",
            1 => "crc32",
            4 => "crc64",
            10 => "sha256",
            _ => "reserved",
        }
    }

    /// Bytes of the check behind each block.
    fn check_bytes(self) -> usize {
        match self.check {
            0 => 0,
            1..=3 => 4,
            4..=6 => 8,
            7..=9 => 16,
            10..=12 => 32,
            _ => 64,
        }
    }

    /// Computes the check; one of a reserved kind cannot be verified and is not.
    fn checker(self) -> Check {
        match self.check {
            1 => Check::crc32(),
            4 => Check::crc64(),
            10 => Check::sha256(),
            _ => Check::none(),
        }
    }
}

/// A filter of a chain, with its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// The last one: LZMA2 with a dictionary of so many bytes.
    Lzma2(u32),
    /// Differences to the byte so far before.
    Delta(usize),
    /// Branch addresses of a processor made relative, from an offset on.
    Branch(u64, usize),
}

/// What a block header says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BlockHeader {
    length: u64,
    packed: Option<u64>,
    unpacked: Option<u64>,
    filters: Vec<Filter>,
}

impl BlockHeader {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let view = View(bytes);
        let length = (usize::from(view.u8(0)?) + 1) * 4;
        let covered = view.bytes(0, length - 4)?;
        if !agrees(view.u32(length - 4, Little)?, Crc32::of(covered)) {
            return Err(fault(0, "the checksum of a block header is wrong"));
        }
        let flags = view.u8(1)?;
        if flags & 0x3c != 0 {
            return Err(fault(0, "a block header with flags that are not known"));
        }
        let mut fields = Fields { bytes: covered, at: 2 };
        let packed = (flags & 0x40 != 0).then(|| fields.number()).transpose()?;
        let unpacked = (flags & 0x80 != 0).then(|| fields.number()).transpose()?;
        let filters = (0..=flags & 3).map(|_| fields.filter()).collect::<Result<Vec<_>, _>>()?;
        let last = filters.iter().position(|filter| matches!(filter, Filter::Lzma2(_)));
        if last.map(|last| last + 1) != Some(filters.len()) || filters.len() > FILTERS_MAX {
            return Err(fault(0, "a chain of filters that does not end with LZMA2"));
        }
        Ok(Self { length: u64::try_from(length).unwrap_or(0), packed, unpacked, filters })
    }

    /// A reader of what the block holds; dictionaries are kept within the limit on memory.
    fn reader<'input, R: BufRead + 'input>(
        &self,
        input: R,
    ) -> Result<Box<dyn Read + 'input>, std::io::Error> {
        let mut reader: Box<dyn Read + 'input> = match self.filters.last() {
            Some(&Filter::Lzma2(dictionary_bytes)) => {
                // No match reaches back further than the block is long.
                let most = self.unpacked.and_then(|bytes| u32::try_from(bytes).ok());
                let dictionary_bytes =
                    most.map_or(dictionary_bytes, |most| most.max(4096)).min(dictionary_bytes);
                lzma2::reader(input, dictionary_bytes)?
            }
            _ => return Err(std::io::Error::other("no LZMA2 filter")),
        };
        for filter in self.filters.iter().rev().skip(1) {
            reader = match *filter {
                Filter::Delta(distance) => Box::new(DeltaReader::new(reader, distance)),
                Filter::Branch(id, start) => branch_reader(id, reader, start)?,
                Filter::Lzma2(_) => reader,
            };
        }
        Ok(reader)
    }
}

fn branch_reader<'input>(
    id: u64,
    inner: Box<dyn Read + 'input>,
    start: usize,
) -> Result<Box<dyn Read + 'input>, std::io::Error> {
    Ok(match id {
        0x04 => Box::new(BcjReader::new_x86(inner, start)),
        0x05 => Box::new(BcjReader::new_ppc(inner, start)),
        0x06 => Box::new(BcjReader::new_ia64(inner, start)),
        0x07 => Box::new(BcjReader::new_arm(inner, start)),
        0x08 => Box::new(BcjReader::new_arm_thumb(inner, start)),
        0x09 => Box::new(BcjReader::new_sparc(inner, start)),
        0x0a => Box::new(BcjReader::new_arm64(inner, start)),
        0x0b => Box::new(BcjReader::new_riscv(inner, start)),
        _ => return Err(std::io::Error::other(format!("filter {id:#x} is not known"))),
    })
}

/// Reads the fields of a header or of the index.
struct Fields<'data> {
    bytes: &'data [u8],
    at: usize,
}

impl Fields<'_> {
    /// A number of seven bits a byte, at most nine bytes (section 1.2).
    fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = View(self.bytes).u8(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(fault(0, "a number that does not end"))
    }

    fn filter(&mut self) -> Result<Filter, Fault> {
        let (id, size) = (self.number()?, self.number()?);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let properties = View(View(self.bytes).bytes(self.at, size)?);
        self.at += size;
        match (id, size) {
            (FILTER_LZMA2, 1) => Ok(Filter::Lzma2(dictionary_bytes(properties.u8(0)?)?)),
            (FILTER_DELTA, 1) => Ok(Filter::Delta(usize::from(properties.u8(0)?) + 1)),
            (_, 0) => Ok(Filter::Branch(id, 0)),
            (_, 4) => {
                let start = properties.u32(0, Little)?;
                Ok(Filter::Branch(id, usize::try_from(start).unwrap_or(0)))
            }
            _ => Err(fault(0, &format!("filter {id:#x} with {size} bytes of properties"))),
        }
    }
}

/// The dictionary size that a byte stands for (section 5.3.1).
fn dictionary_bytes(coded: u8) -> Result<u32, Fault> {
    match coded {
        0..=39 => Ok((2 | u32::from(coded & 1)) << (coded / 2 + 11)),
        40 => Ok(u32::MAX),
        _ => Err(fault(0, "an impossible size of the dictionary")),
    }
}

fn fault(place: u64, why: &str) -> Fault {
    Fault::new(place, "decompress xz", why)
}

/// A block that was decoded: what the index says of it (section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    unpadded: u64,
    unpacked: u64,
}

/// Decodes one stream, and the padding before it. Returns the bytes it takes up and what stopped
/// it early.
pub(super) fn decode(input: &Extent, sink: &mut Sink<'_>) -> (u64, Option<Fault>) {
    let mut place = 0;
    let result = decode_stream(input, &mut place, sink);
    (place, result.err().map(|fault| Fault { offset: place, ..fault }))
}

/// Decodes a stream from `place`, which moves along.
fn decode_stream(input: &Extent, place: &mut u64, sink: &mut Sink<'_>) -> Result<(), Fault> {
    *place += padding_bytes(input)?;
    let stream = StreamHeader::parse(&input.read(*place, STREAM_HEADER_BYTES)?)?;
    *place += STREAM_HEADER_BYTES;
    let mut records = Vec::new();
    loop {
        let head = input.read_up_to(*place, BLOCK_HEADER_BYTES_MAX)?;
        if View(&head).u8(0)? == 0 {
            break;
        }
        if records.len() >= BLOCKS_MAX {
            return Err(fault(0, &format!("more than {BLOCKS_MAX} blocks")));
        }
        let header = BlockHeader::parse(&head)?;
        let batch = batch(input, *place, &header, stream);
        if batch.len() > 1 {
            decode_batch(&batch, stream, place, sink, &mut records)?;
        } else {
            decode_block_at(input, place, &header, stream, sink, &mut records)?;
        }
    }
    read_index(input, place, &records)
}

/// Passes over the zeros that may stand between two streams, in steps of four (section 2.2).
fn padding_bytes(input: &Extent) -> Result<u64, Fault> {
    let mut stream = input.stream();
    loop {
        let chunk = stream.fill_buf().map_err(|error| input_fault("xz", &error))?;
        let zeros = chunk.iter().position(|&byte| byte != 0).unwrap_or(chunk.len());
        let last = zeros < chunk.len() || chunk.is_empty();
        stream.consume(zeros);
        if last && stream.position().is_multiple_of(4) {
            return Ok(stream.position());
        }
        if last {
            return Err(fault(0, "odd padding between two streams"));
        }
    }
}

/// Decodes one block into the sink, byte by byte as it comes.
fn decode_block_at(
    input: &Extent,
    place: &mut u64,
    header: &BlockHeader,
    stream: StreamHeader,
    sink: &mut Sink<'_>,
    records: &mut Vec<Record>,
) -> Result<(), Fault> {
    let rest = input.from(place.saturating_add(header.length));
    let mut packed = rest.stream();
    let (mut check, start) = (stream.checker(), sink.len());
    let result = header.reader(&mut packed).map_err(|error| input_fault("xz", &error)).and_then(
        |mut reader| {
            let mut buffer = vec![0; BUFFER_BYTES];
            loop {
                let count = reader.read(&mut buffer).map_err(|error| input_fault("xz", &error))?;
                if count == 0 {
                    return Ok(());
                }
                let bytes = buffer.get(..count).unwrap_or_default();
                check.update(bytes);
                sink.push(bytes)?;
            }
        },
    );
    let packed_bytes = packed.position();
    *place = place.saturating_add(header.length).saturating_add(packed_bytes);
    result?;
    let record = Record {
        unpadded: header.length + packed_bytes + length(stream.check_bytes()),
        unpacked: sink.len() - start,
    };
    let fits = header.packed.is_none_or(|packed| packed == packed_bytes)
        && header.unpacked.is_none_or(|unpacked| unpacked == record.unpacked);
    if !fits {
        return Err(fault(0, "a block is not as long as its header says"));
    }
    let padding = packed_bytes.next_multiple_of(4) - packed_bytes;
    let tail = input.read(*place, padding + length(stream.check_bytes()))?;
    *place += length(tail.len());
    records.push(record);
    verify(&tail, padding, &check)
}

/// Compares the check behind a block.
fn verify(tail: &[u8], padding: u64, check: &Check) -> Result<(), Fault> {
    let stored = tail.get(usize::try_from(padding).unwrap_or(0)..).unwrap_or_default();
    match check.value() {
        Some(computed) if !cfg!(fuzzing) && stored != computed => {
            Err(fault(0, "the check of a block is wrong"))
        }
        _ => Ok(()),
    }
}

/// A block that can be decoded apart from the others.
struct Apart {
    header: BlockHeader,
    packed: Extent,
    unpacked: u64,
    /// Padding and check.
    tail: Extent,
}

/// This block and those behind it that tell their sizes, as many as are worth decoding at once.
fn batch(input: &Extent, place: u64, first: &BlockHeader, stream: StreamHeader) -> Vec<Apart> {
    let (mut blocks, mut place, mut bytes) = (Vec::new(), place, 0_u64);
    let mut header = first.clone();
    while let (Some(packed), Some(unpacked)) = (header.packed, header.unpacked) {
        if unpacked > BATCH_BYTES {
            break;
        }
        let start = place.saturating_add(header.length);
        let tail_bytes = packed.next_multiple_of(4) - packed + length(stream.check_bytes());
        let parts =
            (input.slice(start, packed), input.slice(start.saturating_add(packed), tail_bytes));
        let (Some(packed), Some(tail)) = parts else { break };
        place = start + packed.len() + tail_bytes;
        bytes = bytes.saturating_add(unpacked);
        blocks.push(Apart { header, packed, unpacked, tail });
        let enough = blocks.len() >= rayon::current_num_threads() && bytes >= BATCH_BYTES
            || blocks.len() >= 64;
        let next = input.read_up_to(place, BLOCK_HEADER_BYTES_MAX).ok();
        match next.and_then(|head| BlockHeader::parse(&head).ok()) {
            Some(next) if !enough => header = next,
            _ => break,
        }
    }
    blocks
}

/// Decodes blocks on all cores and puts them out in order, up to the first fault.
fn decode_batch(
    batch: &[Apart],
    stream: StreamHeader,
    place: &mut u64,
    sink: &mut Sink<'_>,
    records: &mut Vec<Record>,
) -> Result<(), Fault> {
    let room = sink.room();
    let decoded: Vec<_> = batch.par_iter().map(|block| block.decode(stream, room)).collect();
    for (block, output) in batch.iter().zip(decoded) {
        let (output, result) = output;
        sink.push(&output)?;
        result?;
        let unpadded = block.header.length + block.packed.len() + length(stream.check_bytes());
        *place += block.header.length + block.packed.len() + block.tail.len();
        records.push(Record { unpadded, unpacked: block.unpacked });
    }
    Ok(())
}

impl Apart {
    /// What could be decoded, at most `room` bytes, and what stopped it.
    fn decode(&self, stream: StreamHeader, room: u64) -> (Vec<u8>, Result<(), Fault>) {
        let mut output = Vec::new();
        let result = self.decode_into(stream, room, &mut output);
        (output, result)
    }

    fn decode_into(
        &self,
        stream: StreamHeader,
        room: u64,
        output: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let packed = self.packed.read_all()?;
        let reader = self.header.reader(&packed[..]).map_err(|error| input_fault("xz", &error))?;
        // One byte more than told shows a block that is too long; more than the room is refused
        // by the sink.
        let limit = self.unpacked.min(room).saturating_add(1);
        reader.take(limit).read_to_end(output).map_err(|error| input_fault("xz", &error))?;
        if length(output.len()) != self.unpacked {
            return Err(fault(0, "a block is not as long as its header says"));
        }
        let mut check = stream.checker();
        check.update(output);
        verify(&self.tail.read_all()?, self.tail.len() - length(stream.check_bytes()), &check)
    }
}

/// Reads the index (section 4) and the footer (section 2.1.2) and compares them with the blocks.
fn read_index(input: &Extent, place: &mut u64, records: &[Record]) -> Result<(), Fault> {
    // Two numbers of at most nine bytes for each block.
    let longest = length(records.len()).saturating_mul(18).saturating_add(32);
    let bytes = input.read_up_to(*place, longest)?;
    let mut fields = Fields { bytes: &bytes, at: 1 };
    if fields.number()? != length(records.len()) {
        return Err(fault(0, "the index does not list the blocks"));
    }
    for record in records {
        let (unpadded, unpacked) = (fields.number()?, fields.number()?);
        if (Record { unpadded, unpacked }) != *record && !cfg!(fuzzing) {
            return Err(fault(0, "the index does not fit the blocks"));
        }
    }
    let index_bytes = fields.at.next_multiple_of(4);
    let covered = View(&bytes).bytes(0, index_bytes)?;
    if !agrees(View(&bytes).u32(index_bytes, Little)?, Crc32::of(covered)) {
        return Err(fault(0, "the checksum of the index is wrong"));
    }
    *place += length(index_bytes + 4);
    let footer = input.read(*place, STREAM_HEADER_BYTES)?;
    if !footer.ends_with(b"YZ") {
        return Err(fault(0, "the footer is missing"));
    }
    *place += STREAM_HEADER_BYTES;
    Ok(())
}

/// Decodes a stream of known packed length into at most `output_max` bytes: a block of a file
/// system.
pub(super) fn decode_small(input: &[u8], output_max: usize) -> Result<Vec<u8>, Fault> {
    let stream = StreamHeader::parse(input)?;
    let mut rest = input.get(12..).unwrap_or_default();
    let mut output = Vec::with_capacity(output_max);
    while View(rest).u8(0)? != 0 {
        let header = BlockHeader::parse(rest)?;
        let start = usize::try_from(header.length).unwrap_or(usize::MAX);
        let packed = rest.get(start..).unwrap_or_default();
        let (mut unread, before) = (packed, output.len());
        let reader = header.reader(&mut unread).map_err(|error| input_fault("xz", &error))?;
        let limit = length(output_max.saturating_sub(before)).saturating_add(1);
        reader.take(limit).read_to_end(&mut output).map_err(|error| input_fault("xz", &error))?;
        if output.len() > output_max {
            return Err(fault(0, "longer than a block may be"));
        }
        let packed_bytes = packed.len() - unread.len();
        let padding = packed_bytes.next_multiple_of(4) - packed_bytes;
        let tail = View(unread).bytes(0, padding + stream.check_bytes())?;
        let mut check = stream.checker();
        check.update(output.get(before..).unwrap_or_default());
        verify(tail, length(padding), &check)?;
        rest = unread.get(tail.len()..).unwrap_or_default();
    }
    Ok(output)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use auscult_model::Limits;

    use super::{decode, decode_small};
    use crate::{
        Extent, Fault, Vault,
        formats::testing::reference::{run, sample},
    };

    /// What `xz` makes of these bytes; none where it is not installed.
    fn packed(bytes: &[u8], options: &[&str]) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        let arguments = [options, &["-k", path.to_str().unwrap()]].concat();
        run("xz", &arguments).then(|| fs::read(folder.path().join("file.xz")).unwrap())
    }

    fn unpacked(packed: &[u8]) -> (Vec<u8>, u64, Option<Fault>) {
        let vault = Arc::new(Vault::new(Limits::default()));
        let extent = Extent::from_memory(&vault, packed.to_vec());
        let mut sink = vault.sink(extent.weight());
        let (consumed, fault) = decode(&extent, &mut sink);
        (sink.into_output(), consumed, fault)
    }

    #[test]
    fn checks_filters_and_blocks_of_the_reference_tool() {
        let bytes = sample(700_001, 5);
        for options in [
            &["--check=none"][..],
            &["--check=crc32", "--x86", "--lzma2=dict=64KiB"],
            &["--check=crc64", "--arm", "--lzma2=preset=0"],
            &["--check=sha256", "--delta=dist=4", "--arm64=start=4096", "--lzma2"],
            &["-T2", "--block-size=100000"],
            &["-T1", "--block-size=100000"],
        ] {
            let Some(packed) = packed(&bytes, options) else { return };
            let (output, consumed, fault) = unpacked(&[&packed, &b"behind"[..]].concat());
            assert_eq!((consumed, fault), (packed.len() as u64, None), "{options:?}");
            assert!(output == bytes, "{options:?}");
            assert!(decode_small(&packed, bytes.len()).unwrap() == bytes, "{options:?}");
            assert!(decode_small(&packed, bytes.len() - 1).is_err(), "{options:?}");
        }
    }

    #[test]
    fn what_stands_before_damage_is_kept_and_damage_is_told() {
        let bytes = sample(300_000, 6);
        for options in [&["-T2", "--block-size=50000"][..], &["--block-size=50000"]] {
            let Some(packed) = packed(&bytes, options) else { return };
            for place in (0..packed.len()).step_by(4999).chain(packed.len() - 60..packed.len()) {
                let mut damaged = packed.clone();
                damaged[place] ^= 0x41;
                let (output, _, fault) = unpacked(&damaged);
                let good = output.iter().zip(&bytes).take_while(|(one, other)| one == other);
                let good = good.count();
                assert!(fault.is_some() || output == bytes, "{options:?} at {place}");
                // Blocks before the damaged one are good.
                assert!(good + 50_000 > place, "{options:?} at {place}: {good}");
                let (_, _, fault) = unpacked(&packed[..place]);
                assert!(fault.is_some(), "{options:?} cut at {place}");
            }
        }
    }
}
