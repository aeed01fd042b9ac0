//! CycloneDX JSON, versions 1.2 to 1.7, to facts.
//!
//! Reading is lenient: SBOMs of suppliers are seldom valid, and half an inventory is worth more
//! than none. An unknown field is passed over; a known one of the wrong shape becomes a
//! [`Problem`] and the rest is still read. Nested components are flattened. What the document says
//! of vulnerabilities, services and cryptographic assets is not taken over, and a problem says so.
//!
//! The product that the document describes (`metadata.component`) becomes identity facts, not a
//! component. Locators are `image@0x0/cyclonedx:POINTER`, with a JSON pointer (RFC 6901).

use std::collections::BTreeMap;

use auscult_model::{
    ByteName, Component, ComponentKind, Coverage, Cpe, Evidence, EvidenceClass, FACTS_SCHEMA,
    Facts, FormatSeen, IdentityFact, Input, InputKind, Limits, Locator, Origin, Problem, Purl,
    Sha256, Technique, ToolIdentity, Version, VersionClaim,
};
use serde_json::{Map, Value};

use super::{property, subject};
use crate::{Error, cpe, detect::without_byte_order_mark, package};

type Object = Map<String, Value>;

/// Largest document taken, in bytes: the parsed form needs a multiple of it in memory.
const DOCUMENT_BYTES_MAX: usize = 128 << 20;

/// Versions of the specification that this reader was written for.
const SPEC_VERSIONS: &[&str] = &["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

/// Words that suppliers write where they do not know a version.
const NO_VERSION: &[&str] =
    &["unknown", "unspecified", "undefined", "none", "null", "noassertion", "n/a", "na", "-", "*"];

/// Problems told one by one; a document that is wrong everywhere needs no longer list.
const PROBLEMS_MAX: usize = 1000;

/// Longest text kept of a supplier's field, in characters.
const TEXT_CHARACTERS_MAX: usize = 4096;

/// Reads a CycloneDX document. `tool` and `limits` are put into the facts; of the limits only
/// `entries` applies, to the number of components.
///
/// # Errors
/// The document is larger than 128 MiB, is no JSON (or nested too deeply), or is no CycloneDX.
pub fn read_cyclonedx(bytes: &[u8], tool: ToolIdentity, limits: &Limits) -> Result<Facts, Error> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Error::TooLarge { bytes: bytes.len(), limit: DOCUMENT_BYTES_MAX });
    }
    let value: Value =
        serde_json::from_slice(without_byte_order_mark(bytes)).map_err(Error::Json)?;
    let Value::Object(root) = value else {
        return Err(Error::NotCycloneDx("the document is no object".to_owned()));
    };
    let format = root.get("bomFormat");
    if format.and_then(Value::as_str) != Some("CycloneDX") {
        let found = format.map_or_else(|| "absent".to_owned(), shown);
        return Err(Error::NotCycloneDx(format!("bomFormat is {found}")));
    }
    let mut reader = Reader { limit: limits.entries, ..Reader::default() };
    reader.read(&root);
    package::complete(&mut reader.components);
    let mut facts = reader.facts(bytes, tool, limits, &root);
    facts.canonicalise();
    Ok(facts)
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    limit: u64,
    components: Vec<Component>,
    identities: Vec<IdentityFact>,
    problems: Vec<Problem>,
    unknown: BTreeMap<String, String>,
    assets: u64,
    problems_untold: u64,
}

impl Reader {
    fn read(&mut self, root: &Object) {
        self.check_spec_version(root);
        if let Some(metadata) = self.object(root, "metadata", "")
            && let Some(product) = self.object(metadata, "component", "/metadata")
        {
            self.product(product);
            self.components(product, "/metadata/component");
        }
        self.components(root, "");
        self.passed_over(root);
        self.completeness(root);
        if self.problems_untold > 0 {
            self.problems.push(Problem {
                locator: Locator::image(),
                what: "list every problem of the SBOM".to_owned(),
                why: format!("{} more were found", self.problems_untold),
            });
        }
    }

