//! Signatures of PE files (Microsoft, "Windows Authenticode Portable Executable Signature Format"): messages
//! in CMS whose content is the digest of the file without its checksum and its certificates.
//!
//! Digest and signature are verified with the certificate inside; who is trusted is not known here.

use super::header::{CERTIFICATES, Header};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::each_piece,
    format::NotThis,
    formats::support::{
        cms::{SignedData, Verdict},
        der::{self, SEQUENCE},
    },
};

/// `SPC_INDIRECT_DATA_OBJID`.
const INDIRECT_DATA: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 4];
const ENTRY_BYTES: u64 = 8;
const SIGNED_DATA: u16 = 2;
const SIGNATURES_MAX: usize = 16;
const TABLE_BYTES_MAX: u64 = 4 << 20;

/// The table of certificates, if it lies in the file where it may: at the end of it, aligned.
pub(super) fn table(extent: &Extent, header: &Header) -> Option<(u64, u64)> {
    let (offset, bytes) = header.directory(CERTIFICATES)?;
    let end = offset.checked_add(bytes)?;
    let fits = offset >= header.image_end && end <= extent.len() && bytes <= TABLE_BYTES_MAX;
    let entry = extent.read(offset, ENTRY_BYTES).ok()?;
    let length = u64::from(View(&entry).u32(0, Little).ok()?);
    let revision = View(&entry).u16(4, Little).ok()?;
    (fits && (ENTRY_BYTES..=bytes).contains(&length) && matches!(revision, 0x100 | 0x200))
        .then_some((offset, bytes))
}

/// Digests of a file that were computed, by algorithm: signatures mostly share one.
struct Digests<'file> {
    extent: &'file Extent,
    header: &'file Header,
    /// Where the certificates start.
    end: u64,
    known: Vec<(String, Option<Vec<u8>>)>,
}

/// What each signature is worth, in words.
pub(super) fn signatures(
    extent: &Extent,
    header: &Header,
    (offset, bytes): (u64, u64),
    faults: &mut Vec<Fault>,
) -> Vec<String> {
    let (mut told, mut at) = (Vec::new(), offset);
    let mut digests = Digests { extent, header, end: offset, known: Vec::new() };
    let end = offset + bytes;
    while at + ENTRY_BYTES < end && told.len() < SIGNATURES_MAX {
        let Ok(entry) = extent.read(at, ENTRY_BYTES) else { break };
        let length = View(&entry).u32(0, Little).map_or(0, u64::from);
        if length <= ENTRY_BYTES || at + length > end {
            break;
        }
        let kind = View(&entry).u16(6, Little).unwrap_or(0);
        let message = extent.read(at + ENTRY_BYTES, length - ENTRY_BYTES).unwrap_or_default();
        told.push(match SignedData::read(&message).filter(|_| kind == SIGNED_DATA) {
            Some(data) => tell(&data, &mut digests, at, faults),
            None => format!("of kind {kind}, not read"),
        });
        at = (at + length).next_multiple_of(8);
    }
    told
}

fn tell(
    data: &SignedData<'_>,
    digests: &mut Digests<'_>,
    place: u64,
    faults: &mut Vec<Fault>,
) -> String {
    let Some(content) = data.content.filter(|_| data.content_type == INDIRECT_DATA) else {
        return "of no known content".to_owned();
    };
    let signed = content.inside().nth(1).filter(|info| info.tag == SEQUENCE);
    let signed = signed.and_then(|info| {
        let mut fields = info.inside();
        fields.want(SEQUENCE)?;
        Some(fields.want(der::OCTET_STRING)?.body)
    });
    let mut words = Vec::new();
    for signer in &data.signers {
        let digest = match signed.map(|stored| (stored, digests.of(&signer.digest))) {
            Some((stored, Some(computed))) if computed == stored => "digest verified",
            Some((_, Some(_))) => "digest wrong",
            _ => "digest not verified",
        };
        let covered = signer.covers(content.body) == Some(true);
        let signature = match signer.verify(content.body) {
            Verdict::Verified if covered => "signature verified with the certificate inside",
            Verdict::NotVerified if covered => "signature not verified",
            _ => "signature wrong",
        };
        if digest == "digest wrong" || signature == "signature wrong" {
            let why = format!("{digest}, {signature}");
            faults.push(Fault::new(place, "check the signature of the program", why));
        }
        let time = signer.time.as_ref().map(|time| format!(", at {time}")).unwrap_or_default();
        words.push(format!("{}, {}{time}, {digest}, {signature}", signer.subject, signer.digest));
    }
    words.join("; ")
}

impl Digests<'_> {
    /// The digest of the file without what a signature changes.
    fn of(&mut self, algorithm: &str) -> Option<Vec<u8>> {
        if let Some((_, digest)) = self.known.iter().find(|known| known.0 == algorithm) {
            return digest.clone();
        }
        let (checksum, entry) = (self.header.checksum_at, self.header.certificates_at);
        let parts = [0..checksum, checksum + 4..entry, entry + 8..self.end];
        let hashed = match algorithm {
            "sha1" => hash::<sha1::Sha1>(self.extent, &parts),
            "sha256" => hash::<sha2::Sha256>(self.extent, &parts),
            "sha384" => hash::<sha2::Sha384>(self.extent, &parts),
            "sha512" => hash::<sha2::Sha512>(self.extent, &parts),
            _ => return None,
        };
        self.known.push((algorithm.to_owned(), hashed.ok()));
        self.known.last().and_then(|known| known.1.clone())
    }
}

fn hash<D: sha2::Digest>(
    extent: &Extent,
    parts: &[std::ops::Range<u64>],
) -> Result<Vec<u8>, NotThis> {
    let mut digest = D::new();
    for part in parts {
        let bytes = extent.slice(part.start, part.end.checked_sub(part.start).ok_or(NotThis)?);
        each_piece(&bytes.ok_or(NotThis)?, |bytes| digest.update(bytes))?;
    }
    Ok(digest.finalize().to_vec())
}
