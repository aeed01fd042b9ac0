//! Every fault of a server: what is good stays, what can be continued is continued, and the report
//! says what happened.

use auscult_fetch::Outcome;
use auscult_testkit::feeds::{Fault, Resource, Vulnerability, shapes};

use crate::{Bench, reason};

const KEV: &str = "kev/known_exploited_vulnerabilities.json";

/// A mirror with a good copy of KEV, and a newer one at the server.
fn with_good_copy() -> (Bench, Vec<u8>) {
    let mut bench = Bench::new().only(&["kev"]);
    assert!(!bench.one().is_failed());
    let good = bench.read(KEV);
    bench
        .server
        .put("/kev.json", Resource::new(shapes::kev(&Vulnerability::some(11), "2026-11-22")));
    bench.server.forget();
    bench.tomorrow();
    (bench, good)
}

#[test]
fn too_many_requests_are_repeated_when_the_server_says() {
    for after in ["1".to_owned(), "Sat, 21 Nov 2026 12:00:01 GMT".to_owned()] {
        let bench = Bench::new().only(&["kev"]);
        bench.server.fault("/kev.json", Fault::Status(429, Some(after.clone())), 1);
        let start = std::time::Instant::now();
        assert!(!bench.one().is_failed());
        assert_eq!(bench.statuses("/kev.json"), [429, 200]);
        let waited = start.elapsed().as_millis();
        // A date says when, and part of that second may be over.
        assert!(waited >= if after == "1" { 1000 } else { 1 }, "{after}: {waited} ms");
        assert!(bench.waits.lock().unwrap()[0].contains("429"));
    }
}

#[test]
fn a_server_that_wants_a_long_wait_is_left_for_another_time() {
    let (bench, good) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Status(503, Some("3600".to_owned())), 9);
    let report = bench.one();
    assert!(reason(&report).contains("asks to wait 3600 s"), "{report:?}");
    assert_eq!(bench.statuses("/kev.json"), [503], "it is not asked again");
    assert_eq!(bench.read(KEV), good);
}

#[test]
fn an_unavailable_server_is_asked_again_and_then_told() {
    let (mut bench, good) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Status(503, None), 2);
    assert!(!bench.one().is_failed(), "the third attempt");
    assert_ne!(bench.read(KEV), good);
    let newer = bench.read(KEV);
    bench
        .server
        .put("/kev.json", Resource::new(shapes::kev(&Vulnerability::some(12), "2026-11-22")));
    bench.server.fault("/kev.json", Fault::Status(503, None), 3);
    let first_failure = bench.options.now;
    let report = bench.one();
    assert!(reason(&report).contains("503"), "{report:?}");
    bench.tomorrow();
    bench.server.fault("/kev.json", Fault::Hangup, 3);
    let report = bench.one();
    let Outcome::Failed { since, hint, .. } = &report.outcome else { panic!("{report:?}") };
    assert_eq!(*since, first_failure, "since when it fails, not since today");
    assert_eq!(report.succeeded, Some(first_failure), "the age of the copy");
    assert!(hint.as_ref().unwrap().contains("network"));
    assert_eq!(bench.read(KEV), newer);
    assert!(bench.state("kev").failure.unwrap().contains("kev.json"));
    assert!(!bench.one().is_failed(), "and it recovers");
    assert_eq!(bench.state("kev").failing_since, None);
}

#[test]
fn a_dead_feed_does_not_touch_the_others() {
    let bench = Bench::new();
    bench.server.fault("/kev.json", Fault::Hangup, usize::MAX);
    bench.server.fault("/nvd/nvdcve-2.0-2010.meta", Fault::Status(404, None), usize::MAX);
    let reports = bench.update();
    let failed: Vec<_> = reports.iter().filter(|r| r.is_failed()).map(|r| r.name).collect();
    assert_eq!(failed, ["nvd", "kev"]);
    assert!(bench.files().iter().any(|file| file.ends_with("nvdcve-2.0-2011.json.gz")));
}

#[test]
fn a_cut_body_is_continued_at_the_byte_where_it_ended() {
    let (bench, _) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Truncated(700), 1);
    let report = bench.one();
    assert!(!report.is_failed() && report.resumed == 1, "{report:?}");
    let requests = bench.server.requests();
    assert_eq!(requests[1].headers["range"], "bytes=700-");
    assert!(requests[1].headers.contains_key("if-range"));
    assert_eq!(bench.statuses("/kev.json"), [200, 206]);
    assert_eq!(bench.read(KEV), bench.server.get("/kev.json").unwrap().body);
}

