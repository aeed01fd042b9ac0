//! The sample: the flash image of an imagined, deliberately weak infusion pump.
//!
//! Nothing in it is from a real device. Names, versions and banners are written as the real projects
//! write them, so that the tool finds them the way it does in a product; the code around them is
//! filler. Passwords, keys and the maker are made up for this image and used nowhere else.

mod kernel;
mod programs;
mod rootfs;

use crate::squashfs::{SquashfsOptions, squashfs};
use crate::uboot::{UImage, environment};
use crate::writer::{Endian, Writer};

/// When the image was "built": 28 March 2017, 10:20 UTC.
const BUILD_TIME: u32 = 1_490_696_400;
/// The flash is erased in blocks of this size.
const ERASE_BLOCK: usize = 64 << 10;
/// Where the kernel and the root file system start; the boot environment says so too.
const KERNEL_AT: usize = 0x2_0000;
const ROOTFS_AT: usize = 0x4_0000;
const UBOOT_BANNER: &str = "U-Boot 2016.11 (Mar 28 2017 - 10:18:02 +0000)";

/// Builds the flash image: boot loader, its environment, kernel, root file system.
///
/// Between the parts stands FF, as in erased flash. The bytes are the same on every run.
pub fn infusion_pump() -> Vec<u8> {
    let mut flash = Writer::new(Endian::Little);
    flash.bytes(&boot_loader()).align(ERASE_BLOCK, 0xff);
    flash.bytes(&boot_environment()).pad_to(KERNEL_AT, 0xff);
    let kernel = UImage {
        name: "Linux-4.9.11",
        compression: 1,
        time: BUILD_TIME,
        load: 0x8000_8000,
        entry: 0x8000_8000,
        data: &crate::stream::gzip(&kernel::image()),
        ..UImage::default()
    };
    flash.bytes(&kernel.build()).pad_to(ROOTFS_AT, 0xff);
    let options = SquashfsOptions { time: BUILD_TIME, ..SquashfsOptions::default() };
    flash.bytes(&squashfs(&rootfs::tree().dated(BUILD_TIME), options));
    flash.align(ERASE_BLOCK, 0xff);
    flash.finish()
}

/// A boot loader: ARM exception vectors, code-like filler, the texts that U-Boot carries.
fn boot_loader() -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    // Branch to reset, then "ldr pc, [pc, #20]" for the other seven exceptions.
    writer.u32(0xea00_00b8);
    for _ in 0..7 {
        writer.u32(0xe59f_f014);
    }
    writer.bytes(&code(8 << 10, 0x5eed_0001));
    for text in [
        UBOOT_BANNER,
        "Hit any key to stop autoboot: %2d ",
        "## Booting kernel from Legacy Image at %08lx ...",
        "U-Boot# ",
        "i2c_init: failed to reset",
        "Verifying Checksum ... ",
        "Bad Data CRC",
    ] {
        writer.bytes(text.as_bytes()).u8(0);
    }
    writer.align(4, 0);
    writer.finish()
}

fn boot_environment() -> Vec<u8> {
    let parts = "mtdparts=spi0.0:64k(u-boot),64k(env),128k(kernel),-(rootfs)";
    environment(
        &[
            ("baudrate", "115200"),
            ("board", "vl200"),
            ("bootargs", "console=ttyO0,115200n8 root=/dev/mtdblock3 rootfstype=squashfs"),
            ("bootcmd", "sf probe 0; sf read 82000000 20000 20000; bootm 82000000"),
            ("bootdelay", "3"),
            ("ethaddr", "02:00:00:00:02:00"),
            ("ipaddr", "192.168.200.1"),
            ("mtdparts", parts),
            ("serverip", "192.168.200.10"),
            ("ver", UBOOT_BANNER),
        ],
        8 << 10,
        false,
    )
}

/// Bytes that look and compress like ARM code: a few common instructions with varying operands.
fn code(length: usize, seed: u32) -> Vec<u8> {
    /// push, mov, add, ldr, str, cmp, bl, bx lr and their like, condition "always".
    const INSTRUCTIONS: [u32; 16] = [
        0xe92d_4010,
        0xe1a0_0000,
        0xe280_0000,
        0xe590_0000,
        0xe580_0000,
        0xe350_0000,
        0xeb00_0000,
        0xe8bd_8010,
        0xe3a0_0000,
        0xe240_0000,
        0xe1a0_1000,
        0xe595_3000,
        0x0a00_0000,
        0x1aff_ff00,
        0xe5c0_0000,
        0xe12f_ff1e,
    ];
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 4);
    while bytes.len() < length {
        // Marsaglia's xorshift32: any fixed generator does.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let chosen = usize::try_from(state >> 28).expect("four bits");
        let instruction = INSTRUCTIONS.get(chosen).copied().unwrap_or_default();
        bytes.extend_from_slice(&(instruction | (state & 0x7)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[cfg(test)]
mod tests {
    use super::infusion_pump;

    #[test]
    fn the_committed_image_is_what_the_builder_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/infusion-pump.img");
        let committed = std::fs::read(path).unwrap();
        let built = infusion_pump();
        // Not assert_eq!: nobody wants to read two images.
        assert!(committed == built, "samples/infusion-pump.img is stale: run cargo xtask sample");
        assert!(built.len() <= 512 << 10, "{} bytes", built.len());
    }

    #[test]
    fn the_parts_lie_where_the_boot_environment_says() {
        let image = infusion_pump();
        assert_eq!(image[0x2_0000..0x2_0004], 0x2705_1956_u32.to_be_bytes());
        assert_eq!(&image[0x4_0000..0x4_0004], b"hsqs");
        let reader = std::io::Cursor::new(&image[0x4_0000..]);
        let reader = backhand::FilesystemReader::from_reader(reader).unwrap();
        assert!(reader.files().any(|node| node.fullpath.ends_with("usr/bin/pumpd")));
    }
}
