//! Compares what was measured with what must be.

mod area;
mod behaviour;
mod files;
mod meaning;
mod pairing;
mod regions;

pub(crate) use behaviour::compare as behaviour;
pub(crate) use files::compare as files;
pub(crate) use pairing::{Pairing, pair};
pub(crate) use regions::compare as regions;

/// Bits of a mode by which a file runs with the rights of its owner or group.
const SETUID_OR_SETGID: u32 = 0o6000;

/// The group of what no component is known to own.
pub(crate) const NO_COMPONENT: &str = "files without a known component";
/// The group of the parts of the image.
pub(crate) const REGIONS: &str = "parts of the image";
/// The group of what the build does.
pub(crate) const BEHAVIOUR: &str = "behaviour";
