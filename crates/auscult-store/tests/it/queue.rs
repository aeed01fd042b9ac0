//! The queue: order, leases, fences, retries, several workers at once.

use std::collections::BTreeSet;

use auscult_model::Sha256;
use auscult_store::{
    BuildState, Completion, Error, Failure, JobState, Lease, LeaseRequest, NewJob, OrganisationId,
    PageRequest, Priority, Progress, Store, Total, retry_delay,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    builds::upload,
    databases::{at, on_each},
};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn job(name: &str, priority: Priority) -> NewJob {
    NewJob {
        kind: "test".to_owned(),
        name: name.to_owned(),
        priority,
        payload: format!("{{\"name\":\"{name}\"}}"),
        not_before: None,
        attempts_max: 3,
    }
}

pub(crate) async fn lease(store: &Store, now: Timestamp) -> Option<Lease> {
    let kinds = vec!["test".to_owned(), "inspect".to_owned()];
    let request = LeaseRequest { kinds, worker: "worker".to_owned(), duration: MINUTE };
    store.lease(&request, now).await.unwrap()
}

async fn enqueue(store: &Store, organisation: OrganisationId, new: &NewJob, now: Timestamp) {
    assert!(store.enqueue(organisation, new, now).await.unwrap().is_new);
}

fn is_lost<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::LeaseLost { .. }))
}

#[test]
fn uploads_come_before_scheduled_work_and_each_in_its_order() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        enqueue(store, organisation, &job("feeds", Priority::Scheduled), at(0)).await;
        enqueue(store, organisation, &job("second", Priority::Upload), at(2)).await;
        enqueue(store, organisation, &job("first", Priority::Upload), at(1)).await;
        enqueue(store, organisation, &job("mail", Priority::Consequence), at(3)).await;
        let later = NewJob { not_before: Some(at(40)), ..job("later", Priority::Upload) };
        enqueue(store, organisation, &later, at(0)).await;
        let mut order = Vec::new();
        while let Some(lease) = lease(store, at(10)).await {
            assert_eq!(lease.payload, format!("{{\"name\":\"{}\"}}", lease.name));
            order.push(lease.name);
        }
        assert_eq!(order, ["first", "second", "mail", "feeds"]);
        assert_eq!(lease(store, at(40)).await.unwrap().name, "later");
    });
}

#[test]
fn a_job_of_one_name_is_enqueued_once() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        let new = job("one", Priority::Upload);
        let first = store.enqueue(organisation, &new, at(0)).await.unwrap();
        let second = store.enqueue(organisation, &new, at(1)).await.unwrap();
        assert_eq!((first.id, first.is_new, second.is_new), (second.id, true, false));
        let lease = lease(store, at(2)).await.unwrap();
        store.complete(&lease, Completion::Done, at(3)).await.unwrap();
        assert!(!store.enqueue(organisation, &new, at(4)).await.unwrap().is_new);
        assert_eq!(store.forget_done_jobs(at(3)).await.unwrap(), 0);
        assert_eq!(store.forget_done_jobs(at(4)).await.unwrap(), 1);
        assert!(store.enqueue(organisation, &new, at(5)).await.unwrap().is_new);
    });
}

#[test]
fn only_kinds_that_were_asked_for_are_leased() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        enqueue(store, organisation, &job("one", Priority::Upload), at(0)).await;
        let asking = |kinds: &[&str]| LeaseRequest {
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            worker: "worker".to_owned(),
            duration: MINUTE,
        };
        assert_eq!(store.lease(&asking(&["other"]), at(1)).await.unwrap(), None);
        for kinds in [&[][..], &["x"; 9], &["not good"]] {
            let error = store.lease(&asking(kinds), at(1)).await.unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{error}");
        }
        assert!(store.lease(&asking(&["other", "test"]), at(1)).await.unwrap().is_some());
    });
}

