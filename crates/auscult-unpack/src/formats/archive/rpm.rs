//! RPM packages (`docs/manual/format_v4.md` of rpm): lead, signature header, header, packed cpio.
//!
//! The payload is a part that is opened further. Only the cpio without names, of packages with files
//! of more than 4 GiB, is read here, since its names are in the header. Signatures are named, not
//! checked; the MD5 of the package is.

use crate::{
    Endian::Big,
    Entry, Extent, View,
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        date,
        promise::{self, Promise, Sum},
    },
};

mod header;
mod stripped;
#[cfg(test)]
mod tests;

pub use header::RpmHeader;

pub(crate) static FORMAT: Format =
    Format { name: "rpm", magics: &[Magic::start(b"\xed\xab\xee\xdb")], carve: true, open };

const LEAD_BYTES: u64 = 96;
/// "Header-style signature" in the lead, the only one in use for decades.
const SIGNATURE_HEADER: u16 = 5;

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

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let lead = extent.read(0, LEAD_BYTES)?;
    let view = View(&lead);
    let (major, kind) = (view.u8(4)?, view.u16(6, Big)?);
    if !matches!(major, 3..=6) || kind > 1 || view.u16(78, Big)? != SIGNATURE_HEADER {
        return Err(NotThis);
    }
    let signature = RpmHeader::read(extent, LEAD_BYTES)?;
    let signed_at = (LEAD_BYTES + signature.length).next_multiple_of(8);
    let header = RpmHeader::read(extent, signed_at)?;
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
fn signed_size(signature: &RpmHeader) -> Option<u64> {
    let long = signature.find(tag::SIGNATURE_LONG_SIZE).and_then(|(view, _)| view.u64(0, Big).ok());
    long.or_else(|| signature.number(tag::SIGNATURE_SIZE).map(u64::from))
}

fn attributes(signature: &RpmHeader, header: &RpmHeader) -> Vec<(&'static str, String)> {
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
fn unpack_stripped(header: &RpmHeader, payload: &Extent, at: u64, opened: &mut Opened) {
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
