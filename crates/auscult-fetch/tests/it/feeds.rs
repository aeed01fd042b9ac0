//! Every feed as it is served: fetched whole, then only what changed.

use std::fs;

use auscult_fetch::{Config, FEEDS, Mirror, Outcome, Rate};
use auscult_testkit::feeds::{NOW, Resource, Vulnerability, lay_out, shapes};

use crate::Bench;

#[test]
fn every_feed_is_fetched_and_asked_only_for_changes_afterwards() {
    let mut bench = Bench::new();
    bench.options.only = FEEDS.iter().map(|feed| feed.name.to_owned()).collect();
    let reports = bench.update();
    assert_eq!(reports.len(), FEEDS.len());
    for report in &reports {
        assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
        assert_eq!(report.succeeded, Some(NOW.parse().unwrap()));
    }
    let files = bench.files();
    for expected in [
        "nvd/nvdcve-2.0-2002.json.gz",
        "nvd/nvdcve-2.0-2026.json.gz",
        "nvd/nvdcve-2.0-modified.json.gz",
        "nvd-api/pages/000000000.json",
        "nvd-api/pages/000000008.json",
        "cve-list/2026-11-21_all_CVEs_at_midnight.zip.zip",
        "cve-list/2026-11-21_delta_CVEs_at_1100Z.zip",
        "vulnrichment/vulnrichment.tar.gz",
        "kernel/vulns.tar.gz",
        "osv/Red_Hat/all.zip",
        "kev/known_exploited_vulnerabilities.json",
        "epss/epss_scores-current.csv.gz",
        "exploit-db/files_exploits.csv",
        "metasploit/modules_metadata_base.json",
        "endoflife/products.json",
        "debian/tracker.json",
        "alpine/v3.22/community.json",
    ] {
        assert!(files.iter().any(|file| file == expected), "{expected} in {files:#?}");
    }
    let count = |ending: &str| files.iter().filter(|file| file.ends_with(ending)).count();
    assert_eq!(count(".json.sha512"), 5, "medical advisories only");
    assert_eq!(count(".json.asc"), 5);
    assert_eq!(count(".json.sha256"), 10, "all documents of the directory");
    assert_eq!(count("provider-metadata.json"), 2);
    assert_eq!(count("keys/key.asc"), 1, "keys are kept for those who verify signatures");
    assert!(!files.iter().any(|file| file.contains("_0100Z") || file.contains("2026-11-20_")));

    bench.server.forget();
    let before = bench.server.served();
    bench.tomorrow();
    for report in bench.update() {
        let unchanged = report.outcome == Outcome::Unchanged;
        assert!(unchanged || report.name == "nvd-api", "{report:?}");
    }
    let requests = bench.server.requests();
    let body = |path: &str| {
        let ends = [".gz", ".zip", "/files_exploits.csv", "/tracker.json", "/kev.json", "01.json"];
        ends.iter().any(|end| path.ends_with(end))
    };
    let sent: Vec<_> = requests.iter().filter(|r| r.status == 200 && body(r.path())).collect();
    assert_eq!(sent, Vec::<&_>::new(), "nothing is sent twice");
    // Tables of contents and a page of changes, but no data.
    assert!(bench.server.served() - before < 64 << 10);
}

#[test]
fn what_changed_replaces_the_copy_and_what_is_gone_goes() {
    let mut bench = Bench::new().only(&["kev", "nvd", "cisa-medical", "osv"]);
    bench.update();
    let all: Vec<_> = Vulnerability::some(12)
        .into_iter()
        .map(|one| Vulnerability { date: "2026-11-22".to_owned(), ..one })
        .collect();
    lay_out(&bench.server, &all);
    bench.tomorrow();
    bench.server.forget();
    let reports = bench.update();
    assert!(
        reports.iter().all(|report| matches!(report.outcome, Outcome::Updated(_))),
        "{reports:?}"
    );
    let kev = String::from_utf8(bench.read("kev/known_exploited_vulnerabilities.json")).unwrap();
    assert_eq!(kev.matches("\"cveID\"").count(), 12);
    let untouched = bench.statuses("/nvd/nvdcve-2.0-2005.json.gz");
    assert!(untouched.is_empty(), "its .meta says that nothing changed");
    assert_eq!(bench.statuses("/nvd/nvdcve-2.0-2026.json.gz"), [200]);
    assert_eq!(bench.state("kev").files["known_exploited_vulnerabilities.json"].records, Some(12));
}

#[test]
fn what_did_not_change_keeps_its_time() {
    let mut bench = Bench::new();
    bench.update();
    let times = |bench: &Bench| -> Vec<_> {
        let modified = |name: &String| std::fs::metadata(bench.path(name)).unwrap().modified();
        bench.files().iter().map(|name| (name.clone(), modified(name).unwrap())).collect()
    };
    let before = times(&bench);
    bench.tomorrow();
    bench.update();
    // Whoever builds from the mirror sees by the times that nothing is new.
    let after: Vec<_> = times(&bench).into_iter().filter(|file| !before.contains(file)).collect();
    assert!(after.iter().all(|(name, _)| name.contains("/changes/")), "{after:?}");
}

