//! The decoder of ZPAQ ("The ZPAQ Open Standard Format for Highly Compressed Data", level 2, revision
//! 2.06): bits under an arithmetic coder, predicted by a model that each block brings with it, then a
//! program that undoes what was done before packing.
//!
//! A block has a header and segments; the state goes on from segment to segment. A block without a
//! model holds its bytes as they are, in pieces with their length in front.

use std::sync::{Arc, Mutex, PoisonError};

use sha1::{Digest as _, Sha1};

use crate::{Derive, Extent, Fault, Sink};

mod coder;
mod header;
mod machine;
mod model;
mod parts;
mod post;
mod tables;

pub(crate) use header::Header;

use coder::Coder;
use post::Post;

/// Decoders that need more memory than this, in bytes, wait for each other.
const SHARED_BYTES_MAX: u64 = 256 << 20;
/// Held by the one that needs more.
static LARGE: Mutex<()> = Mutex::new(());

/// Bytes that go from the coder to the program at once.
const STEP_BYTES: usize = 64 << 10;
/// Bytes for the program that a block may hold for each byte that it may put out: transforms make
/// data smaller, or hardly larger.
const INPUT_PER_OUTPUT: u64 = 2;

/// Bytes that all blocks of an archive may make of nothing, and for each of their own bytes. A byte
/// costs up to some microseconds here, a thousand times what it costs in other formats: what the
/// limits allow those before the ratio counts would keep a kilobyte busy for minutes.
const BYTES_FREE: u64 = 4 << 20;
const BYTES_PER_BYTE: u64 = 1 << 10;
/// All blocks together may take one instruction for so many bytes that all formats together may
/// make: with the usual limits some seconds.
const BYTES_PER_STEP: u64 = 4;
const FAR_TOO_MUCH: &str = "a block makes far more bytes than it has";

/// What a segment came to.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its bytes.
    pub(crate) length: u64,
    /// Their SHA-1.
    pub(crate) sha1: [u8; 20],
}

/// A block whose segments were found: the transform of their bytes, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// Its header.
    pub(crate) header: Arc<Header>,
    /// The coded bytes of each segment, up to the mark of its end.
    pub(crate) segments: Vec<Extent>,
    /// The whole block, header and all.
    pub(crate) block: Extent,
    /// How many blocks the archive has.
    pub(crate) blocks: u64,
}

impl Packed {
    /// Decodes the segments into the sink. Returns those that are whole, and what stopped it.
    pub(crate) fn decode(&self, sink: &mut Sink<'_>) -> (Vec<Made>, Option<Fault>) {
        let mut made = Vec::new();
        let fault = self.decode_into(sink, &mut made).err();
        (made, fault)
    }

    fn decode_into(&self, sink: &mut Sink<'_>, made: &mut Vec<Made>) -> Result<(), Fault> {
        if let Some(why) = self.header.refusal() {
            return Err(fault(why));
        }
        // Read before the wait: whoever waits must not keep others from their work.
        let inputs = self.segments.iter().map(Extent::read_all).collect::<Result<Vec<_>, _>>()?;
        let large = self.header.memory_bytes() > SHARED_BYTES_MAX;
        let _turn = large.then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
        let work = sink.limits().derived_bytes / BYTES_PER_STEP / self.blocks.max(1);
        let mut decoder = Decoder::new(&self.header, sink, self.bytes_max(), work);
        for input in inputs {
            made.push(decoder.segment(&input)?);
        }
        Ok(())
    }
}

impl Packed {
    /// The most bytes that may come out of the block, and out of the coder before its program.
    fn bytes_max(&self) -> u64 {
        let free = BYTES_FREE / self.blocks.max(1);
        free.saturating_add(self.block.len().saturating_mul(BYTES_PER_BYTE))
    }
}

impl Derive for Packed {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        self.decode(sink).1.map_or(Ok(()), Err)
    }

    fn input_bytes(&self) -> u64 {
        self.block.weight()
    }
}

fn fault(why: impl Into<String>) -> Fault {
    Fault::new(0, "decompress zpaq", why)
}

/// The state that goes from segment to segment.
struct Decoder<'sink, 'vault> {
    coder: Coder,
    post: Post,
    sink: &'sink mut Sink<'vault>,
    digest: Sha1,
    /// Bytes that the coder may still give, and that may still be put out.
    input_left: u64,
    output_left: u64,
}

impl<'sink, 'vault> Decoder<'sink, 'vault> {
    fn new(header: &Header, sink: &'sink mut Sink<'vault>, bytes_max: u64, work: u64) -> Self {
        let input_left = sink.allowance().saturating_mul(INPUT_PER_OUTPUT).min(bytes_max);
        let (coder, post) = (Coder::new(header, work), Post::new(header, work));
        Self { coder, post, sink, digest: Sha1::new(), input_left, output_left: bytes_max }
    }

    /// Decodes a segment; what comes before a fault is put out.
    fn segment(&mut self, input: &[u8]) -> Result<Made, Fault> {
        let start = self.sink.len();
        self.digest = Sha1::new();
        self.coder.start(input);
        let mut bytes = Vec::with_capacity(STEP_BYTES);
        loop {
            bytes.clear();
            let ended = self.coder.read(input, &mut bytes, STEP_BYTES);
            self.feed(&bytes)?;
            if ended.map_err(fault)? {
                break;
            }
        }
        let ended = self.post.end();
        self.drain()?;
        ended.map_err(fault)?;
        Ok(Made { length: self.sink.len() - start, sha1: self.digest.finalize_reset().into() })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.input_left = self.input_left.checked_sub(count).ok_or_else(|| fault(FAR_TOO_MUCH))?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.post.write(rest);
            self.drain()?;
            let (count, fed) = taken;
            rest = rest.get(count..).unwrap_or_default();
            fed.map_err(fault)?;
        }
        Ok(())
    }

    /// Hands on what the program has put out.
    fn drain(&mut self) -> Result<(), Fault> {
        loop {
            let output = self.post.output();
            self.digest.update(&*output);
            let count = u64::try_from(output.len()).unwrap_or(u64::MAX);
            self.output_left =
                self.output_left.checked_sub(count).ok_or_else(|| fault(FAR_TOO_MUCH))?;
            self.sink.push(output)?;
            output.clear();
            if self.post.is_done() {
                return Ok(());
            }
            let gone_on = self.post.go_on();
            if gone_on.is_err() {
                let output = self.post.output();
                self.sink.push(output)?;
                output.clear();
            }
            gone_on.map_err(fault)?;
        }
    }
}

/// A number as an index.
#[inline]
fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
