//! Linux kernels without a wrapper: what a compressed image unpacks to, or a raw `Image`.
//!
//! Recognised by the banner of `init/version.c` together with messages that every kernel holds.
//! The header of the flat images of arm64 and RISC-V (`Documentation/arch/arm64/booting.rst`,
//! `Documentation/arch/riscv/boot-image-header.rst`) adds the architecture. The rest is code.

use crate::{
    Endian::Little,
    View,
    format::Opened,
    probe::{Found, Probe, Region},
};

use crate::formats::support::banner;

pub(crate) static PROBE: Probe = Probe { name: "linux-kernel", find };

/// Even the smallest kernel is larger.
const KERNEL_BYTES_MIN: u64 = 256 << 10;
/// Messages of the core that no configuration leaves out; some need `CONFIG_PRINTK`.
const STRINGS: &[&str] = &[
    "swapper",
    "kthreadd",
    "Kernel panic - not syncing",
    "/sbin/init",
    "rootwait",
    "Unable to mount root fs",
    "init_task",
    "kmalloc",
    "ksoftirqd",
];
const STRINGS_MIN: usize = 4;

fn find(region: &Region) -> Vec<Found> {
    if region.code.len() < KERNEL_BYTES_MIN {
        return Vec::new();
    }
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let attributes = attributes(&bytes);
    if attributes.is_empty() {
        return Vec::new();
    }
    let opened = Opened { length: region.code.len(), attributes, ..Opened::default() };
    vec![Found { offset: 0, opened }]
}

/// What a kernel tells of itself; nothing where these bytes are no kernel.
pub(super) fn attributes(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let Some((_, text)) = banner::linux(bytes) else { return Vec::new() };
    if banner::count_of(bytes, STRINGS) < STRINGS_MIN {
        return Vec::new();
    }
    let release = text.split(' ').nth(2).unwrap_or_default();
    let mut attributes = vec![("banner", text.to_owned()), ("version", release.to_owned())];
    let view = View(bytes);
    match view.array::<4>(0x38) {
        Ok([b'A', b'R', b'M', 0x64]) => attributes.push(("arch", "arm64".to_owned())),
        Ok([b'R', b'S', b'C', 5]) => attributes.push(("arch", "riscv".to_owned())),
        _ => return attributes,
    }
    if let Ok(offset) = view.u64(8, Little) {
        attributes.push(("text-offset", format!("{offset:#x}")));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, locators, noise},
    };

    const BANNER: &[u8] =
        b"\0Linux version 5.10.3-acme (builder@host) (gcc 10) #7 SMP Mon Jan 4 2021\n\0";

    /// Bytes like machine code, with what every kernel holds.
    fn kernel() -> Vec<u8> {
        let mut bytes: Vec<u8> = noise(300 << 10).iter().map(|byte| byte & 0x3f).collect();
        bytes[1000..1000 + BANNER.len()].copy_from_slice(BANNER);
        let strings = b"\0swapper\0kthreadd\0Kernel panic - not syncing\0/sbin/init\0";
        bytes[5000..5000 + strings.len()].copy_from_slice(strings);
        let config = stream::gzip(&noise(600));
        bytes.extend(b"IKCFG_ST");
        bytes.extend(config);
        bytes.extend(b"IKCFG_ED");
        bytes
    }

    #[test]
    fn a_raw_kernel_is_recognised_with_its_configuration() {
        let tree = Tree::from_bytes(kernel(), &Limits::default());
        assert_eq!(attribute(&tree, "linux-kernel", "version").unwrap(), "5.10.3-acme");
        let found = locators(&tree);
        let wanted = "image@0x0/linux-kernel:/ikconfig@0x0/gzip".to_owned();
        assert!(found.contains(&wanted), "{found:?}");
    }

    #[test]
    fn packed_bytes_behind_a_kernel_stay_unread() {
        let mut bytes = kernel();
        let kernel_bytes = bytes.len() as u64;
        bytes.extend(noise(1 << 20));
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(attribute(&tree, "linux-kernel", "version").is_some());
        assert!(tree.coverage().bytes_read <= kernel_bytes + (128 << 10));
    }

    #[test]
    fn a_banner_alone_is_no_kernel() {
        let mut bytes = kernel();
        bytes[5000..5080].fill(1);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "linux-kernel", "version"), None);
    }
}
