//! A process that is killed at any moment loses nothing that it acknowledged.
//!
//! The test binary starts itself again as [`child`], which uploads, enqueues, completes and appends,
//! and prints each thing once the store said that it is done. It is killed fifty times.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use auscult_model::Sha256;
use auscult_store::{
    AuditEvent, BuildId, BuildState, CHUNK_SIZE, Completion, Depth, Error, JobId, JobState, Lease,
    LeaseRequest, NewBuild, NewJob, OrganisationId, PageRequest, Priority, ProductId, Store,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    builds::upload,
    databases::{Postgres, TestDatabase, at, on_each, run},
};

const KILLS: i64 = 50;
const ADDRESS: &str = "AUSCULT_FAULT_ADDRESS";
const ROUND: &str = "AUSCULT_FAULT_ROUND";

/// Seconds from one round to the next: longer than a lease, so that each takes over from the last.
const ROUND_SECONDS: i64 = 1_000;

/// What the children said is done.
#[derive(Default)]
struct Acknowledged {
    blobs: BTreeSet<Sha256>,
    builds: BTreeSet<BuildId>,
    jobs: BTreeSet<JobId>,
    completed: BTreeSet<JobId>,
    audit: BTreeMap<i64, Sha256>,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let Some(line) = line.strip_prefix("ACK ") else { return };
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["blob", digest] => drop(self.blobs.insert(digest.parse().unwrap())),
            ["build", id] => drop(self.builds.insert(id.parse().unwrap())),
            ["job", id] => drop(self.jobs.insert(id.parse().unwrap())),
            ["done", id] => drop(self.completed.insert(id.parse().unwrap())),
            ["audit", number, digest] => {
                let known = self.audit.insert(number.parse().unwrap(), digest.parse().unwrap());
                assert_eq!(known, None, "two entries have one number");
            }
            _ => panic!("{line}"),
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let mut heard = Acknowledged::default();
        // On a busy machine a child says little before it is killed; others say more.
        let is_enough = |heard: &Acknowledged| heard.blobs.len() > 50 && heard.completed.len() > 50;
        let mut rounds = 0..10 * KILLS;
        while let Some(round) = rounds.next().filter(|round| *round < KILLS || !is_enough(&heard)) {
            kill_one(&database.url, round, &mut heard);
        }
        assert!(is_enough(&heard), "the children did too little");
        check(&database, organisation.id, product.id, &heard).await;
    });
}

