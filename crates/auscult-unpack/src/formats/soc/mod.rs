//! What the boot ROMs of systems on chip and their first stages read.

use crate::format::Format;

mod allwinner;
mod altera;
mod amlogic;
mod barebox;
mod bitstream;
mod fip;
mod imx;
mod imx_container;
mod kwbimage;
mod mediatek;
mod optee;
mod qualcomm;
mod redboot;
mod rockchip;
mod rockchip_boot;
mod stm32;
mod ti;
mod zynq;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &allwinner::TOC0,
    &allwinner::TOC1,
    &allwinner::PACK,
    &altera::FORMAT,
    &amlogic::FORMAT,
    &barebox::FORMAT,
    &bitstream::FORMAT,
    &fip::FORMAT,
    &imx::FORMAT,
    &imx_container::FORMAT,
    &kwbimage::FORMAT,
    &mediatek::DEVICE,
    &mediatek::FILE,
    &mediatek::LK,
    &optee::CORE,
    &optee::APPLICATION,
    &qualcomm::MBN,
    &qualcomm::SBL,
    &redboot::FORMAT,
    &rockchip::UPDATE,
    &rockchip::PACK,
    &rockchip::LOADER,
    &rockchip::SINGLE,
    &rockchip_boot::OLD,
    &rockchip_boot::NEW,
    &stm32::FORMAT,
    &ti::FORMAT,
    &zynq::FORMAT,
];
