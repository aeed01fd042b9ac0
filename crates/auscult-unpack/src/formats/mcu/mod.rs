//! Images of microcontrollers and the files they are flashed from.

use crate::format::Format;

pub(in crate::formats) mod dfu;
pub(in crate::formats) mod encoded_text;
mod esp32;
mod ihex;
mod records;
mod srec;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] =
    &[&esp32::FORMAT, &ihex::FORMAT, &srec::FORMAT, &dfu::DFUSE];
