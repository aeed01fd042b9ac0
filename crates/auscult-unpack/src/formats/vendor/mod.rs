//! Headers that makers of devices put around their firmware.

use crate::format::Format;

mod alpha;
mod ambarella;
mod arcadyan;
mod bosch;
mod broadcom_sao;
mod broadcom_tag;
mod cable_modem;
mod dahua;
mod dji;
mod dlink;
mod draytek;
mod eva;
mod hikvision;
mod hp;
mod huawei;
mod instar;
mod matter;
mod maxlinear;
mod minifs;
mod moxa;
mod netgear;
mod npk;
mod pjl;
mod plain;
mod postscript;
mod realtek;
mod reolink;
mod safeloader;
mod sealed;
mod senao;
mod tplink;
mod trx;
mod ubiquiti;
mod xerox;
mod xiaomi;
mod zyxel;

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
    &cable_modem::FORMAT,
    &dahua::FORMAT,
    &dji::FORMAT,
    &dlink::SHRS,
    &dlink::ENCRPTED,
    &dlink::MH01,
    &dlink::FPKG,
    &dlink::DEAFBEAD,
    &draytek::FORMAT,
    &eva::FORMAT,
    &hikvision::FORMAT,
    &hp::BUNDLE,
    &hp::PACKAGE,
    &huawei::FORMAT,
    &instar::FORMAT,
    &matter::FORMAT,
    &maxlinear::FORMAT,
    &minifs::FORMAT,
    &moxa::FORMAT,
    &netgear::CHK,
    &netgear::DNI,
    &npk::FORMAT,
    &pjl::FORMAT,
    &plain::AIROHA,
    &plain::AUTEL,
    &plain::BNEG,
    &plain::CYBERTAN,
    &plain::PATTERN,
    &plain::CISCO,
    &postscript::FORMAT,
    &realtek::FORMAT,
    &realtek::EDIMAX,
    &reolink::FORMAT,
    &safeloader::FORMAT,
    &sealed::QNAP,
    &sealed::BUFFALO,
    &sealed::OPENSSL,
    &senao::FORMAT,
    &tplink::FORMAT,
    &trx::FORMAT,
    &ubiquiti::FORMAT,
    &xerox::DSK,
    &xerox::DLM,
    &xiaomi::FORMAT,
    &zyxel::FORMAT,
];
