//! Opening: several processes at once, newer and foreign databases, bad addresses.

use auscult_store::{Depth, Error, PageRequest, Store, Within};

use crate::databases::{TestDatabase, at, new_urls, on_each, run};

#[test]
fn a_database_opens_again_with_what_is_in_it() {
    on_each(async |database| {
        let made = database.organisation().await;
        let again = database.again().await;
        assert_eq!(again.organisations().await.unwrap(), [made]);
        again.close().await;
    });
}

#[test]
fn many_open_an_empty_database_at_once() {
    run(async {
        for (url, _folder) in new_urls() {
            let openings = (0..8).map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Store::open(&url).await })
            });
            let mut stores = Vec::new();
            for opening in openings.collect::<Vec<_>>() {
                stores.push(opening.await.unwrap().unwrap());
            }
            let made = stores[0].ensure_organisation("Maker", at(0)).await.unwrap();
            for store in stores {
                assert_eq!(store.organisations().await.unwrap(), std::slice::from_ref(&made));
                store.close().await;
            }
        }
    });
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    on_each(async |database| {
        database.tamper("INSERT INTO auscult_schema (version) VALUES (4711)").await;
        let error = Store::open(&database.url).await.unwrap_err();
        assert!(matches!(error, Error::Newer { found: 4711, known: NEWEST, .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("start the newer program"), "{text}");
    });
}

/// The version of the schema that this program makes.
pub(crate) const NEWEST: i64 = 11;

/// Takes away what is kept for searching devices.
pub(crate) async fn drop_texts(database: &TestDatabase) {
    let both = if database.is_sqlite() {
        ["DROP VIEW device_text", "DROP INDEX device_text_whole"]
    } else {
        ["DROP FUNCTION keep_device_text CASCADE", "DROP TABLE device_text"]
    };
    for sql in both {
        database.tamper(sql).await;
    }
}

/// Takes a database back to the schema of the first version.
pub(crate) async fn make_older(database: &TestDatabase) {
    drop_texts(database).await;
    for sql in [
        "DROP TABLE account_product",
        "DROP TABLE account_site",
        "DROP TABLE recovery_code",
        "DROP TABLE second_factor",
        "DROP TABLE sign_in_step",
        "DROP TABLE sign_in_setting",
        "DROP TABLE mail_server",
        "DROP TABLE pending",
        "DROP TABLE notification_rule",
        "DROP TABLE event",
        "DROP TABLE told",
        "DROP TABLE record_key",
        "DROP TABLE waiver",
        "DROP TABLE verification",
        "DROP TABLE challenge",
        "DROP TABLE trusted_key",
        "DROP TABLE build_reference",
        "DROP TABLE import_mapping",
        "DROP TABLE device_event",
        "DROP TABLE device_identity",
        "DROP TABLE device",
        "DROP TABLE device_count",
        "DROP INDEX build_changed",
        "ALTER TABLE build DROP COLUMN sequence",
        "ALTER TABLE organisation DROP COLUMN build_sequence",
        "DROP TABLE setup",
        "DROP TABLE setup_link",
        "DROP TABLE attempt",
        "DROP TABLE api_key",
        "DROP TABLE session",
        "DROP TABLE account",
        "DELETE FROM auscult_schema WHERE version > 1",
    ] {
        database.tamper(sql).await;
    }
}

#[test]
fn an_older_database_is_brought_up_to_date_with_what_is_in_it() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        make_older(&database).await;
        let store = database.again().await;
        assert_eq!(
            store
                .products(organisation.id, Within::ALL, &PageRequest::first(9))
                .await
                .unwrap()
                .items,
            [product]
        );
        assert_eq!(store.doctor(Depth::Full, at(1)).await.unwrap().schema_version, NEWEST);
        assert_eq!(store.api_keys(organisation.id).await.unwrap(), []);
        store.close().await;
    });
}

#[test]
fn a_database_of_something_else_is_refused() {
    on_each(async |database| {
        database.tamper("DROP TABLE auscult_schema").await;
        let error = Store::open(&database.url).await.unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    });
}

#[test]
fn what_cannot_be_opened_says_why() {
    run(async {
        let error = Store::open("sqlite:/nowhere/fleet.db").await.unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
        let error = Store::open("fleet.db").await.unwrap_err();
        assert!(matches!(error, Error::Address { .. }), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no.db");
        std::fs::write(&path, "This is no database, but a text of some length.").unwrap();
        let error = Store::open(&format!("sqlite:{}", path.display())).await.unwrap_err();
        assert!(matches!(error, Error::Database { .. }), "{error}");
        let away = format!("postgres://auscult@localhost/x?host={}", folder.path().display());
        let error = Store::open(&away).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    });
}

#[test]
fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.db");
        let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
        store.ensure_organisation("Maker", at(0)).await.unwrap();
        for name in ["fleet.db", "fleet.db-wal"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
    });
}
