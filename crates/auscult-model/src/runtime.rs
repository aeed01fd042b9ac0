//! What a capture of a running unit shows beside the facts of its image.
//!
//! It is a moment of one unit, kept apart from the facts: what it does not show was not seen.

use serde::{Deserialize, Serialize};

/// What a capture adds to the facts, each told apart by its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeView {
    /// Release of the kernel that ran, and whether the image holds it.
    pub kernel: String,
    /// Whether a kernel of this release is in the image.
    pub kernel_in_image: bool,
    /// Number of processes seen.
    pub processes: usize,
    /// Ports that were listened on, with whether the image's own configuration tells them.
    pub listeners: Vec<ListenerSeen>,
    /// Ports that the image says are listened on from boot, and that were not seen.
    pub listeners_not_seen: Vec<String>,
    /// Programs that ran and are not in the image.
    pub programs_not_in_image: Vec<String>,
    /// Loaded kernel modules that are not in the image.
    pub modules_not_in_image: Vec<String>,
    /// Why the capture may lack something.
    pub gaps: Vec<String>,
}

/// A port that was listened on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerSeen {
    /// What was seen.
    #[serde(flatten)]
    pub seen: SeenListener,
    /// Whether the image's configuration tells it.
    pub told_by_image: bool,
}

/// A port that is listened on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeenListener {
    /// `tcp` or `udp`.
    pub transport: String,
    /// The address: `0.0.0.0`, `::1`.
    pub address: String,
    /// The port.
    pub port: u16,
    /// Programs that hold the socket.
    pub programs: Vec<String>,
}
