//! endoflife.date: until when each release cycle of a product is maintained.
//!
//! Read are the answer of its interface for all products (JSON, version 1,
//! <https://endoflife.date/docs/api/v1/>) and the pages that it is made from: Markdown, with the
//! facts as YAML in front (<https://github.com/endoflife-date/endoflife.date>). Hardware, hosted
//! services and standards are left out: no component of an image is one.

use auscult_model::Purl;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    cpe::Name,
    feeds::{Recognised, day, yaml},
    names::normalise,
    support::{Cycle, End, Product},
};

/// Name of the source.
pub(crate) const SOURCE: &str = "endoflife";

/// Categories of products that are no software on a device.
const NO_COMPONENTS: &[&str] = &["device", "service", "standard"];

/// Package types whose packages others build, and maintain beyond their maker's end.
const PACKED_BY_OTHERS: &[&str] = &[
    "deb",
    "rpm",
    "apk",
    "alpm",
    "brew",
    "scoop",
    "chocolatey",
    "winget",
    "snap",
    "docker",
    "oci",
];

/// The parts of a page that are read; others use more of YAML.
const PARTS: &[&str] = &["category", "permalink", "identifiers", "releases"];

/// The answer of the interface.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    generated_at: Option<String>,
    result: Vec<Value>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    identifiers: Vec<Identifier>,
    releases: Vec<Value>,
}

#[derive(Deserialize)]
struct Identifier {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    name: String,
    is_eol: Option<bool>,
    eol_from: Option<String>,
    is_maintained: Option<bool>,
    eoes_from: Option<String>,
    latest: Option<Latest>,
}

#[derive(Deserialize)]
struct Latest {
    name: String,
}

/// Products while they are read, and what could not be.
#[derive(Default)]
struct Products {
    products: Vec<Product>,
    failures: u64,
}

/// Reads the answer for all products.
pub(crate) fn parse(bytes: &[u8]) -> Recognised {
    let Ok(answer) = serde_json::from_slice::<Answer>(bytes) else {
        return Recognised::Support { date: None, products: Vec::new(), failures: 1 };
    };
    let mut products = Products::default();
    for value in answer.result {
        match serde_json::from_value::<Listed>(value) {
            Ok(listed) => products.add_listed(listed),
            Err(_) => products.failures += 1,
        }
    }
    products.recognised(answer.generated_at.as_deref().and_then(day))
}

/// Tells whether a text is the page of a product.
pub(crate) fn is_page(text: &str) -> bool {
    let starts = |start: &str| front(text).any(|line| line.starts_with(start));
    text.lines().next() == Some("---") && starts("permalink: /") && starts("releases:")
}

/// Reads the page of a product. `archived` is the date that its archive gives it.
pub(crate) fn parse_page(text: &str, archived: Option<Date>) -> Recognised {
    let mut products = Products::default();
    let facts = yaml::parse(&wanted(text));
    if facts.and_then(|facts| products.add_page(facts.as_object()?)).is_none() {
        products.failures += 1;
    }
    products.recognised(archived)
}

/// The lines of a page's front matter.
fn front(text: &str) -> impl Iterator<Item = &str> {
    text.lines().skip(1).take_while(|line| *line != "---")
}

/// The parts of a front matter that are read.
fn wanted(text: &str) -> String {
    let mut wanted = String::new();
    let mut taken = false;
    for line in front(text) {
        if !line.starts_with([' ', '-', '#']) && !line.is_empty() {
            taken = line.split_once(':').is_some_and(|(key, _)| PARTS.contains(&key));
        }
        if taken {
            wanted.push_str(line);
            wanted.push('\n');
        }
    }
    wanted
}

impl Products {
    fn recognised(self, date: Option<Date>) -> Recognised {
        Recognised::Support { date, products: self.products, failures: self.failures }
    }

    fn add_listed(&mut self, listed: Listed) {
        let identifiers = listed.identifiers.iter().map(|one| (&*one.kind, &*one.id));
        let keys = keys(&listed.name, identifiers);
        let releases = listed.releases.into_iter();
        let cycles = releases.map(|one| Some(listed_cycle(serde_json::from_value(one).ok()?)));
        self.add(listed.name, listed.category.as_deref(), keys, cycles);
    }

    /// Adds the product of a page; `None` where it lacks what every page has.
    fn add_page(&mut self, page: &Map<String, Value>) -> Option<()> {
        let text = |key: &str| page.get(key).and_then(Value::as_str);
        let name = text("permalink")?.trim_start_matches('/');
        let releases = page.get("releases")?.as_array()?;
        let identifiers = page.get("identifiers").and_then(Value::as_array).into_iter().flatten();
        let identifiers = identifiers.filter_map(Value::as_object).flatten();
        let identifiers = identifiers.filter_map(|(kind, id)| Some((kind.as_str(), id.as_str()?)));
        let keys = keys(name, identifiers);
        let category = text("category");
        self.add(name.to_owned(), category, keys, releases.iter().map(page_cycle));
        Some(())
    }

    fn add(
        &mut self,
        name: String,
        category: Option<&str>,
        keys: Vec<String>,
        cycles: impl Iterator<Item = Option<Cycle>>,
    ) {
        let mut product = Product { name, keys, cycles: Vec::new() };
        for cycle in cycles {
            match cycle {
                Some(cycle) => product.cycles.push(cycle),
                None => self.failures += 1,
            }
        }
        if !category.is_some_and(|category| NO_COMPONENTS.contains(&category)) {
            self.products.push(product);
        }
    }
}