#[test]
fn the_next_update_continues_what_this_one_could_not_finish() {
    let (bench, good) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Truncated(700), 1);
    bench.server.fault("/kev.json", Fault::Truncated(50), 2);
    let report = bench.one();
    assert!(reason(&report).contains("ended after"), "{report:?}");
    assert_eq!(bench.read(KEV), good);
    bench.server.forget();
    let report = bench.one();
    assert!(!report.is_failed() && report.resumed == 1, "{report:?}");
    assert_eq!(bench.server.requests()[0].headers["range"], "bytes=800-");
    assert_eq!(bench.read(KEV), bench.server.get("/kev.json").unwrap().body);
}

#[test]
fn a_file_that_changed_meanwhile_is_begun_anew() {
    let (bench, _) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Truncated(700), 1);
    bench.server.fault("/kev.json", Fault::Hangup, 3);
    assert!(bench.one().is_failed());
    bench
        .server
        .put("/kev.json", Resource::new(shapes::kev(&Vulnerability::some(20), "2026-11-22")));
    bench.server.forget();
    assert!(!bench.one().is_failed());
    assert_eq!(bench.statuses("/kev.json"), [200], "If-Range gives the whole of another version");
    assert_eq!(bench.read(KEV), bench.server.get("/kev.json").unwrap().body);
}

#[test]
fn without_ranges_or_validators_a_download_begins_anew() {
    let (bench, _) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Truncated(700), 1);
    bench.server.fault("/kev.json", Fault::NoRange, 1);
    assert!(!bench.one().is_failed());
    assert_eq!(bench.statuses("/kev.json"), [200, 200]);
    assert_eq!(bench.read(KEV), bench.server.get("/kev.json").unwrap().body);

    let (bench, _) = with_good_copy();
    let resource = bench.server.get("/kev.json").unwrap();
    bench.server.put("/kev.json", Resource { without_validators: true, ..resource });
    bench.server.fault("/kev.json", Fault::Truncated(700), 1);
    assert!(!bench.one().is_failed());
    assert!(!bench.server.requests()[1].headers.contains_key("range"));
    assert_eq!(bench.read(KEV), bench.server.get("/kev.json").unwrap().body);
}

#[test]
fn a_body_cut_without_a_word_does_not_replace_the_copy() {
    let (bench, good) = with_good_copy();
    bench.server.fault("/kev.json", Fault::TruncatedSilently(700), 1);
    assert!(reason(&bench.one()).contains("no whole JSON"));
    assert_eq!(bench.read(KEV), good);

    let bench = Bench::new().only(&["epss", "osv", "kernel"]);
    for path in ["/epss.csv.gz", "/osv/Alpine/all.zip", "/vulns-master.tar.gz"] {
        let length = bench.server.get(path).unwrap().body.len();
        bench.server.fault(path, Fault::TruncatedSilently(length - 9), 1);
    }
    for report in bench.update() {
        assert!(report.is_failed(), "{report:?}");
    }
    assert_eq!(bench.files(), ["osv/Red_Hat/all.zip"], "the other ecosystem came");
}

#[test]
fn a_wrong_digest_does_not_replace_the_copy() {
    let bad = shapes::nvd(&Vulnerability::some(99), 0, 99);
    let gz = auscult_testkit::stream::gzip(bad.as_bytes());
    let bench = Bench::new().only(&["nvd"]);
    let path = "/nvd/nvdcve-2.0-2026.json.gz";
    bench.server.fault(path, Fault::Body(gz.clone()), 9);
    assert!(reason(&bench.one()).contains("SHA-256"));
    bench.server.mend();
    // The file changed between its digest and itself: asked again, both are of one version.
    bench.server.fault(path, Fault::Body(gz), 1);
    assert!(!bench.one().is_failed());
    assert_eq!(bench.read("nvd/nvdcve-2.0-2026.json.gz"), bench.server.get(path).unwrap().body);

    let bench = Bench::new().only(&["cve-list"]);
    let path = "/download/2026-11-21_delta_CVEs_at_1100Z.zip";
    bench.server.fault(path, Fault::Body(shapes::cve_archive(&Vulnerability::some(3), false)), 9);
    assert!(reason(&bench.one()).contains("SHA-256"));

    let bench = Bench::new().only(&["osv"]);
    let path = "/osv/Alpine/all.zip";
    let resource = bench.server.get(path).unwrap();
    bench.server.fault(path, Fault::Body(shapes::osv(&Vulnerability::some(3), "Alpine")), 1);
    assert!(!bench.one().is_failed(), "the digest is of the body that came with it");
    assert_ne!(bench.read("osv/Alpine/all.zip"), resource.body);
}