#[test]
fn documents_of_another_host_stand_below_their_provider() {
    let bench = Bench::new().only(&["cisa-medical"]);
    let other = auscult_testkit::feeds::FeedServer::start();
    lay_out(&other, &Vulnerability::some(10));
    let path = "/cisa/white/feed.json";
    bench.server.put(path, other.get(path).unwrap());
    assert!(!bench.one().is_failed());
    let files = bench.files();
    let metadata = files.iter().find(|name| name.ends_with("provider-metadata.json")).unwrap();
    let folder = metadata.strip_suffix("provider-metadata.json").unwrap();
    let documents: Vec<_> = files.iter().filter(|name| name.contains("icsma-")).collect();
    assert!(!documents.is_empty());
    for document in documents {
        assert!(document.starts_with(folder), "{document} is not below {folder}");
    }
}

#[test]
fn a_signature_that_is_gone_does_not_stay_beside_a_new_document() {
    let mut bench = Bench::new().only(&["cisa-medical"]);
    assert!(!bench.one().is_failed());
    let signature = |bench: &Bench| {
        let files = bench.files();
        files.into_iter().find(|name| name.ends_with("icsma-26-002-01.json.asc"))
    };
    assert!(signature(&bench).is_some());
    let later = |one| Vulnerability { date: "2026-11-22".to_owned(), ..one };
    lay_out(&bench.server, &Vulnerability::some(10).into_iter().map(later).collect::<Vec<_>>());
    bench.server.remove("/cisa/white/2026/icsma-26-002-01.json.asc");
    bench.tomorrow();
    assert!(matches!(bench.one().outcome, Outcome::Updated(_)));
    assert_eq!(signature(&bench), None);
    assert!(bench.files().iter().any(|name| name.ends_with("icsma-26-004-01.json.asc")));
}

#[test]
fn changes_of_the_cve_list_are_added_to_the_whole_at_hand() {
    let mut bench = Bench::new().only(&["cve-list"]);
    bench.update();
    let all = Vulnerability::some(10);
    let offer = |bench: &Bench, names: &[(&str, bool)]| {
        let assets: Vec<_> = names
            .iter()
            .map(|(name, whole)| {
                let bytes = shapes::cve_archive(&all, *whole);
                let path = format!("/download/{name}");
                bench.server.put(&path, Resource::new(bytes.clone()));
                ((*name).to_owned(), bench.server.url(&path), bytes)
            })
            .collect();
        bench.server.put("/releases", Resource::new(shapes::releases(&assets)));
    };
    offer(
        &bench,
        &[
            ("2026-11-22_delta_CVEs_at_0200Z.zip", false),
            ("2026-11-22_all_CVEs_at_midnight.zip.zip", true),
            ("2026-11-21_delta_CVEs_at_end_of_day.zip", false),
        ],
    );
    bench.tomorrow();
    assert_eq!(bench.update_one_ok(), 3, "two files are new, one is gone");
    assert_eq!(
        bench.files(),
        [
            "cve-list/2026-11-21_all_CVEs_at_midnight.zip.zip",
            "cve-list/2026-11-21_delta_CVEs_at_end_of_day.zip",
            "cve-list/2026-11-22_delta_CVEs_at_0200Z.zip",
        ]
    );
    // After a gap the whole of today is fetched.
    offer(
        &bench,
        &[
            ("2026-12-24_delta_CVEs_at_0200Z.zip", false),
            ("2026-12-24_all_CVEs_at_midnight.zip.zip", true),
        ],
    );
    bench.update_one_ok();
    assert_eq!(
        bench.files(),
        [
            "cve-list/2026-12-24_all_CVEs_at_midnight.zip.zip",
            "cve-list/2026-12-24_delta_CVEs_at_0200Z.zip",
        ]
    );
}

