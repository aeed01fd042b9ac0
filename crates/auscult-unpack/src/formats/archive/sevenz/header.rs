//! The database of a 7z archive: packed streams, folders of coders, and files (`7zFormat.txt` of the
//! LZMA SDK, "Header").

use super::property::{Reader, fault};
use crate::{Fault, formats::support::utf16};

/// Property ids.
mod id {
    pub(super) const END: u8 = 0;
    pub(super) const ARCHIVE_PROPERTIES: u8 = 2;
    pub(super) const ADDITIONAL_STREAMS: u8 = 3;
    pub(super) const MAIN_STREAMS: u8 = 4;
    pub(super) const FILES: u8 = 5;
    pub(super) const PACK_INFO: u8 = 6;
    pub(super) const UNPACK_INFO: u8 = 7;
    pub(super) const SUBSTREAMS: u8 = 8;
    pub(super) const SIZE: u8 = 9;
    pub(super) const CRC: u8 = 10;
    pub(super) const FOLDER: u8 = 11;
    pub(super) const UNPACK_SIZES: u8 = 12;
    pub(super) const STREAM_COUNTS: u8 = 13;
    pub(super) const EMPTY_STREAM: u8 = 14;
    pub(super) const EMPTY_FILE: u8 = 15;
    pub(super) const ANTI: u8 = 16;
    pub(super) const NAMES: u8 = 17;
    pub(super) const MODIFIED: u8 = 20;
    pub(super) const ATTRIBUTES: u8 = 21;
}

/// Coders and streams of one folder, at most: what 7-Zip reads.
const CODERS_MAX: usize = 32;

/// One step of unpacking.
#[derive(Clone, Debug)]
pub(super) struct Coder {
    /// Its id, of up to eight bytes.
    pub(super) method: u64,
    /// Packed streams that it reads.
    pub(super) inputs: usize,
    /// Streams that it puts out.
    pub(super) outputs: usize,
    pub(super) properties: Vec<u8>,
}

/// Coders bound together that put out one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) coders: Vec<Coder>,
    /// Input of one coder, output of another that feeds it.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Inputs that are fed by the packed streams, in their order.
    pub(super) packed: Vec<usize>,
    /// Size of every output.
    pub(super) sizes: Vec<u64>,
    pub(super) crc: Option<u32>,
}

impl Folder {
    /// The output that feeds no coder: what the folder puts out.
    pub(super) fn main_output(&self) -> Option<usize> {
        let outputs: usize = self.coders.iter().map(|coder| coder.outputs).sum();
        (0..outputs).find(|output| self.pairs.iter().all(|pair| pair.1 != *output))
    }

    /// Its unpacked size.
    pub(super) fn size(&self) -> u64 {
        self.main_output().and_then(|output| self.sizes.get(output)).copied().unwrap_or(0)
    }
}

/// Where the streams are.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    /// Offset of the first packed stream behind the signature header.
    pub(super) position: u64,
    /// Packed streams, one after the other.
    pub(super) packed: Vec<u64>,
    pub(super) folders: Vec<Folder>,
    /// For each folder the sizes and checksums of what it holds.
    pub(super) parts: Vec<Vec<(u64, Option<u32>)>>,
}

/// A file as the header tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) name: Vec<u8>,
    pub(super) has_stream: bool,
    /// Without a stream: a file, not a directory.
    pub(super) is_regular: bool,
    /// It is to be deleted when the archive is unpacked.
    pub(super) anti: bool,
    /// Time of Windows.
    pub(super) modified: Option<u64>,
    pub(super) attributes: Option<u32>,
}

/// A whole header.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub(super) streams: Streams,
    pub(super) files: Vec<File>,
}

impl Header {
    /// Reads what follows the id of a plain header.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut header = Self::default();
        loop {
            match reader.byte()? {
                id::END => return Ok(header),
                id::ARCHIVE_PROPERTIES => skip_properties(reader)?,
                id::ADDITIONAL_STREAMS => drop(Streams::read(reader)?),
                id::MAIN_STREAMS => header.streams = Streams::read(reader)?,
                id::FILES => header.files = read_files(reader)?,
                other => return Err(reader.fault(format!("property {other} out of place"))),
            }
        }
    }
}

fn skip_properties(reader: &mut Reader<'_>) -> Result<(), Fault> {
    while reader.byte()? != id::END {
        let size = reader.count()?;
        reader.bytes(size)?;
    }
    Ok(())
}

