//! Builds: idempotent by content, listed in pages.

use std::collections::BTreeSet;

use auscult_model::Sha256;
use auscult_store::{
    BuildFilter, BuildId, BuildKind, BuildState, Completion, Error, NewBuild, NewJob,
    OrganisationId, PageRequest, Priority, ProductId, Store, Total, Within,
};

use crate::{
    databases::{at, on_each},
    queue::lease,
};

/// An upload of a blob to a product.
pub(crate) fn upload(product: ProductId, input: Sha256) -> NewBuild {
    let job = NewJob {
        kind: "inspect".to_owned(),
        name: format!("{product} {input}"),
        priority: Priority::Upload,
        payload: input.to_string(),
        not_before: None,
        attempts_max: 3,
    };
    NewBuild { product, label: "1.0".to_owned(), kind: BuildKind::Image, input, job }
}

/// A build of this content.
pub(crate) async fn uploaded(
    store: &Store,
    of: OrganisationId,
    product: ProductId,
    content: &[u8],
) -> BuildId {
    let blob = store.put_blob(of, content, at(1)).await.unwrap();
    store.create_build(of, &upload(product, blob.sha256), at(1)).await.unwrap().build.id
}

#[test]
fn the_same_upload_gives_the_same_build_and_one_job() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let of = organisation.id;
        let blob = store.put_blob(of, b"image", at(1)).await.unwrap();
        let new = upload(product.id, blob.sha256);
        let create = async |new: &NewBuild, seconds| store.create_build(of, new, at(seconds)).await;
        let first = create(&new, 2).await.unwrap();
        assert!(first.is_new);
        let build = first.build;
        assert_eq!((build.state.clone(), build.created_at), (BuildState::Queued, at(2)));
        let job = store.job_of_build(of, build.id).await.unwrap().unwrap();
        assert_eq!((job.build, job.name.as_str()), (Some(build.id), new.job.name.as_str()));
        let renamed = NewBuild { label: "again".to_owned(), ..new.clone() };
        let second = create(&renamed, 3).await.unwrap();
        assert_eq!((&second.build, second.is_new), (&build, false));
        let sbom = NewBuild { kind: BuildKind::Sbom, ..new.clone() };
        let error = create(&sbom, 4).await.unwrap_err();
        assert!(matches!(error, Error::Exists { what: "job", .. }), "{error}");
        let job = NewJob { name: "sbom".to_owned(), ..new.job };
        let sbom = create(&NewBuild { job, ..sbom }, 5).await.unwrap();
        assert!(sbom.is_new && sbom.build.id != build.id);
    });
}

#[test]
fn a_ready_build_is_not_made_again_when_its_job_is_forgotten() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let of = organisation.id;
        let blob = store.put_blob(of, b"image", at(1)).await.unwrap();
        let new = upload(product.id, blob.sha256);
        let build = store.create_build(of, &new, at(2)).await.unwrap().build;
        let lease = lease(store, at(3)).await.unwrap();
        store.complete(&lease, Completion::Facts(blob.sha256), at(4)).await.unwrap();
        assert_eq!(store.forget_done_jobs(at(5)).await.unwrap(), 1);
        let again = store.create_build(of, &new, at(6)).await.unwrap();
        assert_eq!((again.build.id, again.is_new), (build.id, false));
        assert_eq!(again.build.state, BuildState::Ready(blob.sha256));
        assert_eq!(store.job_of_build(of, build.id).await.unwrap(), None);
    });
}

#[test]
fn a_build_needs_its_product_and_a_whole_blob() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let new = upload(product.id, Sha256::of(b"never uploaded"));
        let error = database.store.create_build(organisation.id, &new, at(1)).await.unwrap_err();
        assert!(error.to_string().starts_with("find the blob"), "{error}");
        let other = database.store.ensure_organisation("Other", at(0)).await.unwrap();
        let error = database.store.create_build(other.id, &new, at(1)).await.unwrap_err();
        assert!(error.to_string().starts_with("find the product"), "{error}");
        assert!(matches!(error, Error::NotFound { .. }));
    });
}

