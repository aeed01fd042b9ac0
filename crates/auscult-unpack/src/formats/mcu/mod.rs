//! Images of microcontrollers and the files they are flashed from.

use crate::format::Format;

pub(in crate::formats) mod dfu;
mod esp32;
mod ihex;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[&esp32::FORMAT, &ihex::FORMAT, &dfu::DFUSE];
