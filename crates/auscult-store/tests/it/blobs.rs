//! Blobs: whole or not there, by range, damaged ones noticed.

use auscult_model::Sha256;
use auscult_store::{CHUNK_SIZE, Error, OrganisationId, Store};

use crate::databases::{at, on_each};

/// Bytes that no chunk shares with another.
fn pattern(length: u64) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[7]
    };
    std::iter::repeat_with(next).take(usize::try_from(length).unwrap()).collect()
}

async fn read(
    store: &Store,
    organisation: OrganisationId,
    sha256: Sha256,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, Error> {
    let mut reader = store.read_blob(organisation, sha256, range).await?;
    let mut bytes = Vec::new();
    while let Some(part) = reader.next().await? {
        assert!(part.len() as u64 <= CHUNK_SIZE);
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

#[test]
fn a_blob_reads_back_whole_and_by_range() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        for length in [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, 2 * CHUNK_SIZE + 5] {
            let bytes = pattern(length);
            let mut writer = database.store.write_blob(organisation, at(0)).await.unwrap();
            for part in bytes.chunks(300_007) {
                writer.write(part).await.unwrap();
            }
            let blob = writer.finish(at(1)).await.unwrap();
            assert_eq!((blob.sha256, blob.size_bytes), (Sha256::of(&bytes), length));
            for range in [0..length, 0..u64::MAX, 0..1, 7..CHUNK_SIZE + 1, length / 2..length] {
                let found = read(&database.store, organisation, blob.sha256, range.clone()).await;
                let end = range.end.min(length);
                let start = usize::try_from(range.start.min(end)).unwrap();
                let expected = &bytes[start..usize::try_from(end).unwrap()];
                assert!(found.unwrap() == expected, "{length} {range:?}");
            }
        }
    });
}

#[test]
fn the_same_bytes_are_kept_once() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let bytes = pattern(CHUNK_SIZE + 1);
        let first = database.store.put_blob(organisation, &bytes, at(0)).await.unwrap();
        let mut writer = database.store.write_blob(organisation, at(5)).await.unwrap();
        writer.write(&bytes).await.unwrap();
        assert_eq!(writer.finish(at(6)).await.unwrap(), first);
        let orphans = database.tamper("DELETE FROM blob_chunk WHERE number = 1").await;
        assert_eq!(orphans, 1);
    });
}

#[test]
fn a_half_written_blob_is_not_there_and_is_swept() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let bytes = pattern(CHUNK_SIZE);
        let mut writer = database.store.write_blob(organisation, at(0)).await.unwrap();
        writer.write(&bytes).await.unwrap();
        assert_eq!(database.store.blob(organisation, Sha256::of(&bytes)).await.unwrap(), None);
        assert_eq!(database.store.sweep_uploads(at(0)).await.unwrap(), 0);
        assert_eq!(database.store.sweep_uploads(at(1)).await.unwrap(), 1);
        assert!(matches!(writer.finish(at(2)).await.unwrap_err(), Error::UploadSwept));
        assert_eq!(database.tamper("DELETE FROM blob_chunk").await, 0);
        assert_eq!(database.store.blob(organisation, Sha256::of(&bytes)).await.unwrap(), None);
    });
}

#[test]
fn changed_bytes_are_never_given_out() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let bytes = pattern(2 * CHUNK_SIZE);
        let blob = database.store.put_blob(organisation, &bytes, at(0)).await.unwrap();
        let first = read(&database.store, organisation, blob.sha256, 0..CHUNK_SIZE);
        database.tamper("UPDATE blob_chunk SET bytes = '' WHERE number = 1").await;
        assert!(first.await.unwrap() == bytes[..1 << 20]);
        let error =
            read(&database.store, organisation, blob.sha256, 0..u64::MAX).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        database.tamper("DELETE FROM blob_chunk WHERE number = 1").await;
        let second = CHUNK_SIZE..CHUNK_SIZE + 1;
        let error = read(&database.store, organisation, blob.sha256, second).await.unwrap_err();
        assert!(error.to_string().contains("is missing"), "{error}");
    });
}

#[test]
fn chunks_that_were_exchanged_are_noticed_at_the_end() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let bytes = pattern(3 * CHUNK_SIZE);
        let blob = database.store.put_blob(organisation, &bytes, at(0)).await.unwrap();
        for swap in [
            "UPDATE blob_chunk SET number = 7 WHERE number = 0",
            "UPDATE blob_chunk SET number = 0 WHERE number = 1",
            "UPDATE blob_chunk SET number = 1 WHERE number = 7",
        ] {
            assert_eq!(database.tamper(swap).await, 1);
        }
        let error = database.store.get_blob(organisation, blob.sha256, 4 << 20).await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    });
}

#[test]
fn a_blob_too_large_for_memory_is_refused() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let blob = database.store.put_blob(organisation, b"12345", at(0)).await.unwrap();
        let whole = database.store.get_blob(organisation, blob.sha256, 5).await.unwrap();
        assert_eq!(whole, b"12345");
        let error = database.store.get_blob(organisation, blob.sha256, 4).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
        let error = database.store.get_blob(organisation, Sha256::of(b"?"), 9).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    });
}
