//! Alpine's secfixes (YAML): which version of a package repairs which CVEs, per branch.

use auscult_version::{Bound, Scheme};
use serde_json::Value;

use crate::{
    feeds::{Recognised, Record, claim, cves_in, yaml},
    record::{Claim, Entry, Span, Status},
};

const SOURCE: &str = "alpine";

/// Tells whether a text is a branch of the database.
pub(crate) fn is_secfixes(text: &str) -> bool {
    let mut lines = text.lines().take(20);
    lines.any(|line| line.starts_with("distroversion:")) && text.contains("\npackages:")
}

/// Reads a branch.
pub(crate) fn parse(path: &str, text: &str) -> Recognised {
    yaml::parse(text).map_or_else(|| Recognised::failed(SOURCE), |branch| read(path, &branch))
}

/// Reads a branch as `secdb.alpinelinux.org` serves it, in JSON.
pub(crate) fn parse_json(path: &str, bytes: &[u8]) -> Recognised {
    serde_json::from_slice(bytes)
        .map_or_else(|_| Recognised::failed(SOURCE), |branch: Value| read(path, &branch))
}

fn read(path: &str, document: &Value) -> Recognised {
    let release = document.get("distroversion").and_then(Value::as_str).unwrap_or_default();
    let (mut records, mut failures) = (Vec::new(), 0);
    for package in document.get("packages").and_then(Value::as_array).into_iter().flatten() {
        let package = package.get("pkg").unwrap_or(package);
        let name = package.get("name").and_then(Value::as_str);
        let fixes = package.get("secfixes").and_then(Value::as_object);
        let (Some(name), Some(fixes)) = (name, fixes) else {
            failures += 1;
            continue;
        };
        for (version, ids) in fixes {
            for id in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
                for id in cves_in(id) {
                    let unique = format!("{path} {name} {version} {id}");
                    let claim = fixed_claim(&id, release, version, name);
                    let claims = vec![(format!("d:alpine:{name}"), claim)];
                    records.push(Record {
                        source: SOURCE,
                        unique,
                        id,
                        claims,
                        ..Record::default()
                    });
                }
            }
        }
    }
    Recognised::Records { source: SOURCE, records, failures, date: None }
}

/// Fixed in version 0 means that the package never was affected.
fn fixed_claim(id: &str, release: &str, version: &str, package: &str) -> Claim {
    let upper = Some(Bound::Exclusive(version.to_owned()));
    let entry = Entry::new(Status::Affected, Span::Between { lower: None, upper });
    let entries = if version == "0" { Vec::new() } else { vec![entry] };
    Claim {
        record: format!("{release}/{package}"),
        release: release.trim_start_matches('v').to_owned(),
        ..claim(id, Scheme::Alpine, Status::Unaffected, entries)
    }
}