#[test]
fn a_worker_whose_lease_expired_cannot_report() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        enqueue(store, organisation, &job("one", Priority::Upload), at(0)).await;
        let mut slow = lease(store, at(0)).await.unwrap();
        assert_eq!(slow.expires_at, at(60));
        assert_eq!(lease(store, at(59)).await, None);
        // Even before somebody else has it.
        assert!(is_lost(&store.complete(&slow, Completion::Done, at(60)).await));
        let next = lease(store, at(60)).await.unwrap();
        assert_eq!((next.job, next.attempt, next.fence), (slow.job, 2, slow.fence + 1));
        assert!(is_lost(&store.complete(&slow, Completion::Done, at(61)).await));
        assert!(is_lost(&store.report(&slow, &Progress::default(), at(61)).await));
        assert!(is_lost(&store.release(&slow, at(61)).await));
        assert!(is_lost(&store.renew(&mut slow, MINUTE, at(61)).await));
        assert!(is_lost(&store.fail(&slow, "too slow", at(61)).await));
        store.complete(&next, Completion::Done, at(61)).await.unwrap();
        assert!(is_lost(&store.complete(&next, Completion::Done, at(62)).await));
    });
}

#[test]
fn a_renewed_lease_holds_on_and_tells_its_progress() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        enqueue(store, organisation, &job("one", Priority::Upload), at(0)).await;
        let mut held = lease(store, at(0)).await.unwrap();
        store.renew(&mut held, MINUTE, at(50)).await.unwrap();
        assert_eq!((held.expires_at, lease(store, at(100)).await), (at(110), None));
        let progress = Progress { done: 3, total: 7, note: "reading".to_owned() };
        store.report(&held, &progress, at(100)).await.unwrap();
        let stored = store.job(organisation, held.job).await.unwrap().unwrap();
        assert_eq!((stored.progress, stored.worker.as_deref()), (progress, Some("worker")));
        store.release(&held, at(101)).await.unwrap();
        let again = lease(store, at(101)).await.unwrap();
        assert_eq!((again.job, again.attempt), (held.job, 1));
    });
}

#[test]
fn failures_are_retried_later_and_the_last_one_is_kept() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        enqueue(store, organisation, &job("one", Priority::Upload), at(0)).await;
        let mut now = at(0);
        for attempt in 1..3 {
            let held = lease(store, now).await.unwrap();
            let failure = store.fail(&held, "the disk\0 is full", now).await.unwrap();
            let due = now + retry_delay(attempt);
            assert_eq!(failure, Failure::Retried(due));
            assert_eq!(lease(store, due - SignedDuration::from_millis(1)).await, None);
            now = due;
        }
        let held = lease(store, now).await.unwrap();
        assert_eq!(store.fail(&held, "it still is", now).await.unwrap(), Failure::Dead);
        let dead = store.jobs(organisation, JobState::Dead, &PageRequest::first(9)).await.unwrap();
        assert_eq!(dead.total, Total::Exact(1));
        assert_eq!(dead.items[0].error.as_deref(), Some("it still is"));
        assert_eq!((dead.items[0].attempts, dead.items[0].finished_at), (3, Some(now)));
        assert_eq!(lease(store, at(99_999)).await, None);
        store.revive(organisation, held.job, at(99_999)).await.unwrap();
        assert_eq!(lease(store, at(99_999)).await.unwrap().attempt, 1);
    });
}

#[test]
fn what_another_attempt_cannot_change_is_given_up_at_once() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let store = &database.store;
        let image = store.put_blob(organisation.id, b"an image", at(0)).await.unwrap();
        let new = upload(product.id, image.sha256);
        let build = store.create_build(organisation.id, &new, at(0)).await.unwrap().build;
        let held = lease(store, at(1)).await.unwrap();
        store.bury(&held, "it is no image", at(2)).await.unwrap();
        assert!(is_lost(&store.bury(&held, "again", at(3)).await));
        assert_eq!(lease(store, at(99_999)).await, None);
        let buried = store.build(organisation.id, build.id).await.unwrap().unwrap();
        assert_eq!(buried.state, BuildState::Failed { reason: "it is no image".to_owned() });
        let dead = store.job(organisation.id, held.job).await.unwrap().unwrap();
        assert_eq!((dead.state, dead.attempts), (JobState::Dead, 1));
        store.revive(organisation.id, held.job, at(4)).await.unwrap();
        assert_eq!(lease(store, at(5)).await.unwrap().build, Some(build.id));
    });
}

