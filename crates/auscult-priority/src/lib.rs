//! From findings and device context to decisions, and from decisions to the verdict of a gate.
//!
//! Two perspectives answer the same finding side by side: the hospital's (SSVC Deployer and CISA
//! BOD 26-04) and the maker's (FDA controlled / uncontrolled risk). Every decision is a look-up in
//! a published or declared table; nothing is weighed with numbers of our own. Every decision tells
//! its path, and what would change it.
//!
//! A fact that is missing takes the worst value it could have, so that leaving a question open
//! never lowers a priority.
//!
//! No clock, no input or output: the date is an argument.

mod answers;
mod context;
mod decide;
mod error;
mod exposure;
mod further;
mod gate;
mod given;
mod ladder;
mod policy;
mod table;
mod toml_text;
mod vector;

pub use context::parse_context;
pub use decide::{
    Decider, DecisionPolicy, FDA_COMMUNICATION_DAYS, FDA_REMEDIATION_DAYS, HumanImpactPolicy,
    decide, needs_decision,
};
pub use error::Error;
pub use gate::{FindingKey, GateInput, OpenGap, evaluate, without_gate};
pub use policy::{Ignore, Policy, Rule};
