//! The curl project's own table of vulnerabilities (CSV): first and last vulnerable version.

use auscult_version::{Bound, Scheme};

use crate::feeds::{Recognised, Record, claim, is_cve};
use crate::record::{Entry, Span, Status};

const SOURCE: &str = "curl";

/// Tells whether a line is the header of the table.
pub(crate) fn is_table(line: &str) -> bool {
    let has = |name| line.split(',').any(|column| column == name);
    has("first_vulnerable") && has("last_vulnerable") && has("cve")
}

/// Reads the table.
pub(crate) fn parse(text: &str) -> Recognised {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else { return Recognised::failed(SOURCE) };
    let column = |name: &str| header.iter().position(|column| column == name);
    let (mut records, mut failures, mut date) = (Vec::new(), 0, None);
    for row in reader.records() {
        let Ok(row) = row else {
            failures += 1;
            continue;
        };
        let field = |name| column(name).and_then(|at| row.get(at)).unwrap_or_default().trim();
        let (id, first, last) = (field("cve"), field("first_vulnerable"), field("last_vulnerable"));
        if !is_cve(id) || first.is_empty() || last.is_empty() {
            failures += 1;
            continue;
        }
        // Announced as 20260624.
        date = date.max(jiff::civil::Date::strptime("%Y%m%d", field("announced")).ok());
        records.push(record(id, first, last, field("tool_lib"), field("name")));
    }
    Recognised::Records { source: SOURCE, records, failures, date }
}

fn record(id: &str, first: &str, last: &str, tool_or_library: &str, title: &str) -> Record {
    let span = Span::Between {
        lower: Some(Bound::Inclusive(first.to_owned())),
        upper: Some(Bound::Inclusive(last.to_owned())),
    };
    let entries = vec![Entry::new(Status::Affected, span)];
    let keys: &[&str] = match tool_or_library {
        "tool" => &["c:haxx:curl"],
        "lib" => &["c:haxx:libcurl"],
        _ => &["c:haxx:curl", "c:haxx:libcurl"],
    };
    // The tool is built of this folder of the project, and the library of another one.
    let files = if tool_or_library == "tool" { vec!["src/".to_owned()] } else { Vec::new() };
    let claim = claim(id, Scheme::Generic, Status::Unaffected, entries);
    Record {
        source: SOURCE,
        unique: id.to_owned(),
        id: id.to_owned(),
        claims: keys.iter().map(|key| ((*key).to_owned(), claim.clone())).collect(),
        title: title.to_owned(),
        files,
        ..Record::default()
    }
}
