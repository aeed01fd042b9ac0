//! Headers that makers of devices put around their firmware.

use crate::format::Format;

mod tplink;
mod trx;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[&tplink::FORMAT, &trx::FORMAT];
