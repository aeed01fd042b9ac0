//! Payloads whose header says how they are packed.
//!
//! What begins with the magic of its compression is left to carving, which tells its header too. LZMA
//! has no magic, and packers leave fields of its header out that carving insists on: where a header
//! says LZMA, it is unpacked here.

use crate::{
    Entry, Extent, Fault,
    codec::{self, Codec},
    formats::stream,
};

/// The stream that a header means by this name, and the magics that carving knows it by.
fn codec_of(compression: &str) -> Option<Codec> {
    Some(match compression {
        "gzip" => Codec::Gzip,
        "bzip2" => Codec::Bzip2,
        "lzma" => Codec::LzmaAlone,
        "lzo" => Codec::Lzop,
        "lz4" => Codec::Lz4Frame,
        "zstd" => Codec::Zstd,
        _ => return None,
    })
}

/// A part with these bytes, unpacked if the header says that they are packed and carving would not
/// see it.
pub(super) fn part(name: &str, data: Extent, compression: &str, faults: &mut Vec<Fault>) -> Entry {
    let unpacked = codec_of(compression).filter(|_| !is_found(&data, compression));
    let payload = unpacked.map(|codec| codec::payload(codec, &data, |_| false));
    let content = match payload {
        Some(payload) if !payload.extent.is_empty() => {
            faults.extend(payload.fault);
            payload.extent
        }
        Some(_) => {
            let what = format!("unpack {}", if name.is_empty() { "the payload" } else { name });
            faults.push(Fault::new(0, what, format!("it is not {compression}")));
            data
        }
        None => data,
    };
    Entry::part(name.as_bytes(), content)
}

/// Whether carving opens these bytes, as this compression or as another one where the header is
/// wrong about it.
fn is_found(data: &Extent, compression: &str) -> bool {
    let Ok(head) = data.read_up_to(0, 64) else { return false };
    if compression == "lzma" && stream::is_likely_lzma(&head) {
        return true;
    }
    stream::FORMATS.iter().filter(|format| format.name != "lzma").any(|format| {
        format
            .magics
            .iter()
            .any(|magic| head.get(magic.offset..).is_some_and(|rest| rest.starts_with(magic.bytes)))
    })
}
