//! Matches against labels that people gave to another scanner's results: per image, package, version
//! and CVE, whether it is true (`match-labels` of the shared folder).
//!
//! The images are not at hand, so of a package only its name and version are known. A row counts
//! where both can be expressed, as a package of a release of Debian or Alpine, and where the data
//! hold that CVE for that source package. The rest is counted and told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read as _,
    path::Path,
};

use auscult_advisory::{Snapshot, match_build};
use auscult_model::{ByteName, Component, Locator, Origin, VexStatus};

use crate::{conformance::shared, package, real::full};

/// Rows that must be judged at least.
const ROWS_MIN: usize = 400;
/// Rows labelled false that are reported. They speak of one binary package of several that the
/// distribution builds from a source, where only another one holds the weakness: the server of `krb5`
/// and not its libraries, the init of `systemd` and not its device manager.
const WRONG_MAX: usize = 3;
/// Source packages whose binary packages are called otherwise.
const SOURCES: &[(&str, &str)] = &[
    ("libc-bin", "glibc"),
    ("libc6", "glibc"),
    ("libc6-dev", "glibc"),
    ("libc-dev-bin", "glibc"),
    ("libc-l10n", "glibc"),
    ("locales", "glibc"),
    ("multiarch-support", "glibc"),
    ("libc6", "eglibc"),
    ("libc-bin", "eglibc"),
    ("multiarch-support", "eglibc"),
    ("libssl1.0.0", "openssl"),
    ("libssl1.0.2", "openssl"),
    ("libssl1.1", "openssl"),
    ("libssl-dev", "openssl"),
    ("libk5crypto3", "krb5"),
    ("libgssapi-krb5-2", "krb5"),
    ("liblzma5", "xz-utils"),
    ("libldap-2.4-2", "openldap"),
    ("bsdutils", "util-linux"),
    ("libblkid1", "util-linux"),
    ("libmount1", "util-linux"),
    ("libuuid1", "util-linux"),
    ("libudev1", "systemd"),
];

struct Row {
    image: String,
    label: String,
    id: String,
    package: String,
    version: String,
}

fn rows(archive: &Path) -> Vec<Row> {
    let file = File::open(archive).unwrap();
    let decoder = ruzstd::decoding::StreamingDecoder::new(file).unwrap();
    let mut text = String::new();
    for entry in tar::Archive::new(decoder).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("labels.tsv") {
            entry.read_to_string(&mut text).unwrap();
        }
    }
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text.as_bytes());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|one| one == name).unwrap();
    let columns =
        ["image", "label", "vulnerability_id", "effective_cve", "package", "version"].map(column);
    let row = |row: csv::StringRecord| {
        let [image, label, id, cve, package, version] =
            columns.map(|column| row.get(column).unwrap_or_default().to_owned());
        let id = if cve.is_empty() { id } else { cve };
        Row { image, label, id, package, version }
    };
    reader.records().map(|one| row(one.unwrap())).collect()
}

/// The release of Debian that an image is of, by the versions of its security updates.
fn releases(rows: &[Row]) -> BTreeMap<&str, String> {
    let mut counts: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for row in rows {
        let Some((_, rest)) = row.version.split_once("deb") else { continue };
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if !number.is_empty() && rest.trim_start_matches(&number).starts_with('u') {
            *counts.entry(&row.image).or_default().entry(number).or_default() += 1;
        }
    }
    let most = |counts: BTreeMap<String, usize>| counts.into_iter().max_by_key(|(_, count)| *count);
    counts.into_iter().filter_map(|(image, seen)| Some((image, most(seen)?.0))).collect()
}

fn codename(number: &str) -> &'static str {
    match number {
        "7" => "wheezy",
        "8" => "jessie",
        "9" => "stretch",
        "10" => "buster",
        "11" => "bullseye",
        "12" => "bookworm",
        _ => "",
    }
}

