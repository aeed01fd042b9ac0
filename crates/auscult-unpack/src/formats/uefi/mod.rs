//! Firmware of PCs: UEFI volumes and what they are flashed from.

use crate::format::Format;

mod volume;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[&volume::FORMAT];
