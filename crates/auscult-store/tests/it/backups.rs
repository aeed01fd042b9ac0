//! Backup, restore from each kind of database into each, and the doctor.

use auscult_model::{Decision, VexStatus};
use auscult_store::{
    AdvisorySnapshot, AuditEvent, BuildFilter, CHUNK_SIZE, Completion, Depth, Error, Integrity,
    JobState, LeaseRequest, NewJob, Organisation, PageRequest, Priority, Product, Store, Within,
};
use jiff::{SignedDuration, civil::date};

use crate::{
    builds::upload,
    databases::{TestDatabase, at, new_urls, on_each, run},
    devices::tagged,
    opening::{NEWEST, make_older},
};

/// Puts something of everything into a store.
async fn fill(store: &Store, organisation: &Organisation, product: &Product) {
    let of = organisation.id;
    let image = vec![7; usize::try_from(CHUNK_SIZE).unwrap() + 3];
    let image = store.put_blob(of, &image, at(1)).await.unwrap().sha256;
    let facts = store.put_blob(of, b"facts", at(1)).await.unwrap().sha256;
    store.put_blob(of, b"", at(1)).await.unwrap();
    let new = upload(product.id, image);
    store.create_build(of, &new, at(2)).await.unwrap();
    let request = LeaseRequest {
        kinds: vec!["inspect".to_owned()],
        worker: "worker".to_owned(),
        duration: SignedDuration::from_secs(60),
    };
    let lease = store.lease(&request, at(3)).await.unwrap().unwrap();
    store.complete(&lease, Completion::Facts(facts), at(4)).await.unwrap();
    store.create_build(of, &upload(product.id, facts), at(5)).await.unwrap();
    store.lease(&request, at(6)).await.unwrap().unwrap();
    let job = NewJob {
        kind: "mail".to_owned(),
        name: "digest ü".to_owned(),
        priority: Priority::Scheduled,
        payload: "{}".to_owned(),
        not_before: Some(at(7)),
        attempts_max: 1,
    };
    store.enqueue(of, &job, at(6)).await.unwrap();
    let decision = Decision {
        vulnerability: "CVE-2026-1".to_owned(),
        component: "busybox".to_owned(),
        status: VexStatus::Affected,
        justification: None,
        response: Vec::new(),
        comment: "to be updated".to_owned(),
        by: "ada".to_owned(),
        date: date(2026, 11, 27),
        expires: None,
        relies_on: Vec::new(),
    };
    store.decide(of, product.id, &decision, 0, "ada", at(7)).await.unwrap();
    let snapshot =
        AdvisorySnapshot { root: facts, date: date(2026, 11, 27), blob: facts, loaded_at: at(8) };
    store.load_snapshot(of, &snapshot).await.unwrap();
    // An upload that is not finished is carried along, and swept where it arrives.
    store.write_blob(of, at(9)).await.unwrap().write(&vec![1; 2 << 20]).await.unwrap();
}

/// Everything that a store tells, in a form to compare.
async fn told(store: &Store, organisation: &Organisation, product: &Product) -> String {
    let of = organisation.id;
    let request = PageRequest::first(100);
    let mut jobs = Vec::new();
    for state in [JobState::Queued, JobState::Leased, JobState::Done, JobState::Dead] {
        jobs.push(store.jobs(of, state, &request).await.unwrap());
    }
    let builds = store.builds(of, BuildFilter::Reached(Within::ALL), &request).await.unwrap();
    for build in &builds.items {
        store.get_blob(of, build.input, 4 << 20).await.unwrap();
    }
    let audit = store.audit_log(of, &request).await.unwrap();
    let decisions = store.decisions(of, product.id, at(99)).await.unwrap();
    let products = store.products(of, Within::ALL, &request).await.unwrap();
    let snapshots = store.snapshots(of).await.unwrap();
    let organisations = store.organisations().await.unwrap();
    format!("{organisations:?}{products:?}{builds:?}{jobs:?}{audit:?}{decisions:?}{snapshots:?}")
}

#[test]
fn a_backup_of_each_kind_is_restored_into_each() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        fill(&database.store, &organisation, &product).await;
        let of = organisation.id;
        let device = database.store.create_device(of, &tagged("1"), "mia", at(9)).await.unwrap();
        database.store.save_mapping(of, "Biomed", "{}", at(9)).await.unwrap();
        let expected = told(&database.store, &organisation, &product).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.db");
        database.store.backup(&path).await.unwrap();
        for (url, _folder) in new_urls() {
            let restored = Store::restore(&path, &url).await.unwrap();
            assert_eq!(restored.schema_version, NEWEST);
            assert!(restored.rows.contains(&("blob_chunk", 5)), "{:?}", restored.rows);
            let store = Store::open(&url).await.unwrap();
            assert_eq!(store.device(of, device.id).await.unwrap().as_ref(), Some(&device));
            assert_eq!(store.device_events(of, device.id).await.unwrap().len(), 1);
            assert_eq!(store.mappings(of).await.unwrap().len(), 1);
            assert_eq!(told(&store, &organisation, &product).await, expected);
            let checkup = store.doctor(Depth::Full, at(99)).await.unwrap();
            assert!(checkup.is_sound(), "{checkup:?}");
            assert_eq!(checkup.blobs_sound, 3);
            assert_eq!(store.sweep_uploads(at(99)).await.unwrap(), 1);
            store.close().await;
            let error = Store::restore(&path, &url).await.unwrap_err();
            assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
        }
        let only = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        assert_eq!(only.collect::<Vec<_>>(), std::slice::from_ref(&path));
        let error = database.store.backup(&path).await.unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
    });
}

