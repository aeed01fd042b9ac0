//! Claims from `product_status` (CSAF 2.0 section 3.2.3.9, 2.1 section 3.2.4.12).

use std::collections::BTreeMap;

use auscult_model::Purl;
use auscult_version::{Bound, Scheme, compare};
use serde_json::Value;

use super::products::{Product, Products};
use crate::{
    cpe::{Name, product_key},
    csaf::texts,
    device::{self, version_text::VersionText},
    feeds::{claim, scheme_of},
    record::{Claim, Entry, Span, Status},
};

/// The lists of `product_status` with what they say of a product's version.
const STATUSES: &[(&str, Status)] = &[
    ("known_affected", Status::Affected),
    ("fixed", Status::Unaffected),
    ("first_fixed", Status::Unaffected),
    ("known_not_affected", Status::Unaffected),
    ("under_investigation", Status::Unknown),
    ("unknown", Status::Unknown),
];

/// What is said of one name, in one way of ordering versions, under the same conditions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    key: String,
    scheme: Scheme,
    part: char,
    target: String,
    conditions: Vec<Vec<String>>,
}

#[derive(Default)]
struct Drafts(BTreeMap<Subject, Vec<Entry>>);

/// The claims of a vulnerability under every name of every product.
pub(super) fn claims(
    id: &str,
    advisory: &str,
    products: &Products,
    vulnerability: &Value,
) -> Vec<(String, Claim)> {
    let mut drafts = Drafts::default();
    let status = vulnerability.get("product_status").unwrap_or(&Value::Null);
    for (list, said) in STATUSES {
        for product in texts(status, &[list]) {
            drafts.add_product(products, product, *said, None);
        }
    }
    let limits = Limits::of(products, status);
    for (product, spans) in limits.ranges() {
        drafts.add_product(products, product, Status::Affected, Some(&spans));
    }
    let claims = drafts.0.into_iter().map(|(subject, mut entries)| {
        entries.sort();
        entries.dedup();
        let claim = Claim {
            record: advisory.to_owned(),
            part: subject.part,
            target: subject.target,
            conditions: subject.conditions,
            ..claim(id, subject.scheme, Status::Unaffected, entries)
        };
        (subject.key, claim)
    });
    claims.collect()
}

impl Drafts {
    /// Takes the word on a product, and on what it is related to. `spans` stand for its version
    /// where they are given.
    fn add_product(
        &mut self,
        products: &Products,
        id: &str,
        status: Status,
        spans: Option<&[Span]>,
    ) {
        let Some(product) = products.component(id) else { return };
        let versions = spans.map_or_else(|| product.versions(), of_spans);
        let related = products.get(id).filter(|related| related.component.is_some());
        let platforms = related.map_or(&[][..], |related| related.platforms.as_slice());
        let mut conditions = Vec::new();
        for platform in platforms {
            let Some(other) = products.component(&platform.id) else { continue };
            conditions.push(vec![condition(other)]);
            // A device is known by the whole; its version is that of what runs on it.
            let own = if platform.beside && product.version.is_some() {
                versions.clone()
            } else {
                other.versions()
            };
            // A part that is not affected does not clear the whole.
            let status = if status == Status::Unaffected && !platform.beside {
                Status::Unknown
            } else {
                status
            };
            self.add_device(other, &own, status);
        }
        self.add_device(product, &versions, status);
        self.add_names(product, &versions, status, &conditions);
    }

    fn add(&mut self, subject: Subject, versions: &VersionText, status: Status) {
        let entries = self.0.entry(subject).or_default();
        entries.extend(versions.spans.iter().map(|span| Entry::new(status, span.clone())));
        if status == Status::Affected {
            let span =
                |version: &String| Span::Exactly { version: version.clone(), any_update: false };
            entries.extend(versions.except.iter().map(|v| Entry::new(Status::Unaffected, span(v))));
        }
    }

    /// Under the names that people give a device.
    fn add_device(&mut self, product: &Product, versions: &VersionText, status: Status) {
        let status = cautious(product, versions, status);
        let mut names: Vec<(String, VersionText)> = vec![(product.label.clone(), versions.clone())];
        names.extend(product.models.iter().map(|model| (model.clone(), versions.clone())));
        // What stands for a version may be a model: "24950", "MMT-1710".
        if let Some(version) = product.version.as_deref().filter(|version| may_be_model(version)) {
            let name = format!("{} {version}", product.label);
            names.push((name, VersionText::unreadable(version)));
        }
        for (name, versions) in names {
            if name.is_empty() || product.vendor.is_empty() {
                continue;
            }
            let subject = Subject {
                key: device::key(&product.vendor, &name),
                scheme: versions.scheme,
                part: '*',
                target: String::new(),
                conditions: Vec::new(),
            };
            self.add(subject, &versions, status);
        }
    }

