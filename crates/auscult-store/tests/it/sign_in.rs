//! Accounts that other systems sign in, and sign-ins in two parts.

use auscult_store::{AccountSource, Error, NewAccount};

use crate::databases::{at, on_each};

fn source(subject: &str) -> AccountSource {
    AccountSource { word: "oidc".to_owned(), subject: Some(subject.to_owned()) }
}

fn named(name: &str, roles: &[&str]) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        display_name: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..NewAccount::default()
    }
}

#[test]
fn an_account_of_another_system_follows_it_and_takes_nobody_over() {
    on_each(async |database| {
        let (store, of) = (&database.store, database.organisation().await.id);
        let local = store.create_account(of, &named("ada", &["viewer"]), at(0)).await.unwrap();
        let grace = named("grace", &["viewer"]);
        let made = store.external_account(of, &source("1"), &grace, at(1)).await.unwrap();
        assert_eq!((&made.is, &made.source), (&grace, &source("1")));
        for (subject, name) in [("1", "ada"), ("2", "ada"), ("2", "grace")] {
            let is = named(name, &["administrator"]);
            let taken = store.external_account(of, &source(subject), &is, at(2)).await;
            let taken = taken.unwrap_err();
            assert!(matches!(taken, Error::Exists { .. }), "{subject} {name}: {taken}");
        }
        assert_eq!(store.account(of, local.id).await.unwrap(), Some(local));
        // That an account is disabled is decided here, all else there.
        let disabled = NewAccount { disabled: true, ..grace };
        store.update_account(of, made.id, &disabled, at(3)).await.unwrap();
        let is = named("hopper", &["auditor"]);
        let later = store.external_account(of, &source("1"), &is, at(4)).await.unwrap();
        assert_eq!(later.id, made.id);
        assert_eq!(later.is, NewAccount { disabled: true, ..is });
        store.take_roles_away(of, &source("2"), at(5)).await.unwrap();
        assert_eq!(store.account(of, made.id).await.unwrap(), Some(later.clone()));
        store.take_roles_away(of, &source("1"), at(5)).await.unwrap();
        let left = store.account(of, made.id).await.unwrap().unwrap();
        assert_eq!(left.is, NewAccount { roles: Vec::new(), ..later.is });
    });
}

#[test]
fn a_sign_in_is_finished_once_in_time_and_by_its_own_organisation() {
    on_each(async |database| {
        let (store, of) = (&database.store, database.organisation().await.id);
        let other = store.ensure_organisation("Hospital", at(0)).await.unwrap().id;
        store.begin_sign_in(of, b"one", "{}", at(60)).await.unwrap();
        store.begin_sign_in(of, b"two", "{}", at(60)).await.unwrap();
        let finish = async |of, token: &[u8], seconds| {
            store.finish_sign_in(of, token, at(seconds)).await.unwrap()
        };
        assert_eq!(finish(other, b"one", 1).await, None);
        assert_eq!(finish(of, b"three", 1).await, None);
        assert_eq!(store.sign_in_step(of, b"one", at(1)).await.unwrap().as_deref(), Some("{}"));
        assert_eq!(finish(of, b"one", 1).await.as_deref(), Some("{}"));
        assert_eq!(finish(of, b"one", 1).await, None);
        assert_eq!(finish(of, b"two", 60).await, None);
        assert_eq!(store.forget_expired_sign_ins(at(59)).await.unwrap(), 0);
        assert_eq!(store.forget_expired_sign_ins(at(60)).await.unwrap(), 1);
    });
}