    fn check_spec_version(&mut self, root: &Object) {
        let version = root.get("specVersion");
        let known = version.and_then(Value::as_str).is_some_and(|v| SPEC_VERSIONS.contains(&v));
        if !known {
            let found = version.map_or_else(|| "absent".to_owned(), shown);
            let known = SPEC_VERSIONS.join(", ");
            let why = format!("it is {found}; read as if it were one of {known}");
            self.problem("/specVersion", "read the version of the specification", &why);
        }
    }

    /// Notes the product that the document describes.
    fn product(&mut self, product: &Object) {
        let pointer = "/metadata/component";
        let fields = [
            (subject::NAME, "name"),
            (subject::VERSION, "version"),
            (subject::KIND, "type"),
            (subject::PURL, "purl"),
            (subject::CPE, "cpe"),
        ];
        for (key, field) in fields {
            if let Some(value) = self.text(product, field, pointer) {
                self.identity(key, value, pointer);
            }
        }
        if let Some(value) = self.supplier(product, pointer) {
            self.identity(subject::SUPPLIER, value, pointer);
        }
    }

    fn identity(&mut self, key: &str, value: String, pointer: &str) {
        let locator = locator(pointer);
        self.identities.push(IdentityFact { key: key.to_owned(), value, locator });
    }

    /// Reads `components` below this object and everything nested in them. The JSON parser has
    /// limited the depth, the list of what is left to do limits the stack.
    fn components(&mut self, parent: &Object, pointer: &str) {
        let mut waiting = vec![(parent, pointer.to_owned())];
        while let Some((parent, pointer)) = waiting.pop() {
            for (index, value) in self.list(parent, "components", &pointer).iter().enumerate() {
                let pointer = format!("{pointer}/components/{index}");
                if self.components.len() as u64 >= self.limit {
                    let why = format!("limit of {} entries reached", self.limit);
                    self.problem(&pointer, "read the remaining components", &why);
                    return;
                }
                let Value::Object(object) = value else {
                    self.problem(&pointer, "read a component", &format!("it is {}", shown(value)));
                    continue;
                };
                self.component(object, &pointer);
                waiting.push((object, pointer));
            }
        }
    }

    fn component(&mut self, object: &Object, pointer: &str) {
        let kind_text = self.text(object, "type", pointer);
        if kind_text.as_deref() == Some("cryptographic-asset") {
            self.assets += 1;
            return;
        }
        let purl = self.purl(object, pointer);
        let stated = self.text(object, "name", pointer).filter(|name| !name.is_empty());
        let Some(name) = stated.or_else(|| purl.as_ref().and_then(purl_name)) else {
            self.problem(pointer, "read a component", "it has neither a name nor a purl");
            return;
        };
        let properties = self.properties(object, pointer);
        let kind = self.kind(kind_text.as_deref(), pointer);
        let component = Component {
            version: self.version(object, &properties, purl.as_ref(), pointer),
            kind,
            supplier: self.supplier(object, pointer),
            cpes: self.cpes(object, &properties, pointer),
            origin: Origin::Sbom { package: package::of(purl.as_ref(), &properties) },
            licences: self.licences(object, pointer),
            evidence: vec![Evidence {
                locator: locator(pointer),
                technique: Technique::Attestation,
                class: EvidenceClass::ContainsCode,
                confidence: confidence(object),
                detail: detail(object, &name, kind_text.as_deref()),
            }],
            name: name.to_lowercase(),
            purl,
        };
        self.components.push(component);
    }

    fn kind(&mut self, text: Option<&str>, pointer: &str) -> ComponentKind {
        match text {
            Some("application") => ComponentKind::Application,
            Some("library") => ComponentKind::Library,
            Some("framework" | "platform") => ComponentKind::Framework,
            Some("operating-system" | "container") => ComponentKind::OperatingSystem,
            Some("firmware" | "device") => ComponentKind::Firmware,
            Some("device-driver") => ComponentKind::DeviceDriver,
            Some("file" | "data" | "machine-learning-model") => ComponentKind::File,
            other => {
                let why = format!("it is {}; taken as a library", other.unwrap_or("absent"));
                self.problem(&format!("{pointer}/type"), "read the type of a component", &why);
                ComponentKind::Library
            }
        }
    }

