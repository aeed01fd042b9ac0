//! U-Boot without a wrapper, its first stages too.
//!
//! Recognised by its version banner together with messages of its command loop or of its loader.

use crate::{
    format::Opened,
    probe::{Found, Probe, Region},
};

use super::banner;

pub(crate) static PROBE: Probe = Probe { name: "u-boot", find };

/// The largest configurations stay below.
const LOADER_BYTES_MAX: u64 = 8 << 20;
const STRINGS: &[&str] = &[
    "bootdelay",
    "bootcmd",
    "autoboot",
    "Unknown command",
    "## Booting",
    "Bad Magic Number",
    "Trying to boot from",
    "saveenv",
    "SPL: ",
    "DRAM:",
    "Flash:",
    "relocat",
];
const STRINGS_MIN: usize = 2;

fn find(region: &Region) -> Vec<Found> {
    if region.code.len() > LOADER_BYTES_MAX {
        return Vec::new();
    }
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let Some((_, text)) = banner::u_boot(&bytes) else { return Vec::new() };
    if banner::count_of(&bytes, STRINGS) < STRINGS_MIN || banner::linux(&bytes).is_some() {
        return Vec::new();
    }
    let attributes = vec![("banner", text.to_owned())];
    let opened = Opened { length: region.code.len(), attributes, ..Opened::default() };
    vec![Found { offset: 0, opened }]
}