#[test]
fn a_backup_of_an_older_program_is_brought_up_to_date() {
    run(async {
        for (url, _folder) in new_urls() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("backup.db");
            let (organisation, product, expected) = {
                let database = TestDatabase::at(&format!("sqlite:{}", path.display())).await;
                let (organisation, product) = database.product().await;
                fill(&database.store, &organisation, &product).await;
                let expected = told(&database.store, &organisation, &product).await;
                make_older(&database).await;
                database.store.close().await;
                (organisation, product, expected)
            };
            assert_eq!(Store::restore(&path, &url).await.unwrap().schema_version, 1);
            let store = Store::open(&url).await.unwrap();
            assert_eq!(told(&store, &organisation, &product).await, expected);
            assert_eq!(store.doctor(Depth::Full, at(99)).await.unwrap().schema_version, NEWEST);
            store.close().await;
        }
    });
}

#[test]
fn a_backup_is_of_one_moment_while_others_write() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let writer = database.again().await;
        let event = AuditEvent {
            actor: "ada".to_owned(),
            action: "note".to_owned(),
            object: "object".to_owned(),
            detail: serde_json::Value::Null,
        };
        let writing = tokio::spawn(async move {
            for _ in 0..150 {
                writer.append_audit(organisation, &event, at(1)).await.unwrap();
            }
            writer.close().await;
        });
        let folder = tempfile::tempdir().unwrap();
        for number in 0..4 {
            let path = folder.path().join(format!("{number}.db"));
            database.store.backup(&path).await.unwrap();
            let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
            assert_eq!(store.verify_audit(organisation).await.unwrap().first_break, None);
            store.close().await;
        }
        writing.await.unwrap();
    });
}

#[test]
fn what_is_no_sound_backup_is_not_restored() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        fill(&database.store, &organisation, &product).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup.db");
        database.store.backup(&path).await.unwrap();
        let whole = std::fs::read(&path).unwrap();
        let half = &whole[..whole.len() / 2];
        let text = b"this is a text and no database".repeat(100);
        let mut holed = whole.clone();
        let middle = whole.len() / 2;
        holed[middle..middle + 8192].fill(0x55);
        for damaged in [half, &text, &holed, b""] {
            std::fs::write(&path, damaged).unwrap();
            for (url, _folder) in new_urls() {
                let restored = Store::restore(&path, &url).await;
                let store = Store::open(&url).await.unwrap();
                if restored.is_ok() {
                    // Inside the bytes of a blob only its digest can tell.
                    let checkup = store.doctor(Depth::Full, at(99)).await.unwrap();
                    assert!(!checkup.is_sound(), "{} bytes", damaged.len());
                } else {
                    assert_eq!(store.organisations().await.unwrap(), []);
                }
                store.close().await;
            }
        }
        let missing = Store::restore(&folder.path().join("none.db"), "sqlite:/nowhere").await;
        assert!(missing.is_err());
    });
}

#[test]
fn the_doctor_names_what_is_damaged_and_what_is_stuck() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        fill(&database.store, &organisation, &product).await;
        let healthy = database.store.doctor(Depth::Full, at(20)).await.unwrap();
        assert!(healthy.is_sound(), "{healthy:?}");
        assert_eq!(healthy.integrity == Integrity::Sound, database.is_sqlite());
        assert_eq!((healthy.jobs_abandoned, healthy.jobs_waiting), (0, 0));
        database
            .tamper(
                "UPDATE blob_chunk SET bytes = '' WHERE number = 0 AND content IN
            (SELECT content FROM blob WHERE size = 5)",
            )
            .await;
        database.tamper("UPDATE audit SET actor = 'eve'").await;
        let later = at(2 * 24 * 3600);
        let sick = database.store.doctor(Depth::Full, later).await.unwrap();
        assert!(!sick.is_sound());
        assert_eq!((sick.blobs_sound, sick.blobs_damaged.len()), (2, 1));
        assert_eq!(sick.audit[0].1.first_break.as_ref().unwrap().sequence, 1);
        assert_eq!((sick.jobs_abandoned, sick.jobs_waiting, sick.jobs_dead), (1, 1, 0));
        assert_eq!((sick.uploads_abandoned, sick.schema_version), (1, NEWEST));
    });
}
