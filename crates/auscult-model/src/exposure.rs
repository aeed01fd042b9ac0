//! What the facts of a build tell of how the network reaches a component.

use serde::{Deserialize, Serialize};

/// How near the network comes to the code of a component in this build, from far to near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkReach {
    /// Nothing was seen that starts or loads it, and everything was read.
    NotSeen,
    /// A running program could load it by name.
    MayBeLoaded,
    /// It runs when something asks for it; nothing was seen to listen.
    OnDemand,
    /// It runs from boot on; nothing was seen to listen.
    Running,
    /// A program that could listen runs or loads it.
    MayListen,
    /// A program that listens runs or loads it, on one interface or behind a packet filter that
    /// is shipped.
    Restricted,
    /// A program that listens runs or loads it, and nothing in the image restricts who reaches it.
    Open,
}

/// How the network reaches a component, with the fact that says so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MeasuredExposure {
    /// How near it comes.
    pub reach: NetworkReach,
    /// The fact in a sentence without its full stop, with its locator.
    pub because: String,
    /// What would have to be otherwise in the build for the network not to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}
