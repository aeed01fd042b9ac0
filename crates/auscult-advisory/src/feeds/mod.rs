//! Feeds: one module per format, all brought to [`Record`]s.
//!
//! A document is recognised by what it holds, never by the name of its file, so that feeds can be
//! laid in a folder as they were served.

pub(crate) mod alpine;
pub(crate) mod csaf;
pub(crate) mod curl;
pub(crate) mod cve5;
pub(crate) mod debian;
pub(crate) mod debian_tracker;
pub(crate) mod disclosure;
pub(crate) mod dyad;
pub(crate) mod endoflife;
pub(crate) mod epss;
pub(crate) mod exploits;
pub(crate) mod kev;
pub(crate) mod nvd;
pub(crate) mod osv;
mod recognise;
pub(crate) mod rustsec;
pub(crate) mod stream_fixes;
pub(crate) mod yaml;

use auscult_model::Exploitation;
use auscult_version::Scheme;
use jiff::civil::Date;
pub(crate) use recognise::recognise;

pub(crate) use crate::record::Statement;
use crate::{
    csaf::trust::{self, Checked, Companions, Mirror},
    record::{Claim, Entry, Status},
    support::Product,
};

/// Sources, with their licence and attribution.
pub(crate) const SOURCES: &[(&str, &str)] = &[
    ("cve5", "CVE Program, CVE Terms of Use"),
    ("cve5-adp", "CISA Vulnrichment, CC0-1.0"),
    ("kernel-cna", "Linux kernel CNA, CVE Terms of Use"),
    (dyad::SOURCE, "Linux kernel CNA, pairs of vulnerable and fixed versions, CVE Terms of Use"),
    ("openssl", "OpenSSL vulnerability records, CVE Terms of Use"),
    ("nvd", "NIST NVD, US public domain"),
    ("nvd-overrides", "Anchore NVD data overrides, CC0-1.0"),
    ("cve-enrichment", "Anchore CVE data enrichment, CC0-1.0"),
    ("osv", "OSV records, CC-BY-4.0 where the database does not say otherwise"),
    ("rustsec", "RustSec advisory database, CC0-1.0"),
    ("kernel-stream-fixes", "linux_kernel_cves stream fixes, Apache-2.0"),
    ("curl", "curl project vulnerability table, curl licence"),
    ("debian", "Debian security announcements, Debian project"),
    ("debian-tracker", "Debian security tracker, Debian project"),
    ("alpine", "Alpine secfixes, Alpine Linux (facts)"),
    ("kev", "CISA Known Exploited Vulnerabilities, CC0-1.0"),
    ("epss", "EPSS by FIRST.org, free use with attribution"),
    ("metasploit", "Metasploit module list (facts)"),
    ("routersploit", "RouterSploit module list (facts)"),
    ("poc-lists", "public proof-of-concept lists (facts)"),
    ("exploit-db", "Exploit Database (facts)"),
    (endoflife::SOURCE, "endoflife.date, MIT"),
];

/// One record of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// Name of the source, one of [`SOURCES`].
    pub(crate) source: &'static str,
    /// What tells this record from others of the source.
    pub(crate) unique: String,
    /// The vulnerability.
    pub(crate) id: String,
    pub(crate) aliases: Vec<String>,
    /// When it was last changed, in ISO 8601; a record without stands for itself, as its maker's
    /// own publication, and is preferred to dated copies.
    pub(crate) updated: Option<String>,
    pub(crate) withdrawn: bool,
    /// Product keys with the claims; their source number is set later.
    pub(crate) claims: Vec<(String, Claim)>,
    /// Vectors with published or computed scores in tenths.
    pub(crate) cvss: Vec<(String, u8)>,
    pub(crate) files: Vec<String>,
    pub(crate) weaknesses: Vec<String>,
    pub(crate) sign: Option<Exploitation>,
    pub(crate) automatable: Option<bool>,
    pub(crate) impact_total: Option<bool>,
    /// Date of the KEV entry and whether ransomware uses it.
    pub(crate) kev: Option<(String, bool)>,
    pub(crate) title: String,
    pub(crate) description: String,
    /// What the publisher says beside the ranges.
    pub(crate) statements: Vec<Statement>,
}

