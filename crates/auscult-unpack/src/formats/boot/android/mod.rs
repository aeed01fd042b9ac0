//! What Android devices boot and are updated with.

mod boot_image;
mod bootloader;
mod device_tree_table;
mod dynamic_partitions;
mod payload;
mod sections;
mod sparse;
mod vendor_boot;

pub(super) use boot_image::FORMAT as BOOT_IMAGE;
pub(super) use bootloader::{DEVICE_STATE, FORMAT as BOOTLOADER};
pub(super) use device_tree_table::FORMAT as DEVICE_TREE_TABLE;
pub(super) use dynamic_partitions::FORMAT as DYNAMIC_PARTITIONS;
pub(super) use payload::FORMAT as PAYLOAD;
pub(super) use sparse::FORMAT as SPARSE;
pub(super) use vendor_boot::FORMAT as VENDOR_BOOT;
