//! The components of any document that is recognised, without all else that it says.
//!
//! For documents that lie inside an image: they speak of a part of it, and what they list is one
//! more trace. A whole document becomes facts through [`read_cyclonedx`](crate::read_cyclonedx).

use auscult_model::{
    ByteName, Component, ComponentKind, Cpe, Evidence, EvidenceClass, Limits, Locator, Origin,
    Problem, Purl, Technique, ToolIdentity, Version, VersionClaim,
};

use crate::{DocumentKind, Error, cpe, cyclonedx, detect, package, read_cyclonedx, spdx};

/// Largest document taken, in bytes: the parsed form needs a multiple of it in memory.
const DOCUMENT_BYTES_MAX: usize = 32 << 20;
/// Components of one document at most.
const COMPONENTS_MAX: usize = 100_000;
/// Longest text kept of a field, in characters.
const TEXT_CHARACTERS_MAX: usize = 4096;
/// Words that say that a field is not known (SPDX 2.3, section 7.3; common practice).
const NO_VALUE: &[&str] = &["", "noassertion", "none", "unknown", "unspecified", "null", "n/a"];

/// What a document lists.
#[derive(Debug)]
pub struct Listed {
    /// Which kind of document it is.
    pub kind: DocumentKind,
    /// Its components. Locators are `image@0x0/FORMAT:PLACE`, from the start of the document.
    pub components: Vec<Component>,
    /// What could not be read, with such locators.
    pub problems: Vec<Problem>,
}

/// Reads the components of a CycloneDX or SPDX document of any form.
///
/// # Errors
/// The document is larger than 32 MiB, of no kind that is known, or not in the form that it claims.
pub fn read_components(bytes: &[u8]) -> Result<Listed, Error> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Error::TooLarge { bytes: bytes.len(), limit: DOCUMENT_BYTES_MAX });
    }
    let kind = detect(bytes).ok_or_else(|| Error::NotCycloneDx("it is no SBOM".to_owned()))?;
    let (entries, problem) = match kind {
        DocumentKind::CycloneDxJson => {
            let tool = ToolIdentity {
                name: String::new(),
                version: String::new(),
                rules: auscult_model::Sha256([0; 32]),
            };
            let limits = Limits { entries: COMPONENTS_MAX as u64, ..Limits::default() };
            let facts = read_cyclonedx(bytes, tool, &limits)?;
            let (components, problems) = (facts.components, facts.problems);
            return Ok(Listed { kind, components, problems });
        }
        DocumentKind::CycloneDxXml => cyclonedx::read_xml(bytes),
        DocumentKind::SpdxJson => (spdx::read_json(bytes)?, None),
        DocumentKind::Spdx3Json => (spdx::read_json_ld(bytes)?, None),
        DocumentKind::SpdxTagValue => (spdx::read_tag_value(bytes), None),
    };
    let mut listed = Listed { kind, components: Vec::new(), problems: Vec::new() };
    let format = match kind {
        DocumentKind::CycloneDxJson | DocumentKind::CycloneDxXml => "cyclonedx",
        _ => "spdx",
    };
    let problem_at = |locator, why: String| Problem {
        locator,
        what: format!("read the {} document", kind.name()),
        why,
    };
    listed.problems.extend(problem.map(|why| problem_at(Locator::image(), why)));
    if entries.len() > COMPONENTS_MAX {
        let why = format!("limit of {COMPONENTS_MAX} components reached");
        listed.problems.push(problem_at(Locator::image(), why));
    }
    for entry in entries.into_iter().take(COMPONENTS_MAX) {
        let place = ByteName::from(entry.place.as_str());
        let locator = Locator::image().enter(0, format, Some(place));
        if let Some(component) = entry.component(locator.clone()) {
            listed.components.push(component);
        } else {
            let why = "a component has no name".to_owned();
            listed.problems.push(problem_at(locator, why));
        }
    }
    package::complete(&mut listed.components);
    Ok(listed)
}

/// One component as a document tells it, every field as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where in the document it stands.
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) purl: String,
    pub(crate) cpes: Vec<String>,
    pub(crate) supplier: String,
    pub(crate) licences: Vec<String>,
    /// In the words of CycloneDX or SPDX.
    pub(crate) kind: String,
    /// Name and value, as CycloneDX has them.
    pub(crate) properties: Vec<(String, String)>,
}

impl Entry {
    fn component(self, locator: Locator) -> Option<Component> {
        let purl = known(&self.purl).and_then(|text| Purl::canonical(&text).ok());
        let name = known(&self.name)?;
        let version = match known(&self.version) {
            Some(version) => VersionClaim::Exact(Version(version)),
            None => VersionClaim::Unknown("the SBOM gives no version".to_owned()),
        };
        let mut licences: Vec<String> =
            self.licences.iter().filter_map(|licence| known(licence)).collect();
        licences.dedup();
        let cpes: Vec<Cpe> = self.cpes.iter().filter_map(|text| cpe::parse(text)).collect();
        Some(Component {
            name: name.to_lowercase(),
            version,
            kind: kind(&self.kind),
            supplier: known(&self.supplier),
            origin: Origin::Sbom { package: package::of(purl.as_ref(), &self.properties) },
            purl,
            cpes,
            licences,
            evidence: vec![Evidence {
                locator,
                technique: Technique::Attestation,
                class: EvidenceClass::ContainsCode,
                confidence: 100,
                detail: format!("SBOM entry {name:?}"),
            }],
        })
    }
}