/// A row of EPSS: id, score and percentile in hundred-thousandths.
pub(crate) type EpssRow = (String, u32, u32);

/// What a document turned out to be.
pub(crate) enum Recognised {
    /// Records, those that could not be read, and the date that the document gives itself.
    Records { source: &'static str, records: Vec<Record>, failures: u64, date: Option<Date> },
    /// A day of EPSS.
    Epss { date: Option<Date>, rows: Vec<EpssRow>, failures: u64 },
    /// Products with the ends of their release cycles.
    Support { date: Option<Date>, products: Vec<Product>, failures: u64 },
    /// An advisory of the Common Security Advisory Framework, with what was checked of it.
    Csaf { advisory: Box<csaf::Advisory>, checked: Checked },
    /// One that is not what its provider published; it is not used.
    Refused { origin: csaf::Origin, publisher: String, reason: String },
    /// A part of a feed that holds no record: a list of its documents.
    List,
    /// No feed: a licence, a read-me, a schema.
    Nothing,
}

impl Recognised {
    /// What two parts of one document turned out to be; the first one names the source.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, other) => other,
            (
                Self::Records { source, mut records, failures, date },
                Self::Records { records: more, failures: failed, date: other, .. },
            ) => {
                records.extend(more);
                Self::Records {
                    source,
                    records,
                    failures: failures + failed,
                    date: date.max(other),
                }
            }
            (first, _) => first,
        }
    }

    /// A document of one record that could not be read.
    pub(crate) fn failed(source: &'static str) -> Self {
        Self::Records { source, records: Vec::new(), failures: 1, date: None }
    }

    /// Checks an advisory against what lies beside it and its provider's keys; other feeds, and what
    /// was entered by hand, have nothing to check.
    pub(crate) fn checked(
        self,
        bytes: &[u8],
        companions: &Companions,
        mirror: Option<&Mirror>,
    ) -> Self {
        let mut advisory = match self {
            Self::Csaf { advisory, .. } if advisory.origin == csaf::Origin::Published => advisory,
            other => return other,
        };
        if let Some(mirror) = mirror.filter(|mirror| !mirror.name.is_empty()) {
            advisory.publisher.clone_from(&mirror.name);
        }
        match trust::check(bytes, companions, mirror) {
            Ok(checked) => Self::Csaf { advisory, checked },
            Err(reason) => {
                let (origin, publisher) = (advisory.origin, advisory.publisher);
                Self::Refused { origin, publisher, reason }
            }
        }
    }
}

/// A claim before its source is numbered.
pub(crate) fn claim(id: &str, scheme: Scheme, default: Status, entries: Vec<Entry>) -> Claim {
    Claim {
        id: id.to_owned(),
        source: 0,
        record: String::new(),
        scheme,
        default,
        entries,
        part: '*',
        target: String::new(),
        release: String::new(),
        conditions: Vec::new(),
    }
}

/// The scheme of a product, where it has one of its own.
pub(crate) fn scheme_of(key: &str) -> Option<Scheme> {
    match key {
        "c:openssl:openssl" => Some(Scheme::OpenSsl),
        "c:openbsd:openssh" | "c:openssh:openssh" => Some(Scheme::OpenSsh),
        "k:linux" | "c:linux:linux_kernel" | "c:linux:linux" => Some(Scheme::Kernel),
        _ => None,
    }
}

/// Tells whether a text is a CVE id.
pub(crate) fn is_cve(text: &str) -> bool {
    let mut parts = text.split('-');
    let digits = |part: Option<&str>, least: usize| {
        part.is_some_and(|part| part.len() >= least && part.bytes().all(|b| b.is_ascii_digit()))
    };
    parts.next() == Some("CVE")
        && digits(parts.next(), 4)
        && digits(parts.next(), 4)
        && parts.next().is_none()
}

/// Every CVE id in a text, in order.
pub(crate) fn cves_in(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(|c| !is_part(c)).map(str::to_ascii_uppercase).filter(|word| is_cve(word)).collect()
}

/// The day of an ISO 8601 time.
pub(crate) fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}
