//! SPDX 2 as lines of a tag and a value. A text over several lines stands between `<text>` and
//! `</text>`.

use super::{party, reference, source, without_subjects};
use crate::components::Entry;

/// Reads the packages; what is no tag is passed over.
pub(crate) fn read_tag_value(bytes: &[u8]) -> Vec<Entry> {
    let text = String::from_utf8_lossy(bytes);
    let mut entries: Vec<(String, Entry)> = Vec::new();
    let mut subjects = Vec::new();
    let (mut in_text, mut in_package) = (false, false);
    for (number, line) in text.lines().enumerate() {
        if in_text {
            in_text = !line.contains("</text>");
            continue;
        }
        let Some((tag, value)) = line.split_once(':') else { continue };
        let (tag, value) = (tag.trim(), value.trim());
        in_text = value.starts_with("<text>") && !value.contains("</text>");
        match tag {
            "PackageName" => {
                let place = format!("line {}", number + 1);
                let entry = Entry { place, name: value.to_owned(), ..Entry::default() };
                entries.push((String::new(), entry));
                in_package = true;
            }
            "FileName" | "SnippetSPDXID" | "LicenseID" => in_package = false,
            "Relationship" => {
                let mut words = value.split_whitespace();
                let described =
                    words.next() == Some("SPDXRef-DOCUMENT") && words.next() == Some("DESCRIBES");
                subjects.extend(words.next().filter(|_| described).map(ToOwned::to_owned));
            }
            _ => {
                if let Some((id, entry)) = entries.last_mut().filter(|_| in_package) {
                    field(id, entry, tag, value);
                }
            }
        }
    }
    without_subjects(entries, &subjects)
}

fn field(id: &mut String, entry: &mut Entry, tag: &str, value: &str) {
    match tag {
        "SPDXID" => value.clone_into(id),
        "PackageVersion" => value.clone_into(&mut entry.version),
        "PackageSupplier" => entry.supplier = party(value),
        "PackageLicenseConcluded" | "PackageLicenseDeclared" => {
            entry.licences.push(value.to_owned());
        }
        "PrimaryPackagePurpose" => value.clone_into(&mut entry.kind),
        "PackageSourceInfo" => {
            source(entry, value.trim_start_matches("<text>").trim_end_matches("</text>"));
        }
        "ExternalRef" => {
            let mut words = value.split_whitespace().skip(1);
            if let (Some(kind), Some(locator)) = (words.next(), words.next()) {
                reference(entry, kind, locator);
            }
        }
        _ => {}
    }
}