#[test]
fn the_paged_interface_goes_on_where_it_stopped_and_then_asks_for_changes() {
    let mut bench = Bench::new().only(&["nvd-api"]);
    bench.options.config.feeds.get_mut("nvd-api").unwrap().rate =
        Some(Rate { requests: 100, seconds: 1 });
    bench.options.config.feeds.get_mut("nvd-api").unwrap().api_key =
        Some(auscult_fetch::Secret("the-key".to_owned()));
    let all = Vulnerability::some(10);
    let answering = all.clone();
    bench.server.answer("/nvd-api", move |request| {
        let start = request.number("startIndex")?;
        // The second page does not come.
        let page = shapes::nvd(&answering, start, 4);
        Some(Resource::new(if start == 4 { "<html>".to_owned() } else { page }))
    });
    assert!(crate::reason(&bench.one()).contains("000000004.json"));
    assert_eq!(bench.state("nvd-api").cursor.next_index, 4);
    let answering = all.clone();
    bench.server.answer("/nvd-api", move |request| {
        Some(Resource::new(shapes::nvd(&answering, request.number("startIndex")?, 4)))
    });
    bench.server.forget();
    bench.one();
    let targets = |bench: &Bench| -> Vec<String> {
        bench.server.requests().into_iter().map(|request| request.target).collect()
    };
    assert_eq!(
        targets(&bench),
        ["/nvd-api?resultsPerPage=2000&startIndex=4", "/nvd-api?resultsPerPage=2000&startIndex=8"],
        "the first page is at hand"
    );
    assert!(bench.server.requests().iter().all(|r| r.headers["apikey"] == "the-key"));
    assert_eq!(bench.state("nvd-api").cursor.complete_to, Some(NOW.parse().unwrap()));
    bench.tomorrow();
    bench.server.forget();
    bench.one();
    let first = targets(&bench).remove(0);
    assert_eq!(
        first,
        "/nvd-api?lastModStartDate=2026-11-21T10:00:00.000Z&lastModEndDate=2026-11-22T12:00:00.000Z\
         &resultsPerPage=2000&startIndex=0"
    );
    assert!(
        bench.files().iter().any(|file| file == "nvd-api/changes/20261122T120000-000000000.json")
    );
}

#[test]
fn a_server_that_pages_in_a_circle_is_left() {
    let bench = Bench::new().only(&["nvd-api"]);
    let all = Vulnerability::some(10);
    bench.server.answer("/nvd-api", move |_| Some(Resource::new(shapes::nvd(&all, 0, 4))));
    assert!(crate::reason(&bench.one()).contains("asked for records from 4"));
}

#[test]
fn the_rate_of_a_host_is_kept() {
    let mut bench = Bench::new().only(&["nvd-api"]);
    bench.options.config.feeds.get_mut("nvd-api").unwrap().rate =
        Some(Rate { requests: 2, seconds: 1 });
    let start = std::time::Instant::now();
    bench.one();
    assert!(start.elapsed().as_millis() >= 1000, "three pages at two a second");
    assert!(bench.waits.lock().unwrap()[0].contains("allows no more requests"));
}

#[test]
fn the_list_of_feeds_can_be_chosen() {
    let bench = Bench::new();
    let names = |options: &auscult_fetch::Options| -> Vec<&str> {
        auscult_fetch::selected(options).unwrap().iter().map(|feed| feed.name).collect()
    };
    let usual = names(&bench.options);
    assert!(usual.contains(&"nvd") && !usual.contains(&"nvd-api"));
    let mut options = bench.options.clone();
    options.skip = vec!["nvd".to_owned()];
    assert_eq!(names(&options).len(), usual.len() - 1);
    options.skip = vec!["nvd1".to_owned()];
    assert!(auscult_fetch::selected(&options).is_err());
    options.skip.clear();
    options.config = Config::parse("[feeds.kev]\nenabled = false\n").unwrap();
    let names = names(&options);
    assert!(!names.contains(&"kev"));
    assert!(!names.contains(&"csaf"), "no provider is named");
}

#[test]
fn a_file_damaged_in_the_mirror_is_fetched_anew() {
    let bench = Bench::new().only(&["kev"]);
    bench.one();
    let good = bench.read("kev/known_exploited_vulnerabilities.json");
    fs::write(bench.path("kev/known_exploited_vulnerabilities.json"), b"{}").unwrap();
    bench.one();
    assert_eq!(bench.read("kev/known_exploited_vulnerabilities.json"), good);
    assert_eq!(bench.statuses("/kev.json"), [200, 200]);
    let state = Mirror::new(&bench.options.data).state("kev");
    fs::write(state, b"no JSON").unwrap();
    assert!(!bench.one().is_failed(), "a state that cannot be read only costs a download");
}

#[test]
fn two_updates_do_not_work_in_one_folder() {
    let bench = Bench::new();
    let mirror = Mirror::new(&bench.options.data);
    let held = mirror.lock().unwrap();
    assert!(matches!(mirror.lock(), Err(auscult_fetch::Error::Busy { .. })));
    drop(held);
    assert!(mirror.lock().is_ok());
    assert!(bench.folder.path().join("data").join("lock").is_file());
}

impl Bench {
    /// Updates one feed that works; tells how many files are new or gone.
    fn update_one_ok(&self) -> u64 {
        match self.one().outcome {
            Outcome::Updated(count) => count,
            Outcome::Unchanged => 0,
            outcome @ Outcome::Failed { .. } => panic!("{outcome:?}"),
        }
    }
}
