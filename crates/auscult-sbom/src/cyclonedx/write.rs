//! Facts to a CycloneDX 1.6 document.
//!
//! The document is a pure function of the facts and the options: its serial number comes from the
//! digest of the facts, and it carries a time only when one is asked for. Mentions are no
//! components and are not written. Nothing is claimed that was not measured: what the inventory
//! lacks is told in `compositions`; of what a component needs, what its files and its package row show.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    BinaryFacts, Component as Found, ComponentId, ComponentKind, Evidence as Trace, EvidenceClass,
    Facts, InputKind, Locator, Origin, Sha256, Technique, VersionClaim, VersionConflict,
    component_ids,
};
use jiff::civil::Date;

use super::{
    document::{
        Bom, Component, Composition, Dependency, Evidence, Hash, Identity, LicenceChoice,
        LicenceName, Lifecycle, Metadata, Method, Occurrence, Organisation, Property, Tools,
    },
    property, subject,
};
use crate::{Error, licence::Licence};

/// The version of the specification that is written.
pub const SPEC_VERSION_WRITTEN: &str = "1.6";

/// Longest `version` that the schema of 1.6 allows, in characters.
const VERSION_CHARACTERS_MAX: usize = 1024;

/// Places listed per component. A kernel or a C library is seen in thousands; the rest is counted.
const OCCURRENCES_MAX: usize = 64;

/// Different methods listed per component.
const METHODS_MAX: usize = 16;

/// What the caller may add to a document.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// The date to put into `metadata.timestamp`. Without one the document carries no time, and
    /// the same facts give the same bytes on any day.
    pub as_of: Option<Date>,
    /// From when on components are maintained no more: a date, or `ended` where none is known.
    pub end_of_support: BTreeMap<ComponentId, String>,
}

/// Writes the inventory of these facts as indented CycloneDX JSON.
///
/// # Errors
/// Fails only when the document cannot be serialised.
pub fn write_cyclonedx(facts: &Facts, options: &WriteOptions) -> Result<Vec<u8>, Error> {
    let mut sorted = facts.clone();
    sorted.canonicalise();
    let digest = sorted.digest().map_err(Error::Write)?;
    let document = bom(&sorted, digest, options);
    crate::pretty(&document)
}

fn bom(facts: &Facts, digest: Sha256, options: &WriteOptions) -> Bom {
    let image = format!("image:sha256:{}", facts.input.sha256);
    let files: BTreeMap<&Locator, &BinaryFacts> =
        facts.binaries.iter().map(|binary| (&binary.locator, binary)).collect();
    let ids = component_ids(&facts.components);
    let mut components: Vec<Component> = facts
        .components
        .iter()
        .zip(&ids)
        .map(|(found, id)| Component {
            properties: properties(found, id, &facts.conflicts, options),
            ..component(found, id, &files)
        })
        .collect();
    components.sort_by(|a, b| (&a.name, &a.bom_ref).cmp(&(&b.name, &b.bom_ref)));
    let listed: Vec<String> = components.iter().filter_map(|one| one.bom_ref.clone()).collect();
    Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        format: "CycloneDX",
        spec_version: SPEC_VERSION_WRITTEN,
        serial_number: crate::uuid(b"auscult CycloneDX serial number\0", digest),
        version: 1,
        metadata: metadata(facts, digest, &image, options),
        compositions: compositions(facts, &image, &listed),
        components,
        dependencies: dependencies(facts, image, listed),
    }
}

/// What the image holds, and what each component needs, as far as it is known.
fn dependencies(facts: &Facts, image: String, listed: Vec<String>) -> Vec<Dependency> {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in &facts.dependencies {
        needs.entry(&edge.component.0).or_default().insert(&edge.on.0);
    }
    let edges = needs.into_iter().map(|(from, to)| Dependency {
        reference: from.to_owned(),
        depends_on: to.into_iter().map(ToOwned::to_owned).collect(),
    });
    std::iter::once(Dependency { reference: image, depends_on: listed }).chain(edges).collect()
}

