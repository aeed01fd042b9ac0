//! The vocabulary of auscult: what a component, a piece of evidence, a fact, a finding and a
//! device context are.
//!
//! This crate does no input or output, reads no clock and knows no file format. Every other crate
//! speaks in these types. Identifiers are newtypes, questions are three-valued ([`Known`]), and
//! [`Facts`] have canonical bytes with a digest.

mod component;
mod context;
mod coverage;
pub mod cvss;
mod decision;
mod device;
mod evidence;
mod exposure;
mod facts;
mod features;
mod finding;
mod identifiers;
mod known;
mod limits;
mod locator;
mod name;
mod operation;
mod relations;
mod runtime;
mod support;
mod text;
mod verdict;
mod vex;

pub use component::{
    Component, ComponentKind, DEBIAN_RELEASES, Mention, Origin, PACKAGE_TYPES, Package, Version,
    VersionClaim,
};
pub use context::{
    CompensatingControl, DeviceContext, Exposure, HarmSeverity, HazardousFunction,
    MissionAndWellBeing, MissionImpact, ValueDensity,
};
pub use coverage::{Coverage, EntropyStretch, Problem, UnreadRegion, looks_like};
pub use decision::{DECISIONS_SCHEMA, Decision, Decisions, ReliedFact};
pub use device::{
    DateOrder, Device, DeviceField, DeviceIdentity, FieldChange, FieldKind, FieldValue,
    InvalidDevice, InvalidValue, UnknownField,
};
pub use evidence::{Evidence, EvidenceClass, Technique};
pub use exposure::{MeasuredExposure, NetworkReach};
pub use facts::{
    BinaryFacts, FACTS_SCHEMA, Facts, FormatSeen, IdentityFact, Input, InputKind, KernelFacts,
    ModuleFacts, ToolIdentity,
};
pub use features::{
    FEATURE_TABLE, Feature, FeatureInventory, Holding, InventoryKind, Modular, modular_components,
};
pub use finding::{
    AffectedMatch, CvssScore, DecisionPoint, Epss, Exploitation, Finding, KevEntry, MatchSource,
    Outcome, Perspective, RiskDecision, SNAPSHOT_AGE_DAYS_MAX, Severity, SnapshotInfo, SourceInfo,
    Vex, VexStatus,
};
pub use identifiers::{
    AdvisoryId, Cpe, CpeAttribute, CpeName, CpeRelation, CpeStatement, CpeValue, InvalidIdentifier,
    InvalidPurl, InvalidUdi, Purl, PurlParts, Sha256, Udi, UdiAgency,
};
pub use known::Known;
pub use limits::Limits;
pub use locator::{InvalidLocator, Locator, Step};
pub use name::ByteName;
pub use operation::{
    Account, BootEntry, BootSource, BootState, Certainty, FirewallRules, Listener, ListenerSource,
    MediaHandler, ModuleAction, ModuleLoad, ModuleLoading, ModuleRelease, Operation, PasswordState,
    Reached, ReachedBy, RootOperation, ScriptCall, SetuidFile, Started, Transport, UpdateMechanism,
};
pub use relations::{
    ComponentId, Dependency, DependencyKind, OwnedBinary, VersionConflict, component_ids,
};
pub use runtime::{ListenerSeen, RuntimeView, SeenListener};
pub use support::{Support, SupportState};
pub use text::clean;
pub use verdict::{Verdict, VerdictOutcome, VerdictReason};
pub use vex::{VexStatement, VexSubject};
