//! `auscult manifest`, `measure`, `verify`: is the device still the build that was approved?

mod manifest;
mod measure;
mod verify;

use std::path::Path;

use anyhow::Context as _;
use auscult_dsse::Envelope;

pub(crate) use manifest::run as manifest;
pub(crate) use measure::run as measure;
pub(crate) use verify::run as verify;

use crate::{
    output::{self, Output},
    target::read_bounded,
};

/// Largest manifest or evidence that is read.
const DOCUMENT_BYTES_MAX: u64 = 512 << 20;

/// Reads a manifest, evidence, a deny list or a challenge.
fn read_document(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    read_bounded(path, what, DOCUMENT_BYTES_MAX)
}

/// Writes an envelope, to standard output where no file is named.
fn write_envelope(envelope: &Envelope, path: Option<&Path>) -> anyhow::Result<()> {
    let mut bytes = serde_json::to_vec(envelope).context("write the envelope")?;
    bytes.push(b'\n');
    output::write(&Output { format: (), file: path.map(Path::to_owned) }, &bytes)
}
