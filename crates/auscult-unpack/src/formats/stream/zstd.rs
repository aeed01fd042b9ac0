//! Zstandard frames (RFC 8878), concatenated or not, with skippable frames between them.

use crate::{
    Endian, Extent, Fault, View,
    codec::{self, Codec, ZSTD_SKIPPABLE_MAGIC},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

/// Magic number fd2fb528 (section 3.1.1).
const MAGIC: u32 = 0xfd2f_b528;

pub(crate) static FORMAT: Format =
    Format { name: "zstd", magics: &[Magic::start(&[0x28, 0xb5, 0x2f, 0xfd])], carve: true, open };

/// Most bytes in a block (section 3.1.1.2.4).
const BLOCK_BYTES_MAX: u64 = 128 << 10;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = Header::parse(&extent.read_up_to(0, 32)?)?;
    let walked = walk(extent, &header);
    let attributes = header.attributes();
    if header.dictionary != 0 {
        let length = walked.map_err(|_| NotThis)?;
        let reason = format!("dictionary {:#x} is needed", header.dictionary);
        return Ok(Opened { length, attributes, unread: Some(reason), ..Opened::default() });
    }
    let mut payload = codec::payload(Codec::Zstd, extent, continues);
    match walked {
        // The blocks add up, so it is a frame whatever the decoder says.
        Ok(length) => payload.consumed = payload.consumed.max(length),
        Err(_) if payload.extent.is_empty() => return Err(NotThis),
        Err(_) => {}
    }
    Ok(payload.opened(attributes))
}

struct Header {
    length: u64,
    checksum: bool,
    dictionary: u32,
    content_bytes: Option<u64>,
}

impl Header {
    /// Reads the frame header (section 3.1.1.1).
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let view = View(bytes);
        let flags = view.u8(4)?;
        if view.u32(0, Endian::Little)? != MAGIC || flags & 8 != 0 {
            return Err(Fault::new(0, "read the zstd header", "not a header"));
        }
        let single = flags & 0x20 != 0;
        let mut at = if single { 5 } else { 6 };
        let dictionary = match flags & 3 {
            0 => 0,
            1 => u32::from(view.u8(at)?),
            2 => u32::from(view.u16(at, Endian::Little)?),
            _ => view.u32(at, Endian::Little)?,
        };
        at += [0, 1, 2, 4].get(usize::from(flags & 3)).copied().unwrap_or(0);
        let (size, content_bytes) = match flags >> 6 {
            0 if single => (1, Some(u64::from(view.u8(at)?))),
            0 => (0, None),
            1 => (2, Some(u64::from(view.u16(at, Endian::Little)?) + 256)),
            2 => (4, Some(u64::from(view.u32(at, Endian::Little)?))),
            _ => (8, Some(view.u64(at, Endian::Little)?)),
        };
        let length = u64::try_from(at + size).unwrap_or(u64::MAX);
        Ok(Self { length, checksum: flags & 4 != 0, dictionary, content_bytes })
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let size = self.content_bytes.map(|size| ("content-size", size.to_string()));
        size.into_iter().collect()
    }
}

/// Goes from block to block, which finds the end of the frame without decoding it.
fn walk(extent: &Extent, header: &Header) -> Result<u64, Fault> {
    let mut at = header.length;
    loop {
        let [low, middle, high] = View(&extent.read(at, 3)?).array(0)?;
        let word = u32::from_le_bytes([low, middle, high, 0]);
        let size = u64::from(word >> 3);
        let packed = match word >> 1 & 3 {
            // A repeated byte is stored once.
            1 => 1,
            3 => return Err(Fault::new(at, "read a zstd block", "a reserved type")),
            _ => size,
        };
        if size > BLOCK_BYTES_MAX {
            return Err(Fault::new(at, "read a zstd block", "an impossible size"));
        }
        at += 3 + packed;
        if word & 1 == 1 {
            break;
        }
    }
    at += if header.checksum { 4 } else { 0 };
    if at > extent.len() {
        return Err(Fault::new(at, "read a zstd block", "the input ends early"));
    }
    Ok(at)
}

/// Whether another frame follows, an ordinary one or a skippable one.
fn continues(rest: &Extent) -> bool {
    let Ok(head) = rest.read_up_to(0, 32) else { return false };
    let skippable =
        View(&head).u32(0, Endian::Little).is_ok_and(|magic| magic & !0xf == ZSTD_SKIPPABLE_MAGIC);
    let fits =
        View(&head).u32(4, Endian::Little).is_ok_and(|length| u64::from(length) + 8 <= rest.len());
    skippable && fits || Header::parse(&head).is_ok_and(|header| walk(rest, &header).is_ok())
}