#[test]
fn a_job_that_kills_its_workers_is_dead_in_the_end() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        enqueue(store, organisation, &job("bomb", Priority::Upload), at(0)).await;
        enqueue(store, organisation, &job("other", Priority::Scheduled), at(0)).await;
        for round in 0..3 {
            assert_eq!(lease(store, at(round * 60)).await.unwrap().name, "bomb");
        }
        // The burial does not cost the next job its turn.
        assert_eq!(lease(store, at(180)).await.unwrap().name, "other");
        let dead = store.jobs(organisation, JobState::Dead, &PageRequest::first(9)).await.unwrap();
        let error = dead.items[0].error.as_deref().unwrap();
        assert!(error.contains("disappeared"), "{error}");
        assert_eq!(dead.items[0].attempts, 3);
    });
}

#[test]
fn a_build_follows_its_job() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let blob = store.put_blob(organisation.id, b"image", at(0)).await.unwrap();
        let new = upload(product.id, blob.sha256);
        let build = store.create_build(organisation.id, &new, at(0)).await.unwrap().build;
        let state = async || store.build(organisation.id, build.id).await.unwrap().unwrap().state;
        let first = lease(store, at(0)).await.unwrap();
        assert_eq!((first.build, state().await), (Some(build.id), BuildState::Inspecting));
        store.fail(&first, "no memory", at(1)).await.unwrap();
        assert_eq!(state().await, BuildState::Queued);
        let second = lease(store, at(100)).await.unwrap();
        let missing = Completion::Facts(Sha256::of(b"nowhere"));
        let error = store.complete(&second, missing, at(101)).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        let error = store.complete(&second, Completion::Done, at(101)).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        assert_eq!(state().await, BuildState::Inspecting);
        let third = lease(store, at(200)).await.unwrap();
        let facts = store.put_blob(organisation.id, b"facts", at(200)).await.unwrap().sha256;
        let late = store.complete(&second, Completion::Facts(facts), at(201)).await;
        assert!(is_lost(&late));
        assert_eq!(state().await, BuildState::Inspecting);
        store.fail(&third, "no memory", at(202)).await.unwrap();
        assert_eq!(state().await, BuildState::Failed { reason: "no memory".to_owned() });
        store.revive(organisation.id, third.job, at(203)).await.unwrap();
        assert_eq!(state().await, BuildState::Queued);
        let fourth = lease(store, at(203)).await.unwrap();
        store.complete(&fourth, Completion::Facts(facts), at(204)).await.unwrap();
        assert_eq!(state().await, BuildState::Ready(facts));
    });
}

#[test]
fn several_workers_never_share_a_job() {
    const JOBS: usize = 120;
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        for number in 0..JOBS {
            enqueue(store, organisation, &job(&number.to_string(), Priority::Upload), at(0)).await;
        }
        let mut workers = Vec::new();
        for _ in 0..4 {
            let store = database.again().await;
            workers.push(tokio::spawn(async move {
                let mut done = Vec::new();
                while let Some(held) = lease(&store, at(1)).await {
                    store.complete(&held, Completion::Done, at(1)).await.unwrap();
                    done.push(held.name);
                }
                store.close().await;
                done
            }));
        }
        let mut done = Vec::new();
        for worker in workers {
            done.extend(worker.await.unwrap());
        }
        assert_eq!(done.len(), JOBS);
        assert_eq!(done.into_iter().collect::<BTreeSet<_>>().len(), JOBS);
    });
}
