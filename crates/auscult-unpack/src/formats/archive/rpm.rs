//! RPM packages (`docs/manual/format_v4.md` of rpm): lead, signature header, header, packed cpio.
//!
//! The payload is a part that is opened further. Only the cpio without names, of packages with files
//! of more than 4 GiB, is read here, since its names are in the header. Signatures are named, not
//! checked; the MD5 of the package is.

use crate::{
    Endian::Big,
    Entry, Extent, Fault, View,
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        date,
        promise::{self, Promise, Sum},
    },
};

mod stripped;
#[cfg(test)]
mod tests;

pub(crate) static FORMAT: Format =
    Format { name: "rpm", magics: &[Magic::start(b"\xed\xab\xee\xdb")], carve: true, open };

const LEAD_BYTES: u64 = 96;
/// Signature of both headers: magic and version 1.
const HEADER_MAGIC: &[u8] = b"\x8e\xad\xe8\x01";
/// "Header-style signature" in the lead, the only one in use for decades.
const SIGNATURE_HEADER: u16 = 5;
const INDEX_BYTES: usize = 16;
/// Limits of rpm itself.
const ENTRIES_MAX: u32 = 0xffff;
const DATA_BYTES_MAX: u32 = 256 << 20;

/// Tags (`include/rpm/rpmtag.h`).
mod tag {
    pub(super) const SIGNATURE_SIZE: u32 = 1000;
    pub(super) const SIGNATURE_LONG_SIZE: u32 = 270;
    pub(super) const SIGNATURE_MD5: u32 = 1004;
    pub(super) const SIGNATURES: &[(u32, &str)] =
        &[(267, "dsa-header"), (268, "rsa-header"), (278, "openpgp"), (1002, "pgp"), (1005, "gpg")];
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const BUILD_TIME: u32 = 1006;
    pub(super) const SOURCE_PACKAGE: u32 = 1044;
    pub(super) const COMPRESSOR: u32 = 1125;
    pub(super) const FILE_SIZES_LONG: u32 = 5008;
    pub(super) const TEXTS: &[(u32, &str)] = &[
        (1000, "name"),
        (1001, "version"),
        (1002, "release"),
        (1004, "summary"),
        (1011, "vendor"),
        (1014, "licence"),
        (1020, "url"),
        (1021, "os"),
        (1022, "arch"),
        (SOURCE_PACKAGE, "source-package"),
    ];
}

/// A header: an index of tags and the data that it points into.
struct Header {
    index: Vec<Index>,
    data: bytes::Bytes,
    /// Bytes of the whole header.
    length: u64,
}

#[derive(Clone, Copy)]
struct Index {
    tag: u32,
    offset: usize,
    count: usize,
}

impl Header {
    fn read(extent: &Extent, at: u64) -> Result<Self, Fault> {
        let head = extent.read(at, 16)?;
        let view = View(&head);
        let (count, size) = (view.u32(8, Big)?, view.u32(12, Big)?);
        if view.bytes(0, 4)? != HEADER_MAGIC || count > ENTRIES_MAX || size > DATA_BYTES_MAX {
            return Err(Fault::new(at, "read an rpm header", "not a header"));
        }
        let index_bytes = u64::from(count) * 16;
        let index = extent.read(at + 16, index_bytes)?;
        let data = extent.read(at + 16 + index_bytes, u64::from(size))?;
        let entry = |bytes: &[u8]| {
            let word = |at: usize| View(bytes).u32(at, Big);
            let wide = |at: usize| word(at).map(|word| usize::try_from(word).unwrap_or(usize::MAX));
            Ok(Index { tag: word(0)?, offset: wide(8)?, count: wide(12)? })
        };
        let index = index.chunks_exact(INDEX_BYTES).map(entry).collect::<Result<_, Fault>>()?;
        Ok(Self { index, data, length: 16 + index_bytes + u64::from(size) })
    }

    fn find(&self, tag: u32) -> Option<(View<'_>, usize)> {
        let index = self.index.iter().find(|index| index.tag == tag)?;
        Some((View(self.data.get(index.offset..)?), index.count))
    }

    fn text(&self, tag: u32) -> Option<&[u8]> {
        let (view, _) = self.find(tag)?;
        let end = memchr::memchr(0, view.0)?;
        view.0.get(..end)
    }

    /// Strings one after the other, each with a zero.
    fn texts(&self, tag: u32) -> Vec<&[u8]> {
        let Some((view, count)) = self.find(tag) else { return Vec::new() };
        view.0.split(|&byte| byte == 0).take(count).collect()
    }