/// The keys of a product, by its name and what names it elsewhere.
fn keys<'a>(name: &str, identifiers: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut keys = vec![format!("n:{}", normalise(name))];
    keys.extend(identifiers.filter_map(|(kind, id)| match kind {
        "cpe" => Some(Name::parse(id)?.key()),
        "purl" => {
            let purl = Purl::canonical(id).ok()?;
            let own = !PACKED_BY_OTHERS.contains(&purl.kind());
            own.then(|| format!("p:{}", purl.without_version()))
        }
        _ => None,
    }));
    keys.sort();
    keys.dedup();
    keys
}

fn listed_cycle(release: Release) -> Cycle {
    let told = release.eol_from.as_deref().and_then(day).map(End::On);
    // What is said to have no end and to be maintained no more is a contradiction.
    let end = told.unwrap_or(match (release.is_eol, release.is_maintained) {
        (Some(true), _) => End::Ended,
        (Some(false), Some(true) | None) => End::Open,
        _ => End::NotTold,
    });
    Cycle {
        name: release.name,
        end,
        extended_until: release.eoes_from.as_deref().and_then(day),
        latest: release.latest.map(|latest| latest.name).unwrap_or_default(),
    }
}

/// A release of a page; `None` where it has no name, or an end that is neither a day nor an answer.
fn page_cycle(release: &Value) -> Option<Cycle> {
    let text = |key: &str| release.get(key).and_then(Value::as_str);
    let end = match text("eol") {
        None => End::NotTold,
        Some("true") => End::Ended,
        Some("false") => End::Open,
        Some(told) => End::On(day(told)?),
    };
    Some(Cycle {
        name: text("releaseCycle")?.to_owned(),
        end,
        extended_until: text("eoes").and_then(day),
        latest: text("latest").unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{End, Product, is_page, parse, parse_page};
    use crate::feeds::Recognised;

    const PAGE: &str = "---\ntitle: \"Thing: a thing\"\ncategory: framework\npermalink: /thing\n\
        versionCommand: >-\n  thing\n  --version\nidentifiers:\n  - repology: thing\n  \
        - cpe: cpe:/a:acme:thing\n  - cpe: cpe:2.3:a:acme:thing\n  - purl: pkg:generic/thing\n  \
        - purl: pkg:deb/debian/thing\nauto:\n  methods:\n    - git: [a, &b, c]\n# A comment\n\
        releases:\n  - releaseCycle: \"2.0\" # new\n    eol: false\n\n  - releaseCycle: \"1.1\"\n    \
        eol: 2026-09-07 # announced\n    eoes: 2030-01-01\n    latest: \"1.1.9\"\n\n  \
        - releaseCycle: \"1.0\"\n    eol: true\n---\n\n> Words, and releases: none.\n";
    const ANSWER: &str = r#"{"schema_version":"1.2.0","generated_at":"2026-11-21T00:00:00+00:00",
        "total":1,"result":[{"name":"thing","category":"framework","identifiers":[
        {"id":"cpe:2.3:a:acme:thing","type":"cpe"},{"id":"pkg:generic/thing","type":"purl"}],
        "releases":[{"name":"2.0","isEol":false,"eolFrom":null,"isMaintained":true},
        {"name":"1.1","isEol":false,"eolFrom":"2026-09-07","eoesFrom":"2030-01-01",
        "latest":{"name":"1.1.9","date":"2026-01-01"}},{"name":"1.0","isEol":true}]}]}"#;

    fn read(recognised: Recognised) -> (Vec<Product>, u64) {
        match recognised {
            Recognised::Support { products, failures, .. } => (products, failures),
            _ => (Vec::new(), u64::MAX),
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        assert!(is_page(PAGE));
        let (page, failures) = read(parse_page(PAGE, None));
        assert_eq!(read(parse(ANSWER.as_bytes())), (page.clone(), 0));
        assert_eq!((page.len(), failures), (1, 0));
        assert_eq!(page[0].keys, ["c:acme:thing", "n:thing", "p:pkg:generic/thing"]);
        let ends: Vec<_> = page[0].cycles.iter().map(|cycle| (&*cycle.name, cycle.end)).collect();
        let day = date(2026, 9, 7);
        assert_eq!(ends, [("2.0", End::Open), ("1.1", End::On(day)), ("1.0", End::Ended)]);
        assert_eq!(page[0].cycles[1].extended_until, Some(date(2030, 1, 1)));
        assert_eq!(page[0].cycles[1].latest, "1.1.9");
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let page = PAGE.replace("eol: true", "eol: soon");
        let (products, failures) = read(parse_page(&page, None));
        assert_eq!((products[0].cycles.len(), failures), (2, 1));
        let (products, failures) =
            read(parse_page("---\npermalink: /a\nreleases: [1]\n---\n", None));
        assert_eq!((products.len(), failures), (0, 1));
        let answer = ANSWER
            .replace(r#""name":"1.0","#, "")
            .replace("[{\"name\":\"thing\"", "[7,{\"name\":\"thing\"");
        let (products, failures) = read(parse(answer.as_bytes()));
        assert_eq!((products[0].cycles.len(), failures), (2, 2));
        assert_eq!(read(parse(b"{\"result\":7}")), (Vec::new(), 1));
    }

    #[test]
    fn a_contradiction_and_a_missing_answer_are_not_support() {
        let answer = |told: &str| {
            let text = ANSWER.replace(r#""name":"1.0","isEol":true"#, told);
            read(parse(text.as_bytes())).0[0].cycles[2].end
        };
        assert_eq!(answer(r#""name":"1.0","isEol":false,"isMaintained":false"#), End::NotTold);
        assert_eq!(answer(r#""name":"1.0""#), End::NotTold);
    }

    #[test]
    fn hardware_and_services_are_no_components() {
        for category in ["device", "service", "standard"] {
            let page = PAGE.replace("framework", category);
            assert_eq!(read(parse_page(&page, None)), (Vec::new(), 0));
        }
    }
}