#[test]
fn many_uploads_of_one_content_at_once_make_one_build() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let blob = database.store.put_blob(organisation.id, b"image", at(1)).await.unwrap();
        let mut uploads = Vec::new();
        for _ in 0..8 {
            let store = database.again().await;
            let new = upload(product.id, blob.sha256);
            uploads.push(tokio::spawn(async move {
                let made = store.create_build(organisation.id, &new, at(2)).await.unwrap();
                store.close().await;
                made
            }));
        }
        let mut made = Vec::new();
        for upload in uploads {
            made.push(upload.await.unwrap());
        }
        assert!(made.iter().all(|one| one.build == made[0].build));
        assert_eq!(made.iter().filter(|one| one.is_new).count(), 1);
    });
}

#[test]
fn builds_are_listed_newest_first_and_pages_do_not_shift() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let create = async |number: u8, seconds| {
            let blob = database.store.put_blob(organisation.id, &[number], at(0)).await.unwrap();
            let new = upload(product.id, blob.sha256);
            let made = database.store.create_build(organisation.id, &new, at(seconds)).await;
            made.unwrap().build.id
        };
        let mut made = Vec::new();
        for number in 0..5 {
            made.push(create(number, i64::from(number)).await);
        }
        made.reverse();
        let filter = BuildFilter::OfProduct(product.id);
        let list = async |request: &PageRequest| {
            database.store.builds(organisation.id, filter, request).await.unwrap()
        };
        let first = list(&PageRequest::first(2)).await;
        assert_eq!(first.total, Total::Exact(5));
        create(9, 9).await;
        let second = list(&PageRequest { after: first.next.clone(), limit: 9 }).await;
        let ids: Vec<_> = first.items.iter().chain(&second.items).map(|build| build.id).collect();
        assert_eq!(ids, made);
        assert_eq!((second.next, second.total), (None, Total::Exact(6)));
        let request = PageRequest::first(1);
        let all = database
            .store
            .builds(organisation.id, BuildFilter::Reached(Within::ALL), &request)
            .await
            .unwrap();
        assert_eq!(all.total, Total::Exact(6));
    });
}

#[test]
fn who_knows_all_builds_is_told_only_what_became_different() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let of = organisation.id;
        let build = async |content: &[u8]| uploaded(store, of, product.id, content).await;
        let (first, second) = (build(b"1").await, build(b"2").await);
        let all = store.builds_changed(of, None).await.unwrap();
        assert_eq!(all.builds.len(), 2);
        let nothing = store.builds_changed(of, Some(all.last)).await.unwrap();
        assert_eq!((nothing.builds.len(), nothing.last), (0, all.last));
        let job = lease(store, at(3)).await.unwrap();
        let changed = store.builds_changed(of, Some(all.last)).await.unwrap();
        let seen: Vec<_> =
            changed.builds.iter().map(|(_, one)| (one.id, one.state.clone())).collect();
        assert_eq!(seen, [(job.build.unwrap(), BuildState::Inspecting)]);
        store.bury(&job, "broken", at(4)).await.unwrap();
        let third = build(b"3").await;
        let changed = store.builds_changed(of, Some(changed.last)).await.unwrap();
        let seen: BTreeSet<_> = changed.builds.iter().map(|(_, one)| one.id).collect();
        assert_eq!(seen, BTreeSet::from([job.build.unwrap(), third]));
        assert!([first, second].contains(&job.build.unwrap()));
        let other = store.ensure_organisation("Other", at(6)).await.unwrap();
        assert!(store.builds_changed(other.id, None).await.unwrap().builds.is_empty());
    });
}

/// Many who write at once, and one who reads meanwhile: what he was told in parts is all there is.
#[test]
fn no_change_is_passed_over_while_many_are_made() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let (of, product) = (organisation.id, product.id);
        let uploads =
            (0_u8..40).map(|number| async move { uploaded(store, of, product, &[number]).await });
        let reading = async {
            let (mut known, mut last) = (BTreeSet::new(), None);
            while known.len() < 40 {
                let changed = store.builds_changed(of, last).await.unwrap();
                last = Some(changed.last);
                known.extend(changed.builds.iter().map(|(_, build)| build.id));
                tokio::task::yield_now().await;
            }
        };
        let reading = tokio::time::timeout(std::time::Duration::from_mins(1), reading);
        let (_, read) =
            futures_util::future::join(futures_util::future::join_all(uploads), reading).await;
        read.expect("every build is told of");
    });
}
