//! LZMA alone streams (`.lzma`, `lzma-file-format.txt` of XZ Utils), as firmware kernels are packed.
//!
//! Makers leave out the size, cut it to 32 bits, or put something else in its place. Such headers are
//! taken where the stream behind them decodes to its very end.
//!
//! The header has no magic: what carves here is a properties byte and a dictionary size that
//! packers write. The checks after it are therefore strict, and a stream counts only when it
//! decodes to its end, or far enough that chance cannot have done it.

use crate::{
    Endian, Fault, View,
    codec::{self, Codec, LzmaProperties},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "lzma",
    magics: &[
        // lc=3 lp=0 pb=2, the default of every packer; the dictionary is a multiple of 64 KiB.
        Magic::start(&[0x5d, 0, 0]),
        // The same with the small dictionaries of boot loaders: 4 to 32 KiB.
        Magic::start(&[0x5d, 0, 0x10, 0, 0]),
        Magic::start(&[0x5d, 0, 0x20, 0, 0]),
        Magic::start(&[0x5d, 0, 0x40, 0, 0]),
        Magic::start(&[0x5d, 0, 0x80, 0, 0]),
        // pb=2 with lp=0 and lc=0, 1, 2, 4.
        Magic::start(&[0x5a, 0, 0]),
        Magic::start(&[0x5b, 0, 0]),
        Magic::start(&[0x5c, 0, 0]),
        Magic::start(&[0x5e, 0, 0]),
        // pb=2 lp=1 with lc=0 to 3.
        Magic::start(&[0x63, 0, 0]),
        Magic::start(&[0x64, 0, 0]),
        Magic::start(&[0x65, 0, 0]),
        Magic::start(&[0x66, 0, 0]),
        // pb=2 lp=2 with lc=0 to 2: vendors tune for 4-byte instructions.
        Magic::start(&[0x6c, 0, 0]),
        Magic::start(&[0x6d, 0, 0]),
        Magic::start(&[0x6e, 0, 0]),
        // pb=0 and pb=4 with lc=3.
        Magic::start(&[0xb7, 0, 0]),
        // pb=1 lp=1 with lc=3, for 2-byte instructions, in firmware of printers.
        Magic::start(&[0x39, 0, 0]),
    ],
    carve: true,
    open,
};

/// Largest decoded size that a header may claim.
const CONTENT_BYTES_MAX: u64 = 4 << 30;
/// Packed bytes after which a stream that then breaks is damaged rather than not there: random
/// bytes name an impossible distance within the first few symbols.
const PROOF_BYTES: u64 = 1024;
/// Shorter streams behind the headers of makers may be chance.
const VARIANT_BYTES_MIN: u64 = 64;
const VARIANT_CONTENT_BYTES_MIN: u64 = 256;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    open_alone(candidate).or_else(|_| open_variant(candidate))
}

fn open_alone(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 18)?;
    let header = Header::parse(&head)?;
    let payload = codec::payload(Codec::LzmaAlone, &candidate.extent, |_| false);
    let made = payload.extent.len();
    if made == 0 || payload.fault.is_some() && !payload.limited && payload.consumed < PROOF_BYTES {
        return Err(NotThis);
    }
    // A handful of bytes can come out even by chance.
    if payload.consumed < 32 && header.content_bytes.is_none() || payload.consumed < 20 {
        return Err(NotThis);
    }
    Ok(payload.opened(header.attributes()))
}

/// Tries the headers that makers write: a size of 32 bits, none at all, or eight bytes of something
/// else. A size must be met exactly, and without one there must be an end marker.
fn open_variant(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 18)?;
    let view = View(&head);
    let properties = properties_of(view)?;
    let narrow = u64::from(view.u32(5, Endian::Little)?);
    let swapped = u64::from(view.u32(5, Endian::Big)?);
    let variants = [
        (9, Some(narrow), "size of 32 bits"),
        (9, Some(swapped), "size of 32 bits, big-endian"),
        (5, None, "no size"),
        (13, None, "no size in its place"),
    ];
    for (header_bytes, size, name) in variants {
        let plausible =
            size.is_none_or(|size| (VARIANT_CONTENT_BYTES_MIN..1 << 31).contains(&size));
        if !plausible || !starts_coder(view, usize::from(header_bytes)) {
            continue;
        }
        let codec = Codec::LzmaBehind { header_bytes, properties, size };
        let payload = codec::payload(codec, &candidate.extent, |_| false);
        let whole = payload.fault.is_none() || payload.limited;
        if whole
            && payload.consumed >= VARIANT_BYTES_MIN
            && payload.extent.len() >= VARIANT_CONTENT_BYTES_MIN
        {
            let header = Header { properties, content_bytes: size };
            let mut attributes = header.attributes();
            attributes.push(("variant", name.to_owned()));
            return Ok(payload.opened(attributes));
        }
    }
    Err(NotThis)
}

