//! Decisions and snapshots.

use auscult_model::{DECISIONS_SCHEMA, Decision, ReliedFact, Sha256, VexStatus};
use auscult_store::{AdvisorySnapshot, Error, WhatIsDecided};
use jiff::civil::date;

use crate::databases::{at, on_each};

fn decision(vulnerability: &str, comment: &str) -> Decision {
    Decision {
        vulnerability: vulnerability.to_owned(),
        component: "busybox".to_owned(),
        status: VexStatus::NotAffected,
        justification: Some("vulnerable_code_not_in_execute_path".to_owned()),
        response: vec!["will_not_fix".to_owned()],
        comment: comment.to_owned(),
        by: "A. Lovelace".to_owned(),
        date: date(2026, 11, 20),
        expires: Some(date(2027, 11, 20)),
        relies_on: vec![ReliedFact {
            fact: "listener:tcp/23".to_owned(),
            sha256: Sha256::of(b"absent"),
        }],
    }
}

#[test]
fn a_decision_is_the_products_and_keeps_its_history() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let (of, product) = (organisation.id, product.id);
        let first = decision("CVE-2026-1", "telnetd is off");
        let second = Decision { comment: "still".to_owned(), ..first.clone() };
        let decide = async |decision: &Decision, expected, seconds| {
            store.decide(of, product, decision, expected, "ada", at(seconds)).await
        };
        assert_eq!(decide(&first, 0, 1).await.unwrap(), 1);
        assert_eq!(decide(&second, 1, 2).await.unwrap(), 2);
        let other = decision("CVE-2025-9", "other");
        assert_eq!(decide(&other, 0, 3).await.unwrap(), 1);
        let now = store.decisions(of, product, at(3)).await.unwrap();
        assert_eq!(now.schema, DECISIONS_SCHEMA);
        assert_eq!(now.decisions, [other, second.clone()]);
        let then = store.decisions(of, product, at(1)).await.unwrap();
        assert_eq!(then.decisions, std::slice::from_ref(&first));
        let what =
            WhatIsDecided { vulnerability: "cve-2026-1".to_owned(), ..WhatIsDecided::of(&first) };
        assert_eq!(store.withdraw_decision(of, product, &what, 2, "bob", at(4)).await.unwrap(), 3);
        let now = store.decisions(of, product, at(4)).await.unwrap();
        assert_eq!(now.decisions.len(), 1);
        let history = store.decision_history(of, product, &what).await.unwrap();
        let told: Vec<_> = history.iter().map(|one| (one.revision, one.decision.clone())).collect();
        assert_eq!(told, [(1, Some(first)), (2, Some(second)), (3, None)]);
        assert_eq!((history[2].actor.as_str(), history[2].recorded_at), ("bob", at(4)));
        // Each was told to the audit log in the same transaction.
        assert_eq!(store.verify_audit(of).await.unwrap().entries, 4);
    });
}

#[test]
fn of_two_who_decide_at_once_one_is_told() {
    on_each(async |database| {
        let (organisation, product) = database.product().await;
        let mut deciding = Vec::new();
        for number in 0..6 {
            let store = database.again().await;
            let decision = decision("CVE-2026-1", &number.to_string());
            deciding.push(tokio::spawn(async move {
                let done =
                    store.decide(organisation.id, product.id, &decision, 0, "ada", at(1)).await;
                store.close().await;
                done
            }));
        }
        let mut recorded = 0;
        for one in deciding {
            match one.await.unwrap() {
                Ok(revision) => recorded += revision,
                Err(Error::Changed { expected: 0, found: 1, .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(recorded, 1);
    });
}

#[test]
fn what_cannot_be_a_decision_is_refused() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let bare = Decision { justification: None, ..decision("CVE-2026-1", "") };
        let error = store.decide(organisation.id, product.id, &bare, 0, "ada", at(0)).await;
        assert!(matches!(error.unwrap_err(), Error::Invalid { .. }));
        let other = store.ensure_organisation("Other", at(0)).await.unwrap();
        let foreign = decision("CVE-2026-1", "");
        let error = store.decide(other.id, product.id, &foreign, 0, "ada", at(0)).await;
        assert!(matches!(error.unwrap_err(), Error::NotFound { .. }));
    });
}

#[test]
fn the_snapshot_loaded_last_comes_first() {
    on_each(async |database| {
        let store = &database.store;
        let organisation = database.organisation().await.id;
        let mut loaded = Vec::new();
        for number in 0..2_u8 {
            let blob = store.put_blob(organisation, &[number], at(0)).await.unwrap().sha256;
            let root = Sha256::of(&[number, number]);
            let day = date(2026, 11, 20 - i8::try_from(number).unwrap());
            let snapshot = AdvisorySnapshot { root, date: day, blob, loaded_at: at(number.into()) };
            store.load_snapshot(organisation, &snapshot).await.unwrap();
            loaded.insert(0, snapshot);
        }
        assert_eq!(store.snapshots(organisation).await.unwrap(), loaded);
        let back = AdvisorySnapshot { loaded_at: at(9), ..loaded[1] };
        store.load_snapshot(organisation, &back).await.unwrap();
        assert_eq!(store.snapshots(organisation).await.unwrap(), [back, loaded[0]]);
        let missing = AdvisorySnapshot { blob: Sha256::of(b"?"), ..back };
        let error = store.load_snapshot(organisation, &missing).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    });
}
