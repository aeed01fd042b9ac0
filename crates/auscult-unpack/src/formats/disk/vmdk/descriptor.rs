//! The descriptor: lines of text, in a file of its own or in a sparse extent.

use crate::format::{Candidate, Format, Magic, NotThis, Opened};

pub(crate) static FORMAT: Format = Format {
    name: "vmdk-descriptor",
    magics: &[Magic::start(b"# Disk DescriptorFile")],
    carve: false,
    open,
};

/// Longest descriptor.
const BYTES_MAX: u64 = 64 << 10;
/// Without a parent, its number is all ones.
const NO_PARENT: &str = "ffffffff";

/// What a descriptor tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Descriptor {
    pub(super) attributes: Vec<(&'static str, String)>,
    /// The name of the parent, where there is one.
    pub(super) parent: Option<String>,
}

/// Keys of a descriptor, and how they are called here.
const KEYS: [(&str, &str); 5] = [
    ("createType", "kind"),
    ("CID", "content-id"),
    ("ddb.adapterType", "adapter"),
    ("ddb.virtualHWVersion", "hardware-version"),
    ("ddb.uuid", "uuid"),
];

pub(super) fn parse(bytes: &[u8]) -> Descriptor {
    let text = String::from_utf8_lossy(bytes);
    let text = text.split('\0').next().unwrap_or_default();
    let mut found = Descriptor::default();
    let (mut extents, mut parent_id, mut hint) = (Vec::new(), NO_PARENT.to_owned(), String::new());
    for line in text.lines().map(str::trim) {
        // Extents: access, sectors, kind, file.
        if ["RW ", "RDONLY ", "NOACCESS "].iter().any(|access| line.starts_with(access)) {
            extents.push(line.to_owned());
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim().trim_matches('"').to_owned());
        match key {
            "parentCID" => parent_id = value,
            "parentFileNameHint" => hint = value,
            _ => {
                let known = KEYS.iter().find(|(known, _)| *known == key);
                found.attributes.extend(known.map(|&(_, name)| (name, value)));
            }
        }
    }
    if !extents.is_empty() {
        found.attributes.push(("extents", extents.join("; ")));
    }
    if !parent_id.eq_ignore_ascii_case(NO_PARENT) {
        found.attributes.push(("parent", hint.clone()));
        found.parent = Some(hint);
    }
    found
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let bytes = candidate.extent.read_up_to(0, BYTES_MAX)?;
    let attributes = parse(&bytes).attributes;
    if !attributes.iter().any(|(name, _)| *name == "kind") {
        return Err(NotThis);
    }
    // The text ends with the file, or with what fills its sectors.
    let text = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let length = u64::try_from(text).unwrap_or(0);
    Ok(Opened { length, attributes, ..Opened::default() })
}