/// The source package by which Debian knows this CVE, of which this may be a binary package.
fn source_of(snapshot: &Snapshot, row: &Row, release: &str) -> Option<String> {
    let view = snapshot.show(&row.id).unwrap()?;
    let claims = view.claims.iter().filter(|claim| claim.release == release);
    let sources: BTreeSet<&str> =
        claims.filter_map(|claim| claim.product.strip_prefix("debian:")).collect();
    // `libpython3.9-stdlib` is of `python3.9`, and `libtasn1-6` of `libtasn1-3`.
    let stem = |name: &str| {
        let plain = name.strip_prefix("lib").unwrap_or(name);
        let first = plain.split('-').next().unwrap_or(plain);
        let end = if first.contains('.') { "" } else { "0123456789" };
        first.trim_end_matches(|c: char| end.contains(c)).to_owned()
    };
    let known = |source: &&str| SOURCES.contains(&(&row.package, source));
    let same = |source: &&str| **source == row.package || stem(source) == stem(&row.package);
    let found =
        sources.iter().find(|source| known(source)).or_else(|| sources.iter().find(|s| same(s)));
    found.map(|source| (*source).to_owned())
}

/// Packages that are the same on every architecture, as Debian's lists tell.
const FOR_ALL_MACHINES: &[&str] = &["libc-l10n", "locales", "ncurses-base"];

/// A row as a package database would tell it.
fn component(row: &Row, release: &str, source: String) -> Component {
    let distribution = format!("debian-{release}");
    let mut component = package(&row.package, &row.version, "dpkg", Some(&distribution));
    if let Origin::Package(package) = &mut component.origin {
        package.source = Some(source);
        let all = FOR_ALL_MACHINES.contains(&row.package.as_str());
        package.architecture = Some(if all { "all" } else { "amd64" }.to_owned());
    }
    for trace in &mut component.evidence {
        let path = format!("/{}", row.package);
        trace.locator = Locator::image().enter(0, "tar", Some(ByteName::from(path.as_str())));
    }
    component
}

/// The names of the packages in which each CVE is reported.
fn reported(snapshot: &Snapshot, components: &[Component]) -> BTreeSet<(String, String)> {
    let matched = match_build(snapshot, None, components).unwrap();
    let sure = matched.findings.iter().filter(|one| one.vex.status == VexStatus::Affected);
    let places = sure.flat_map(|one| {
        let paths = one.locators.iter().filter_map(|locator| Some(locator.path()?.to_string()));
        paths.map(|path| (one.id.0.clone(), path.trim_start_matches('/').to_owned()))
    });
    places.collect()
}

#[test]
fn labels_of_another_scanner_are_met() {
    let (Some(archive), Some(snapshot)) = (shared("conformance/match-labels.tar.zst"), full())
    else {
        return;
    };
    let rows = rows(&archive);
    let releases = releases(&rows);
    let mut images: BTreeMap<&str, Vec<(&Row, Component)>> = BTreeMap::new();
    let (mut expressible, mut judged) = (0, 0);
    for row in &rows {
        let Some(release) = releases.get(row.image.as_str()) else { continue };
        if row.label == "??" || !row.version.contains(['-', '+']) {
            continue;
        }
        expressible += 1;
        if let Some(source) = source_of(snapshot, row, codename(release)) {
            judged += 1;
            let component = component(row, release, source);
            images.entry(&row.image).or_default().push((row, component));
        }
    }
    let (mut right, mut missed, mut silent, mut wrong) = (0, Vec::new(), 0, Vec::new());
    for rows in images.into_values() {
        let (rows, mut components): (Vec<&Row>, Vec<Component>) = rows.into_iter().unzip();
        components.sort();
        components.dedup();
        let reported = reported(snapshot, &components);
        for row in rows {
            let found = reported.contains(&(row.id.clone(), row.package.clone()));
            let line = format!("{} {} {}", row.id, row.package, row.version);
            match (row.label.as_str(), found) {
                ("TP", true) => right += 1,
                ("TP", false) => missed.push(line),
                (_, true) => wrong.push(line),
                (_, false) => silent += 1,
            }
        }
    }
    println!("{} rows, {expressible} of Debian, {judged} whose CVE the data know", rows.len());
    println!("true: {right} found, missed {missed:#?}");
    println!("false: {silent} silent, reported {wrong:#?}");
    assert!(judged >= ROWS_MIN, "{judged}");
    assert!(right * 100 >= (right + missed.len()) * 95, "{right} found, {} missed", missed.len());
    assert!(wrong.len() <= WRONG_MAX, "{wrong:#?}");
}
