//! Payloads of A/B updates (`update_metadata.proto` of AOSP's update engine and of ChromiumOS): a
//! manifest of operations that write partitions, then the data that they write.
//!
//! Partitions of full updates are put together from their operations, each unpacked when it is read.
//! Operations that need the partition of the version before cannot be carried out: said as unread.

use crate::{
    Endian::Big,
    Entry, Extent, Fault, View, digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        layout::{Layout, sanitize},
        protobuf::Message,
    },
};

mod operation;

use operation::{Data, Operation, content};

pub(in crate::formats::boot) static FORMAT: Format = Format {
    name: "android-payload",
    magics: &[Magic::start(b"CrAU\0\0\0\0\0\0\0")],
    carve: true,
    open,
};

const MANIFEST_BYTES_MAX: u64 = 256 << 20;
const SIGNATURE_BYTES_MAX: u64 = 1 << 20;
const PARTITIONS_MAX: usize = 1024;
/// Partitions whose digest is verified have no more bytes than this together: all of them would have
/// to be unpacked. The digests of the packed data are verified in any case.
const DIGESTED_BYTES_MAX: u64 = 128 << 20;

struct Header {
    version: u64,
    manifest_at: u64,
    manifest_bytes: u64,
    signature_bytes: u64,
}

impl Header {
    fn data_at(&self) -> u64 {
        self.manifest_at + self.manifest_bytes + self.signature_bytes
    }
}

struct Partition<'data> {
    name: String,
    operations: Vec<Operation>,
    info: Option<Message<'data>>,
}

impl Partition<'_> {
    fn size(&self) -> Option<u64> {
        self.info.as_ref().and_then(|info| info.number(1))
    }

    fn sha256(&self) -> Option<&[u8]> {
        self.info.as_ref().and_then(|info| info.bytes(2))
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = header(View(&extent.read(0, 24)?))?;
    let bytes = extent.read(header.manifest_at, header.manifest_bytes)?;
    let manifest = Message::new(&bytes).whole()?;
    let block_bytes = manifest.number(3).unwrap_or(4096);
    if !(1..=(1 << 24)).contains(&block_bytes) {
        return Err(NotThis);
    }
    let partitions = partitions(&manifest, header.version);
    if partitions.is_empty() {
        return Err(NotThis);
    }
    let mut faults = Vec::new();
    let mut data = Data::new(extent, header.data_at(), block_bytes);
    let (mut entries, mut told) = (Vec::new(), Vec::new());
    let mut digested = DIGESTED_BYTES_MAX;
    for partition in &partitions {
        let (entry, words) = entry(partition, &mut data, &mut digested, &mut faults);
        entries.extend(entry);
        told.push(format!("{} ({words})", partition.name));
    }
    let signature = manifest.number(4).zip(manifest.number(5));
    let laid = lay_out(extent, &header, &data, signature);
    entries.extend(laid.entries);
    faults.extend(laid.faults);
    faults.extend(data.take_faults());
    let mut attributes = attributes(&manifest, &header, signature.is_some());
    attributes.push(("partitions", told.join("; ")));
    attributes.push(("data", data.summary()));
    Ok(Opened { length: laid.length, attributes, entries, faults, unread: None })
}

fn header(view: View<'_>) -> Result<Header, NotThis> {
    let version = view.u64(4, Big)?;
    let manifest_bytes = view.u64(12, Big)?;
    let (manifest_at, signature_bytes) = match version {
        1 => (20, 0),
        2 => (24, u64::from(view.u32(20, Big)?)),
        _ => return Err(NotThis),
    };
    let plausible = (1..=MANIFEST_BYTES_MAX).contains(&manifest_bytes)
        && signature_bytes <= SIGNATURE_BYTES_MAX;
    let header = Header { version, manifest_at, manifest_bytes, signature_bytes };
    if plausible { Ok(header) } else { Err(NotThis) }
}

/// The partitions; the first version knew two, by fields of their own.
fn partitions<'data>(manifest: &Message<'data>, version: u64) -> Vec<Partition<'data>> {
    let operations = |message: &Message<'data>, field| {
        message.all(field).map(|bytes| Operation::read(&Message::new(bytes))).collect::<Vec<_>>()
    };
    if version == 1 {
        let named = [("rootfs", 1, 9), ("kernel", 2, 7)];
        let partitions = named.map(|(name, field, info)| Partition {
            name: name.to_owned(),
            operations: operations(manifest, field),
            info: manifest.bytes(info).map(Message::new),
        });
        return partitions.into_iter().filter(|one| !one.operations.is_empty()).collect();
    }
    let partition = |bytes| {
        let message = Message::new(bytes);
        Partition {
            name: message.text(1).unwrap_or_default(),
            operations: operations(&message, 8),
            info: message.bytes(7).map(Message::new),
        }
    };
    manifest.all(13).take(PARTITIONS_MAX).map(partition).collect()
}

