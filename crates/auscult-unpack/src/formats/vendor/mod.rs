//! Headers that makers of devices put around their firmware.

use crate::format::Format;

mod alpha;
mod ambarella;
mod arcadyan;
mod bosch;
mod broadcom_sao;
mod broadcom_tag;
mod dahua;
mod dji;
mod dlink;
mod draytek;
mod hp;
mod matter;
mod maxlinear;
mod netgear;
mod npk;
mod pjl;
mod postscript;
mod realtek;
mod safeloader;
mod tplink;
mod trx;
mod xerox;
mod xiaomi;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &alpha::SEAMA,
    &alpha::WRG,
    &ambarella::FORMAT,
    &arcadyan::FORMAT,
    &bosch::FORMAT,
    &bosch::FILES,
    &broadcom_sao::FORMAT,
    &broadcom_tag::FORMAT,
    &dahua::FORMAT,
    &dji::FORMAT,
    &dlink::SHRS,
    &dlink::ENCRPTED,
    &dlink::MH01,
    &dlink::FPKG,
    &dlink::DEAFBEAD,
    &draytek::FORMAT,
    &hp::BUNDLE,
    &hp::PACKAGE,
    &matter::FORMAT,
    &maxlinear::FORMAT,
    &netgear::CHK,
    &netgear::DNI,
    &npk::FORMAT,
    &pjl::FORMAT,
    &postscript::FORMAT,
    &realtek::FORMAT,
    &safeloader::FORMAT,
    &tplink::FORMAT,
    &trx::FORMAT,
    &xerox::DSK,
    &xerox::DLM,
    &xiaomi::FORMAT,
];
