//! Archives byte by byte, with whatever an attacker may write into each field.

use auscult_testkit::{Endian, Writer};

/// A member of a tar archive, every field free.
pub(super) struct TarMember<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: u8,
    pub(super) link: &'a [u8],
    pub(super) mode: u32,
    /// The size field; the true length of the data otherwise.
    pub(super) size: Option<&'a [u8]>,
    pub(super) data: &'a [u8],
}

impl Default for TarMember<'_> {
    fn default() -> Self {
        Self { name: b"file", kind: b'0', link: b"", mode: 0o644, size: None, data: b"" }
    }
}

/// Puts bytes at a place of a field.
fn put(block: &mut [u8], at: usize, bytes: &[u8], most: usize) {
    let bytes = &bytes[..bytes.len().min(most)];
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A tar archive with right checksums and whatever else the members say.
pub(super) fn tar(members: &[TarMember<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    for member in members {
        let mut block = [0_u8; 512];
        put(&mut block, 0, member.name, 100);
        put(&mut block, 100, format!("{:07o}\0", member.mode).as_bytes(), 8);
        put(&mut block, 108, b"0000000\x000000000\0", 16);
        let size = format!("{:011o}\0", member.data.len());
        put(&mut block, 124, member.size.unwrap_or(size.as_bytes()), 12);
        put(&mut block, 136, b"00000000000\0", 12);
        block[156] = member.kind;
        put(&mut block, 157, member.link, 100);
        put(&mut block, 257, b"ustar\x0000", 8);
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes(), 8);
        archive.extend(block);
        archive.extend(member.data);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend([0; 1024]);
    archive
}

/// A file in a tar archive.
pub(super) fn tar_file<'a>(name: &'a [u8], data: &'a [u8]) -> TarMember<'a> {
    TarMember { name, data, ..TarMember::default() }
}

/// A symbolic link in a tar archive.
pub(super) fn tar_link<'a>(name: &'a [u8], link: &'a [u8]) -> TarMember<'a> {
    TarMember { name, kind: b'2', link, mode: 0o777, ..TarMember::default() }
}

/// A pax extended header with one record, for the member behind it.
pub(super) fn pax(key: &str, value: &[u8]) -> Vec<u8> {
    let fixed = key.len() + value.len() + 3;
    let length = (fixed..fixed + 12).find(|length| length.to_string().len() + fixed == *length);
    let mut record = format!("{} {key}=", length.expect("a length fits")).into_bytes();
    record.extend(value);
    record.push(b'\n');
    record
}

/// A member of a cpio archive: name, mode, size field (the length of the data otherwise), data.
type CpioMember<'a> = (&'a [u8], u32, Option<u64>, &'a [u8]);

/// A cpio archive (newc).
pub(super) fn cpio(members: &[CpioMember<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    let trailer: CpioMember<'_> = (b"TRAILER!!!", 0, None, b"");
    for (number, (name, mode, size, data)) in members.iter().chain([&trailer]).enumerate() {
        let size = size.unwrap_or(data.len() as u64);
        let fields = [
            number as u64,
            u64::from(*mode),
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            0,
            0,
            name.len() as u64 + 1,
            0,
        ];
        archive.extend(b"070701");
        for field in fields {
            archive.extend(format!("{:08X}", field & 0xffff_ffff).as_bytes());
        }
        archive.extend(*name);
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(*data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// A romfs: headers of (place of the next, kind, about, size, name), each at the place it gets.
pub(super) fn romfs(headers: &[(u32, u32, u32, &str)], length: usize) -> Vec<u8> {
    let mut image = Writer::new(Endian::Big);
    image.bytes(b"-rom1fs-").u32(u32::try_from(length).expect("small")).u32(0).field("x", 16);
    for (next, about, size, name) in headers {
        image.u32(*next).u32(*about).u32(*size).u32(0).field(name, 16);
    }
    image.pad_to(length, 0);
    let sum = image.as_slice()[..length.min(512)]
        .chunks_exact(4)
        .fold(0_u32, |sum, word| sum.wrapping_add(u32::from_be_bytes(word.try_into().expect("4"))));
    image.patch(12, &0_u32.wrapping_sub(sum).to_be_bytes());
    image.finish()
}