/// A partition as a part, and what to say of it.
fn entry(
    partition: &Partition<'_>,
    data: &mut Data,
    digested: &mut u64,
    faults: &mut Vec<Fault>,
) -> (Option<Entry>, String) {
    let name = sanitize(&partition.name).into_bytes();
    let size = partition.size().unwrap_or_else(|| data.size_of(&partition.operations));
    let mut words = vec![format!("{size} bytes")];
    let missing: Vec<_> =
        partition.operations.iter().filter(|one| one.needs_source().is_some()).collect();
    if let Some(first) = missing.first().and_then(|one| one.needs_source()) {
        let bytes = data.claim_all(&partition.operations);
        let reason = format!(
            "{} of {} operations ({first} and the like) need the partition of the version before",
            missing.len(),
            partition.operations.len(),
        );
        words.push("not a full update".to_owned());
        let entry = Entry::part(name, data.nothing()).unreadable(bytes, reason);
        return (Some(Entry { content: None, ..entry }), words.join(", "));
    }
    match content(partition, size, data) {
        Ok(content) => {
            let state = verify(partition, &content, digested, faults);
            words.extend(state);
            (Some(Entry::part(name, content)), words.join(", "))
        }
        Err(fault) => {
            let bytes = data.claim_all(&partition.operations);
            let entry = Entry::part(name, data.nothing()).unreadable(bytes, fault.why.clone());
            words.push(fault.why);
            (Some(Entry { content: None, ..entry }), words.join(", "))
        }
    }
}

/// Compares the digest of a small partition.
fn verify(
    partition: &Partition<'_>,
    content: &Extent,
    digested: &mut u64,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let stored = partition.sha256()?;
    let Some(left) = digested.checked_sub(content.len()) else {
        return Some(format!("sha256 {}", digest::hex(stored)));
    };
    *digested = left;
    let fault = |why: String| Fault::new(0, format!("check the sha256 of {}", partition.name), why);
    match digest::sha256_of(content) {
        Ok(computed) if computed == stored => Some("sha256 verified".to_owned()),
        Ok(_) => {
            faults.push(fault(format!("it is not {}", digest::hex(stored))));
            Some("sha256 wrong".to_owned())
        }
        Err(error) => {
            faults.push(fault(error.to_string()));
            None
        }
    }
}

struct Laid {
    length: u64,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

/// Accounts for every byte: what no operation reads is a gap.
fn lay_out(extent: &Extent, header: &Header, data: &Data, signature: Option<(u64, u64)>) -> Laid {
    let place = |offset: u64| header.data_at().saturating_add(offset);
    let signed = signature.map_or(0, |(offset, bytes)| place(offset).saturating_add(bytes));
    let length = data.end().max(signed).max(header.data_at());
    let mut layout = Layout::new(extent.clamp(0, length));
    layout.consumed(0, header.manifest_at + header.manifest_bytes);
    if header.signature_bytes > 0 {
        let at = header.manifest_at + header.manifest_bytes;
        layout.leaf("metadata-signature", at, header.signature_bytes);
    }
    if let Some((offset, bytes)) = signature {
        layout.leaf("payload-signature", place(offset), bytes);
    }
    for &(offset, bytes) in data.claimed() {
        layout.consumed(offset, bytes);
    }
    let laid = layout.finish();
    Laid { length, entries: laid.entries, faults: laid.faults }
}

fn attributes(
    manifest: &Message<'_>,
    header: &Header,
    signed: bool,
) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("version", header.version.to_string()),
        ("minor-version", manifest.number(12).unwrap_or(0).to_string()),
        ("signed", (signed || header.signature_bytes > 0).to_string()),
    ];
    let date = manifest.number(14).and_then(|seconds| i64::try_from(seconds).ok());
    let date = date.filter(|&seconds| seconds > 0 && seconds < 1 << 40);
    attributes.extend(
        date.map(|seconds| ("max-timestamp", crate::formats::support::date::iso_8601(seconds))),
    );
    if manifest.number(16) == Some(1) {
        attributes.push(("partial-update", "true".to_owned()));
    }
    attributes.extend(manifest.text(18).map(|text| ("security-patch-level", text)));
    attributes
}

#[cfg(test)]
mod tests;