    fn version(
        &mut self,
        object: &Object,
        properties: &[(String, String)],
        purl: Option<&Purl>,
        pointer: &str,
    ) -> VersionClaim {
        let stated = self.text(object, "version", pointer).filter(|text| !text.is_empty());
        if let Some(text) = &stated {
            let word = text.to_lowercase();
            if !NO_VERSION.contains(&word.as_str()) {
                return VersionClaim::Exact(Version(text.clone()));
            }
        }
        if let Some(claim) = own_version(properties) {
            return claim;
        }
        if let Some(version) = purl.and_then(purl_version) {
            return VersionClaim::Exact(Version(version));
        }
        VersionClaim::Unknown(match (stated, self.text(object, "versionRange", pointer)) {
            (_, Some(range)) => format!("the SBOM gives only a range: {range}"),
            (Some(text), None) => format!("the SBOM says {text:?}"),
            (None, None) => "the SBOM gives no version".to_owned(),
        })
    }

    fn purl(&mut self, object: &Object, pointer: &str) -> Option<Purl> {
        let text = self.text(object, "purl", pointer).filter(|text| !text.is_empty())?;
        match Purl::canonical(&text) {
            Ok(purl) => Some(purl),
            Err(error) => {
                self.problem(&format!("{pointer}/purl"), "read a purl", &error.why);
                None
            }
        }
    }

    /// Takes `cpe` and the further names that some programs put into properties.
    fn cpes(
        &mut self,
        object: &Object,
        properties: &[(String, String)],
        pointer: &str,
    ) -> Vec<Cpe> {
        let field = self.text(object, "cpe", pointer).filter(|text| !text.is_empty());
        let more = properties
            .iter()
            .filter(|(name, _)| name == property::CPE || name == "syft:cpe23")
            .map(|(_, value)| value.clone());
        let mut cpes = Vec::new();
        for text in field.into_iter().chain(more) {
            if let Some(name) = cpe::parse(&text) {
                cpes.push(name);
            } else {
                let why = format!("{text:?} is neither form of a CPE name");
                self.problem(&format!("{pointer}/cpe"), "read a CPE name", &why);
            }
        }
        cpes
    }

    fn supplier(&mut self, object: &Object, pointer: &str) -> Option<String> {
        for field in ["supplier", "manufacturer", "manufacture"] {
            if let Some(organisation) = self.object(object, field, pointer)
                && let Some(name) = self.text(organisation, "name", &format!("{pointer}/{field}"))
                && !name.is_empty()
            {
                return Some(name);
            }
        }
        self.text(object, "publisher", pointer).filter(|name| !name.is_empty())
    }

    fn licences(&mut self, object: &Object, pointer: &str) -> Vec<String> {
        let mut licences = Vec::new();
        for (index, choice) in self.list(object, "licenses", pointer).iter().enumerate() {
            let pointer = format!("{pointer}/licenses/{index}");
            let expression = choice.get("expression").and_then(Value::as_str);
            let licence = choice.get("license");
            let named = ["id", "name"]
                .into_iter()
                .find_map(|field| licence?.get(field).and_then(Value::as_str));
            match expression.or(named) {
                Some(text) if !text.is_empty() => licences.push(shortened(text)),
                _ => {
                    let why = "it has neither an expression nor an id nor a name";
                    self.problem(&pointer, "read a licence", why);
                }
            }
        }
        licences
    }

    fn properties(&mut self, object: &Object, pointer: &str) -> Vec<(String, String)> {
        let list = self.list(object, "properties", pointer).iter();
        let text = |value: &Value, field| value.get(field).and_then(Value::as_str).map(shortened);
        list.filter_map(|value| Some((text(value, "name")?, text(value, "value")?))).collect()
    }

