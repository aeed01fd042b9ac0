//! Accounts, sessions, keys, and failed attempts.

use auscult_store::{
    Account, AttemptLimit, Attempts, Error, NewAccount, NewApiKey, OrganisationId, PageRequest,
    PasswordHash, Reach, Store, Total,
};
use jiff::SignedDuration;

use crate::databases::{at, on_each};

fn ada() -> NewAccount {
    NewAccount {
        name: "ada".to_owned(),
        display_name: "Ada Lovelace".to_owned(),
        password_hash: Some(PasswordHash("$argon2id$v=19$secret".to_owned())),
        roles: vec!["administrator".to_owned(), "viewer of \"site 1\"".to_owned()],
        disabled: false,
        reach: Reach::default(),
    }
}

async fn create(store: &Store, organisation: OrganisationId) -> Account {
    store.create_account(organisation, &ada(), at(0)).await.unwrap()
}

#[test]
fn an_account_reads_back_and_its_hash_is_never_shown() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        let made = create(store, organisation).await;
        let found = store.account_by_name(organisation, "ada").await.unwrap().unwrap();
        assert_eq!(found, made);
        assert!(!format!("{found:?}").contains("argon2"));
        let again = store.create_account(organisation, &ada(), at(1)).await.unwrap_err();
        assert!(matches!(again, Error::Exists { .. }), "{again}");
        assert_eq!(store.account_by_name(organisation, "a\0").await.unwrap(), None);
        let bob = NewAccount { name: "bob".to_owned(), password_hash: None, ..ada() };
        store.create_account(organisation, &bob, at(2)).await.unwrap();
        let taken = store.update_account(organisation, made.id, &bob, at(3)).await.unwrap_err();
        assert!(matches!(taken, Error::Exists { .. }), "{taken}");
        let page = store.accounts(organisation, &PageRequest::first(1)).await.unwrap();
        assert_eq!((page.items, page.total), (vec![made], Total::Exact(2)));
    });
}

#[test]
fn one_link_of_several_makes_the_first_administrator_and_only_once() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        let other = store.ensure_organisation("Hospital", at(0)).await.unwrap().id;
        assert!(store.needs_setup(organisation).await.unwrap());
        for (token, until) in [(&b"one"[..], 100), (b"two", 100), (b"old", 10)] {
            store.offer_setup(organisation, token, at(until), at(0)).await.unwrap();
        }
        let open = async |token: &[u8], seconds| {
            store.setup_is_open(organisation, token, at(seconds)).await.unwrap()
        };
        assert!(open(b"one", 99).await && !open(b"one", 100).await);
        assert!(!open(b"old", 10).await && !open(b"none", 1).await);
        let make = async |store: &Store, of, token: &[u8], name: &str| {
            let new = NewAccount { name: name.to_owned(), ..ada() };
            store.create_first_account(of, token, &new, at(50)).await.unwrap()
        };
        assert_eq!(make(store, organisation, b"old", "late").await, None);
        assert_eq!(make(store, other, b"one", "foreign").await, None);
        // A link whose account is refused can be used again.
        let nameless = NewAccount { name: String::new(), ..ada() };
        assert!(store.create_first_account(organisation, b"one", &nameless, at(50)).await.is_err());
        let second = database.again().await;
        let (one, two) = tokio::join!(
            make(store, organisation, b"one", "one"),
            make(&second, organisation, b"two", "two")
        );
        assert_eq!(u8::from(one.is_some()) + u8::from(two.is_some()), 1);
        let made = one.or(two).unwrap();
        let page = store.accounts(organisation, &PageRequest::first(9)).await.unwrap();
        assert_eq!(page.items, [made]);
        assert!(!open(b"one", 60).await && !open(b"two", 60).await);
        assert!(!store.needs_setup(organisation).await.unwrap());
        assert!(store.needs_setup(other).await.unwrap());
        second.close().await;
    });
}

