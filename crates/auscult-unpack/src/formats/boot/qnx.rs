//! Boot images of QNX Neutrino (`sys/startup.h` and `sys/image.h` of its published sources, as the
//! tool `dumpifs` reads them): a startup header, and behind the startup code the image file system,
//! plain or packed with zlib, LZO or UCL.
//!
//! Sums of 32-bit words are zero over the startup code and over the file system.

use crate::{
    Derive,
    Endian::{self, Big, Little},
    Entry, EntryKind, Extent, Fault, Sink, View,
    codec::{BlockCodec, Codec, Decoding, decode_block, nrv2b},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{check::Algorithm, layout::Layout, unix_mode};

pub(crate) static STARTUP: Format = Format {
    name: "qnx-boot",
    magics: &[Magic::start(&[0xeb, 0x7e, 0xff, 0x00]), Magic::start(&[0x00, 0xff, 0x7e, 0xeb])],
    carve: true,
    open: open_startup,
};

pub(crate) static IMAGE: Format =
    Format { name: "qnx-ifs", magics: &[Magic::start(b"imagefs")], carve: true, open: open_image };

const STARTUP_BYTES: u64 = 256;
const IMAGE_BYTES_MAX: u64 = 1 << 30;
/// Blocks of LZO and UCL hold so many bytes.
const BLOCK_BYTES: usize = 64 << 10;
/// Machines of ELF files.
const MACHINES: &[(u16, &str)] = &[
    (3, "x86"),
    (8, "mips"),
    (20, "powerpc"),
    (40, "arm"),
    (42, "sh"),
    (62, "x86_64"),
    (183, "arm64"),
];
const COMPRESSIONS: [&str; 4] = ["none", "zlib", "lzo", "ucl"];

fn open_startup(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, STARTUP_BYTES)?;
    let endian = if head.first() == Some(&0) { Big } else { Little };
    let view = View(&head);
    let (flags, header_bytes) = (view.u8(6)?, view.u16(8, endian)?);
    let machine = view.u16(10, endian)?;
    let machine = MACHINES.iter().find(|(code, _)| *code == machine).ok_or(NotThis)?.1;
    let word = |at| view.u32(at, endian).map(u64::from);
    let (startup, stored, unpacked) = (word(32)?, word(36)?, word(44)?);
    let method = usize::from(flags >> 2 & 7);
    let compression = COMPRESSIONS.get(method).ok_or(NotThis)?;
    let fits = view.u16(4, endian)? == 1
        && u64::from(header_bytes) == STARTUP_BYTES
        && startup >= STARTUP_BYTES
        && startup < stored
        && stored <= IMAGE_BYTES_MAX
        && unpacked <= IMAGE_BYTES_MAX;
    if !fits {
        return Err(NotThis);
    }
    let image = extent.clamp(0, stored);
    let mut attributes = vec![
        ("machine", machine.to_owned()),
        ("compression", (*compression).to_owned()),
        ("load-address", format!("{:#010x}", word(20)?)),
        ("entry-point", format!("{:#010x}", word(12)?)),
    ];
    let (mut faults, covered) = (Vec::new(), image.clamp(0, startup));
    if covered.len() == startup {
        tell_sum("the startup code", "startup-sum", &covered, endian, &mut attributes, &mut faults);
    }
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, STARTUP_BYTES);
    layout.part("startup", STARTUP_BYTES, startup - STARTUP_BYTES);
    layout.part("image", startup, stored - startup);
    let mut laid = layout.finish();
    if method != 0 {
        let packed = image.from(startup);
        let content = unpack(method, &packed, unpacked);
        for entry in &mut laid.entries {
            if entry.path.as_bytes() == b"image" {
                *entry = Entry::part(&b"image"[..], content.clone());
            }
        }
    }
    faults.extend(laid.faults);
    Ok(Opened { length: stored, attributes, entries: laid.entries, faults, unread: None })
}

