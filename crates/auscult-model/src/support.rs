//! Until when those who make a component maintain it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ComponentId;

/// How a release cycle stands at the date of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupportState {
    /// It is maintained no more.
    Ended,
    /// It is maintained until a date that is known.
    Ends,
    /// The source says that it is maintained, and of no end.
    Supported,
}

/// Until when the release cycle of a component is maintained, as a source tells. A component of
/// whose cycle no source tells has none of these: that is not "supported".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Support {
    /// The component.
    pub component: ComponentId,
    /// The product under which the source knows it.
    pub product: String,
    /// The release cycle that its version belongs to, such as `4.4` of 4.4.92.
    pub cycle: String,
    /// How the cycle stands.
    pub state: SupportState,
    /// From this day on it is maintained no more, where the source tells the day.
    pub date: Option<Date>,
    /// Until when it can be had of others or for money, where the source tells.
    pub extended_until: Option<Date>,
    /// The newest release of the cycle.
    pub latest: Option<String>,
    /// Name of the source.
    pub source: String,
}