#[test]
fn a_document_with_a_wrong_digest_is_refused_and_a_poisoned_signature_is_kept_for_its_reader() {
    let bench = Bench::new().only(&["cisa-medical"]);
    let path = "/cisa/white/2026/icsma-26-002-01.json";
    let forged = shapes::csaf(&Vulnerability::number(99), "ICSMA-26-002-01");
    bench.server.fault(path, Fault::Body(forged.into_bytes()), 9);
    bench.server.fault(
        "/cisa/white/2026/icsma-26-004-01.json.asc",
        Fault::Body(b"poison".to_vec()),
        9,
    );
    assert!(reason(&bench.one()).contains("SHA-512"));
    let files = bench.files();
    assert!(!files.iter().any(|file| file.ends_with("icsma-26-002-01.json")));
    let signature = files.iter().find(|file| file.ends_with("004-01.json.asc")).unwrap();
    assert_eq!(bench.read(signature), b"poison", "signatures are verified where keys are trusted");
}

#[test]
fn a_changed_schema_does_not_replace_the_copy() {
    for body in [
        "<!DOCTYPE html><html>maintenance</html>".to_owned(),
        r#"{"catalogVersion":"3","dateReleased":"2026-11-22","entries":[]}"#.to_owned(),
        // All words are there and every record is gone.
        r#"{"catalogVersion":"3","dateReleased":"2026-11-22","vulnerabilities":[{"cveID":7}]}"#
            .to_owned(),
    ] {
        let (bench, good) = with_good_copy();
        bench.server.fault("/kev.json", Fault::Body(body.clone().into_bytes()), 9);
        let report = bench.one();
        assert!(report.is_failed(), "{body}");
        assert_eq!(bench.read(KEV), good, "{body}");
    }
}

#[test]
fn a_copy_that_lost_records_is_held_back_until_it_is_forced() {
    let (mut bench, good) = with_good_copy();
    let small = shapes::kev(&Vulnerability::some(5), "2026-11-22");
    bench.server.put("/kev.json", Resource::new(small.clone()));
    let report = bench.one();
    assert!(reason(&report).contains("10 records became 5"), "{report:?}");
    assert_eq!(bench.read(KEV), good);
    bench.options.force = true;
    assert!(!bench.one().is_failed());
    assert_eq!(bench.read(KEV), small.as_bytes());
}

#[test]
fn a_document_dated_in_the_future_is_refused() {
    let (bench, good) = with_good_copy();
    let future = shapes::kev(&Vulnerability::some(11), "2999-01-01");
    bench.server.put("/kev.json", Resource::new(future));
    assert!(reason(&bench.one()).contains("2999-01-01"));
    assert_eq!(bench.read(KEV), good);
    // Also where there is nothing yet to keep.
    let bench = Bench::new().only(&["kev"]);
    bench
        .server
        .put("/kev.json", Resource::new(shapes::kev(&Vulnerability::some(1), "2999-01-01")));
    assert!(bench.one().is_failed());
    assert_eq!(bench.files(), Vec::<String>::new());
}

#[test]
fn a_slow_drip_ends_in_time() {
    let (bench, good) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Drip, 9);
    let start = std::time::Instant::now();
    let report = bench.one();
    assert!(reason(&report).contains("less than 64 bytes came in 1 s"), "{report:?}");
    assert!(start.elapsed().as_secs() < 10);
    assert_eq!(bench.read(KEV), good);
    bench.server.mend();
    let report = bench.one();
    assert!(report.resumed == 1 && !report.is_failed(), "what dripped is not lost: {report:?}");
}

#[test]
fn redirections_are_followed_up_to_a_limit() {
    let (bench, good) = with_good_copy();
    bench.server.fault("/kev.json", Fault::Redirect("/kev.json".to_owned()), usize::MAX);
    assert!(reason(&bench.one()).contains("on and on"));
    assert_eq!(bench.statuses("/kev.json").len(), 9, "not asked again and again");
    assert_eq!(bench.read(KEV), good);
    bench.server.mend();
    bench.server.put("/elsewhere", bench.server.get("/kev.json").unwrap());
    bench.server.fault("/kev.json", Fault::Redirect("elsewhere".to_owned()), 1);
    assert!(!bench.one().is_failed());
    assert_ne!(bench.read(KEV), good);
}

#[test]
fn an_encrypted_feed_is_never_fetched_plain() {
    let mut bench = Bench::new().only(&["csaf"]);
    // The provider is at hand through a mirror; its documents are said to be elsewhere, plain.
    let official = "https://provider.example/";
    let provider = format!("{official}directory/provider-metadata.json");
    let config = format!(
        "[transfer]\nattempts = 1\n[rewrite]\n\"{official}\" = \"{}/\"\n[feeds.csaf]\nitems = [\"{provider}\"]\n",
        bench.server.url("")
    );
    bench.options.config = auscult_fetch::Config::parse(&config).unwrap();
    let report = bench.one();
    assert!(reason(&report).contains("from an encrypted connection to a plain one"), "{report:?}");
    // With relative addresses everything stays at the mirror, which is the user's own word.
    let metadata = bench.server.get("/directory/provider-metadata.json").unwrap().body;
    let metadata = String::from_utf8(metadata).unwrap().replace(&bench.server.url(""), "");
    bench.server.put("/directory/provider-metadata.json", Resource::new(metadata));
    assert!(!bench.one().is_failed());
}