/// Tells whether the sum of all words is zero. Tools may leave a sum of nothing, which is told too.
fn tell_sum(
    what: &str,
    name: &'static str,
    covered: &Extent,
    endian: Endian,
    attributes: &mut Vec<(&'static str, String)>,
    faults: &mut Vec<Fault>,
) {
    match Algorithm::Words32(endian).over(covered) {
        Ok(sum) if cfg!(fuzzing) || sum == [0; 4] => attributes.push((name, "verified".to_owned())),
        Ok(_) => attributes.push((name, "wrong or left out".to_owned())),
        Err(fault) => faults.push(Fault::new(0, format!("sum {what}"), fault.why)),
    }
}

/// The file system without its packing.
fn unpack(method: usize, packed: &Extent, unpacked: u64) -> Extent {
    let vault = packed.vault();
    match method {
        1 => {
            Extent::derived(vault, unpacked, Decoding { codec: Codec::Gzip, input: packed.clone() })
        }
        _ => Extent::derived(vault, unpacked, Blocks { ucl: method == 3, input: packed.clone() }),
    }
}

/// Blocks with their length in two bytes, most significant first, up to one of no length.
struct Blocks {
    ucl: bool,
    input: Extent,
}

impl Derive for Blocks {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let bytes = self.input.read_all()?;
        let mut at = 0;
        loop {
            let length = usize::from(View(&bytes).u16(at, Big)?);
            if length == 0 {
                return Ok(());
            }
            let block = View(&bytes).bytes(at + 2, length)?;
            let place = u64::try_from(at).unwrap_or(u64::MAX);
            let made = if self.ucl {
                nrv2b::decode(block, BLOCK_BYTES)
            } else {
                decode_block(BlockCodec::Lzo, block, BLOCK_BYTES)
            };
            sink.push(&made.map_err(|fault| fault.within(place))?)?;
            at += 2 + length;
        }
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}

const IMAGE_HEADER_BYTES: u64 = 88;
/// What every entry of the directory begins with.
const ATTRIBUTE_BYTES: usize = 24;
const BIG_ENDIAN: u8 = 1;
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;

fn open_image(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, IMAGE_HEADER_BYTES)?;
    let view = View(&head);
    let flags = view.u8(7)?;
    let endian = if flags & BIG_ENDIAN != 0 { Big } else { Little };
    let word = |at| view.u32(at, endian).map(u64::from);
    let (length, data_from, directory) = (word(8)?, word(12)?, word(16)?);
    let fits = directory >= IMAGE_HEADER_BYTES
        && data_from > directory
        && data_from <= DIRECTORY_BYTES_MAX.min(length)
        && length <= IMAGE_BYTES_MAX;
    if !fits {
        return Err(NotThis);
    }
    let table = candidate.extent.read_up_to(0, data_from)?;
    let mut listing = Listing { extent: candidate.extent.clamp(0, length), endian, data_from };
    let mount = View(&table).text(88, usize::try_from(directory - 88).map_err(|_| NotThis)?);
    let (entries, mut faults) = listing.entries(View(&table), directory)?;
    if entries.is_empty() {
        return Err(NotThis);
    }
    let order = if endian == Little { "little" } else { "big" };
    let mut attributes = vec![("byte-order", order.to_owned())];
    if let Ok(mount) = mount {
        attributes.push(("mount-point", String::from_utf8_lossy(mount).into_owned()));
    }
    if listing.extent.len() == length {
        let image = listing.extent.clone();
        tell_sum("the file system", "sum", &image, endian, &mut attributes, &mut faults);
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

struct Listing {
    extent: Extent,
    endian: Endian,
    data_from: u64,
}

impl Listing {
    /// The entries of the directory, up to one of no length.
    fn entries(
        &mut self,
        table: View<'_>,
        directory: u64,
    ) -> Result<(Vec<Entry>, Vec<Fault>), NotThis> {
        let (mut entries, mut faults) = (Vec::new(), Vec::new());
        let mut at = usize::try_from(directory).map_err(|_| NotThis)?;
        while let Ok(size) = table.u16(at, self.endian) {
            let size = usize::from(size);
            if size <= ATTRIBUTE_BYTES {
                break;
            }
            let bytes = table.bytes(at, size).map_err(NotThis::from);
            if let Ok(entry) = bytes.and_then(|bytes| self.entry(View(bytes), &mut faults)) {
                entries.push(entry);
            } else {
                let place = u64::try_from(at).unwrap_or(u64::MAX);
                faults.push(Fault::new(place, "read a directory entry", "it makes no sense"));
            }
            at += size;
        }
        Ok((entries, faults))
    }

    fn entry(&self, view: View<'_>, faults: &mut Vec<Fault>) -> Result<Entry, NotThis> {
        let word = |at| view.u32(at, self.endian);
        let (mode, group, user) = (word(8)?, word(12)?, word(16)?);
        let metadata = unix_mode::metadata(mode, user, group, i64::from(word(20)?));
        let path = |at: usize| view.text(at, view.0.len().saturating_sub(at));
        if unix_mode::type_bits(mode) == unix_mode::SYMLINK {
            let (offset, size) = (view.u16(24, self.endian)?, view.u16(26, self.endian)?);
            let target = view.bytes(28 + usize::from(offset), usize::from(size))?;
            let target = target.split(|&byte| byte == 0).next().unwrap_or_default();
            let kind = EntryKind::Symlink(target.into());
            return Ok(Entry::member(path(28)?, kind, metadata));
        }
        let device = word(28).unwrap_or(0);
        let kind = unix_mode::kind(mode, device >> 10, device & 0x3ff).ok_or(NotThis)?;
        match kind {
            EntryKind::File => {
                let (offset, size) = (u64::from(word(24)?), u64::from(word(28)?));
                let content = self.extent.clamp(offset, size);
                let name = path(32)?;
                if offset < self.data_from && size > 0 {
                    return Err(NotThis);
                }
                if content.len() < size {
                    let why = format!("{size} bytes promised, {} there: truncated", content.len());
                    let what = format!("read {} whole", name.escape_ascii());
                    faults.push(Fault::new(offset, what, why));
                }
                Ok(Entry::member(name, kind, metadata).with_content(content))
            }
            EntryKind::Directory => {
                // The root has no name.
                let name = path(24)?;
                let name = if name.is_empty() { b"/" } else { name };
                Ok(Entry::member(name, kind, metadata))
            }
            _ => Ok(Entry::member(path(32)?, kind, metadata)),
        }
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};

    use crate::{
        EntryKind, NodeKind, Tree,
        formats::{
            support::check::Algorithm,
            testing::{hostile::attribute, reference::assert_survives_damage},
        },
    };

    /// Bytes with a last word that makes the sum of all words zero.
    fn summed(mut bytes: Vec<u8>, endian: Endian) -> Vec<u8> {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let order = if endian == Endian::Big { crate::Endian::Big } else { crate::Endian::Little };
        let sum = 0_u32.wrapping_sub(Algorithm::Words32(order).number(&bytes));
        bytes.extend(if endian == Endian::Big { sum.to_be_bytes() } else { sum.to_le_bytes() });
        bytes
    }

    fn image(endian: Endian) -> Vec<u8> {
        let mut directory = Writer::new(endian);
        let entry = |size: u16, mode: u32| {
            let mut writer = Writer::new(endian);
            writer.u16(size).u16(0).u32(1).u32(mode).u32(20).u32(10).u32(1_700_000_000);
            writer.finish()
        };
        directory.bytes(&entry(28, 0o040_755)).fill(0, 4);
        directory.bytes(&entry(44, 0o100_755)).u32(0x100).u32(7).field("bin/init", 12);
        directory.bytes(&entry(40, 0o120_777)).u16(4).u16(7).field("lnk", 4).field("target", 8);
        let mut writer = Writer::new(endian);
        writer.bytes(b"imagefs").u8(u8::from(endian == Endian::Big)).u32(0x10c).u32(0x100);
        writer.u32(92).pad_to(88, 0).field("/", 4).bytes(directory.as_slice()).pad_to(0x100, 0);
        writer.bytes(b"program");
        summed(writer.finish(), endian)
    }

    fn boot(endian: Endian, method: u8, packed: &[u8], unpacked: usize) -> Vec<u8> {
        let stored = 0x110 + u32::try_from(packed.len()).unwrap();
        let big = u8::from(endian == Endian::Big) << 1;
        let mut writer = Writer::new(endian);
        writer.u32(0x00ff_7eeb).u16(1).u8(method << 2 | big).u8(0).u16(0x100).u16(40);
        writer.u32(0x8000).u32(0).u32(0x8000).u32(0).u32(0).u32(0x110).u32(stored).u32(0);
        writer.u32(u32::try_from(unpacked).unwrap()).pad_to(0x100, 0).bytes(b"startup code");
        let mut bytes = summed(writer.finish(), endian);
        bytes.extend(packed);
        bytes
    }

    #[test]
    fn images_of_both_byte_orders_list_their_files() {
        for endian in [Endian::Little, Endian::Big] {
            let image = image(endian);
            let tree = Tree::from_bytes(boot(endian, 0, &image, image.len()), &Limits::default());
            assert_eq!(attribute(&tree, "qnx-boot", "startup-sum").unwrap(), "verified");
            assert_eq!(attribute(&tree, "qnx-ifs", "sum").unwrap(), "verified");
            assert_eq!(attribute(&tree, "qnx-ifs", "mount-point").unwrap(), "/");
            let inside = "image@0x0/qnx-boot:/image@0x0/qnx-ifs:";
            let (node, _) = tree.resolve(&format!("{inside}/bin/init").parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), "program");
            assert_eq!(tree.node(node).metadata.mode, Some(0o755));
            let (link, _) = tree.resolve(&format!("{inside}/lnk").parse().unwrap()).unwrap();
            let NodeKind::Member(EntryKind::Symlink(target)) = &tree.node(link).kind else {
                panic!("{:?}", tree.node(link).kind);
            };
            assert_eq!(target.to_string(), "target");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&boot(endian, 0, &image, image.len()), 0x40, 29);
            assert_survives_damage(&image, 0xe0, 29);
        }
    }

    #[test]
    fn packed_images_are_unpacked() {
        let image = image(Endian::Little);
        // Literals only: a count of 17 and more stands in the first byte.
        let mut lzo = Vec::new();
        for block in image.chunks(200) {
            let packed =
                [&[u8::try_from(block.len()).unwrap() + 17], block, &[0x11, 0, 0]].concat();
            lzo.extend(u16::try_from(packed.len()).unwrap().to_be_bytes());
            lzo.extend(packed);
        }
        lzo.extend([0, 0]);
        for (method, packed) in [(1, stream::gzip(&image)), (2, lzo)] {
            let bytes = boot(Endian::Little, method, &packed, image.len());
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let path = "image@0x0/qnx-boot:/image@0x0/qnx-ifs:/bin/init".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "program");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 0x40, 29);
        }
    }
}
