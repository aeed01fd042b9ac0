//! U-Boot's containers: the legacy uImage header, FIT images (a flattened device tree, Devicetree
//! Specification 0.4 chapter 5) and the environment block.

use crate::checksum::crc32;
use crate::writer::{Endian, Writer, u32_of};

/// A legacy image: the 64-byte header of U-Boot's `include/image.h` and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UImage<'a> {
    /// Image name, at most 32 bytes.
    pub name: &'a str,
    /// `ih_os`: 5 is Linux.
    pub os: u8,
    /// `ih_arch`: 2 is ARM, 5 is MIPS, 22 is AArch64.
    pub architecture: u8,
    /// `ih_type`: 2 is a kernel, 3 a ramdisk, 4 a multi-file image, 7 a file system.
    pub kind: u8,
    /// `ih_comp`: 0 none, 1 gzip, 2 bzip2, 3 lzma, 4 lzo, 5 lz4, 6 zstd.
    pub compression: u8,
    /// Time of creation, seconds since 1970.
    pub time: u32,
    /// Load address.
    pub load: u32,
    /// Entry point.
    pub entry: u32,
    /// The payload, compressed already.
    pub data: &'a [u8],
}

impl Default for UImage<'_> {
    fn default() -> Self {
        Self {
            name: "",
            os: 5,
            architecture: 2,
            kind: 2,
            compression: 0,
            time: 0,
            load: 0x8000,
            entry: 0x8000,
            data: &[],
        }
    }
}

impl UImage<'_> {
    /// Writes header and payload, both with their CRC-32.
    pub fn build(&self) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0x2705_1956).u32(0).u32(self.time).u32(u32_of(self.data.len()));
        writer.u32(self.load).u32(self.entry).u32(crc32(self.data));
        writer.u8(self.os).u8(self.architecture).u8(self.kind).u8(self.compression);
        writer.field(self.name, 32);
        let header = crc32(writer.as_slice());
        writer.patch(4, &header.to_be_bytes()).bytes(self.data);
        writer.finish()
    }
}

/// A node of a device tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceTreeNode {
    name: String,
    properties: Vec<(String, Vec<u8>)>,
    children: Vec<Self>,
}

impl DeviceTreeNode {
    /// A node without properties; the root has an empty name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds a property of raw bytes.
    #[must_use]
    pub fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.properties.push((name.to_owned(), value.to_vec()));
        self
    }

    /// Adds a text property.
    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.bytes(name, format!("{value}\0").as_bytes())
    }

    /// Adds a property of one cell.
    #[must_use]
    pub fn cell(self, name: &str, value: u32) -> Self {
        self.bytes(name, &value.to_be_bytes())
    }

    /// Adds a child.
    #[must_use]
    pub fn child(mut self, node: Self) -> Self {
        self.children.push(node);
        self
    }

    /// Writes the tree below this root as a device tree blob of version 17.
    pub fn build(&self) -> Vec<u8> {
        let mut structure = Writer::new(Endian::Big);
        let mut strings = Vec::new();
        self.write(&mut structure, &mut strings);
        structure.u32(9);
        // Header of ten words, an empty memory reservation block of one zero entry.
        let reserve = 40;
        let structure_at = reserve + 16;
        let strings_at = structure_at + structure.len();
        let total = (strings_at + strings.len()).next_multiple_of(4);
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0xd00d_feed).u32(u32_of(total)).u32(u32_of(structure_at));
        writer.u32(u32_of(strings_at)).u32(u32_of(reserve)).u32(17).u32(16).u32(0);
        writer.u32(u32_of(strings.len())).u32(u32_of(structure.len()));
        writer.fill(0, 16).bytes(structure.as_slice()).bytes(&strings).pad_to(total, 0);
        writer.finish()
    }

    fn write(&self, structure: &mut Writer, strings: &mut Vec<u8>) {
        structure.u32(1).bytes(self.name.as_bytes()).u8(0).align(4, 0);
        for (name, value) in &self.properties {
            let at = string_offset(strings, name);
            structure.u32(3).u32(u32_of(value.len())).u32(at).bytes(value).align(4, 0);
        }
        for child in &self.children {
            child.write(structure, strings);
        }
        structure.u32(2);
    }
}

