//! The LZMA2 bit stream: read by `lzma-rust2`, or by liblzma with the feature `c-codecs`.

use std::io::{self, BufRead, Read};

/// A reader of an LZMA2 stream up to its end mark, past which it takes nothing of the input.
///
/// # Errors
/// A dictionary of more than [`WINDOW_BYTES_MAX`](super::WINDOW_BYTES_MAX) bytes.
#[cfg(not(feature = "c-codecs"))]
pub(super) fn reader<'input>(
    input: impl BufRead + 'input,
    dictionary_bytes: u32,
) -> io::Result<Box<dyn Read + 'input>> {
    use lzma_rust2::Lzma2Reader;

    use super::WINDOW_KIB_MAX;

    Ok(Box::new(Lzma2Reader::new_mem_limit(input, dictionary_bytes, WINDOW_KIB_MAX, None)?))
}

/// The same, by liblzma.
#[cfg(feature = "c-codecs")]
pub(super) fn reader<'input>(
    input: impl BufRead + 'input,
    dictionary_bytes: u32,
) -> io::Result<Box<dyn Read + 'input>> {
    use liblzma::{
        bufread::XzDecoder,
        stream::{Filters, LzmaOptions, Stream},
    };

    use super::WINDOW_BYTES_MAX;

    if dictionary_bytes > WINDOW_BYTES_MAX {
        let why = format!("a dictionary of {dictionary_bytes} bytes is wanted");
        return Err(io::Error::other(why));
    }
    let mut options = LzmaOptions::new_preset(0).map_err(io::Error::from)?;
    options.dict_size(dictionary_bytes.max(4096));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_raw_decoder(&filters).map_err(io::Error::from)?;
    Ok(Box::new(XzDecoder::new_stream(input, stream)))
}
