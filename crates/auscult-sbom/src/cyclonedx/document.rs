//! The part of the CycloneDX 1.6 object model that is written; field order is output order.
//!
//! Specification: <https://cyclonedx.org/docs/1.6/json/>. Deprecated forms (`metadata.tools` as an
//! array, `evidence.identity` as an object) are not modelled.

use serde::Serialize;

/// A whole document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bom {
    #[serde(rename = "$schema")]
    pub(super) schema: &'static str,
    #[serde(rename = "bomFormat")]
    pub(super) format: &'static str,
    pub(super) spec_version: &'static str,
    pub(super) serial_number: String,
    pub(super) version: u32,
    pub(super) metadata: Metadata,
    pub(super) components: Vec<Component>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) compositions: Vec<Composition>,
}

/// What the document says of itself.
#[derive(Serialize)]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    pub(super) lifecycles: Vec<Lifecycle>,
    pub(super) tools: Tools,
    pub(super) component: Component,
    pub(super) properties: Vec<Property>,
}

/// The stage of the product's life at which the document was made.
#[derive(Serialize)]
pub(super) struct Lifecycle {
    pub(super) phase: &'static str,
}

/// The programs that made the document.
#[derive(Serialize)]
pub(super) struct Tools {
    pub(super) components: Vec<Component>,
}

/// A component, of the inventory or of the metadata.
#[derive(Default, Serialize)]
pub(super) struct Component {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub(super) bom_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<Organisation>,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<LicenceChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Evidence>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
}

/// A supplier.
#[derive(Serialize)]
pub(super) struct Organisation {
    pub(super) name: String,
}

/// A digest of the component's bytes.
#[derive(Serialize)]
pub(super) struct Hash {
    pub(super) alg: &'static str,
    pub(super) content: String,
}

/// Either one licence or the only expression of a component.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LicenceChoice {
    License(LicenceName),
    Expression(String),
}

/// A licence by its SPDX identifier or by a free name.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LicenceName {
    Id(&'static str),
    Name(String),
}

/// Why the component is listed.
#[derive(Serialize)]
pub(super) struct Evidence {
    pub(super) identity: Vec<Identity>,
    pub(super) occurrences: Vec<Occurrence>,
}

/// How sure one field of the component is, and by which methods.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    pub(super) field: &'static str,
    pub(super) confidence: f64,
    pub(super) concluded_value: String,
    pub(super) methods: Vec<Method>,
}

/// One method of identification.
#[derive(Serialize)]
pub(super) struct Method {
    pub(super) technique: &'static str,
    pub(super) confidence: f64,
    pub(super) value: String,
}

/// One place where the component was seen.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Occurrence {
    pub(super) location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<u64>,
    pub(super) additional_context: &'static str,
}

/// A named value of our own.
#[derive(Serialize)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
}

impl Property {
    /// Builds a property.
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// What one component consists of or depends on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) depends_on: Vec<String>,
}

/// How complete a part of the document is.
#[derive(Serialize)]
pub(super) struct Composition {
    pub(super) aggregate: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) assemblies: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dependencies: Vec<String>,
}
