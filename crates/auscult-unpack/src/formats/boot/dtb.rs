//! Device tree blobs: the description of a board for its kernel.
//!
//! Image trees, which have `/images`, are left to the module `fit`. Nothing is unpacked.

use crate::format::{Candidate, Format, Magic, NotThis, Opened};

use super::fdt;

pub(crate) static FORMAT: Format =
    Format { name: "dtb", magics: &[Magic::start(fdt::MAGIC)], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let size = fdt::total_size(&candidate.extent.read(0, 40)?).ok_or(NotThis)?;
    let length = u64::try_from(size).map_err(|_| NotThis)?;
    let data = candidate.extent.read(0, length)?;
    let root = fdt::parse(&data)?;
    let mut attributes = Vec::new();
    for name in ["model", "compatible", "serial-number"] {
        attributes.extend(root.text(&data, name).map(|text| (name, text)));
    }
    if let Some(chosen) = root.child("chosen") {
        attributes.extend(chosen.text(&data, "bootargs").map(|text| ("bootargs", text)));
        attributes.extend(chosen.text(&data, "stdout-path").map(|text| ("stdout-path", text)));
    }
    Ok(Opened { length, attributes, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::uboot::DeviceTreeNode;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn blob() -> Vec<u8> {
        DeviceTreeNode::new("")
            .text("model", "Infusion pump")
            .bytes("compatible", b"acme,pump\0acme,soc\0")
            .child(DeviceTreeNode::new("chosen").text("bootargs", "console=ttyS0 quiet"))
            .build()
    }

    #[test]
    fn the_board_and_its_arguments_are_told() {
        let mut bytes = vec![7; 12];
        bytes.extend(blob());
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "dtb", "model").unwrap(), "Infusion pump");
        assert_eq!(attribute(&tree, "dtb", "compatible").unwrap(), "acme,pump, acme,soc");
        assert_eq!(attribute(&tree, "dtb", "bootargs").unwrap(), "console=ttyS0 quiet");
        assert_eq!(tree.coverage().bytes_unread, 12);
    }

    #[test]
    fn damage_does_no_harm() {
        check(&blob(), 300);
    }
}