    /// Under the names that components are looked up by.
    fn add_names(
        &mut self,
        product: &Product,
        versions: &VersionText,
        status: Status,
        conditions: &[Vec<String>],
    ) {
        let status = cautious(product, versions, status);
        let subject = |key: String, part: char, target: String, scheme: Scheme| Subject {
            scheme: scheme_of(&key).unwrap_or(scheme),
            key,
            part,
            target,
            conditions: conditions.to_vec(),
        };
        for purl in &product.purls {
            let Some((key, version, scheme)) = purl_key(purl) else { continue };
            let exact = version.map(|version| exactly(&version));
            let subject = subject(key, '*', String::new(), scheme);
            self.add(subject, exact.as_ref().unwrap_or(versions), status);
        }
        if let Some(name) = Name::parse(&product.cpe) {
            let exact = name.full_version().map(|version| exactly(&version));
            // A range of the branch says more than the one version of a name.
            let range = versions.is_read() && product.version.is_some();
            let versions = exact.as_ref().filter(|_| !range).unwrap_or(versions);
            self.add(
                subject(name.key(), name.part, name.target.clone(), versions.scheme),
                versions,
                status,
            );
        } else if versions.is_read() && product.version.is_some() && !product.vendor.is_empty() {
            let key = product_key(&product.vendor, &product.label);
            self.add(subject(key, '*', String::new(), versions.scheme), versions, status);
        }
    }
}

/// A product that is meant in part only is never cleared as a whole.
fn cautious(product: &Product, versions: &VersionText, status: Status) -> Status {
    let part = product.narrowed || versions.remark || !versions.except.is_empty();
    if part && status == Status::Unaffected { Status::Unknown } else { status }
}

fn exactly(version: &str) -> VersionText {
    let span = Span::Exactly { version: version.to_owned(), any_update: true };
    VersionText { spans: vec![span], ..VersionText::all() }
}

fn of_spans(spans: &[Span]) -> VersionText {
    VersionText { spans: spans.to_vec(), ..VersionText::all() }
}

/// What must be there too, as `part:vendor:product`.
fn condition(product: &Product) -> String {
    if let Some(name) = Name::parse(&product.cpe) {
        return format!("{}:{}:{}", name.part, name.vendor, name.product);
    }
    let key = product_key(&product.vendor, &product.label);
    format!("*{}", key.strip_prefix('c').unwrap_or(&key))
}

/// A text in the place of a version that may be the number of a model: no dots, and four
/// characters of which three are digits.
fn may_be_model(version: &str) -> bool {
    let model = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        digits >= 3 && word.len() >= 4 && !word.contains('.')
    };
    let comparing = version.contains(['<', '>', '*']) || version.starts_with("vers:");
    !comparing && version.split([' ', '|', ',']).any(model)
}

/// Key, version and scheme of a purl.
fn purl_key(text: &str) -> Option<(String, Option<String>, Scheme)> {
    let purl = Purl::canonical(text).ok()?;
    let scheme = match purl.kind() {
        "deb" => Scheme::Debian,
        "rpm" => Scheme::Rpm,
        "apk" => Scheme::Alpine,
        "pypi" => Scheme::Pep440,
        "npm" | "cargo" | "golang" => Scheme::Semver,
        _ => Scheme::Generic,
    };
    let version = purl.parts().ok().and_then(|parts| parts.version);
    Some((format!("p:{}", purl.without_version()), version, scheme))
}

/// The first and last affected and the first repaired versions of each product.
#[derive(Default)]
struct Limits<'a>(BTreeMap<(String, String), [Vec<Limit<'a>>; 3]>);

/// A product's id with its version; empty where that is not one version.
type Limit<'a> = (&'a str, String);

impl<'a> Limits<'a> {
    fn of(products: &'a Products, status: &'a Value) -> Self {
        let mut limits = Self::default();
        let lists = ["first_affected", "last_affected", "first_fixed"];
        for (place, list) in lists.iter().enumerate() {
            for id in texts(status, &[list]) {
                let Some(product) = products.component(id) else { continue };
                let name = (product.vendor.clone(), product.label.clone());
                let version = match product.versions().spans.as_slice() {
                    [Span::Exactly { version, .. }] => version.clone(),
                    _ => String::new(),
                };
                if let Some(list) = limits.0.entry(name).or_default().get_mut(place) {
                    list.push((id, version));
                }
            }
        }
        limits
    }

    /// Affected ranges, each with a product that they are told of. Versions that are not one
    /// version stand for themselves.
    fn ranges(&self) -> Vec<(&'a str, Vec<Span>)> {
        let mut ranges = Vec::new();
        for [firsts, lasts, fixes] in self.0.values() {
            let mut used = Vec::new();
            for (id, first) in firsts {
                let span = if first.is_empty() {
                    Span::Unreadable(String::new())
                } else {
                    let last = next(lasts, first);
                    used.extend(last.clone());
                    let upper = last.map(Bound::Inclusive);
                    let upper = upper.or_else(|| next(fixes, first).map(Bound::Exclusive));
                    Span::Between { lower: Some(Bound::Inclusive(first.clone())), upper }
                };
                ranges.push((*id, vec![span]));
            }
            for (id, last) in lasts.iter().filter(|(_, last)| !used.contains(last)) {
                let span = if last.is_empty() {
                    Span::Unreadable(String::new())
                } else {
                    Span::Between { lower: None, upper: Some(Bound::Inclusive(last.clone())) }
                };
                ranges.push((*id, vec![span]));
            }
        }
        ranges
    }
}

/// The smallest version that is not below another.
fn next(versions: &[Limit<'_>], from: &str) -> Option<String> {
    let order = |one: &str, other: &str| compare(Scheme::Generic, one, other);
    let above = versions.iter().map(|(_, version)| version).filter(|version| {
        !version.is_empty() && order(version, from).is_some_and(std::cmp::Ordering::is_ge)
    });
    above.min_by(|one, other| order(one, other).unwrap_or(std::cmp::Ordering::Equal)).cloned()
}
