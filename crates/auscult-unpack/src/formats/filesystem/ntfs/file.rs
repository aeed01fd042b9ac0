//! A file: the attributes of its record and of those that continue it.

use std::collections::{HashMap, HashSet};

use super::{
    attribute::{
        ATTRIBUTE_LIST, Attribute, Body, EXTENDED_ATTRIBUTES, FILE_NAME, STANDARD_INFORMATION,
    },
    content::value,
    fault_at,
    record::{Record, Reference},
    table::Table,
};
use crate::{
    Endian::Little,
    Fault, Metadata, View,
    formats::support::{epoch::windows_time, utf16},
};

/// Longest list of attributes (256 KiB in Windows).
const LIST_BYTES_MAX: u64 = 256 << 10;
/// Longest extended attributes together.
const EXTENDED_BYTES_MAX: u64 = 64 << 10;
/// Namespaces of names: a short one of DOS beside a long one.
const NAMESPACE_DOS: u8 = 2;

/// A file or directory.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) number: u64,
    pub(super) is_directory: bool,
    attributes: Vec<Attribute>,
}

/// A name of a file.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) parent: Reference,
    pub(super) text: Vec<u8>,
    pub(super) is_dos: bool,
}

impl Name {
    /// Reads the value of a name's attribute, or the key of an index entry.
    pub(super) fn parse(value: &[u8]) -> Result<Self, Fault> {
        let view = View(value);
        let units = usize::from(view.u8(64)?);
        Ok(Self {
            parent: Reference::of(view.u64(0, Little)?),
            text: utf16::little_endian(view.bytes(66, units * 2)?),
            is_dos: view.u8(65)? == NAMESPACE_DOS,
        })
    }
}

impl File {
    /// Collects the attributes of a file. What is missing goes to `faults`.
    pub(super) fn gather(table: &mut Table, record: &Record, faults: &mut Vec<Fault>) -> Self {
        let place = table.place(record.number);
        let mut attributes = record.attributes(faults);
        let list = attributes.iter().position(|attribute| attribute.kind == ATTRIBUTE_LIST);
        if let Some(list) = list {
            let list = attributes.swap_remove(list);
            match value(table, &list, LIST_BYTES_MAX) {
                Ok(bytes) => {
                    for number in continuations(&bytes, record.number) {
                        match table.read_continuation(number, record.number) {
                            Ok(more) => attributes.extend(more.attributes(faults)),
                            Err(fault) => faults.push(fault),
                        }
                    }
                }
                Err(fault) => faults.push(fault_at(place, "read a list of attributes", fault.why)),
            }
        }
        Self {
            number: record.number,
            is_directory: record.is_directory,
            attributes: joined(attributes),
        }
    }

    /// The attribute of this type and name.
    pub(super) fn stream(&self, kind: u32, name: &[u8]) -> Option<&Attribute> {
        self.of_kind(kind).find(|attribute| attribute.name == name)
    }