/// Starts a child, kills it at a random moment after its first word, and takes down what it said.
fn kill_one(url: &str, round: i64, heard: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["fault::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(ADDRESS, url)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.find(|line| line.starts_with("ACK "));
    heard.hear(&first.expect("the child does something"));
    let random = RandomState::new().build_hasher().finish() % 120;
    let reading = std::thread::spawn(move || lines.collect::<Vec<_>>());
    std::thread::sleep(Duration::from_millis(random));
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reading.join().unwrap() {
        heard.hear(&line);
    }
}

async fn check(
    database: &TestDatabase,
    organisation: OrganisationId,
    product: ProductId,
    heard: &Acknowledged,
) {
    let store = &database.store;
    for digest in &heard.blobs {
        assert!(store.blob(organisation, *digest).await.unwrap().is_some(), "lost {digest}");
    }
    for id in &heard.builds {
        let build = store.build(organisation, *id).await.unwrap().expect("lost a build");
        assert_eq!(build.product, product);
        assert!(store.job_of_build(organisation, *id).await.unwrap().is_some(), "lost its job");
    }
    for id in heard.jobs.union(&heard.completed) {
        let job = store.job(organisation, *id).await.unwrap().expect("lost a job");
        assert!(job.state == JobState::Done || !heard.completed.contains(id), "{job:?}");
        if let Some(build) = job.build.filter(|_| job.state == JobState::Done) {
            let build = store.build(organisation, build).await.unwrap().unwrap();
            assert!(matches!(build.state, BuildState::Ready(_)), "{build:?}");
        }
    }
    check_audit(store, organisation, heard).await;
    // Every blob that counts as there is whole, whether it was acknowledged or not.
    let checkup = store.doctor(Depth::Full, at(KILLS * ROUND_SECONDS)).await.unwrap();
    assert!(checkup.is_sound(), "{checkup:?}");
    assert!(checkup.blobs_sound >= heard.blobs.len() as u64);
    let swept = store.sweep_uploads(at(KILLS * ROUND_SECONDS)).await.unwrap();
    let (blobs, jobs, completed) = (heard.blobs.len(), heard.jobs.len(), heard.completed.len());
    println!("kept: {blobs} blobs, {jobs} jobs, {completed} completed; {swept} uploads cut off");
    let unnamed = "DELETE FROM blob_chunk WHERE content NOT IN (SELECT content FROM blob)";
    assert_eq!(database.tamper(unnamed).await, 0);
    check_queue(store, organisation).await;
}

async fn check_audit(store: &Store, organisation: OrganisationId, heard: &Acknowledged) {
    let verdict = store.verify_audit(organisation).await.unwrap();
    assert_eq!(verdict.first_break, None);
    let mut request = PageRequest::first(1_000);
    let mut stored = BTreeMap::new();
    loop {
        let page = store.audit_log(organisation, &request).await.unwrap();
        stored.extend(page.items.into_iter().map(|entry| (entry.sequence, entry.digest)));
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    for (sequence, digest) in &heard.audit {
        assert_eq!(stored.get(sequence), Some(digest), "lost entry {sequence}");
    }
}

/// The queue goes on: everything that is left is leased and completed.
async fn check_queue(store: &Store, organisation: OrganisationId) {
    let now = at((KILLS + 1) * ROUND_SECONDS);
    let facts = store.put_blob(organisation, b"facts", now).await.unwrap().sha256;
    while let Some(lease) = lease(store, now).await {
        store.complete(&lease, completion(&lease, facts), now).await.unwrap();
    }
    for state in [JobState::Queued, JobState::Leased, JobState::Dead] {
        let left = store.jobs(organisation, state, &PageRequest::first(9)).await.unwrap();
        assert_eq!(left.items, [], "{state:?}");
    }
}

async fn lease(store: &Store, now: Timestamp) -> Option<Lease> {
    try_lease(store, now).await.unwrap()
}

async fn try_lease(store: &Store, now: Timestamp) -> Result<Option<Lease>, Error> {
    let request = LeaseRequest {
        kinds: vec!["inspect".to_owned(), "mail".to_owned()],
        worker: "child".to_owned(),
        duration: SignedDuration::from_secs(60),
    };
    store.lease(&request, now).await
}

fn completion(lease: &Lease, facts: Sha256) -> Completion {
    lease.build.map_or(Completion::Done, |_| Completion::Facts(facts))
}

/// Not a test of its own: what the killed processes do.
#[test]
fn child() {
    let Ok(url) = std::env::var(ADDRESS) else { return };
    let round: i64 = std::env::var(ROUND).unwrap().parse().unwrap();
    run(async {
        let store = Store::open(&url).await.unwrap();
        let organisation = store.ensure_organisation("Maker", at(0)).await.unwrap().id;
        let product = store.product_by_name(organisation, "Pump").await.unwrap().unwrap().id;
        for number in 0..ROUND_SECONDS / 2 {
            let now = at(round * ROUND_SECONDS + number / 20);
            let name = format!("{round} {number}");
            work(&store, (organisation, product), &name, now, &mut acknowledge).await.unwrap();
        }
    });
}

/// The server dies and comes back while a process works with it. That only tries again what was said
/// to be worth it.
#[test]
fn nothing_acknowledged_is_lost_when_postgresql_is_killed() {
    const CRASHES: i64 = 5;
    let Some(mut server) = Postgres::start() else { return };
    let url = server.new_database();
    run(async {
        let database = TestDatabase::at(&url).await;
        let (organisation, product) = database.product().await;
        let ids = (organisation.id, product.id);
        let working = Arc::new(AtomicBool::new(true));
        let done = Arc::new(AtomicI64::new(0));
        let (store, goes_on) = (database.store.clone(), Arc::clone(&working));
        let counted = Arc::clone(&done);
        let worker = tokio::spawn(async move {
            let mut heard = Acknowledged::default();
            let mut number = 0;
            while goes_on.load(Ordering::Relaxed) {
                let now = at(number);
                let mut hear = |what: &str| heard.hear(&format!("ACK {what}"));
                match work(&store, ids, &format!("{number}"), now, &mut hear).await {
                    Ok(()) => {
                        number += 1;
                        counted.store(number, Ordering::Relaxed);
                    }
                    Err(Error::Unavailable { .. } | Error::LeaseLost { .. }) => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
                }
            }
            heard
        });
        let crashing = tokio::task::spawn_blocking(move || {
            for _ in 0..CRASHES {
                await_more(&done);
                server.crash();
            }
            await_more(&done);
            server
        });
        let server = crashing.await.unwrap();
        working.store(false, Ordering::Relaxed);
        let heard = worker.await.unwrap();
        assert!(heard.blobs.len() > 10, "it did too little");
        check(&database, organisation.id, product.id, &heard).await;
        database.store.close().await;
        drop(server);
    });
}

/// Waits until some more was done, as long as that takes on a busy machine, and a moment longer, so
/// that what comes next falls into the midst of something.
fn await_more(done: &AtomicI64) {
    const MORE: i64 = 3;
    const PATIENCE: Duration = Duration::from_mins(2);
    let (begin, start) = (done.load(Ordering::Relaxed), Instant::now());
    while done.load(Ordering::Relaxed) < begin + MORE {
        assert!(start.elapsed() < PATIENCE, "nothing goes on");
        std::thread::sleep(Duration::from_millis(7));
    }
    std::thread::sleep(Duration::from_millis(50));
}

async fn work(
    store: &Store,
    (organisation, product): (OrganisationId, ProductId),
    name: &str,
    now: Timestamp,
    acknowledge: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Error> {
    let mut image = name.as_bytes().to_vec();
    if name.ends_with('3') {
        image.resize(usize::try_from(CHUNK_SIZE).unwrap() + 100, 3);
    }
    let mut writer = store.write_blob(organisation, now).await?;
    for part in image.chunks(100_000) {
        writer.write(part).await?;
    }
    let image = writer.finish(now).await?.sha256;
    acknowledge(&format!("blob {image}"));
    let new = upload(product, image);
    let job = NewJob { attempts_max: 1_000, ..new.job.clone() };
    let new = NewBuild { job: job.clone(), ..new };
    let build = store.create_build(organisation, &new, now).await?.build;
    acknowledge(&format!("build {}", build.id));
    let mail = NewJob {
        kind: "mail".to_owned(),
        name: name.to_owned(),
        priority: Priority::Consequence,
        ..job
    };
    let enqueued = store.enqueue(organisation, &mail, now).await?;
    acknowledge(&format!("job {}", enqueued.id));
    let facts = store.put_blob(organisation, b"facts", now).await?.sha256;
    for _ in 0..2 {
        let Some(lease) = try_lease(store, now).await? else { break };
        store.complete(&lease, completion(&lease, facts), now).await?;
        acknowledge(&format!("done {}", lease.job));
    }
    let event = AuditEvent {
        actor: "child".to_owned(),
        action: "work".to_owned(),
        object: name.to_owned(),
        detail: serde_json::Value::Null,
    };
    let entry = store.append_audit(organisation, &event, now).await?;
    acknowledge(&format!("audit {} {}", entry.sequence, entry.digest));
    Ok(())
}

/// One write, so that a line is there or not. It begins anew, as the test runner leaves its own open.
fn acknowledge(what: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\nACK {what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
