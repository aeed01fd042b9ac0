//! The declared operational context of a device (`device.toml`).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What the maker or the hospital declares about a device model. Every field may be absent; an
/// absent one takes the worst value where a decision needs it, and is shown as unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceContext {
    /// Model name.
    pub model: Option<String>,
    /// Who makes it.
    pub manufacturer: Option<String>,
    /// Device identifier part of the UDI.
    pub udi_di: Option<String>,
    /// Intended use, free text.
    pub intended_use: Option<String>,
    /// Where it is used: `hospital`, `home`, `ambulance`, … .
    pub clinical_setting: Option<String>,
    /// How it can be reached over networks.
    pub exposure: Option<Exposure>,
    /// Whether it is reachable from the public internet.
    pub publicly_exposed: Option<bool>,
    /// What losing the device means for the hospital's work.
    pub mission_impact: Option<MissionImpact>,
    /// How much an attacker gains with one device, for the table of suppliers.
    pub value_density: Option<ValueDensity>,
    /// What its misuse means for missions and the public's well-being, for CISA's tree.
    pub mission_and_well_being: Option<MissionAndWellBeing>,
    /// Interfaces: `ethernet`, `wifi`, `bluetooth`, `usb`, `serial`, … .
    pub interfaces: Vec<String>,
    /// Number of patient records it can hold at once.
    pub phi_records: Option<u64>,
    /// Whether it keeps its essential performance without a network.
    pub safe_without_network: Option<bool>,
    /// Functions whose compromise can harm, with the worst harm each.
    pub functions: Vec<HazardousFunction>,
    /// Controls around the device.
    pub compensating_controls: Vec<CompensatingControl>,
}

/// SSVC `System Exposure` 1.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// Local service, or highly controlled network.
    Small,
    /// Networked with some access restriction or mitigation.
    Controlled,
    /// Reachable where access cannot be restricted.
    Open,
}

/// SSVC `Mission Impact` 2.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissionImpact {
    /// Little or no impact, or degradation of non-essential functions.
    Degraded,
    /// A function that supports mission-essential ones is crippled.
    MefSupportCrippled,
    /// A mission-essential function fails.
    MefFailure,
    /// The mission fails.
    MissionFailure,
}

/// SSVC `Value Density` 1.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueDensity {
    /// The system has limited resources; one attack gains little.
    Diffuse,
    /// The system is rich in resources.
    Concentrated,
}

/// SSVC `Mission and Well-Being Impact` 1.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissionAndWellBeing {
    /// It supports no mission, and people are hardly affected.
    Low,
    /// It supports a mission.
    Medium,
    /// It is essential to a mission, or harm to people cannot be undone.
    High,
}

/// FDA postmarket guidance (2016), severity of patient harm, five levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HarmSeverity {
    /// Inconvenience or temporary discomfort.
    Negligible,
    /// Temporary injury, no professional intervention.
    Minor,
    /// Injury that needs professional intervention.
    Serious,
    /// Permanent impairment or life-threatening injury.
    Critical,
    /// Death of a patient.
    Catastrophic,
}

/// A function of the device and the worst harm that its compromise can do (ISO 14971).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HazardousFunction {
    /// Name of the function, such as "bolus delivery".
    pub name: String,
    /// The worst harm.
    pub severity: HarmSeverity,
    /// Whether it is essential performance (IEC 60601-1).
    #[serde(default)]
    pub essential_performance: bool,
    /// Whether one attack can plausibly harm several patients; when it is not said, it counts as
    /// possible.
    #[serde(default)]
    pub multi_patient_harm: Option<bool>,
    /// Components that take part in the function; empty means any.
    #[serde(default)]
    pub components: Vec<String>,
    /// Reference into the risk management file.
    #[serde(default)]
    pub source: Option<String>,
}

/// A control around the device; it counts only while it is checked and not expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CompensatingControl {
    /// What it is, such as "VLAN 40, no route to the internet".
    pub name: String,
    /// The exposure that holds while the control does.
    pub exposure: Option<Exposure>,
    /// The check that shows it is in force.
    pub check: String,
    /// The day it expires.
    pub expires: Date,
}

impl CompensatingControl {
    /// Whether it counts on this day: it has a check and has not expired.
    pub fn is_in_force(&self, on: Date) -> bool {
        on < self.expires && !self.check.trim().is_empty()
    }
}
