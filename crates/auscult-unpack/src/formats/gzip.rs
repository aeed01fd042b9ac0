//! gzip streams (RFC 1952), members concatenated or not.
//!
//! The payload's length is not trusted from the trailer: it is what the stream decodes to.

use flate2::bufread::GzDecoder;

use crate::{
    Derive, Entry, Extent, Fault, Sink, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format = Format {
    name: "gzip",
    // ID1, ID2 and CM = 8, the only compression method (section 2.3.1).
    magics: &[Magic::start(&[0x1f, 0x8b, 0x08])],
    carve: true,
    open,
};

/// The reserved bits of FLG, which must be zero (section 2.3.1.2).
const FLG_RESERVED: u8 = 0xe0;
const FLG_NAME: u8 = 8;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 512)?;
    let view = View(&head);
    let flags = view.u8(3)?;
    if flags & FLG_RESERVED != 0 {
        return Err(NotThis);
    }
    let mut sink = candidate.vault().sink(candidate.extent.len());
    let (consumed, fault) = decode(&candidate.extent, &mut sink);
    if sink.is_empty() && fault.is_some() {
        return Err(NotThis);
    }
    let mut attributes = Vec::new();
    if flags & FLG_NAME != 0
        && let Ok(name) = view.text(10, 255)
        && flags & 4 == 0
    {
        attributes.push(("name", String::from_utf8_lossy(name).into_owned()));
    }
    let stream = candidate.extent.clamp(0, consumed);
    let payload = Extent::computed(candidate.vault(), sink.into_output(), Gzip(stream));
    Ok(Opened {
        length: consumed,
        attributes,
        entries: vec![Entry::payload(payload)],
        faults: fault.into_iter().collect(),
        unread: None,
    })
}

/// Decodes from the start; returns the input consumed and what stopped it early.
fn decode(extent: &Extent, sink: &mut Sink<'_>) -> (u64, Option<Fault>) {
    let mut stream = extent.stream();
    let result = std::io::copy(&mut GzDecoder::new(&mut stream), sink);
    let consumed = stream.position();
    let fault =
        result.err().map(|error| Fault::new(consumed, "decompress gzip", error.to_string()));
    (consumed, fault)
}

struct Gzip(Extent);

impl Derive for Gzip {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        decode(&self.0, sink).1.map_or(Ok(()), Err)
    }

    fn input_bytes(&self) -> u64 {
        self.0.len()
    }
}