fn metadata(facts: &Facts, digest: Sha256, image: &str, options: &WriteOptions) -> Metadata {
    let tool = Component {
        kind: "application",
        bom_ref: Some(format!("tool:{}@{}", facts.tool.name, facts.tool.version)),
        name: facts.tool.name.clone(),
        version: Some(facts.tool.version.clone()),
        ..Component::default()
    };
    Metadata {
        timestamp: options.as_of.map(|date| format!("{date}T00:00:00Z")),
        lifecycles: vec![Lifecycle { phase: "post-build" }],
        tools: Tools { components: vec![tool] },
        component: subject_component(facts, image),
        properties: metadata_properties(facts, digest),
    }
}

/// What was inspected. An image has no name of its own, and its path on the host is nobody's
/// business: it is named after its digest.
fn subject_component(facts: &Facts, image: &str) -> Component {
    let stated = |key: &str| {
        let identity = facts.identities.iter().find(|identity| identity.key == key);
        identity.map(|identity| identity.value.clone())
    };
    let digest = facts.input.sha256.to_string();
    let short: String = digest.chars().take(12).collect();
    let (kind, name) = match facts.input.kind {
        InputKind::Image => ("firmware", format!("firmware-{short}")),
        InputKind::Directory => ("firmware", format!("directory-{short}")),
        InputKind::Sbom => ("application", format!("sbom-{short}")),
    };
    let from_sbom = facts.input.kind == InputKind::Sbom;
    let properties = facts
        .identities
        .iter()
        .map(|identity| {
            Property::new(format!("auscult:identity:{}", identity.key), identity.value.clone())
        })
        .collect();
    Component {
        kind,
        bom_ref: Some(image.to_owned()),
        name: stated(subject::NAME).filter(|_| from_sbom).unwrap_or(name),
        version: stated(subject::VERSION).filter(|_| from_sbom).and_then(short_version),
        // The digest of an SBOM document is not that of the product it describes.
        hashes: if from_sbom { Vec::new() } else { vec![sha256(facts.input.sha256)] },
        properties,
        ..Component::default()
    }
}

fn metadata_properties(facts: &Facts, digest: Sha256) -> Vec<Property> {
    let coverage = &facts.coverage;
    let mut properties = vec![
        Property::new("auscult:facts:sha256", digest.to_string()),
        Property::new("auscult:rules:sha256", facts.tool.rules.to_string()),
        Property::new("auscult:input:sha256", facts.input.sha256.to_string()),
        Property::new("auscult:input:bytes", facts.input.size.to_string()),
        Property::new("auscult:coverage:bytes-read", coverage.bytes_read.to_string()),
        Property::new("auscult:coverage:bytes-padding", coverage.bytes_padding.to_string()),
        Property::new("auscult:coverage:bytes-unread", coverage.bytes_unread.to_string()),
        Property::new("auscult:coverage:regions-unread", coverage.regions_unread.len().to_string()),
        Property::new("auscult:problems", facts.problems.len().to_string()),
    ];
    properties.extend(coverage.questions_unknown.iter().map(|(question, reason)| {
        Property::new(format!("auscult:coverage:unknown:{question}"), reason.clone())
    }));
    properties
}

/// States what the document lacks. An inventory taken from a binary is never known to be complete.
fn compositions(facts: &Facts, image: &str, listed: &[String]) -> Vec<Composition> {
    let coverage = &facts.coverage;
    let lacks = coverage.bytes_unread > 0
        || !coverage.regions_unread.is_empty()
        || !coverage.questions_unknown.is_empty()
        || !facts.problems.is_empty();
    let mut compositions = vec![Composition {
        aggregate: if lacks { "incomplete" } else { "unknown" },
        assemblies: vec![image.to_owned()],
        dependencies: Vec::new(),
    }];
    if !listed.is_empty() {
        compositions.push(Composition {
            aggregate: "unknown",
            assemblies: Vec::new(),
            dependencies: listed.to_vec(),
        });
    }
    compositions
}

