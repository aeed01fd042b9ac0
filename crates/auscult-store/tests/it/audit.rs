//! The audit log: one chain whoever appends, and every change to it noticed.

use auscult_store::{AuditEvent, OrganisationId, PageRequest, Store, Total};
use serde_json::json;

use crate::databases::{TestDatabase, at, on_each};

fn event(number: usize) -> AuditEvent {
    AuditEvent {
        actor: "ada".to_owned(),
        action: "release".to_owned(),
        object: format!("device {number}"),
        detail: json!({ "ward": "B", "note": "ü\u{0}", "a": 0.1 }),
    }
}

async fn append(store: &Store, organisation: OrganisationId, count: usize) {
    for number in 0..count {
        store.append_audit(organisation, &event(number), at(1)).await.unwrap();
    }
}

#[test]
fn appends_from_several_processes_make_one_chain() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let mut appending = Vec::new();
        for _ in 0..4 {
            let store = database.again().await;
            appending.push(tokio::spawn(async move {
                append(&store, organisation, 25).await;
                store.close().await;
            }));
        }
        for one in appending {
            one.await.unwrap();
        }
        let verdict = database.store.verify_audit(organisation).await.unwrap();
        assert_eq!((verdict.entries, verdict.first_break), (100, None));
        let request = PageRequest::first(3);
        let page = database.store.audit_log(organisation, &request).await.unwrap();
        assert_eq!(page.total, Total::Exact(100));
        assert_eq!(page.items[0].digest, verdict.head);
        let request = PageRequest { after: page.next, limit: 1 };
        let next = database.store.audit_log(organisation, &request).await.unwrap();
        assert_eq!(next.items[0].sequence, 97);
        assert_eq!(next.items[0].detail, r#"{"a":0.1,"note":"ü\u0000","ward":"B"}"#);
    });
}

/// Changes a log of five entries and tells where verification stops.
async fn first_break(database: &TestDatabase, tampering: &[&'static str]) -> (i64, &'static str) {
    let organisation = database.organisation().await.id;
    append(&database.store, organisation, 5).await;
    for sql in tampering {
        assert!(database.tamper(sql).await > 0, "{sql}");
    }
    let verdict = database.store.verify_audit(organisation).await.unwrap();
    let found = verdict.first_break.unwrap();
    assert_eq!(i64::try_from(verdict.entries).unwrap(), found.sequence - 1);
    (found.sequence, found.why)
}

#[test]
fn the_first_broken_link_is_told() {
    let changed = "it is not what was written";
    for (tampering, expected) in [
        (&["UPDATE audit SET actor = 'eve' WHERE sequence = 3"][..], (3, changed)),
        (&["UPDATE audit SET at = at + 1 WHERE sequence = 1"], (1, changed)),
        (&["UPDATE audit SET detail = '{}' WHERE sequence = 5"], (5, changed)),
        (&["DELETE FROM audit WHERE sequence = 2"], (2, "it is missing")),
        (
            &["DELETE FROM audit WHERE sequence = 5"],
            (5, "the log ends before its head, or goes on behind it"),
        ),
        (
            &[
                "DELETE FROM audit WHERE sequence = 2",
                "UPDATE audit SET sequence = 2 WHERE sequence = 3",
            ],
            (2, "it does not follow the entry before it"),
        ),
        (&["UPDATE audit SET digest = 'x' WHERE sequence = 4"], (4, "it cannot be read")),
    ] {
        on_each(async |database| {
            assert_eq!(first_break(&database, tampering).await, expected, "{tampering:?}");
        });
    }
}

#[test]
fn each_organisation_has_its_own_chain() {
    on_each(async |database| {
        let store = &database.store;
        let first = database.organisation().await.id;
        let second = store.ensure_organisation("Other", at(0)).await.unwrap().id;
        append(store, first, 2).await;
        append(store, second, 1).await;
        assert_eq!(store.verify_audit(second).await.unwrap().entries, 1);
        database.tamper("UPDATE audit SET actor = 'eve' WHERE sequence = 2").await;
        assert!(store.verify_audit(first).await.unwrap().first_break.is_some());
        assert!(store.verify_audit(second).await.unwrap().first_break.is_none());
    });
}
