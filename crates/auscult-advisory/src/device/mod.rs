//! Devices in advisories that name them in words.
//!
//! Advisories for medical devices carry no CPE name and no purl: a vendor, a product and a text
//! about versions are all there is, with misspellings. The claims of such advisories stand in the
//! snapshot under `m:VENDOR:PRODUCT`, as they were written; [`match_device`] compares names by
//! their words ([`names`]) and versions by what the text says ([`version_text`]).

mod catalogue;
mod judge;
mod names;
pub(crate) mod version_text;
mod version_words;

pub(crate) use catalogue::Catalogue;
pub use catalogue::{DeviceMatch, DeviceOutcome, DeviceStatus, match_device};
pub(crate) use names::key;
