//! Every feed on one server, and the `feeds.toml` that leads there.

use super::{
    server::{FeedServer, Resource},
    shapes::{self, Vulnerability},
};
use crate::{checksum::sha512_hex, stream::gzip};

/// The day and time at which the feeds are current.
pub const NOW: &str = "2026-11-21T12:00:00Z";
const DATE: &str = "Sat, 21 Nov 2026 06:00:00 GMT";

/// `feeds.toml` with every feed at this server, and little patience.
pub fn config(server: &FeedServer) -> String {
    let feeds = [
        ("nvd", "/nvd/", None),
        ("nvd-api", "/nvd-api", None),
        ("cve-list", "/releases", None),
        ("vulnrichment", "/vulnrichment.tar.gz", None),
        ("kernel", "/vulns-master.tar.gz", None),
        ("osv", "/osv/", Some("\"Alpine\", \"Red Hat\"")),
        ("cisa-medical", "/cisa/provider-metadata.json", None),
        ("kev", "/kev.json", None),
        ("epss", "/epss.csv.gz", None),
        ("exploit-db", "/files_exploits.csv", None),
        ("metasploit", "/modules.json", None),
        ("endoflife", "/products/full", None),
        ("debian", "/tracker.json", None),
        ("alpine", "/secdb/", Some("\"v3.22\", \"v3.99\"")),
    ];
    let mut text =
        "[transfer]\nattempts = 3\nfirst_wait_ms = 5\nlongest_wait_s = 2\nslow_s = 1\n".to_owned();
    text.push_str("slow_bytes = 64\nanswer_s = 5\n");
    for (name, path, items) in feeds {
        text.push_str(&format!("[feeds.{name}]\nurl = \"{}\"\n", server.url(path)));
        if let Some(items) = items {
            text.push_str(&format!("items = [{items}]\n"));
        }
    }
    let directory = server.url("/directory/provider-metadata.json");
    text.push_str(&format!("[feeds.csaf]\nitems = [\"{directory}\"]\n"));
    text
}

/// Lays every feed out, all of them about the same vulnerabilities.
pub fn lay_out(server: &FeedServer, all: &[Vulnerability]) {
    let put = |path: &str, body: Vec<u8>| server.put(path, Resource::new(body).modified(DATE));
    nvd(server, all);
    releases(server, all);
    let records: Vec<(String, String)> = all
        .iter()
        .map(|one| (format!("/vulnrichment-develop/2099/{}.json", one.id), shapes::cve_record(one)))
        .collect();
    put("/vulnrichment.tar.gz", shapes::repository(&records));
    let kernel: Vec<(String, String)> = all
        .iter()
        .flat_map(|one| {
            let base = format!("/vulns-master/cve/published/2099/{}", one.id);
            let dyad = "5.10:1111111111111111:5.10.9:2222222222222222\n".to_owned();
            [(format!("{base}.json"), shapes::kernel_record(one)), (format!("{base}.dyad"), dyad)]
        })
        .collect();
    put("/vulns-master.tar.gz", shapes::repository(&kernel));
    for (path, ecosystem) in [("Alpine", "Alpine"), ("Red%20Hat", "Red Hat")] {
        let body = shapes::osv(all, ecosystem);
        let resource = Resource { goog_hash: true, ..Resource::new(body) };
        server.put(&format!("/osv/{path}/all.zip"), resource);
    }
    put("/kev.json", shapes::kev(all, "2026-11-21").into_bytes());
    put("/epss.csv.gz", gzip(shapes::epss(all, "2026-11-21").as_bytes()));
    put("/files_exploits.csv", shapes::exploit_db(all).into_bytes());
    put("/modules.json", shapes::metasploit(all).into_bytes());
    put("/products/full", shapes::endoflife().into_bytes());
    put("/tracker.json", shapes::debian(all).into_bytes());
    for repository in ["main", "community"] {
        let body = shapes::alpine(all, "v3.22", repository);
        put(&format!("/secdb/v3.22/{repository}.json"), body.into_bytes());
    }
    rolie(server, all);
    directory(server, all);
}

fn nvd(server: &FeedServer, all: &[Vulnerability]) {
    let file = |part: &str, records: &[Vulnerability]| {
        let text = shapes::nvd(records, 0, records.len());
        let packed = gzip(text.as_bytes());
        let meta = shapes::nvd_meta(&text, &packed);
        server.put(&format!("/nvd/nvdcve-2.0-{part}.meta"), Resource::new(meta));
        let path = format!("/nvd/nvdcve-2.0-{part}.json.gz");
        server.put(&path, Resource::new(packed).modified(DATE));
    };
    // Made-up records of 2099 stand in the file of 2026; the years before have one each.
    for year in 2002..2026 {
        let id = format!("CVE-{year}-0001");
        file(&year.to_string(), &[Vulnerability { id, ..Vulnerability::number(1) }]);
    }
    file("2026", all);
    file("modified", &all[..all.len().min(1)]);
    file("recent", &all[..all.len().min(1)]);
    let all = all.to_vec();
    server.answer("/nvd-api", move |request| {
        let start = request.number("startIndex")?;
        // As if the server allowed fewer than were asked for.
        let per_page = request.number("resultsPerPage")?.min(4);
        let resource = Resource::new(shapes::nvd(&all, start, per_page));
        Some(Resource { without_validators: true, ..resource })
    });
}

