//! Firmware of PCs: UEFI volumes and what they are flashed from, and what lies beside them in flash.

use crate::format::Format;

mod ami_variables;
mod capsule;
mod coreboot;
mod descriptor;
mod interface_table;
mod makers;
mod management_engine;
mod microcode;
mod option_rom;
mod psp;
pub(in crate::formats) mod seabios;
mod section;
mod te;
mod variables;
mod volume;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &capsule::FORMAT,
    &descriptor::FORMAT,
    &management_engine::FORMAT,
    &volume::FORMAT,
    &variables::STORE,
    &variables::WORKING_BLOCK,
    &ami_variables::FORMAT,
    &te::FORMAT,
    &option_rom::FORMAT,
    &microcode::FORMAT,
    &interface_table::FORMAT,
    &psp::DIRECTORY,
    &psp::PROGRAM,
    &coreboot::FILE_SYSTEM,
    &coreboot::FLASH_MAP,
    &makers::INSYDE,
    &makers::PHOENIX,
    &makers::AMI,
];
