//! The kernel of the sample: code-like filler, the banner and the embedded configuration.

use crate::writer::{Endian, Writer};

/// `linux_banner` of `init/version.c`, as the build would print it.
const BANNER: &str = "Linux version 4.9.11 (build@vl200-ci) (gcc version 5.4.0 (Buildroot \
                      2017.02.1) ) #1 PREEMPT Tue Mar 28 10:19:47 UTC 2017\n";
const CONFIG: &str = include_str!("../../data/sample/kernel.config");

/// The uncompressed kernel.
pub(super) fn image() -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    writer.bytes(&super::code(112 << 10, 0x5eed_0002));
    writer.bytes(BANNER.as_bytes()).u8(0).align(4, 0);
    // kernel/configs.c: the configuration between its two markers.
    writer.bytes(b"IKCFG_ST").bytes(&crate::stream::gzip(CONFIG.as_bytes())).bytes(b"IKCFG_ED");
    writer.align(4, 0);
    for text in [
        "Kernel panic - not syncing: %s",
        "console=ttyO0,115200n8 root=/dev/mtdblock3 rootfstype=squashfs",
        "VFS: Mounted root (%s filesystem)%s on device %u:%u.",
        "Freeing unused kernel memory: %ldK",
    ] {
        writer.bytes(text.as_bytes()).u8(0);
    }
    writer.align(4, 0).bytes(&super::code(16 << 10, 0x5eed_0003));
    writer.finish()
}