/// The properties and a dictionary size as packers take it.
fn properties_of(view: View<'_>) -> Result<LzmaProperties, Fault> {
    let fault = |why: &str| Fault::new(0, "read the lzma header", why);
    let dictionary = view.u32(1, Endian::Little)?;
    let properties = LzmaProperties::from_byte(view.u8(0)?, dictionary)
        .filter(|properties| properties.lc + properties.lp <= 4)
        .ok_or_else(|| fault("unlikely properties"))?;
    // Packers take a power of two, or one and a half of it.
    let odd = dictionary >> dictionary.trailing_zeros().min(31);
    if !matches!(odd, 1 | 3) || dictionary < 4096 {
        return Err(fault("an unlikely dictionary size"));
    }
    Ok(properties)
}

/// Whether a range coder may start here: with a zero byte. Four more of them would say that the
/// content starts with five zeros one by one, where every packer makes a match.
fn starts_coder(view: View<'_>, at: usize) -> bool {
    let zero = view.u8(at).is_ok_and(|byte| byte == 0);
    zero && view.u32(at + 1, Endian::Big).is_ok_and(|word| !matches!(word, 0 | u32::MAX))
}

struct Header {
    properties: LzmaProperties,
    content_bytes: Option<u64>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let fault = |why: &str| Fault::new(0, "read the lzma header", why);
        let view = View(bytes);
        let properties = properties_of(view)?;
        let size = view.u64(5, Endian::Little)?;
        if size != u64::MAX && (size == 0 || size > CONTENT_BYTES_MAX) {
            return Err(fault("an unlikely size"));
        }
        if !starts_coder(view, 13) {
            return Err(fault("not the start of a range coder"));
        }
        Ok(Self { properties, content_bytes: Some(size).filter(|&size| size != u64::MAX) })
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let LzmaProperties { lc, lp, pb, dictionary_bytes } = self.properties;
        let mut attributes = vec![
            ("properties", format!("lc={lc} lp={lp} pb={pb}")),
            ("dictionary-size", dictionary_bytes.to_string()),
        ];
        if let Some(size) = self.content_bytes {
            attributes.push(("content-size", size.to_string()));
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{NodeKind, Tree};

    #[test]
    fn noise_zeros_and_header_lookalikes_are_no_streams() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(1 << 20)
        .collect();
        // A plausible header every 512 bytes, followed by noise.
        for at in (0..bytes.len() - 32).step_by(512) {
            bytes[at..at + 14]
                .copy_from_slice(&[0x5d, 0, 0, 0x80, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]);
        }
        bytes.extend([0x5d, 0, 0, 0x80, 0, 0, 0, 0x10, 0, 0, 0, 0, 0]);
        bytes.extend(vec![0; 1 << 16]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(!tree.nodes().any(|(_, node)| node.format() == Some("lzma")));
    }

    #[test]
    fn headers_of_makers_are_read() {
        let lines = (0..400_u32).map(|number| format!("line {} of a kernel\n", number * 977));
        let text = lines.collect::<String>().into_bytes();
        let size = u32::try_from(text.len()).unwrap();
        let (sized, ended) = (stream::lzma_alone(&text), stream::lzma_alone_with_end_marker(&text));
        let cases = [
            (&sized, size.to_le_bytes().to_vec(), "size of 32 bits"),
            (&sized, size.to_be_bytes().to_vec(), "size of 32 bits, big-endian"),
            (&ended, Vec::new(), "no size"),
            (&ended, b"\x12\x34\x56\x78abcd".to_vec(), "no size in its place"),
        ];
        for (packed, between, name) in cases {
            let changed = [&packed[..5], &between, &packed[13..]].concat();
            let length = changed.len() as u64;
            let image = [&b"loader"[..], &changed, b"\x5d\0\0tail"].concat();
            let tree = Tree::from_bytes(image, &Limits::default());
            let found = tree.nodes().find(|(_, node)| node.format() == Some("lzma"));
            let (_, node) = found.unwrap_or_else(|| panic!("{name}"));
            assert_eq!((node.offset, node.len()), (6, length), "{name}");
            assert!(matches!(&node.kind, NodeKind::Container { attributes, .. }
                if attributes["variant"] == name));
            assert_eq!(tree.bytes(node.children[0]).unwrap(), text);
        }
    }

    #[test]
    fn streams_between_other_bytes_are_found_with_their_exact_length() {
        let text = b"the kernel of a small device ".repeat(40);
        for packed in [stream::lzma_alone(&text), stream::lzma_alone_with_end_marker(&text)] {
            let image = [&b"loader"[..], &packed, b"\x5d\0\0tail"].concat();
            let tree = Tree::from_bytes(image, &Limits::default());
            let (_, node) = tree.nodes().find(|(_, node)| node.format() == Some("lzma")).unwrap();
            assert_eq!((node.offset, node.len()), (6, packed.len() as u64));
            assert!(matches!(&node.kind, NodeKind::Container { attributes, .. }
                if attributes["properties"] == "lc=3 lp=0 pb=2"));
            assert_eq!(tree.bytes(node.children[0]).unwrap(), text);
        }
    }
}