impl Streams {
    /// Reads streams up to their end mark.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut streams = Self::default();
        let mut has_parts = false;
        loop {
            match reader.byte()? {
                id::END => break,
                id::PACK_INFO => streams.read_packed(reader)?,
                id::UNPACK_INFO => streams.read_folders(reader)?,
                id::SUBSTREAMS => {
                    streams.read_parts(reader)?;
                    has_parts = true;
                }
                other => return Err(reader.fault(format!("property {other} out of place"))),
            }
        }
        if !has_parts {
            let whole = |folder: &Folder| vec![(folder.size(), folder.crc)];
            streams.parts = streams.folders.iter().map(whole).collect();
        }
        let wanted: usize = streams.folders.iter().map(|folder| folder.packed.len()).sum();
        if wanted > streams.packed.len() {
            return Err(reader.fault("fewer packed streams than the folders read"));
        }
        Ok(streams)
    }

    fn read_packed(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        self.position = reader.number()?;
        let count = reader.count()?;
        loop {
            match reader.byte()? {
                id::END => return Ok(()),
                id::SIZE => {
                    self.packed = (0..count).map(|_| reader.number()).collect::<Result<_, _>>()?;
                }
                id::CRC => drop(reader.digests(count)?),
                other => return Err(reader.fault(format!("property {other} out of place"))),
            }
        }
    }

    fn read_folders(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        if reader.byte()? != id::FOLDER {
            return Err(reader.fault("no folders"));
        }
        let count = reader.count()?;
        if reader.byte()? != 0 {
            return Err(reader.fault("folders in another stream"));
        }
        self.folders = (0..count).map(|_| read_folder(reader)).collect::<Result<_, _>>()?;
        if reader.byte()? != id::UNPACK_SIZES {
            return Err(reader.fault("no sizes of folders"));
        }
        for folder in &mut self.folders {
            let outputs: usize = folder.coders.iter().map(|coder| coder.outputs).sum();
            folder.sizes = (0..outputs).map(|_| reader.number()).collect::<Result<_, _>>()?;
        }
        loop {
            match reader.byte()? {
                id::END => return Ok(()),
                id::CRC => {
                    let digests = reader.digests(count)?;
                    for (folder, crc) in self.folders.iter_mut().zip(digests) {
                        folder.crc = crc;
                    }
                }
                other => return Err(reader.fault(format!("property {other} out of place"))),
            }
        }
    }

    fn read_parts(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let mut next = reader.byte()?;
        let mut counts = vec![1; self.folders.len()];
        if next == id::STREAM_COUNTS {
            counts = counts.iter().map(|_| reader.count()).collect::<Result<_, _>>()?;
            next = reader.byte()?;
        }
        if counts.iter().sum::<usize>() > reader.left().saturating_add(counts.len()) {
            return Err(reader.fault("more parts than the header has sizes for"));
        }
        let sized = next == id::SIZE;
        for (folder, &count) in self.folders.iter().zip(&counts) {
            let mut parts = Vec::with_capacity(count);
            let mut left = folder.size();
            for index in 0..count {
                // The size of the last part is what is left.
                let size = if sized && index + 1 < count { reader.number()? } else { left };
                left = left.checked_sub(size).ok_or_else(|| {
                    reader.fault("the parts of a folder are larger than the folder")
                })?;
                parts.push((size, None));
            }
            self.parts.push(parts);
        }
        if sized {
            next = reader.byte()?;
        }
        loop {
            match next {
                id::END => break,
                id::CRC => self.read_part_sums(reader)?,
                other => return Err(reader.fault(format!("property {other} out of place"))),
            }
            next = reader.byte()?;
        }
        self.take_over_sums();
        Ok(())
    }

    /// Checksums of the parts that do not have that of their folder.
    fn read_part_sums(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let open = |folder: &Folder, parts: usize| parts != 1 || folder.crc.is_none();
        let pairs = self.folders.iter().zip(&self.parts);
        let count = pairs
            .map(|(folder, parts)| if open(folder, parts.len()) { parts.len() } else { 0 })
            .sum();
        let mut digests = reader.digests(count)?.into_iter();
        for (folder, parts) in self.folders.iter().zip(&mut self.parts) {
            if open(folder, parts.len()) {
                for (part, crc) in parts.iter_mut().zip(&mut digests) {
                    part.1 = crc;
                }
            }
        }
        Ok(())
    }

    fn take_over_sums(&mut self) {
        for (folder, parts) in self.folders.iter().zip(&mut self.parts) {
            if let [(_, crc)] = parts.as_mut_slice() {
                *crc = crc.or(folder.crc);
            }
        }
    }
}

