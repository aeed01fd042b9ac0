//! What StuffIt X packs with, in two layers: a compression, and a filter before it.
//!
//! None was described by its makers; what is here is known from the wiki of XADMaster and from what
//! its readers do. JPEG pictures that were packed anew are not read, nor texts whose words were
//! replaced by numbers of a dictionary, which is the property of the makers, nor the other filters.

use super::{
    Step,
    deflate64::{self, Variant},
    member::push_all,
    output::Output,
    rc4::rc4,
};
use crate::{Derive, Extent, Fault, Sink};

mod blend;
mod brimstone;
mod cyanide;
mod darkhorse;
mod input;
mod iron;
mod range;
mod sorting;
#[cfg(test)]
pub(crate) mod tests;
mod x86;

use input::Input;
pub(crate) use input::p2;

/// A compression, by its number in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// None at all.
    Stored,
    /// PPMd.
    Brimstone,
    /// Sorted blocks.
    Cyanide,
    /// LZ77 with a range coder.
    Darkhorse,
    /// Deflate with more distances.
    Deflate,
    /// Any of the first three, block by block.
    Blend,
    /// None, under RC4 with a key that stands in front.
    Disguised,
    /// Sorted blocks as runs.
    Iron,
    /// Any other.
    Other(u64),
}

impl Compression {
    /// By its number; none is none.
    pub(crate) fn of(number: Option<u64>) -> Self {
        match number {
            None => Self::Stored,
            Some(0) => Self::Brimstone,
            Some(1) => Self::Cyanide,
            Some(2) => Self::Darkhorse,
            Some(3) => Self::Deflate,
            Some(4) => Self::Blend,
            Some(5) => Self::Disguised,
            Some(6) => Self::Iron,
            Some(other) => Self::Other(other),
        }
    }

    /// Its name, as the makers call it where that is known.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::Stored => "stored",
            Self::Brimstone => "brimstone",
            Self::Cyanide => "cyanide",
            Self::Darkhorse => "darkhorse",
            Self::Deflate => "deflate",
            Self::Blend => "blend",
            Self::Disguised => "rc4",
            Self::Iron => "iron",
            Self::Other(7) => "jpeg",
            Self::Other(number) => return format!("method {number}"),
        };
        name.to_owned()
    }
}

/// What was done before the compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Calls and jumps of x86 made absolute.
    X86,
    /// Any other.
    Other(u64),
}

impl Filter {
    /// By its number.
    pub(crate) fn of(number: u64) -> Self {
        if number == 2 { Self::X86 } else { Self::Other(number) }
    }

    /// Its name.
    pub(crate) fn name(self) -> String {
        const NAMES: [&str; 9] =
            ["english", "biff", "x86", "peff", "m68k", "sparc", "tiff", "wav", "wrt"];
        let number = match self {
            Self::X86 => 2,
            Self::Other(number) => number,
        };
        let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
        name.map_or_else(|| format!("filter {number}"), |name| (*name).to_owned())
    }
}

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    /// The compression.
    pub(crate) compression: Compression,
    /// The filter, if there is one.
    pub(crate) filter: Option<Filter>,
}

impl Packing {
    /// Why it cannot be read, if so.
    pub(crate) fn obstacle(self) -> Option<String> {
        let named =
            |what: &str, name: String| Some(format!("not extracted: StuffIt X {what} {name}"));
        match (self.compression, self.filter) {
            (Compression::Other(_), _) => named("compression", self.compression.name()),
            (_, Some(filter @ Filter::Other(_))) => named("filter", filter.name()),
            _ => None,
        }
    }
}

/// The transform of a stream, for derived extents.
#[derive(Debug)]
pub(crate) struct Unpacking {
    /// How it is packed.
    pub(crate) packing: Packing,
    /// The packed bytes.
    pub(crate) input: Extent,
    /// The unpacked size in bytes.
    pub(crate) size: u64,
}

impl Unpacking {
    /// The unpacked bytes.
    pub(crate) fn extent(self) -> Extent {
        let vault = std::sync::Arc::clone(self.input.vault());
        Extent::derived(&vault, self.size, self)
    }
}

impl Derive for Unpacking {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let packed = self.input.read_all()?;
        let limit = usize::try_from(self.size.min(sink.allowance().saturating_add(1)));
        let mut output = Output::new(limit.unwrap_or(usize::MAX));
        let result = decode(self.packing.compression, &packed, &mut output);
        let mut bytes = output.into_bytes();
        if self.packing.filter == Some(Filter::X86) {
            x86::make_relative(&mut bytes);
        }
        push_all(sink, bytes)?;
        let fault = |why: String| {
            let name = self.packing.compression.name();
            Fault::new(0, format!("decompress {name}"), why)
        };
        result.map_err(|why| fault(why.to_owned()))?;
        if sink.len() < self.size {
            return Err(fault(format!("{} bytes promised, {} there", self.size, sink.len())));
        }
        Ok(())
    }

    fn input_bytes(&self) -> u64 {
        self.input.weight()
    }
}

fn decode(compression: Compression, packed: &[u8], output: &mut Output) -> Step<()> {
    let mut input = Input::new(packed);
    match compression {
        Compression::Stored => output.extend(packed),
        Compression::Brimstone => brimstone::decode(&mut input, output)?,
        Compression::Cyanide => cyanide::decode(&mut input, output)?,
        Compression::Darkhorse => darkhorse::decode(&mut input, output)?,
        Compression::Deflate => deflate(&mut input, output)?,
        Compression::Blend => blend::decode(&mut input, output)?,
        Compression::Disguised => disguised(&mut input, output)?,
        Compression::Iron => iron::decode(&mut input, output)?,
        Compression::Other(_) => return Err("an unknown compression"),
    }
    Ok(())
}

/// Behind a byte that tells the window in bits.
fn deflate(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    if !(10..=25).contains(&input.byte()?) {
        return Err("an impossible window");
    }
    deflate64::decode(input.remainder(), output, Variant::StuffItX).map(|_| ())
}

/// Two bytes of which only the first writer knew the meaning, and the key.
fn disguised(input: &mut Input<'_>, output: &mut Output) -> Step<()> {
    input.take(2)?;
    let key = [input.byte()?];
    let count = output.limit().min(input.remainder().len());
    output.extend(&rc4(&key, input.take(count)?));
    Ok(())
}