    /// Says what the document holds that makes no component.
    fn passed_over(&mut self, root: &Object) {
        for (field, what) in [
            ("services", "take the services into the inventory"),
            ("vulnerabilities", "take over the vulnerabilities that the document lists"),
        ] {
            let count = self.list(root, field, "").len();
            if count > 0 {
                self.problem(
                    &format!("/{field}"),
                    what,
                    &format!("not supported: {count} entries"),
                );
            }
        }
        if self.assets > 0 {
            let why = format!("not supported: {} entries", self.assets);
            let what = "take the cryptographic assets into the inventory";
            self.problem("/components", what, &why);
        }
    }

    /// Records which questions the document leaves open.
    fn completeness(&mut self, root: &Object) {
        let stated: Vec<String> = self
            .list(root, "compositions", "")
            .iter()
            .filter_map(|value| value.get("aggregate")?.as_str())
            .map(shortened)
            .collect();
        let complete = !stated.is_empty() && stated.iter().all(|aggregate| aggregate == "complete");
        if !complete {
            let lacks = stated.iter().find(|aggregate| *aggregate != "complete");
            let reason = match lacks {
                Some(aggregate) => format!("the SBOM declares its composition {aggregate:?}"),
                None => "the SBOM does not declare its composition complete".to_owned(),
            };
            self.unknown.insert("components".to_owned(), reason);
        }
        for question in ["binaries", "kernel_config"] {
            self.unknown.insert(question.to_owned(), "the input is an SBOM".to_owned());
        }
    }

    fn problem(&mut self, pointer: &str, what: &str, why: &str) {
        if self.problems.len() >= PROBLEMS_MAX {
            self.problems_untold += 1;
            return;
        }
        self.problems.push(Problem {
            locator: locator(pointer),
            what: what.to_owned(),
            why: why.to_owned(),
        });
    }

    fn object<'a>(&mut self, parent: &'a Object, field: &str, at: &str) -> Option<&'a Object> {
        let value = parent.get(field).filter(|value| !value.is_null())?;
        if value.as_object().is_none() {
            self.wrong_shape(at, field, "an object", value);
        }
        value.as_object()
    }

    fn list<'a>(&mut self, parent: &'a Object, field: &str, at: &str) -> &'a [Value] {
        match parent.get(field) {
            Some(Value::Array(list)) => list,
            None | Some(Value::Null) => &[],
            Some(other) => {
                self.wrong_shape(at, field, "an array", other);
                &[]
            }
        }
    }

    /// Reads a text; a number where a text belongs (`"version": 1.2`) is taken, but reported.
    fn text(&mut self, parent: &Object, field: &str, at: &str) -> Option<String> {
        match parent.get(field)? {
            Value::String(text) => Some(shortened(text.trim())),
            Value::Null => None,
            other => {
                self.wrong_shape(at, field, "a text", other);
                other.is_number().then(|| other.to_string())
            }
        }
    }

    fn wrong_shape(&mut self, at: &str, field: &str, expected: &str, found: &Value) {
        let why = format!("expected {expected}, found {}", shown(found));
        self.problem(&format!("{at}/{field}"), &format!("read {field:?}"), &why);
    }

    fn facts(self, bytes: &[u8], tool: ToolIdentity, limits: &Limits, root: &Object) -> Facts {
        let size = bytes.len() as u64;
        let version = root.get("specVersion").and_then(Value::as_str).map(shortened);
        let attributes = version.map(|version| ("specVersion".to_owned(), version));
        Facts {
            schema: FACTS_SCHEMA,
            tool,
            limits: limits.clone(),
            input: Input { sha256: Sha256::of(bytes), size, kind: InputKind::Sbom },
            identities: self.identities,
            formats: vec![FormatSeen {
                locator: Locator::image().enter(0, "cyclonedx", None),
                format: "cyclonedx".to_owned(),
                bytes: size,
                attributes: attributes.into_iter().collect(),
            }],
            components: self.components,
            mentions: Vec::new(),
            dependencies: Vec::new(),
            conflicts: Vec::new(),
            owned: Vec::new(),
            binaries: Vec::new(),
            kernels: Vec::new(),
            features: Vec::new(),
            operation: auscult_model::Operation::default(),
            coverage: Coverage {
                bytes_total: size,
                bytes_read: size,
                questions_unknown: self.unknown,
                ..Coverage::default()
            },
            problems: self.problems,
        }
    }
}

