//! SeaBIOS, the BIOS of virtual machines and a payload of coreboot: recognised by its banner's format and its
//! version, which stands alone as a string (`src/fw/paravirt.c` and `src/bootsplash.c` of SeaBIOS).

use memchr::memmem;

use crate::{
    format::Opened,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "seabios", find };

/// A BIOS for PCs is smaller.
const BIOS_BYTES_MAX: u64 = 4 << 20;
const BANNER: &[u8] = b"SeaBIOS (version %s)";
/// Messages of every build.
const STRINGS: &[&[u8]] = &[b"Booting from", b"No bootable device", b"POST", b"ebda", b"BIOS"];
const STRINGS_MIN: usize = 2;

fn find(region: &Region) -> Vec<Found> {
    if region.code.len() > BIOS_BYTES_MAX {
        return Vec::new();
    }
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let known = STRINGS.iter().filter(|text| memmem::find(&bytes, text).is_some()).count();
    if memmem::find(&bytes, BANNER).is_none() || known < STRINGS_MIN {
        return Vec::new();
    }
    let mut attributes = vec![("name", "SeaBIOS".to_owned())];
    attributes.extend(version(&bytes).map(|version| ("version", version)));
    let opened = Opened { length: region.code.len(), attributes, ..Opened::default() };
    vec![Found { offset: 0, opened }]
}

/// The only string of the form `1.16.2-…` or `rel-1.16.2-…`.
fn version(bytes: &[u8]) -> Option<String> {
    let strings = bytes.split(|byte| !(0x20..0x7f).contains(byte));
    let versions = strings.filter(|text| (5..=64).contains(&text.len()) && is_version(text));
    let mut versions: Vec<&[u8]> = versions.collect();
    versions.dedup();
    match versions.as_slice() {
        [only] => Some(String::from_utf8_lossy(only).into_owned()),
        _ => None,
    }
}

fn is_version(text: &[u8]) -> bool {
    let number = text.strip_prefix(b"rel-").unwrap_or(text);
    let mut parts = number.splitn(3, |&byte| byte == b'.');
    let digits = |part: Option<&[u8]>| {
        part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    digits(parts.next())
        && digits(parts.next())
        && parts.next().is_some_and(|rest| {
            rest.first().is_some_and(u8::is_ascii_digit) && !rest.contains(&b' ')
        })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, noise},
    };

    #[test]
    fn the_version_is_told() {
        let mut bytes: Vec<u8> = noise(4000).iter().map(|byte| byte & 0x1f).collect();
        bytes.extend(b"\0SeaBIOS (version %s)\n\0Booting from %s\0No bootable device.\0");
        bytes.extend(b"1.16.2-acme-1\0");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "seabios", "version").unwrap(), "1.16.2-acme-1");
        assert_eq!(tree.coverage().bytes_unread, 0);
        bytes.truncate(4000);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "seabios", "version"), None);
    }
}