#[test]
fn a_session_ends_in_time_by_hand_and_with_its_account() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        let account = create(store, organisation).await;
        let begin = async |token: &[u8]| {
            store.create_session(organisation, account.id, token, at(1_000), at(0)).await.unwrap();
        };
        let holds = async |token: &[u8], seconds| {
            store.session(token, at(seconds)).await.unwrap().is_some()
        };
        begin(b"one").await;
        begin(b"two").await;
        begin(b"three").await;
        assert!(holds(b"one", 999).await && !holds(b"one", 1_000).await);
        assert!(!holds(b"other", 1).await);
        let used = store.session(b"one", at(999)).await.unwrap().unwrap();
        assert_eq!((used.account, used.used_at), (account.id, at(999)));
        store.end_session(b"one").await.unwrap();
        assert!(!holds(b"one", 1).await && holds(b"two", 1).await);
        let disabled = NewAccount { disabled: true, ..ada() };
        store.update_account(organisation, account.id, &disabled, at(1)).await.unwrap();
        assert!(!holds(b"two", 1).await);
        store.update_account(organisation, account.id, &ada(), at(2)).await.unwrap();
        assert_eq!(store.forget_expired_sessions(at(999)).await.unwrap(), 0);
        assert_eq!(store.end_sessions_of(organisation, account.id).await.unwrap(), 2);
        assert!(!holds(b"two", 1).await);
        // The token itself is nowhere.
        begin(b"secret token").await;
        let kept = database.tamper("DELETE FROM session WHERE token_sha256 LIKE '%secret%'").await;
        assert_eq!(kept, 0);
    });
}

#[test]
fn a_key_works_until_it_is_revoked_or_expires() {
    on_each(async |database| {
        let (store, organisation) = (&database.store, database.organisation().await.id);
        let account = create(store, organisation).await.id;
        let new = NewApiKey {
            name: "CI".to_owned(),
            account,
            scopes: vec!["upload".to_owned()],
            expires_at: Some(at(100)),
        };
        let id = store.create_api_key(organisation, &new, b"secret", at(0)).await.unwrap();
        let key = store.api_key(b"secret", at(99)).await.unwrap().unwrap();
        assert_eq!((key.id, &key.is), (id, &new));
        assert_eq!(store.api_key(b"secret", at(100)).await.unwrap(), None);
        assert_eq!(store.api_key(b"guess", at(1)).await.unwrap(), None);
        store.revoke_api_key(organisation, id, at(5)).await.unwrap();
        store.revoke_api_key(organisation, id, at(6)).await.unwrap();
        assert_eq!(store.api_key(b"secret", at(6)).await.unwrap(), None);
        let listed = store.api_keys(organisation).await.unwrap();
        assert_eq!((listed[0].revoked_at, listed[0].used_at), (Some(at(5)), Some(at(99))));
        let other = store.ensure_organisation("Other", at(0)).await.unwrap().id;
        let foreign = store.revoke_api_key(other, id, at(7)).await.unwrap_err();
        assert!(matches!(foreign, Error::NotFound { .. }), "{foreign}");
    });
}

#[test]
fn failures_count_across_processes_and_restarts() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let limit = AttemptLimit {
            failures_max: 5,
            block: SignedDuration::from_secs(30),
            block_max: SignedDuration::from_secs(900),
            forget_after: SignedDuration::from_secs(3_600),
        };
        let mut failing = Vec::new();
        for _ in 0..6 {
            let store = database.again().await;
            failing.push(tokio::spawn(async move {
                let counted = store.count_failure(organisation, "ada", &limit, at(0)).await;
                store.close().await;
                counted.unwrap().failures
            }));
        }
        let mut counted = Vec::new();
        for one in failing {
            counted.push(one.await.unwrap());
        }
        counted.sort_unstable();
        assert_eq!(counted, [1, 2, 3, 4, 5, 6]);
        let store = database.again().await;
        let known = store.attempts(organisation, "ada").await.unwrap();
        assert_eq!(known, Attempts { failures: 6, blocked_until: Some(at(30)) });
        let more = store.count_failure(organisation, "ada", &limit, at(31)).await.unwrap();
        assert_eq!(more.blocked_until, Some(at(91)));
        assert_eq!(store.attempts(organisation, "bob").await.unwrap(), Attempts::default());
        let later = store.count_failure(organisation, "ada", &limit, at(9_999)).await.unwrap();
        assert_eq!(later, Attempts { failures: 1, blocked_until: None });
        store.clear_failures(organisation, "ada").await.unwrap();
        assert_eq!(store.attempts(organisation, "ada").await.unwrap(), Attempts::default());
        store.close().await;
    });
}
