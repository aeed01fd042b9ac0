//! Small inputs of every kind that this crate builds: where a fuzzer starts.

use crate::{
    Tree, archive, disk, elf, packages,
    squashfs::{SquashfsOptions, squashfs},
    stream, uboot, vendor, zip,
};

/// Named inputs, each a few kilobytes.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let tree = Tree::new()
        .directory("/etc", 0o755)
        .file("/etc/os-release", 0o644, "ID=seed\nVERSION_ID=1\n")
        .file("/var/lib/dpkg/status", 0o644, dpkg())
        .file("/bin/tool", 0o4755, elf::Elf::default().build())
        .symlink("/bin/link", "tool")
        .character_device("/dev/null", 0o666, (1, 3))
        .with_parents();
    let cpio = archive::cpio_newc(&tree);
    let partition = [disk::Partition {
        kind: 0x83,
        name: "root",
        first_sector: 64,
        data: cpio.get(..512).unwrap_or_default(),
    }];
    let image = uboot::FitImage {
        name: "kernel-1",
        kind: "kernel",
        architecture: "arm64",
        compression: "none",
        data: b"kernel",
    };
    let kernel = stream::lzma_alone(b"Linux version 4.9.11 (seed) #1");
    let tplink = vendor::TpLinkV1 {
        version: "ver. 1.0",
        hardware: 0x0841_0001,
        revision: 1,
        kernel: &kernel,
        rootfs: &cpio,
        rootfs_offset: 0x800,
    };
    let seeds = [
        ("tar", archive::tar(&tree)),
        ("ar", archive::ar(&[("member", b"content")])),
        ("zip", zip::zip(&[zip::ZipMember::file("a", zip::ZipMethod::Deflate, b"content")])),
        ("squashfs", squashfs(&tree, SquashfsOptions::default())),
        ("gzip", stream::gzip(&cpio)),
        ("xz", stream::xz(&cpio)),
        ("lzma", stream::lzma_alone(&cpio)),
        ("bzip2", stream::bzip2(&cpio)),
        ("lz4", stream::lz4_frame(&cpio)),
        ("lz4-legacy", stream::lz4_legacy(&cpio)),
        ("zstd", stream::zstd(&cpio)),
        ("mbr", disk::mbr(&partition)),
        ("gpt", disk::gpt(&partition)),
        ("uimage", uboot::UImage { data: &cpio, ..Default::default() }.build()),
        ("fit", uboot::fit("seed", &[image])),
        ("environment", uboot::environment(&[("bootdelay", "3")], 512, false)),
        ("tplink", tplink.build()),
        ("trx", vendor::trx(&[&kernel])),
        ("cpio", cpio.clone()),
    ];
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

fn dpkg() -> String {
    packages::dpkg_status(&[packages::Package {
        name: "tool",
        version: "1.0-1",
        ..Default::default()
    }])
}
