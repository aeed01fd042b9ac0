//! Images of microcontrollers and the files they are flashed from.

use crate::format::Format;

pub(in crate::formats) mod cortex_m;
mod csr;
pub(in crate::formats) mod cypress;
pub(in crate::formats) mod dfu;
pub(in crate::formats) mod encoded_text;
mod esp;
mod gecko;
mod ihex;
mod mcuboot;
mod memory;
pub(in crate::formats) mod nordic;
mod nxp;
mod simplelink;
mod srec;
mod tektronix;
mod telink;
mod ti_txt;
mod uf2;
mod wixel;
mod zigbee;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &esp::ESP32,
    &esp::ESP8266,
    &esp::ESP8266_SECOND,
    &esp::PARTITIONS,
    &esp::SETTINGS,
    &ihex::FORMAT,
    &srec::FORMAT,
    &ti_txt::FORMAT,
    &csr::XUV,
    &tektronix::FORMAT,
    &wixel::FORMAT,
    &uf2::FORMAT,
    &dfu::DFUSE,
    &csr::DFU,
    &mcuboot::FORMAT,
    &mcuboot::TRAILER,
    &gecko::GBL,
    &gecko::EBL,
    &simplelink::FORMAT,
    &telink::FORMAT,
    &zigbee::FORMAT,
    &nxp::SB2,
    &nxp::SB3,
];
