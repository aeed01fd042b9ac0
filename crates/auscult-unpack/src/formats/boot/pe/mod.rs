//! Programs in Microsoft's format: for UEFI, for Windows, and archives that unpack themselves.
//!
//! The extent is what the headers describe, with the signatures behind it; what lies between is a part.
//! In archives and file systems a program stays a plain file, unless something lies behind or inside it.
//! Kernels that are such programs as well are left to their own modules.

use crate::{
    Endian::Little,
    Entry, Extent, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, known::begins_known, layout::text_of},
};

mod authenticode;
mod header;
mod resources;

use header::{Header, RUNTIME};
pub(in crate::formats) use header::{machine, subsystem};

pub(super) static FORMAT: Format =
    Format { name: "pe", magics: &[Magic::start(b"MZ")], carve: true, open };

/// Smaller resources are no parts; larger ones are searched where they begin like a format.
const RESOURCE_BYTES_MIN: u64 = 4 << 10;
const TEXT_BYTES_MAX: u64 = 4 << 10;
const DLL: u16 = 0x2000;
/// Sections that the stub of systemd takes a kernel and what belongs to it from
/// ("Unified Kernel Image" of the UAPI group).
const UNIFIED: [&str; 6] = [".linux", ".initrd", ".dtb", ".ucode", ".splash", ".efifw"];
/// Sections of text.
const TEXTS: &[(&str, &str)] = &[
    (".sbat", "sbat"),
    (".cmdline", "cmdline"),
    (".osrel", "os-release"),
    (".uname", "kernel-release"),
    (".sdmagic", "stub"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = Header::read(extent)?;
    if is_kernel(extent) {
        return Err(NotThis);
    }
    let mut faults = Vec::new();
    let table = authenticode::table(extent, &header);
    let file = candidate.reading == Reading::Whole;
    let length = match table {
        Some((offset, bytes)) => offset + bytes,
        None if file => extent.len().max(header.image_end),
        None => header.image_end,
    };
    let overlay_end = table.map_or(length, |table| table.0);
    let overlay = extent.clamp(header.image_end, overlay_end.saturating_sub(header.image_end));
    let found = resources::read(extent, &header, RESOURCE_BYTES_MIN);
    let mut entries = parts(extent, &header, &found);
    if is_more_than_padding(&overlay) {
        entries.push(Entry::part(&b"overlay"[..], overlay));
    }
    if file && entries.iter().all(|entry| entry.reading == Reading::Leaf) {
        return Err(NotThis);
    }
    let mut attributes = attributes(&header);
    attributes.extend(found.attributes);
    attributes.extend(texts(extent, &header));
    attributes.extend(runtime(extent, &header).map(|version| ("runtime", version)));
    if let Some(table) = table {
        let told = authenticode::signatures(extent, &header, table, &mut faults);
        attributes.push(("signature", told.join("; ")));
    }
    faults.extend(found.faults);
    if !entries.is_empty() {
        let mut whole = Entry::payload(extent.clamp(0, length));
        whole.reading = Reading::Leaf;
        entries.push(whole);
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// Flat images of arm64 and RISC-V, and kernels for PCs, carry such headers for UEFI's sake.
fn is_kernel(extent: &Extent) -> bool {
    let at = |place, mark: &[u8]| {
        let bytes = u64::try_from(mark.len()).unwrap_or(0);
        extent.read(place, bytes).is_ok_and(|found| found[..] == *mark)
    };
    at(0x38, b"ARM\x64") || at(0x38, b"RSC\x05") || at(0x202, b"HdrS") || at(4, b"zimg")
}

fn is_more_than_padding(overlay: &Extent) -> bool {
    let head = overlay.read_up_to(0, 64 << 10).unwrap_or_default();
    overlay.len() > 64 << 10 || head.iter().any(|&byte| byte != 0)
}

fn parts(extent: &Extent, header: &Header, found: &resources::Resources) -> Vec<Entry> {
    let resources = found.large.iter().map(|one| (one.name.as_str(), one.offset, one.bytes));
    let sections = header.sections.iter().filter(|one| UNIFIED.contains(&one.name.as_str()));
    let sections = sections.map(|one| {
        // Behind what is used, a section is filled up to the alignment.
        (one.name.trim_start_matches('.'), one.offset, one.bytes.min(one.memory_bytes))
    });
    let part = |(name, offset, bytes): (&str, u64, u64)| {
        Entry::part(name.as_bytes(), extent.clamp(offset, bytes))
    };
    let plain = |mut entry: Entry| {
        if !entry.content.as_ref().is_some_and(begins_known) {
            entry.reading = Reading::Leaf;
        }
        entry
    };
    sections.map(part).chain(resources.map(part).map(plain)).collect()
}

fn attributes(header: &Header) -> Vec<(&'static str, String)> {
    let names: Vec<&str> = header.sections.iter().map(|section| section.name.as_str()).collect();
    let mut attributes = vec![
        ("machine", header.machine.to_owned()),
        ("class", if header.wide { "64" } else { "32" }.to_owned()),
        ("type", if header.characteristics & DLL != 0 { "library" } else { "program" }.to_owned()),
        ("subsystem", subsystem(header.subsystem)),
        ("entry-point", format!("{:#x}", header.base.saturating_add(u64::from(header.entry)))),
        ("sections", names.join(", ")),
    ];
    // Builds that can be reproduced put a digest in its place.
    if (1..i64::from(u32::MAX / 2)).contains(&i64::from(header.created)) {
        attributes.push(("created", iso_8601(i64::from(header.created))));
    }
    attributes
}

/// Sections that are text.
fn texts(extent: &Extent, header: &Header) -> Vec<(&'static str, String)> {
    let text = |(name, key): &(&str, &'static str)| {
        let section = header.section(name)?;
        let bytes = section.bytes.min(section.memory_bytes).min(TEXT_BYTES_MAX);
        let bytes = extent.read_up_to(section.offset, bytes).ok()?;
        let text = text_of(bytes.split(|&byte| byte == 0).next().unwrap_or_default());
        (!text.is_empty()).then(|| (*key, text.trim().replace('\n', "; ")))
    };
    TEXTS.iter().filter_map(text).collect()
}

/// The version of the runtime that managed code needs (ECMA-335, partition II, section 24.2.1).
fn runtime(extent: &Extent, header: &Header) -> Option<String> {
    let (address, _) = header.directory(RUNTIME)?;
    let head = extent.read(header.place(address)?, 16).ok()?;
    let metadata = u64::from(View(&head).u32(8, Little).ok()?);
    let root = extent.read(header.place(metadata)?, 48).ok()?;
    let view = View(&root);
    let length = usize::try_from(view.u32(12, Little).ok()?).ok()?;
    let marked = view.bytes(0, 4).ok()? == b"BSJB";
    marked.then(|| Some(format!(".NET {}", text_of(view.text(16, length.min(32)).ok()?))))?
}

#[cfg(test)]
mod tests;