fn component(
    found: &Found,
    id: &ComponentId,
    files: &BTreeMap<&Locator, &BinaryFacts>,
) -> Component {
    Component {
        kind: kind_name(found.kind),
        bom_ref: Some(id.0.clone()),
        supplier: found.supplier.clone().map(|name| Organisation { name }),
        name: found.name.clone(),
        version: found.version.exact().and_then(|version| short_version(version.0.clone())),
        scope: Some("required"),
        hashes: file_hash(found, files).into_iter().collect(),
        licenses: licences(found),
        cpe: found.cpes.first().map(ToString::to_string),
        purl: found.purl.as_ref().map(ToString::to_string),
        evidence: Some(evidence(found)),
        properties: Vec::new(),
    }
}

fn kind_name(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Application => "application",
        ComponentKind::Library => "library",
        ComponentKind::OperatingSystem => "operating-system",
        ComponentKind::Firmware => "firmware",
        ComponentKind::DeviceDriver => "device-driver",
        ComponentKind::Framework => "framework",
        ComponentKind::File => "file",
    }
}

fn short_version(version: String) -> Option<String> {
    (version.chars().count() <= VERSION_CHARACTERS_MAX).then_some(version)
}

fn sha256(digest: Sha256) -> Hash {
    Hash { alg: "SHA-256", content: digest.to_string() }
}

/// The digest of the one file that a component is; a package of several files has none.
fn file_hash(found: &Found, files: &BTreeMap<&Locator, &BinaryFacts>) -> Option<Hash> {
    if matches!(found.origin, Origin::Package(_) | Origin::Sbom { .. }) {
        return None;
    }
    let whole_file = |trace: &Trace| Locator { offset: None, ..trace.locator.clone() };
    let places: BTreeSet<Locator> = found
        .evidence
        .iter()
        .filter(|trace| trace.class == EvidenceClass::ContainsCode)
        .map(whole_file)
        .collect();
    let mut places = places.iter();
    let (only, None) = (places.next()?, places.next()) else { return None };
    files.get(only).map(|binary| sha256(binary.sha256))
}

/// An expression must stand alone; among several licences it becomes a name.
fn licences(found: &Found) -> Vec<LicenceChoice> {
    if let [only] = found.licences.as_slice()
        && let Licence::Expression(expression) = Licence::of(only)
    {
        return vec![LicenceChoice::Expression(expression)];
    }
    let named: BTreeSet<Licence> = found.licences.iter().map(|text| Licence::of(text)).collect();
    named
        .into_iter()
        .map(|licence| {
            LicenceChoice::License(match licence {
                Licence::Identifier(identifier) => LicenceName::Id(identifier),
                Licence::Expression(name) | Licence::Name(name) => LicenceName::Name(name),
            })
        })
        .collect()
}

fn evidence(found: &Found) -> Evidence {
    let methods: BTreeSet<(Technique, u8, &str)> = found
        .evidence
        .iter()
        .map(|trace| (trace.technique, trace.confidence, trace.detail.as_str()))
        .collect();
    let mut methods: Vec<_> = methods.into_iter().collect();
    // The strongest first, so that the limit drops the weakest.
    methods.sort_by_key(|&(technique, confidence, value)| {
        (std::cmp::Reverse(confidence), technique, value)
    });
    let (field, value) = match &found.purl {
        Some(purl) => ("purl", purl.to_string()),
        None => ("name", found.name.clone()),
    };
    let identity = Identity {
        field,
        confidence: fraction(found.confidence()),
        concluded_value: value,
        methods: methods.into_iter().take(METHODS_MAX).map(method).collect(),
    };
    Evidence { identity: vec![identity], occurrences: occurrences(found) }
}

fn method((technique, confidence, value): (Technique, u8, &str)) -> Method {
    Method {
        technique: technique_name(technique),
        confidence: fraction(confidence),
        value: value.to_owned(),
    }
}

/// Percent to the fraction that CycloneDX wants, never above one.
fn fraction(percent: u8) -> f64 {
    f64::from(percent.min(100)) / 100.0
}

fn technique_name(technique: Technique) -> &'static str {
    match technique {
        Technique::ManifestAnalysis => "manifest-analysis",
        Technique::BinaryAnalysis => "binary-analysis",
        Technique::Filename => "filename",
        Technique::HashComparison => "hash-comparison",
        Technique::Attestation => "attestation",
    }
}