fn releases(server: &FeedServer, all: &[Vulnerability]) {
    let assets: Vec<(String, String, Vec<u8>)> = [
        (
            "2026-11-21_delta_CVEs_at_1100Z.zip",
            shapes::cve_archive(&all[..all.len().min(2)], false),
        ),
        (
            "2026-11-21_delta_CVEs_at_0100Z.zip",
            shapes::cve_archive(&all[..all.len().min(1)], false),
        ),
        ("2026-11-21_all_CVEs_at_midnight.zip.zip", shapes::cve_archive(all, true)),
        ("2026-11-20_delta_CVEs_at_end_of_day.zip", shapes::cve_archive(all, false)),
        ("2026-11-20_all_CVEs_at_midnight.zip.zip", shapes::cve_archive(all, true)),
    ]
    .into_iter()
    .map(|(name, bytes)| {
        let path = format!("/download/{name}");
        server.put(&path, Resource::new(bytes.clone()));
        (name.to_owned(), server.url(&path), bytes)
    })
    .collect();
    server.put("/releases", Resource::new(shapes::releases(&assets)));
}

/// A provider with a ROLIE feed, as CISA's: signatures and SHA-512 beside the documents.
fn rolie(server: &FeedServer, all: &[Vulnerability]) {
    let mut entries = Vec::new();
    for (number, one) in all.iter().enumerate() {
        // Every other advisory is about a medical device.
        let series = if number % 2 == 0 { "icsma" } else { "icsa" };
        let name = format!("{series}-26-{number:03}-01.json");
        let path = format!("/cisa/white/2026/{name}");
        let body = shapes::csaf(one, &name.replace(".json", "").to_uppercase());
        let hash = format!("{}  {name}\n", sha512_hex(body.as_bytes()));
        server.put(&path, Resource::new(body));
        server.put(&format!("{path}.sha512"), Resource::new(hash));
        server.put(&format!("{path}.asc"), Resource::new("-----BEGIN PGP SIGNATURE-----\n"));
        let url = server.url(&path);
        entries.push(format!(
            r#"{{"id":"{name}","title":"made up","link":[{{"rel":"self","href":"{url}"}},
{{"rel":"hash","href":"{url}.sha512"}},{{"rel":"signature","href":"{url}.asc"}}],
"updated":"{}T06:00:00Z","content":{{"src":"{url}","type":"application/json"}}}}"#,
            one.date
        ));
    }
    let feed = format!(
        r#"{{"feed":{{"id":"white","title":"made up","updated":"2026-11-20T00:00:00Z","entry":[{}]}}}}"#,
        entries.join(",")
    );
    server.put("/cisa/white/feed.json", Resource::new(feed));
    server.put("/cisa/key.asc", Resource::new("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
    let metadata = format!(
        r#"{{"canonical_url":"{0}/cisa/provider-metadata.json","metadata_version":"2.0","role":"csaf_trusted_provider",
"publisher":{{"category":"coordinator","name":"Example","namespace":"https://advisory.example"}},
"public_openpgp_keys":[{{"fingerprint":"00","url":"{0}/cisa/key.asc"}}],
"distributions":[{{"rolie":{{"feeds":[{{"summary":"white","tlp_label":"WHITE","url":"{0}/cisa/white/feed.json"}},
{{"summary":"amber","tlp_label":"AMBER","url":"{0}/cisa/amber/feed.json"}}]}}}}]}}"#,
        server.url("")
    );
    server.put("/cisa/provider-metadata.json", Resource::new(metadata));
}

/// A provider with a directory, `changes.csv` and SHA-256, without signatures.
fn directory(server: &FeedServer, all: &[Vulnerability]) {
    let mut changes = String::new();
    for (number, one) in all.iter().enumerate() {
        let name = format!("2026/example-sa-{number:03}.json");
        let path = format!("/directory/{name}");
        let body = shapes::csaf(one, &format!("EXAMPLE-SA-{number:03}"));
        let hash = format!("{}  {name}\n", crate::checksum::sha256_hex(body.as_bytes()));
        server.put(&path, Resource::new(body));
        server.put(&format!("{path}.sha256"), Resource::new(hash));
        changes.push_str(&format!("\"{name}\",\"{}T06:00:00Z\"\n", one.date));
    }
    server.put("/directory/changes.csv", Resource::new(changes));
    let metadata = format!(
        r#"{{"canonical_url":"{0}/directory/provider-metadata.json","metadata_version":"2.0","role":"csaf_provider",
"publisher":{{"category":"vendor","name":"Example","namespace":"https://advisory.example"}},
"distributions":[{{"directory_url":"{0}/directory/"}}]}}"#,
        server.url("")
    );
    server.put("/directory/provider-metadata.json", Resource::new(metadata));
}