fn locator(pointer: &str) -> Locator {
    Locator::image().enter(0, "cyclonedx", Some(ByteName::from(pointer)))
}

/// A value as a problem shows it: short, never the whole of something large.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
        Value::Array(list) => format!("an array of {}", list.len()),
        Value::Object(fields) => format!("an object of {} fields", fields.len()),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS_MAX).collect()
}

/// The supplier's statement counts in full unless the document itself is less sure.
fn confidence(object: &Object) -> u8 {
    let identity = object.get("evidence").and_then(|evidence| evidence.get("identity"));
    let entries: &[Value] = match identity {
        Some(Value::Array(list)) => list,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let best = entries
        .iter()
        .filter_map(|entry| entry.get("confidence")?.as_f64())
        .filter(|confidence| (0.0..=1.0).contains(confidence))
        .reduce(f64::max);
    // The nearest whole percent, found without a float-to-integer cast.
    best.map_or(100, |best| {
        (0..=100).rev().find(|percent| f64::from(*percent) / 100.0 <= best + 1e-9).unwrap_or(0)
    })
}

/// What the entry said where the vocabulary has no place for it.
fn detail(object: &Object, name: &str, kind: Option<&str>) -> String {
    let mut detail = format!("SBOM entry {name:?}");
    for field in ["group", "bom-ref", "scope"] {
        if let Some(text) = object.get(field).and_then(Value::as_str) {
            detail = format!("{detail}, {field} {:?}", shortened(text));
        }
    }
    if let Some(kind @ ("container" | "platform" | "device" | "data" | "machine-learning-model")) =
        kind
    {
        detail = format!("{detail}, type {kind:?}");
    }
    detail
}

/// The claim that our own writer put into properties, as `version` has no place for it.
fn own_version(properties: &[(String, String)]) -> Option<VersionClaim> {
    let find = |wanted| properties.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.clone());
    let reason = find(property::VERSION_REASON)?;
    let bound = |name| find(name).map(Version);
    let (at_least, below) = (bound(property::VERSION_AT_LEAST), bound(property::VERSION_BELOW));
    if at_least.is_some() || below.is_some() {
        return Some(VersionClaim::Range { at_least, below, reason });
    }
    Some(match find(property::VERSION)? {
        version if version == "unknown" => VersionClaim::Unknown(reason),
        version => VersionClaim::Incomplete { known: Version(version), reason },
    })
}

fn purl_name(purl: &Purl) -> Option<String> {
    purl.parts().ok().map(|parts| parts.name)
}

/// The version of a purl, with the epoch that stands beside it.
fn purl_version(purl: &Purl) -> Option<String> {
    let parts = purl.parts().ok()?;
    let version = parts.version?;
    let epoch = parts.qualifiers.get("epoch").filter(|epoch| *epoch != "0");
    Some(match epoch.filter(|_| !version.contains(':')) {
        Some(epoch) => format!("{epoch}:{version}"),
        None => version,
    })
}

#[cfg(test)]
mod tests {
    use super::{Purl, purl_name, purl_version};

    #[test]
    fn purls_give_name_and_version() {
        for (text, name, version) in [
            ("pkg:deb/debian/busybox@1%3A1.35.0-4?arch=armhf", Some("busybox"), Some("1:1.35.0-4")),
            ("pkg:rpm/redhat/vim@8.0-16.el8?epoch=2", Some("vim"), Some("2:8.0-16.el8")),
            ("pkg:npm/@scope/name@1.0", Some("name"), Some("1.0")),
            ("pkg:generic/zlib", Some("zlib"), None),
            ("pkg:generic/%zz", None, None),
        ] {
            let purl = Purl(text.to_owned());
            assert_eq!(purl_name(&purl).as_deref(), name);
            assert_eq!(purl_version(&purl).as_deref(), version);
        }
    }
}