fn class_name(class: EvidenceClass) -> &'static str {
    match class {
        EvidenceClass::ContainsCode => "contains-code",
        EvidenceClass::LinksTo => "links-to",
        EvidenceClass::CompiledAgainst => "compiled-against",
        EvidenceClass::Mentions => "mentions",
    }
}

/// Every different place of a component, in order.
fn places(found: &Found) -> BTreeSet<(&Locator, EvidenceClass)> {
    found.evidence.iter().map(|trace| (&trace.locator, trace.class)).collect()
}

fn occurrences(found: &Found) -> Vec<Occurrence> {
    places(found)
        .into_iter()
        .take(OCCURRENCES_MAX)
        .map(|(locator, class)| Occurrence {
            location: locator.to_string(),
            offset: locator.offset,
            additional_context: class_name(class),
        })
        .collect()
}

/// What our readers understand beside the standard: of the component, and of what others say of it.
fn properties(
    found: &Found,
    id: &ComponentId,
    conflicts: &[VersionConflict],
    options: &WriteOptions,
) -> Vec<Property> {
    let conflicts = conflicts.iter().filter(|conflict| conflict.component == *id);
    let conflicts = conflicts.map(|conflict| {
        let text = format!("{} at {}", conflict.seen, conflict.evidence.locator);
        Property::new("auscult:version-conflict", text)
    });
    let end = options.end_of_support.get(id);
    let end = end.map(|end| Property::new(property::END_OF_SUPPORT, end.clone()));
    own_properties(found).into_iter().chain(conflicts).chain(end).collect()
}

fn own_properties(found: &Found) -> Vec<Property> {
    let mut properties = Vec::new();
    match &found.version {
        VersionClaim::Exact(version) if version.0.chars().count() > VERSION_CHARACTERS_MAX => {
            properties.push(Property::new(property::VERSION, version.0.clone()));
            let reason = "longer than CycloneDX allows a version to be";
            properties.push(Property::new(property::VERSION_REASON, reason));
        }
        VersionClaim::Exact(_) => {}
        VersionClaim::Incomplete { known, reason } => {
            properties.push(Property::new(property::VERSION, known.0.clone()));
            properties.push(Property::new(property::VERSION_REASON, reason.clone()));
        }
        VersionClaim::Range { at_least, below, reason } => {
            for (name, bound) in
                [(property::VERSION_AT_LEAST, at_least), (property::VERSION_BELOW, below)]
            {
                properties.extend(bound.iter().map(|bound| Property::new(name, bound.0.clone())));
            }
            properties.push(Property::new(property::VERSION_REASON, reason.clone()));
        }
        VersionClaim::Unknown(reason) => {
            properties.push(Property::new(property::VERSION, "unknown"));
            properties.push(Property::new(property::VERSION_REASON, reason.clone()));
        }
    }
    let other_cpes = found.cpes.iter().skip(1);
    properties.extend(other_cpes.map(|cpe| Property::new(property::CPE, cpe.to_string())));
    properties.extend(origin_properties(found));
    let omitted = places(found).len().saturating_sub(OCCURRENCES_MAX);
    if omitted > 0 {
        properties.push(Property::new(property::OCCURRENCES_OMITTED, omitted.to_string()));
    }
    properties
}

fn origin_properties(found: &Found) -> Vec<Property> {
    let name = match &found.origin {
        Origin::Package(_) => "package",
        Origin::Signature { .. } => "signature",
        Origin::Structure => "structure",
        Origin::FileName => "file-name",
        Origin::Sbom { .. } => "sbom",
    };
    let mut properties = vec![Property::new(property::ORIGIN, name)];
    let mut add = |name: &str, value: Option<&String>| {
        properties.extend(value.map(|value| Property::new(name, value.clone())));
    };
    if let Some(package) = found.package() {
        add(property::PACKAGE_DATABASE, Some(&package.database));
        add(property::PACKAGE_DISTRIBUTION, package.distribution.as_ref());
        add(property::PACKAGE_SOURCE, package.source.as_ref());
        add(property::PACKAGE_SOURCE_VERSION, package.source_version.as_ref());
        add(property::PACKAGE_ARCHITECTURE, package.architecture.as_ref());
    }
    if let Origin::Signature { rule } = &found.origin {
        add(property::RULE, Some(rule));
    }
    properties
}
