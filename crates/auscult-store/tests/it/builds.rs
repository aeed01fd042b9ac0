//! Builds: idempotent by content, listed in pages.

use auscult_model::Sha256;
use auscult_store::{
    BuildFilter, BuildKind, BuildState, Error, NewBuild, NewJob, PageRequest, Priority, ProductId,
    Total,
};

use crate::databases::{at, on_each};

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

#[test]
fn the_same_upload_gives_the_same_build_and_one_job() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let blob = database.store.put_blob(organisation.id, b"image", at(1)).await.unwrap();
        let new = upload(product.id, blob.sha256);
        let create = async |new: &NewBuild, seconds| {
            database.store.create_build(organisation.id, new, at(seconds)).await.unwrap()
        };
        let (first, job) = create(&new, 2).await;
        assert!(job.is_new);
        assert_eq!((first.state.clone(), first.created_at), (BuildState::Queued, at(2)));
        let renamed = NewBuild { label: "again".to_owned(), ..new.clone() };
        let (second, same) = create(&renamed, 3).await;
        assert_eq!((&second, same.id, same.is_new), (&first, job.id, false));
        let stored = database.store.job(organisation.id, job.id).await.unwrap().unwrap();
        assert_eq!(stored.build, Some(first.id));
        let sbom = NewBuild {
            kind: BuildKind::Sbom,
            job: NewJob { name: "sbom".to_owned(), ..new.job.clone() },
            ..new
        };
        assert_ne!(create(&sbom, 4).await.0.id, first.id);
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
        assert!(made.iter().all(|(build, job)| build == &made[0].0 && job.id == made[0].1.id));
        assert_eq!(made.iter().filter(|(_, job)| job.is_new).count(), 1);
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
            made.unwrap().0.id
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
        let all = database.store.builds(organisation.id, BuildFilter::All, &request).await.unwrap();
        assert_eq!(all.total, Total::Exact(6));
    });
}
