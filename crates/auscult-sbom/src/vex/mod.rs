//! VEX documents in their three forms, read to one: [`VexStatement`]; and written as OpenVEX and CSAF.
//!
//! Readers are lenient, as documents of suppliers are seldom flawless; a statement without a
//! vulnerability or without anything that it speaks of is counted and left out, and never guessed at.

mod csaf;
mod cyclonedx;
mod openvex;
mod write;
mod write_csaf;
mod write_openvex;

use auscult_model::{VexStatement, VexSubject};
use serde_json::Value;
pub use write_csaf::write_csaf_vex;
pub use write_openvex::write_openvex;

use crate::Error;

/// A larger document is not read.
const BYTES_MAX: usize = 64 << 20;
/// More statements are not taken.
const STATEMENTS_MAX: usize = 200_000;

/// What a VEX document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VexDocument {
    /// What can be used.
    pub statements: Vec<VexStatement>,
    /// Statements that speak of no vulnerability, of no product, or in unknown words.
    pub left_out: usize,
}

impl VexDocument {
    fn take(&mut self, statement: VexStatement) {
        let usable = !statement.vulnerabilities.is_empty()
            && statement.subjects.iter().any(|subject| !subject.is_empty())
            && self.statements.len() < STATEMENTS_MAX;
        if usable {
            self.statements.push(statement);
        } else {
            self.left_out += 1;
        }
    }
}

/// Reads a VEX document in JSON: OpenVEX, CSAF with the VEX profile, or CycloneDX.
///
/// # Errors
/// It is too large, no JSON, or none of the three.
pub fn read_vex(bytes: &[u8]) -> Result<VexDocument, Error> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::TooLarge { bytes: bytes.len(), limit: BYTES_MAX });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value = serde_json::from_slice(bytes).map_err(Error::Json)?;
    if text(&document, "/@context").starts_with("https://openvex.dev/") {
        return Ok(openvex::read(&document));
    }
    if !text(&document, "/document/csaf_version").is_empty() {
        return Ok(csaf::read(&document));
    }
    if text(&document, "/bomFormat") == "CycloneDX" {
        return Ok(cyclonedx::read(&document));
    }
    Err(Error::NoVex)
}

/// The text at a JSON pointer; empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn owned(value: &Value, pointer: &str) -> Option<String> {
    Some(text(value, pointer).to_owned()).filter(|text| !text.is_empty())
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Adds a name that is a package URL or a CPE name; tells whether it was one.
fn add_identifier(subject: &mut VexSubject, name: &str) -> bool {
    let list = match name {
        name if name.starts_with("pkg:") => &mut subject.purls,
        name if name.starts_with("cpe:") => &mut subject.cpes,
        _ => return false,
    };
    if !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
    true
}

#[cfg(test)]
mod tests;