fn string_offset(strings: &mut Vec<u8>, name: &str) -> u32 {
    let text = [name.as_bytes(), b"\0"].concat();
    // A match must start at the beginning or after a zero, else "a" would match inside "data".
    let found = strings
        .windows(text.len())
        .enumerate()
        .find(|(at, window)| *window == text && (*at == 0 || strings.get(at - 1) == Some(&0)));
    if let Some((at, _)) = found {
        return u32_of(at);
    }
    let at = u32_of(strings.len());
    strings.extend_from_slice(&text);
    at
}

/// One image of a FIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FitImage<'a> {
    /// Node name, such as `kernel-1`.
    pub name: &'a str,
    /// `type`: `kernel`, `flat_dt`, `ramdisk`, `filesystem`.
    pub kind: &'a str,
    /// `arch`, such as `arm64`.
    pub architecture: &'a str,
    /// `compression`: `none`, `gzip`, `lzma`, … .
    pub compression: &'a str,
    /// The payload, compressed already.
    pub data: &'a [u8],
}

/// A FIT image with one configuration that boots the first image. Every image carries a `crc32`.
pub fn fit(description: &str, images: &[FitImage<'_>]) -> Vec<u8> {
    let mut nodes = DeviceTreeNode::new("images");
    for image in images {
        nodes = nodes.child(
            DeviceTreeNode::new(image.name)
                .text("description", image.name)
                .bytes("data", image.data)
                .text("type", image.kind)
                .text("arch", image.architecture)
                .text("os", "linux")
                .text("compression", image.compression)
                .cell("load", 0x8000)
                .cell("entry", 0x8000)
                .child(
                    DeviceTreeNode::new("hash-1")
                        .text("algo", "crc32")
                        .bytes("value", &crc32(image.data).to_be_bytes()),
                ),
        );
    }
    let first = images.first().map_or("", |image| image.name);
    let configuration =
        DeviceTreeNode::new("conf-1").text("description", "default").text("kernel", first);
    DeviceTreeNode::new("")
        .text("description", description)
        .cell("#address-cells", 1)
        .cell("timestamp", 0)
        .child(nodes)
        .child(DeviceTreeNode::new("configurations").text("default", "conf-1").child(configuration))
        .build()
}

/// An environment block of this size: CRC-32, then `name=value` texts, ended by an empty one.
///
/// `redundant` adds the flag byte of boards that keep two copies.
pub fn environment(variables: &[(&str, &str)], size: usize, redundant: bool) -> Vec<u8> {
    let header = if redundant { 5 } else { 4 };
    let mut data = Writer::new(Endian::Little);
    for (name, value) in variables {
        data.bytes(name.as_bytes()).u8(b'=').bytes(value.as_bytes()).u8(0);
    }
    data.u8(0).pad_to(size - header, 0);
    let mut writer = Writer::new(Endian::Little);
    writer.u32(crc32(data.as_slice()));
    if redundant {
        writer.u8(1);
    }
    writer.bytes(data.as_slice());
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::{FitImage, UImage, environment, fit};
    use crate::checksum::crc32;

    #[test]
    fn uimage_checksums_hold() {
        let mut bytes = UImage { name: "Linux-4.9", data: b"kernel", ..UImage::default() }.build();
        assert_eq!(bytes.len(), 64 + 6);
        let stated = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
        bytes[4..8].fill(0);
        assert_eq!(stated, crc32(&bytes[..64]));
        assert_eq!(bytes[24..28], crc32(b"kernel").to_be_bytes());
    }

    #[test]
    fn fit_states_its_size_and_strings() {
        let image = FitImage {
            name: "kernel-1",
            kind: "kernel",
            architecture: "arm",
            compression: "none",
            data: b"kernel",
        };
        let bytes = fit("sample", &[image]);
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), usize::try_from(word(4)).unwrap()), (0xd00d_feed, bytes.len()));
        let strings = usize::try_from(word(12)).unwrap();
        assert!(bytes[strings..].starts_with(b"description\0#address-cells\0"));
        let structure = usize::try_from(word(8)).unwrap();
        assert_eq!(bytes[structure..structure + 8], [0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(bytes[strings - 4..strings], [0, 0, 0, 9]);
    }

    #[test]
    fn environment_has_its_size_and_checksum() {
        let bytes = environment(&[("bootcmd", "bootm")], 256, true);
        assert_eq!((bytes.len(), &bytes[5..19]), (256, &b"bootcmd=bootm\0"[..]));
        assert_eq!(bytes[..4], crc32(&bytes[5..]).to_le_bytes());
    }
}
