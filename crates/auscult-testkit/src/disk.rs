//! Partitioned disks: MBR (classic generic boot record) and GPT (UEFI 2.10 section 5).

use crate::checksum::crc32;
use crate::writer::{Endian, Writer, u32_of};

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// A partition and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition<'a> {
    /// MBR type byte; 0x83 is Linux. GPT ignores it and writes "Linux file system data".
    pub kind: u8,
    /// GPT name; MBR has none.
    pub name: &'a str,
    /// First sector.
    pub first_sector: u32,
    /// Content, filled up to whole sectors.
    pub data: &'a [u8],
}

impl Partition<'_> {
    fn sectors(&self) -> u32 {
        u32_of(self.data.len().div_ceil(SECTOR))
    }
}

fn sector_offset(sector: u32) -> usize {
    usize::try_from(sector).expect("fits") * SECTOR
}

/// A disk with up to four primary partitions, in ascending order.
pub fn mbr(partitions: &[Partition<'_>]) -> Vec<u8> {
    assert!(partitions.len() <= 4, "an MBR has four primary partitions");
    let mut writer = Writer::new(Endian::Little);
    writer.pad_to(446, 0);
    for partition in partitions {
        mbr_entry(&mut writer, partition.kind, partition.first_sector, partition.sectors());
    }
    writer.pad_to(510, 0).bytes(&[0x55, 0xaa]);
    write_partitions(&mut writer, partitions);
    writer.finish()
}

fn mbr_entry(writer: &mut Writer, kind: u8, first_sector: u32, sectors: u32) {
    // Cylinder fields at their ceiling: only the sector numbers count.
    writer.u8(0).bytes(&[0xfe, 0xff, 0xff]).u8(kind).bytes(&[0xfe, 0xff, 0xff]);
    writer.u32(first_sector).u32(sectors);
}

fn write_partitions(writer: &mut Writer, partitions: &[Partition<'_>]) {
    for partition in partitions {
        writer.pad_to(sector_offset(partition.first_sector), 0);
        writer.bytes(partition.data).align(SECTOR, 0);
    }
}

/// "Linux file system data", 0FC63DAF-8483-4772-8E79-3D69D8477DE4, in the mixed order of GPT.
const LINUX_DATA: [u8; 16] = [
    0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
];
/// Sectors of the entry array: 128 entries of 128 bytes.
const ENTRY_SECTORS: u32 = 32;

/// A disk with a protective MBR, both GPT headers and both entry arrays. Partitions start at
/// sector 34 or later, in ascending order.
pub fn gpt(partitions: &[Partition<'_>]) -> Vec<u8> {
    let entries = gpt_entries(partitions);
    let end = partitions.iter().map(|part| part.first_sector + part.sectors()).max().unwrap_or(34);
    let last = end + ENTRY_SECTORS;
    let header = |own: u32, other: u32, array: u32| {
        let mut header = Writer::new(Endian::Little);
        header.bytes(b"EFI PART").u32(0x0001_0000).u32(92).u32(0).u32(0);
        header.u64(own.into()).u64(other.into()).u64(34).u64((end - 1).into());
        header.bytes(&unique_guid(0)).u64(array.into()).u32(128).u32(128).u32(crc32(&entries));
        let sum = crc32(header.as_slice());
        header.patch(16, &sum.to_le_bytes()).pad_to(SECTOR, 0);
        header.finish()
    };
    let mut writer = Writer::new(Endian::Little);
    writer.pad_to(446, 0);
    mbr_entry(&mut writer, 0xee, 1, last);
    writer.pad_to(510, 0).bytes(&[0x55, 0xaa]);
    writer.bytes(&header(1, last, 2)).bytes(&entries);
    write_partitions(&mut writer, partitions);
    writer.pad_to(sector_offset(end), 0).bytes(&entries).bytes(&header(last, 1, end));
    writer.finish()
}

fn gpt_entries(partitions: &[Partition<'_>]) -> Vec<u8> {
    let mut writer = Writer::new(Endian::Little);
    for (number, partition) in (1_u8..).zip(partitions) {
        let start = writer.len();
        let last = partition.first_sector + partition.sectors() - 1;
        writer.bytes(&LINUX_DATA).bytes(&unique_guid(number));
        writer.u64(partition.first_sector.into()).u64(last.into()).u64(0);
        for unit in partition.name.encode_utf16() {
            writer.u16(unit);
        }
        writer.pad_to(start + 128, 0);
    }
    writer.pad_to(128 * 128, 0);
    writer.finish()
}

/// A fixed identifier per partition: the sample must not change from run to run.
fn unique_guid(number: u8) -> [u8; 16] {
    let mut guid = *b"auscult-testkit\0";
    guid[15] = number;
    guid
}

#[cfg(test)]
mod tests {
    use super::{Partition, SECTOR, gpt, mbr};
    use crate::checksum::crc32;

    fn partitions() -> [Partition<'static>; 2] {
        let part = |name, first_sector, data| Partition { kind: 0x83, name, first_sector, data };
        [part("boot", 64, &b"kernel"[..]), part("rootfs", 128, b"hsqs")]
    }

    #[test]
    fn mbr_places_its_partitions() {
        let disk = mbr(&partitions());
        assert_eq!((disk.len(), &disk[510..512]), (129 * SECTOR, &[0x55, 0xaa][..]));
        assert_eq!(&disk[64 * SECTOR..64 * SECTOR + 6], b"kernel");
        assert_eq!(disk[446 + 16 + 8..446 + 16 + 12], 128_u32.to_le_bytes());
    }

    #[test]
    fn gpt_headers_check_and_mirror_each_other() {
        let disk = gpt(&partitions());
        let backup = disk.len() - SECTOR;
        for at in [SECTOR, backup] {
            let mut header = disk[at..at + 92].to_vec();
            assert_eq!(&header[..8], b"EFI PART");
            let sum: [u8; 4] = header[16..20].try_into().unwrap();
            header[16..20].fill(0);
            assert_eq!(u32::from_le_bytes(sum), crc32(&header));
            let array = u64::from_le_bytes(header[72..80].try_into().unwrap());
            let array = usize::try_from(array).unwrap() * SECTOR;
            assert_eq!(crc32(&disk[array..array + 128 * 128]).to_le_bytes(), header[88..92]);
        }
        assert_eq!(&disk[128 * SECTOR..128 * SECTOR + 4], b"hsqs");
    }
}