    fn number(&self, tag: u32) -> Option<u32> {
        self.find(tag)?.0.u32(0, Big).ok()
    }

    /// Numbers of `width` bytes each.
    fn numbers(&self, tag: u32, width: usize) -> Vec<u64> {
        let Some((view, count)) = self.find(tag) else { return Vec::new() };
        let numbers = view.0.chunks_exact(width).take(count);
        numbers.map(|bytes| bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))).collect()
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let lead = extent.read(0, LEAD_BYTES)?;
    let view = View(&lead);
    let (major, kind) = (view.u8(4)?, view.u16(6, Big)?);
    if !matches!(major, 3..=6) || kind > 1 || view.u16(78, Big)? != SIGNATURE_HEADER {
        return Err(NotThis);
    }
    let signature = Header::read(extent, LEAD_BYTES)?;
    let signed_at = (LEAD_BYTES + signature.length).next_multiple_of(8);
    let header = Header::read(extent, signed_at)?;
    let payload_at = signed_at + header.length;
    let size = signed_size(&signature);
    let length = size.and_then(|size| signed_at.checked_add(size)).unwrap_or(extent.len());
    if length < payload_at {
        return Err(NotThis);
    }
    let mut opened = Opened { length, ..Opened::default() };
    opened.attributes = attributes(&signature, &header);
    let payload = extent.clamp(payload_at, length - payload_at);
    if let Some((digest, _)) = signature.find(tag::SIGNATURE_MD5)
        && let Some(content) = extent.slice(signed_at, length - signed_at)
    {
        let sum = Sum::Md5(digest.array(0)?);
        let name = b"the package".to_vec();
        opened.faults = promise::verify(&[Promise { name, place: signed_at, content, sum }]);
    }
    if header.find(tag::FILE_SIZES_LONG).is_some() {
        unpack_stripped(&header, &payload, payload_at, &mut opened);
    } else {
        opened.entries.push(Entry::payload(payload));
    }
    Ok(opened)
}

/// Bytes of the header and the payload.
fn signed_size(signature: &Header) -> Option<u64> {
    let long = signature.find(tag::SIGNATURE_LONG_SIZE).and_then(|(view, _)| view.u64(0, Big).ok());
    long.or_else(|| signature.number(tag::SIGNATURE_SIZE).map(u64::from))
}

fn attributes(signature: &Header, header: &Header) -> Vec<(&'static str, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut attributes = Vec::new();
    for &(tag, key) in tag::TEXTS {
        if let Some(value) = header.text(tag).filter(|value| !value.is_empty()) {
            attributes.push((key, text(value)));
        }
    }
    let source = header.text(tag::SOURCE_PACKAGE).is_none();
    attributes.push(("type", if source { "source" } else { "binary" }.to_owned()));
    if let Some(epoch) = header.number(tag::EPOCH) {
        attributes.push(("epoch", epoch.to_string()));
    }
    if let Some(time) = header.number(tag::BUILD_TIME) {
        attributes.push(("created", date::iso_8601(i64::from(time))));
    }
    attributes.push(("compression", text(header.text(tag::COMPRESSOR).unwrap_or(b"gzip"))));
    let signatures: Vec<&str> = tag::SIGNATURES
        .iter()
        .filter(|(tag, _)| signature.find(*tag).is_some())
        .map(|&(_, name)| name)
        .collect();
    if !signatures.is_empty() {
        attributes.push(("signature", signatures.join(" ")));
    }
    attributes
}

/// Decodes the payload and lists its files by the names in the header.
fn unpack_stripped(header: &Header, payload: &Extent, at: u64, opened: &mut Opened) {
    let codec = match header.text(tag::COMPRESSOR).unwrap_or(b"gzip") {
        b"gzip" => Codec::Gzip,
        b"bzip2" => Codec::Bzip2,
        b"xz" => Codec::Xz,
        b"lzma" => Codec::LzmaAlone,
        b"zstd" => Codec::Zstd,
        other => {
            let name = String::from_utf8_lossy(other);
            opened.unread = Some(format!("not extracted: compressed by {name}"));
            return;
        }
    };
    let unpacked = codec::payload(codec, payload, |rest| !rest.is_empty());
    opened.faults.extend(unpacked.fault.map(|fault| fault.within(at)));
    let (entries, faults) = stripped::list(header, &unpacked.extent);
    opened.entries = entries;
    opened.faults.extend(faults);
}
