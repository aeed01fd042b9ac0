//! What was read of an image, what was not, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Locator;

/// Something that went wrong at one place of the input. It is evidence, not an error: the rest of
/// the input is still read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The bytes concerned, with the offset where it went wrong.
    pub locator: Locator,
    /// What could not be done, such as "read the fragment table".
    pub what: String,
    /// Why, such as "offset 0x1234 is past the end".
    pub why: String,
}

/// A part of the image that no parser consumed and that is no padding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnreadRegion {
    /// Where it starts.
    pub locator: Locator,
    /// Its length in bytes.
    pub bytes: u64,
    /// Why it was not read: "no known format", "recognised, not extracted: jffs2", … .
    pub reason: String,
    /// Shannon entropy in hundredths of a bit per byte (0 to 800), where it was measured.
    pub entropy_centibits: Option<u16>,
    /// How the entropy runs through a region that is long enough, in order and without a gap.
    pub profile: Vec<EntropyStretch>,
}

/// A stretch of an unread region whose bytes are of one kind by their entropy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntropyStretch {
    /// Offset in the region.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Shannon entropy in hundredths of a bit per byte (0 to 800).
    pub entropy_centibits: u16,
}

/// What bytes of so much entropy (in hundredths of a bit per byte) usually are. Machine code has
/// 5 to 7 bits per byte, text 4 to 5; good compression and encryption cannot be told apart.
pub fn looks_like(entropy_centibits: u16) -> &'static str {
    match entropy_centibits {
        0 => "one value",
        1..=449 => "text or sparse data",
        450..=719 => "code or binary data",
        720..=789 => "packed data",
        _ => "encrypted or compressed data",
    }
}

/// How much of the image was read. Bytes count as read only where a parser consumed them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Size of the image.
    pub bytes_total: u64,
    /// Bytes that a parser consumed, less what stayed unread inside.
    pub bytes_read: u64,
    /// Runs of only 00 or only FF between the regions.
    pub bytes_padding: u64,
    /// The rest. `bytes_read + bytes_padding + bytes_unread == bytes_total`.
    pub bytes_unread: u64,
    /// The regions behind `bytes_unread`, in order; nested ones with their locator.
    pub regions_unread: Vec<UnreadRegion>,
    /// Questions without an answer, and the reason: `packages`, `kernel_config`, … .
    pub questions_unknown: BTreeMap<String, String>,
}

impl Coverage {
    /// Share of the image that was read or is padding, in hundredths of a percent.
    pub fn read_basis_points(&self) -> u64 {
        if self.bytes_total == 0 {
            return 0;
        }
        let read = u128::from(self.bytes_total - self.bytes_unread.min(self.bytes_total));
        u64::try_from(read * 10_000 / u128::from(self.bytes_total)).unwrap_or(0)
    }
}
