//! U-Boot without a wrapper, its first stages too.
//!
//! Recognised by its version banner together with messages of its command loop or of its loader.

use crate::{
    format::Opened,
    probe::{Found, Probe, Region},
};

use crate::formats::support::banner;

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

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::uboot::DeviceTreeNode;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, locators, noise},
    };

    #[test]
    fn a_raw_loader_and_its_device_tree() {
        let mut bytes: Vec<u8> = noise(20 << 10).iter().map(|byte| byte & 0x3f).collect();
        bytes.extend(b"\0U-Boot 2021.07-acme (Jul 05 2021 - 15:11:28 +0000)\0");
        bytes.extend(b"bootdelay\0Unknown command '%s'\0");
        bytes.extend(
            DeviceTreeNode::new("")
                .text("model", "Pump with a long name")
                .bytes("x", &[7; 400])
                .build(),
        );
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(attribute(&tree, "u-boot", "banner").unwrap().starts_with("U-Boot 2021.07-acme"));
        let found = locators(&tree);
        assert!(found.iter().any(|locator| locator.contains("u-boot:/dtb-0x")), "{found:?}");
        assert_eq!(tree.coverage().bytes_unread, 0);
        let text = b"This board needs U-Boot 2021.07 (or later) to boot.".repeat(20);
        assert_eq!(
            attribute(&Tree::from_bytes(text, &Limits::default()), "u-boot", "banner"),
            None
        );
    }
}
