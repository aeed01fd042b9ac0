//! Generated data: components that many builds share, advisories about them, SBOMs, devices.
//!
//! Nothing is left to chance: two runs send the same bytes, and how many findings a build must have
//! is computed here, without the server.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

/// Names of components; each comes in two versions, so that there are 5,000 pairs.
const NAMES: usize = 2_500;
/// The foremost names, which most builds have, and about which there are more advisories.
const FREQUENT: usize = 500;
/// Advisories about each of them; about each other name there is one.
const ADVISORIES: usize = 4;
/// Advisories that the later snapshot has more.
pub(super) const DELTA: usize = 2_000;
/// Versions of every component; advisories are about those before `1.1` or before `1.2`.
const VERSIONS: [&str; 2] = ["1.0", "1.1"];

/// A component of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    name: usize,
    version: usize,
}

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % most.max(1)
    }
}

/// The components of a build: of two draws the lower counts, so that some are nearly everywhere and
/// others in few builds.
pub(super) fn parts(build: usize, components: usize) -> Vec<Part> {
    let mut numbers = Numbers(build as u64);
    let mut names = BTreeSet::new();
    while names.len() < components.min(NAMES) {
        let (first, second) = (numbers.below(NAMES), numbers.below(NAMES));
        names.insert(if first < second { first } else { second });
    }
    let mut part = |name| Part { name, version: numbers.below(VERSIONS.len()) };
    names.into_iter().map(&mut part).collect()
}

/// An SBOM of these components.
pub(super) fn sbom(build: usize, parts: &[Part]) -> Vec<u8> {
    let component = |part: &Part| {
        let (name, version) =
            (name(part.name), VERSIONS.get(part.version).copied().unwrap_or_default());
        json!({ "type": "library", "name": name, "version": version,
            "purl": format!("pkg:generic/{name}@{version}"),
            "cpe": format!("cpe:2.3:a:acme:{name}:{version}:*:*:*:*:*:*:*") })
    };
    let components: Vec<Value> = parts.iter().map(component).collect();
    let document = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": format!("urn:uuid:00000000-0000-4000-8000-{build:012}"),
        "components": components });
    document.to_string().into_bytes()
}

fn name(number: usize) -> String {
    format!("benchpart{number}")
}

/// Findings that a build of these components has, with the later advisories or without.
pub(super) fn findings(parts: &[Part], with_delta: bool) -> usize {
    let of = |part: &Part| {
        let advised = (0..advisories(part.name)).filter(|number| part.version <= number % 2);
        advised.count() + usize::from(with_delta && part.name < DELTA)
    };
    parts.iter().map(of).sum()
}

fn advisories(name: usize) -> usize {
    if name < FREQUENT { ADVISORIES } else { 1 }
}

/// The id of an advisory about a component; six digits and more, so that no real one is meant.
pub(super) fn id(name: usize, number: usize) -> String {
    format!("CVE-2026-{}", 900_000 + name * 10 + number)
}

/// Whether the advisory `number` about the component `name` touches one of these.
pub(super) fn is_touched(parts: &[Part], name: usize, number: usize) -> bool {
    parts.iter().any(|part| part.name == name && part.version <= number % 2)
}

/// Writes the advisories as CVE records into a folder; with the later ones or without.
pub(super) fn write_feeds(folder: &Path, with_delta: bool) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for name in 0..NAMES {
        for number in 0..advisories(name) {
            record(folder, &id(name, number), name, if number % 2 == 0 { "1.1" } else { "1.2" })?;
        }
        if with_delta && name < DELTA {
            record(folder, &id(name, ADVISORIES), name, "1.2")?;
        }
    }
    Ok(())
}

fn record(folder: &Path, id: &str, number: usize, before: &str) -> anyhow::Result<()> {
    let product = name(number);
    let organisation = "11111111-1111-4111-8111-111111111111";
    let record = json!({ "dataType": "CVE_RECORD", "dataVersion": "5.1",
        "cveMetadata": { "cveId": id, "state": "PUBLISHED", "assignerOrgId": organisation,
            "dateUpdated": "2026-11-01T00:00:00.000Z" },
        "containers": { "cna": {
            "providerMetadata": { "orgId": organisation, "shortName": "acme" },
            "title": format!("A fault in {product}"),
            "descriptions": [{ "lang": "en", "value": format!("{product} has a fault.") }],
            "affected": [{ "vendor": "acme", "product": product, "versions": [{ "version": "0",
                "lessThan": before, "status": "affected", "versionType": "semver" }] }],
            "metrics": [{ "cvssV3_1": { "version": "3.1", "baseScore": 7.5, "baseSeverity": "HIGH",
                "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H" } }] } } });
    fs::write(folder.join(format!("{id}.json")), record.to_string())?;
    Ok(())
}

/// Devices from one number to before another, as a maintenance system exports them.
pub(super) fn inventory(from: usize, to: usize) -> String {
    let mut text = "asset_tag;manufacturer;model;serial;room\n".to_owned();
    for number in from..to {
        let (model, room) = (number % 90, number % 700);
        // Writing into a text cannot fail.
        let _ = writeln!(text, "BM-{number:06};Acme;VL-{model};S{number:06};E {room}");
    }
    text
}

/// An image of so many bytes that no compression makes smaller, after one with components in it.
pub(super) fn image(number: u64, sample: &[u8], bytes: usize) -> Vec<u8> {
    let mut numbers = Numbers(number.wrapping_mul(0x1_0000_0001));
    let mut image = sample.to_vec();
    while image.len() < bytes {
        image.extend_from_slice(&numbers.next().to_le_bytes());
    }
    image.truncate(bytes.max(sample.len()));
    image
}

#[cfg(test)]
mod tests {
    use super::{findings, parts, sbom};

    #[test]
    fn data_is_the_same_each_time_and_differs_between_builds() {
        let first = parts(1, 500);
        assert_eq!((first.len(), &first), (500, &parts(1, 500)));
        assert_ne!(first, parts(2, 500));
        assert_ne!(sbom(1, &first), sbom(2, &first));
        assert!(findings(&first, false) > 100 && findings(&first, true) > findings(&first, false));
    }
}