/// A text that says something.
fn known(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(TEXT_CHARACTERS_MAX).collect();
    (!NO_VALUE.contains(&text.to_lowercase().as_str())).then_some(text)
}

/// Types of CycloneDX and purposes of SPDX, whose words differ by case and dash only.
fn kind(text: &str) -> ComponentKind {
    match text.to_lowercase().replace('_', "-").as_str() {
        "application" | "install" => ComponentKind::Application,
        "framework" | "platform" => ComponentKind::Framework,
        "operating-system" | "operatingsystem" | "container" => ComponentKind::OperatingSystem,
        "firmware" | "device" => ComponentKind::Firmware,
        "device-driver" | "devicedriver" => ComponentKind::DeviceDriver,
        "file" | "data" => ComponentKind::File,
        _ => ComponentKind::Library,
    }
}

#[cfg(test)]
mod tests {
    use super::read_components;

    const XML: &str = r#"<?xml version="1.0"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" version="1">
 <metadata><tools><components><component type="application"><name>maker</name></component>
 </components></tools><component type="device"><name>Pump</name></component></metadata>
 <components>
  <component type="library"><supplier><name>A &amp; B</name></supplier><name>OpenSSL</name>
   <version>3.0.13</version><cpe>cpe:2.3:a:openssl:openssl:3.0.13:*:*:*:*:*:*:*</cpe>
   <licenses><license><id>Apache-2.0</id></license></licenses>
   <purl>pkg:generic/openssl@3.0.13</purl>
   <components><component type="file"><name>inner</name></component></components></component>
 </components>
</bom>"#;
    const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","documentDescribes":["SPDXRef-image"],"packages":[
        {"name":"image","SPDXID":"SPDXRef-image","versionInfo":"1"},
        {"name":"zlib","SPDXID":"SPDXRef-z","versionInfo":"1.3.1","supplier":"Organization: Acme (a@b)",
         "licenseConcluded":"NOASSERTION","licenseDeclared":"Zlib","externalRefs":[
          {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl",
           "referenceLocator":"pkg:generic/zlib@1.3.1"}]}]}"#;
    const SPDX_3: &str = r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
        {"type":"software_Package","spdxId":"urn:a","name":"zlib","software_packageVersion":"1.3.1",
         "externalIdentifier":[{"externalIdentifierType":"cpe23",
          "identifier":"cpe:2.3:a:zlib:zlib:1.3.1:*:*:*:*:*:*:*"}]}]}"#;
    const TAGS: &str = "SPDXVersion: SPDX-2.3\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-i\n\
        PackageName: image\nSPDXID: SPDXRef-i\n\nPackageName: zlib\nSPDXID: SPDXRef-z\n\
        PackageVersion: 1.3.1\nPackageLicenseDeclared: Zlib\nPackageComment: <text>a\n\
        PackageVersion: 9\n</text>\nExternalRef: PACKAGE-MANAGER purl pkg:generic/zlib@1.3.1\n\
        FileName: ./x\nSPDXID: SPDXRef-f\n";

    fn names(text: &str) -> Vec<String> {
        let listed = read_components(text.as_bytes()).unwrap();
        assert_eq!(listed.problems, []);
        let purl = |one: &auscult_model::Component| one.purl.as_ref().map(|purl| purl.0.clone());
        let components = listed.components.iter();
        components
            .map(|one| {
                let purl = purl(one).unwrap_or_default();
                format!("{} {} {purl} {:?} {:?}", one.name, one.version, one.supplier, one.licences)
            })
            .collect()
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(
            names(XML),
            [
                "inner unknown  None []",
                "openssl 3.0.13 pkg:generic/openssl@3.0.13 Some(\"A & B\") [\"Apache-2.0\"]",
            ]
        );
        let zlib = "zlib 1.3.1 pkg:generic/zlib@1.3.1";
        assert_eq!(names(SPDX), [format!("{zlib} Some(\"Acme\") [\"Zlib\"]")]);
        assert_eq!(names(TAGS), [format!("{zlib} None [\"Zlib\"]")]);
        assert_eq!(names(SPDX_3), ["zlib 1.3.1  None []"]);
        let json = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","name":"zlib","version":"1.3.1"}]}"#;
        assert_eq!(read_components(json.as_bytes()).unwrap().components.len(), 1);
    }

    #[test]
    fn no_cut_or_flipped_byte_panics() {
        for text in [XML, SPDX, SPDX_3, TAGS] {
            for length in 0..text.len() {
                drop(read_components(&text.as_bytes()[..length]));
                let mut broken = text.as_bytes().to_vec();
                broken[length] ^= 0x14;
                drop(read_components(&broken));
            }
        }
        let cut = read_components(&XML.as_bytes()[..XML.len() - 40]).unwrap();
        assert_eq!(cut.components.len(), 2);
    }
}
