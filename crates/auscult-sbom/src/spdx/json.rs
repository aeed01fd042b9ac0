//! The JSON forms of SPDX 2 and 3.

use serde_json::Value;

use super::{party, reference, source, without_subjects};
use crate::{Error, components::Entry, detect::without_byte_order_mark};

fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(without_byte_order_mark(bytes)).map_err(Error::Json)
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'value>(value: &'value Value, field: &str) -> &'value [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// SPDX 2: the list `packages`.
pub(crate) fn read_json(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    let root = parse(bytes)?;
    let mut subjects: Vec<String> = list(&root, "documentDescribes")
        .iter()
        .filter_map(|id| id.as_str().map(ToOwned::to_owned))
        .collect();
    let describes = list(&root, "relationships").iter().filter(|one| {
        text(one, "relationshipType") == "DESCRIBES"
            && text(one, "spdxElementId") == "SPDXRef-DOCUMENT"
    });
    subjects.extend(describes.map(|one| text(one, "relatedSpdxElement")));
    let packages = list(&root, "packages").iter().enumerate();
    let entries = packages.map(|(index, package)| {
        let licences = ["licenseConcluded", "licenseDeclared"].map(|field| text(package, field));
        let mut entry = Entry {
            place: format!("/packages/{index}"),
            name: text(package, "name"),
            version: text(package, "versionInfo"),
            supplier: party(&text(package, "supplier")),
            licences: licences.to_vec(),
            kind: text(package, "primaryPackagePurpose"),
            ..Entry::default()
        };
        for one in list(package, "externalRefs") {
            reference(&mut entry, &text(one, "referenceType"), &text(one, "referenceLocator"));
        }
        source(&mut entry, &text(package, "sourceInfo"));
        (text(package, "SPDXID"), entry)
    });
    Ok(without_subjects(entries.collect(), &subjects))
}

/// SPDX 3: the elements `software_Package` of the graph.
pub(crate) fn read_json_ld(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    let root = parse(bytes)?;
    let graph = list(&root, "@graph");
    let of_type = |wanted: &'static str| {
        let is_it = move |(_, one): &(usize, &Value)| {
            let kind = text(one, "type");
            kind == wanted || kind.strip_prefix("software_") == Some(wanted)
        };
        graph.iter().enumerate().filter(is_it)
    };
    let subjects: Vec<String> = of_type("Sbom")
        .chain(of_type("SpdxDocument"))
        .flat_map(|(_, one)| list(one, "rootElement"))
        .filter_map(|id| id.as_str().map(ToOwned::to_owned))
        .collect();
    let entries = of_type("Package").map(|(index, package)| {
        let mut entry = Entry {
            place: format!("/@graph/{index}"),
            name: text(package, "name"),
            version: text(package, "software_packageVersion"),
            purl: text(package, "software_packageUrl"),
            kind: text(package, "software_primaryPurpose"),
            ..Entry::default()
        };
        for one in list(package, "externalIdentifier") {
            let identifier = text(one, "identifier");
            match text(one, "externalIdentifierType").as_str() {
                "packageUrl" | "purl" if entry.purl.is_empty() => entry.purl = identifier,
                "cpe22" | "cpe23" => entry.cpes.push(identifier),
                _ => {}
            }
        }
        source(&mut entry, &text(package, "software_sourceInfo"));
        (text(package, "spdxId"), entry)
    });
    Ok(without_subjects(entries.collect(), &subjects))
}
