//! Folders of cabinets: frames of up to 32 KiB that look back into the ones before (MS-CAB, MS-MCI
//! and the LZX of MS-PATCH).

use super::{deflate64, lzx::Lzx, member::push_all, output::Output};
use crate::{Fault, Sink};

/// How a folder is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameCodec {
    /// As it is.
    Stored,
    /// Deflate blocks behind the letters `CK`.
    MsZip,
    /// LZX with a window of so many bits.
    Lzx {
        /// 15 to 21.
        window_bits: u32,
    },
}

/// Decodes frames into the sink; `next` gives the packed bytes of each with its unpacked size.
///
/// # Errors
/// What is wrong with a frame; the ones before it are kept.
pub(crate) fn decode_frames<B: AsRef<[u8]>>(
    codec: FrameCodec,
    size: u64,
    sink: &mut Sink<'_>,
    mut next: impl FnMut() -> Result<Option<(B, usize)>, Fault>,
) -> Result<(), Fault> {
    let fault = |why: &str| Fault::new(0, "decompress a cabinet", why);
    let limit = usize::try_from(size.min(sink.allowance().saturating_add(1)));
    let mut output = Output::new(limit.unwrap_or(usize::MAX));
    let mut lzx = match codec {
        FrameCodec::Lzx { window_bits } => Some(Lzx::new(window_bits, false).map_err(fault)?),
        _ => None,
    };
    let mut result = Ok(());
    while !output.is_full() {
        let (bytes, size) = match next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(fault) => {
                result = Err(fault);
                break;
            }
        };
        let decoded = match (&mut lzx, codec) {
            (Some(lzx), _) => lzx.frame(bytes.as_ref(), size, &mut output),
            (None, FrameCodec::MsZip) => ms_zip(bytes.as_ref(), size, &mut output),
            (None, _) => {
                output.extend(bytes.as_ref());
                Ok(())
            }
        };
        if let Err(why) = decoded {
            result = Err(fault(why));
            break;
        }
    }
    let mut bytes = output.into_bytes();
    if let Some(lzx) = lzx {
        lzx.translate(&mut bytes);
    }
    push_all(sink, &bytes)?;
    result
}

fn ms_zip(bytes: &[u8], size: usize, output: &mut Output) -> super::Decoded<()> {
    let blocks = bytes.strip_prefix(b"CK").ok_or("a frame without its mark")?;
    let before = output.len();
    deflate64::decode(blocks, output, false)?;
    if output.len() - before < size && !output.is_full() {
        return Err("a frame that is too short");
    }
    Ok(())
}
