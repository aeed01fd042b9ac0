//! Debian's lists of security announcements (DSA, DLA): which version of a source package repairs
//! which CVEs in which release.

use auscult_model::DEBIAN_RELEASES;
use auscult_version::{Bound, Scheme};
use jiff::civil::Date;

use crate::{
    feeds::{Recognised, Record, claim, cves_in},
    record::{Claim, Entry, Span, Status},
};

const SOURCE: &str = "debian";

/// The codename of a release number, or the text itself.
pub(crate) fn codename(release: &str) -> String {
    let number = release.split('.').next().unwrap_or(release);
    let found = DEBIAN_RELEASES.iter().find(|(known, _)| *known == number);
    found.map_or_else(|| release.to_lowercase(), |(_, name)| (*name).to_owned())
}

/// Tells whether a line begins an announcement: `[31 Mar 2023] DLA-3377-1 systemd - …`.
pub(crate) fn is_list(line: &str) -> bool {
    header(line).is_some()
}

fn header(line: &str) -> Option<(Date, &str)> {
    let (date, rest) = line.strip_prefix('[')?.split_once(']')?;
    let name = rest.split_whitespace().next()?;
    let known = name.starts_with("DSA-") || name.starts_with("DLA-");
    let date = Date::strptime("%d %b %Y", date).ok()?;
    known.then_some((date, name))
}

/// Reads a list.
pub(crate) fn parse(text: &str) -> Recognised {
    let (mut records, mut failures, mut newest) = (Vec::new(), 0, None);
    let (mut announcement, mut cves): (&str, Vec<String>) = ("", Vec::new());
    for line in text.lines() {
        if let Some((date, name)) = header(line) {
            newest = newest.max(Some(date));
            (announcement, cves) = (name, Vec::new());
        } else if line.trim_start().starts_with('{') {
            cves = cves_in(line);
        } else if let Some((release, package, version)) = fixed(line) {
            for id in &cves {
                let unique = format!("{announcement} {package} {release} {id}");
                let claim = fixed_claim(id, release, version, announcement);
                records.push(Record {
                    source: SOURCE,
                    unique,
                    id: id.clone(),
                    claims: vec![(format!("d:debian:{package}"), claim)],
                    ..Record::default()
                });
            }
        } else if line.starts_with('[') {
            failures += 1;
        }
    }
    Recognised::Records { source: SOURCE, records, failures, date: newest }
}

/// Reads `[bullseye] - openssl 1.1.1n-0+deb11u4`; states such as `<unfixed>` name no version.
fn fixed(line: &str) -> Option<(&str, &str, &str)> {
    let (release, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
    let mut words = rest.trim().strip_prefix("- ")?.split_whitespace();
    let (package, version) = (words.next()?, words.next()?);
    version.starts_with(|c: char| c.is_ascii_digit()).then_some((release, package, version))
}

fn fixed_claim(id: &str, release: &str, version: &str, announcement: &str) -> Claim {
    let upper = Some(Bound::Exclusive(version.to_owned()));
    let entry = Entry::new(Status::Affected, Span::Between { lower: None, upper });
    Claim {
        record: announcement.to_owned(),
        release: release.to_owned(),
        ..claim(id, Scheme::Debian, Status::Unaffected, vec![entry])
    }
}
