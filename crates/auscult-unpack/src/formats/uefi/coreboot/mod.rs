//! What coreboot keeps in flash: its file system CBFS, and the map of the flash around it.

mod file_system;
mod flash_map;
mod payload;

pub(super) use file_system::FORMAT as FILE_SYSTEM;
pub(super) use flash_map::FORMAT as FLASH_MAP;
