//! LZMA streams whose header lacks the length: what boot loaders and drivers unpack when they know
//! the length from elsewhere, or simply stop where the stream does.

use crate::{
    Endian::Little,
    Extent, View,
    codec::{self, Codec, Decoding, LzmaProperties},
};

/// The properties and the dictionary's size.
const PROPERTIES_BYTES: u64 = 5;
/// Packed bytes below which nothing is believed.
const STREAM_BYTES_MIN: u64 = 14;

/// Unpacks properties, a dictionary's size and a stream without a length and without an end marker,
/// which fill `stream`. The decoder runs into the end, so the last few bytes may be none of the
/// content's. Nothing if it is no such stream.
pub(crate) fn unpacked(stream: &Extent) -> Option<Extent> {
    let head = stream.read(0, STREAM_BYTES_MIN).ok()?;
    let dictionary_bytes = View(&head).u32(1, Little).ok()?;
    LzmaProperties::from_byte(View(&head).u8(0).ok()?, dictionary_bytes)?;
    // The first packed byte is zero; a header with a length seldom has a zero there.
    if dictionary_bytes.count_ones() != 1 || View(&head).u8(5).ok()? != 0 {
        return None;
    }
    let packed = stream.from(PROPERTIES_BYTES);
    let whole = with_header(&stream.clamp(0, PROPERTIES_BYTES), u64::MAX, packed);
    let payload = codec::payload(Codec::LzmaAlone, &whole, |_| false);
    let ends = payload.fault.is_none() || payload.consumed == whole.len();
    (ends && payload.extent.len() > stream.len()).then_some(payload.extent)
}

/// A stream whose decoded length is known, decoded when it is read.
pub(crate) fn of_length(properties: &Extent, length: u64, packed: Extent) -> Extent {
    let input = with_header(properties, length, packed);
    let transform = Decoding { codec: Codec::LzmaAlone, input };
    Extent::derived(properties.vault(), length, transform)
}

/// The stream behind the header that it should have.
fn with_header(properties: &Extent, length: u64, packed: Extent) -> Extent {
    let vault = properties.vault();
    let length = Extent::from_memory(vault, length.to_le_bytes().to_vec());
    Extent::joined(vault, vec![properties.clone(), length, packed])
}