    /// The attributes of a type.
    pub(super) fn of_kind(&self, kind: u32) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(move |attribute| attribute.kind == kind)
    }

    /// The names of the file.
    pub(super) fn names(&self) -> Vec<Name> {
        let values = self.of_kind(FILE_NAME).filter_map(Attribute::resident);
        values.filter_map(|value| Name::parse(value).ok()).collect()
    }

    /// How many names it has, those of DOS not counted.
    pub(super) fn links(&self) -> u64 {
        let names = self.names().iter().filter(|name| !name.is_dos).count();
        u64::try_from(names).unwrap_or(1)
    }

    /// `FILE_ATTRIBUTE_…` of the file.
    pub(super) fn flags(&self) -> u32 {
        self.standard(32).and_then(|view| view.u32(0, Little).ok()).unwrap_or(0)
    }

    /// When it was made.
    pub(super) fn created(&self) -> Option<i64> {
        self.standard(0).and_then(|view| windows_time(view.u64(0, Little).ok()?))
    }

    fn standard(&self, at: usize) -> Option<View<'_>> {
        let standard = self.stream(STANDARD_INFORMATION, b"")?.resident()?;
        standard.get(at..).map(View)
    }

    /// Times, and what Linux subsystems keep as extended attributes.
    pub(super) fn metadata(&self, table: &Table, faults: &mut Vec<Fault>) -> Metadata {
        let modified = self.standard(8).and_then(|view| windows_time(view.u64(0, Little).ok()?));
        let mut metadata = Metadata { modified, ..Metadata::default() };
        let Some(extended) = self.stream(EXTENDED_ATTRIBUTES, b"") else { return metadata };
        match value(table, extended, EXTENDED_BYTES_MAX) {
            Ok(bytes) => {
                for (name, value) in extended_attributes(&bytes) {
                    let word = || View(&value).u32(0, Little).ok();
                    match &name[..] {
                        b"$LXMOD" => metadata.mode = word().map(|mode| mode & 0o7777),
                        b"$LXUID" => metadata.user = word(),
                        b"$LXGID" => metadata.group = word(),
                        _ => metadata.xattrs.push((name.into(), value)),
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
        metadata
    }

    /// The numbers of a device of the Linux subsystem.
    pub(super) fn device(&self, table: &Table) -> Option<(u32, u32)> {
        let extended = self.stream(EXTENDED_ATTRIBUTES, b"")?;
        let bytes = value(table, extended, EXTENDED_BYTES_MAX).ok()?;
        let (_, value) =
            extended_attributes(&bytes).into_iter().find(|(name, _)| name == b"$LXDEV")?;
        Some((View(&value).u32(0, Little).ok()?, View(&value).u32(4, Little).ok()?))
    }
}

/// The numbers of the records that a list of attributes names beside its own.
fn continuations(mut list: &[u8], own: u64) -> Vec<u64> {
    let (mut numbers, mut seen) = (Vec::new(), HashSet::from([own]));
    loop {
        let view = View(list);
        let (Ok(length), Ok(packed)) = (view.u16(4, Little), view.u64(16, Little)) else {
            return numbers;
        };
        let Reference { number, .. } = Reference::of(packed);
        if seen.insert(number) {
            numbers.push(number);
        }
        match list.get(usize::from(length).max(24)..) {
            Some(rest) => list = rest,
            None => return numbers,
        }
    }
}

/// Puts the parts of attributes together that are spread over records.
fn joined(attributes: Vec<Attribute>) -> Vec<Attribute> {
    let mut whole: Vec<Attribute> = Vec::new();
    let mut spread: HashMap<(u32, Vec<u8>), usize> = HashMap::new();
    for attribute in attributes {
        if matches!(attribute.body, Body::Resident { .. }) {
            whole.push(attribute);
            continue;
        }
        let key = (attribute.kind, attribute.name.clone());
        if let Some(first) = spread.get(&key).and_then(|&index| whole.get_mut(index)) {
            first.join(attribute);
        } else {
            spread.insert(key, whole.len());
            whole.push(attribute);
        }
    }
    whole
}

/// Names and values (`FILE_FULL_EA_INFORMATION`).
fn extended_attributes(mut bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    loop {
        let view = View(bytes);
        let (Ok(next), Ok(name_bytes), Ok(value_bytes)) =
            (view.u32(0, Little), view.u8(5), view.u16(6, Little))
        else {
            return found;
        };
        let name = view.bytes(8, usize::from(name_bytes));
        let value = view.bytes(9 + usize::from(name_bytes), usize::from(value_bytes));
        let (Ok(name), Ok(value)) = (name, value) else { return found };
        if !name.is_empty() {
            found.push((name.to_vec(), value.to_vec()));
        }
        let next = usize::try_from(next).unwrap_or(usize::MAX);
        match bytes.get(next..) {
            Some(rest) if next > 0 => bytes = rest,
            _ => return found,
        }
    }
}
