//! Folders of cabinets: frames of up to 32 KiB that look back into the ones before (MS-CAB, MS-MCI,
//! the LZX of MS-PATCH, and Quantum).

use super::{
    deflate64::{self, Variant},
    lzx::Lzx,
    member::push_all,
    output::Output,
    quantum::Quantum,
};
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
    /// Quantum with a window of so many bits.
    Quantum {
        /// 10 to 21.
        window_bits: u32,
    },
}

/// What goes from frame to frame besides the output.
enum State {
    Stored,
    MsZip,
    Lzx(Box<Lzx>),
    Quantum(Box<Quantum>),
}

impl State {
    fn new(codec: FrameCodec) -> super::Step<Self> {
        Ok(match codec {
            FrameCodec::Stored => Self::Stored,
            FrameCodec::MsZip => Self::MsZip,
            FrameCodec::Lzx { window_bits } => Self::Lzx(Box::new(Lzx::new(window_bits, false)?)),
            FrameCodec::Quantum { window_bits } => {
                Self::Quantum(Box::new(Quantum::new(window_bits)?))
            }
        })
    }

    fn frame(&mut self, bytes: &[u8], size: usize, output: &mut Output) -> super::Step<()> {
        match self {
            Self::Stored => output.extend(bytes),
            Self::MsZip => ms_zip(bytes, size, output)?,
            Self::Lzx(lzx) => lzx.frame(bytes, size, output)?,
            Self::Quantum(quantum) => quantum.frame(bytes, size, output)?,
        }
        Ok(())
    }
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
    let mut state = State::new(codec).map_err(fault)?;
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
        let decoded = state.frame(bytes.as_ref(), size, &mut output);
        if let Err(why) = decoded {
            result = Err(fault(why));
            break;
        }
    }
    let mut bytes = output.into_bytes();
    if let State::Lzx(lzx) = state {
        lzx.translate(&mut bytes);
    }
    push_all(sink, bytes)?;
    result
}

fn ms_zip(bytes: &[u8], size: usize, output: &mut Output) -> super::Step<()> {
    let blocks = bytes.strip_prefix(b"CK").ok_or("a frame without its mark")?;
    let before = output.len();
    deflate64::decode(blocks, output, Variant::Deflate)?;
    if output.len() - before < size && !output.is_full() {
        return Err("a frame that is too short");
    }
    Ok(())
}
