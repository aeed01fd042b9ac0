//! What boot loaders load and what they are: images, device trees, kernels, ELF.

use crate::format::Format;

mod android;
mod dtb;
mod egon;
mod elf;
mod fdt;
pub(in crate::formats) mod fit;
pub(in crate::formats) mod linux_kernel;
mod packed;
pub(in crate::formats) mod pe;
mod qnx;
mod qnx_deflate;
pub(in crate::formats) mod u_boot;
pub(in crate::formats) mod uboot_env;
mod uimage;
mod vxworks;
mod wince;
mod zimage;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &uimage::FORMAT,
    &fit::FORMAT,
    &dtb::FORMAT,
    &egon::FORMAT,
    &zimage::ARM,
    &zimage::X86,
    &zimage::EFI,
    &elf::FORMAT,
    &pe::FORMAT,
    &android::SPARSE,
    &android::BOOT_IMAGE,
    &android::VENDOR_BOOT,
    &android::DEVICE_TREE_TABLE,
    &android::DYNAMIC_PARTITIONS,
    &android::PAYLOAD,
    &android::BOOTLOADER,
    &android::DEVICE_STATE,
    &qnx::STARTUP,
    &qnx::IMAGE,
    &qnx_deflate::FORMAT,
    &vxworks::FORMAT,
    &wince::RECORDS,
    &wince::ROM,
];