fn read_folder(reader: &mut Reader<'_>) -> Result<Folder, Fault> {
    let mut folder = Folder::default();
    let count = reader.count()?;
    if count == 0 || count > CODERS_MAX {
        return Err(reader.fault(format!("a folder of {count} coders")));
    }
    let (mut inputs, mut outputs) = (0, 0);
    for _ in 0..count {
        let coder = read_coder(reader)?;
        inputs += coder.inputs;
        outputs += coder.outputs;
        folder.coders.push(coder);
    }
    if outputs == 0 || inputs > CODERS_MAX || outputs > CODERS_MAX || inputs + 1 < outputs {
        return Err(reader.fault("coders that do not fit together"));
    }
    for _ in 1..outputs {
        let mut stream = |bound: usize| {
            let stream = reader.number()?;
            let stream = usize::try_from(stream).ok().filter(|&stream| stream < bound);
            stream.ok_or_else(|| reader.fault("a stream that no coder has"))
        };
        folder.pairs.push((stream(inputs)?, stream(outputs)?));
    }
    let packed = inputs + 1 - outputs;
    if packed == 1 {
        let free = (0..inputs).find(|input| folder.pairs.iter().all(|pair| pair.0 != *input));
        folder.packed.push(free.ok_or_else(|| reader.fault("no packed stream"))?);
        return Ok(folder);
    }
    for _ in 0..packed {
        let stream = reader.number()?;
        folder.packed.push(usize::try_from(stream).unwrap_or(usize::MAX));
    }
    Ok(folder)
}

/// A flag byte: length of the id, whether there are stream counts, whether there are properties.
fn read_coder(reader: &mut Reader<'_>) -> Result<Coder, Fault> {
    let flags = reader.byte()?;
    let length = usize::from(flags & 15);
    if length > 8 || flags & 0xc0 != 0 {
        return Err(reader.fault("an unknown way to tell a coder"));
    }
    let method = reader.bytes(length)?.iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
    let (mut inputs, mut outputs) = (1, 1);
    if flags & 0x10 != 0 {
        let mut small = || {
            let count = reader.number()?;
            let count = usize::try_from(count).ok().filter(|&count| count <= CODERS_MAX);
            count.ok_or_else(|| reader.fault("too many streams"))
        };
        (inputs, outputs) = (small()?, small()?);
    }
    let properties = if flags & 0x20 != 0 {
        let size = reader.count()?;
        reader.bytes(size)?.to_vec()
    } else {
        Vec::new()
    };
    Ok(Coder { method, inputs, outputs, properties })
}

fn read_files(reader: &mut Reader<'_>) -> Result<Vec<File>, Fault> {
    let count = reader.count()?;
    let mut files = vec![File { has_stream: true, ..File::default() }; count];
    let (mut empty, mut empty_files, mut anti) = (vec![false; count], Vec::new(), Vec::new());
    loop {
        let kind = reader.byte()?;
        if kind == id::END {
            break;
        }
        let size = reader.count()?;
        let mut property = Reader::new(reader.bytes(size)?);
        let without_stream = empty.iter().filter(|empty| **empty).count();
        match kind {
            id::EMPTY_STREAM => empty = property.bits(count)?,
            id::EMPTY_FILE => empty_files = property.bits(without_stream)?,
            id::ANTI => anti = property.bits(without_stream)?,
            id::NAMES => read_names(&mut property, &mut files)?,
            id::MODIFIED => {
                for (file, there) in files.iter_mut().zip(values_of(&mut property, count)?) {
                    file.modified = there.then(|| property.u64()).transpose()?;
                }
            }
            id::ATTRIBUTES => {
                for (file, there) in files.iter_mut().zip(values_of(&mut property, count)?) {
                    file.attributes = there.then(|| property.u32()).transpose()?;
                }
            }
            // Other times, comments, padding.
            _ => {}
        }
    }
    let mut without = 0;
    for (file, empty) in files.iter_mut().zip(empty) {
        file.has_stream = !empty;
        if empty {
            file.is_regular = empty_files.get(without).copied().unwrap_or(false);
            file.anti = anti.get(without).copied().unwrap_or(false);
            without += 1;
        }
    }
    Ok(files)
}

/// Which files have a value; the values follow in the header itself.
fn values_of(property: &mut Reader<'_>, count: usize) -> Result<Vec<bool>, Fault> {
    let defined = property.defined(count)?;
    if property.byte()? != 0 {
        return Err(property.fault("values in another stream"));
    }
    Ok(defined)
}

/// Names in UTF-16, each with a zero behind it.
fn read_names(property: &mut Reader<'_>, files: &mut [File]) -> Result<(), Fault> {
    if property.byte()? != 0 {
        return Err(property.fault("names in another stream"));
    }
    let bytes = property.bytes(property.left())?;
    let units: Vec<u16> =
        bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let mut names = units.split(|&unit| unit == 0);
    for file in files {
        let name = names.next().ok_or_else(|| fault(0, "fewer names than files"))?;
        file.name = utf16::name(name.iter().copied());
    }
    Ok(())
}