#[test]
fn a_key_is_shown_to_its_own_host_only() {
    let mut bench = Bench::new().only(&["cve-list"]);
    bench.options.variable = |name| (name == "GITHUB_TOKEN").then(|| "the-token".to_owned());
    let other = auscult_testkit::feeds::FeedServer::start();
    let name = "2026-11-21_all_CVEs_at_midnight.zip.zip";
    let bytes = shapes::cve_archive(&Vulnerability::some(2), true);
    other.put("/file", Resource::new(bytes.clone()));
    let assets = vec![(name.to_owned(), bench.server.url("/asset"), bytes)];
    bench.server.put("/releases", Resource::new(shapes::releases(&assets)));
    bench.server.put("/asset", Resource::new(""));
    bench.server.fault("/asset", Fault::Redirect(other.url("/file")), 1);
    assert!(!bench.one().is_failed());
    let asked = bench.server.requests();
    assert!(asked.iter().all(|request| request.headers["authorization"] == "Bearer the-token"));
    assert!(!other.requests()[0].headers.contains_key("authorization"));
}

#[test]
fn a_file_larger_than_its_feed_can_be_is_refused() {
    let (mut bench, good) = with_good_copy();
    bench.options.config.feeds.get_mut("kev").unwrap().size_limit = Some(1000);
    assert!(reason(&bench.one()).contains("larger than the 1000 bytes"));
    // Also where no length is announced.
    bench.server.fault("/kev.json", Fault::TruncatedSilently(usize::MAX), 9);
    assert!(reason(&bench.one()).contains("larger than the 1000 bytes"));
    assert_eq!(bench.read(KEV), good);
}

#[test]
fn ten_thousand_references_and_duplicates_are_the_readers_business() {
    let many = Vulnerability { references: 10_000, ..Vulnerability::number(1) };
    let all = [many.clone(), many.clone(), Vulnerability { fixed: "9.9".to_owned(), ..many }];
    let bench = Bench::with(&all);
    for report in bench.update() {
        assert!(!report.is_failed(), "{report:?}");
    }
    assert!(bench.read("nvd/nvdcve-2.0-2026.json.gz").len() > 10_000);
}

#[test]
fn a_table_of_contents_that_leads_out_of_the_mirror_is_refused() {
    let bench = Bench::new().only(&["csaf"]);
    for line in ["../../../etc/cron.d/x.json", "/etc/x.json", "https://elsewhere/x.json"] {
        bench.server.put("/directory/changes.csv", Resource::new(format!("\"{line}\",\"2026\"\n")));
        assert!(reason(&bench.one()).contains("not below it"), "{line}");
    }
    assert_eq!(bench.files().len(), 1, "the metadata of the provider");
}

#[test]
fn a_table_of_contents_that_lost_its_documents_removes_none() {
    let mut bench = Bench::new().only(&["csaf"]);
    bench.one();
    let before = bench.files();
    let changes =
        String::from_utf8(bench.server.get("/directory/changes.csv").unwrap().body).unwrap();
    let short = changes.lines().take(3).collect::<Vec<_>>().join("\n");
    bench.server.put("/directory/changes.csv", Resource::new(short));
    assert!(reason(&bench.one()).contains("of 21 files"));
    assert_eq!(bench.files(), before);
    bench.options.force = true;
    assert!(!bench.one().is_failed());
    assert_eq!(bench.files().len(), 7);
}

#[test]
fn a_proxy_is_used_if_it_is_named() {
    let mut bench = Bench::new().only(&["kev"]);
    let config = format!(
        "proxy = \"{}\"\n[transfer]\nattempts = 1\n[feeds.kev]\nurl = \"http://feeds.example/kev.json\"\n",
        bench.server.url("")
    );
    bench.options.config = auscult_fetch::Config::parse(&config).unwrap();
    assert!(!bench.one().is_failed());
    let requests = bench.server.requests();
    assert_eq!(requests[0].method, "CONNECT");
    assert_eq!(requests[0].target, "feeds.example:80");
    assert_eq!(requests[1].headers["host"], "feeds.example");
}

#[test]
fn a_file_of_authorities_must_hold_some() {
    let mut bench = Bench::new();
    let file = bench.folder.path().join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    bench.options.config.ca_file = Some(file);
    let error = auscult_fetch::update(&bench.options, &bench, &bench).unwrap_err();
    assert!(error.to_string().contains("no certificate"), "{error}");
}
