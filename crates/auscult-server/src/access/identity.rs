//! Who sends a request, found by a session's cookie or a key's token.

use auscult_store::{Account, OrganisationId, Store, Within};
use axum::http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};

use super::{Permission, Reach, Role, Secret, csrf_token, sign_in::COOKIE};
use crate::problem::{Answer, Problem};

/// A session that was not used for this long has ended.
const IDLE_MAX: SignedDuration = SignedDuration::from_hours(2);

/// Somebody who is known.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) organisation: OrganisationId,
    pub(crate) account: Account,
    pub(crate) permissions: Vec<Permission>,
    /// For which sites and products they are.
    pub(crate) reach: Reach,
    pub(crate) by: By,
}

/// By what somebody is known.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// A browser's session.
    Session(Secret),
    /// A key of a program, with its name.
    Key(String),
}

impl Identity {
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// The name under which deeds are recorded.
    pub(crate) fn actor(&self) -> String {
        match &self.by {
            By::Session(_) => self.account.is.name.clone(),
            By::Key(name) => format!("{} by key {name}", self.account.is.name),
        }
    }

    /// To what lists for this person are limited.
    pub(crate) fn within(&self) -> Within {
        self.reach.within()
    }

    /// Whether this person may make a product: who is limited to some would not see it.
    pub(crate) fn may_make_product(&self) -> bool {
        self.may(Permission::Products) && self.reach.has_all_products()
    }

    /// What forms of this session carry; empty for keys, which send no forms.
    pub(crate) fn form_token(&self) -> String {
        match &self.by {
            By::Session(token) => csrf_token(token),
            By::Key(_) => String::new(),
        }
    }

    /// Finds who sent these headers: none where they name nobody, an error where they name somebody
    /// who is not known.
    pub(crate) async fn of(
        headers: &HeaderMap,
        store: &Store,
        now: Timestamp,
    ) -> Answer<Option<Self>> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer);
            let token = token.ok_or_else(|| unknown("the header Authorization is no Bearer"))?;
            return Self::of_key(&Secret::given(token), store, now).await.map(Some);
        }
        match cookie_named(headers, COOKIE) {
            Some(token) => Self::of_session(Secret::given(token), store, now).await,
            None => Ok(None),
        }
    }

    async fn of_key(token: &Secret, store: &Store, now: Timestamp) -> Answer<Self> {
        let key = store.api_key(token.bytes(), now).await?;
        let key = key.ok_or_else(|| unknown("the key is unknown, revoked or expired"))?;
        let account = store.account(key.organisation, key.is.account).await?;
        let account = account.ok_or_else(|| unknown("the account of the key is gone"))?;
        let mut permissions = permissions(&account);
        let scopes: Vec<_> =
            key.is.scopes.iter().filter_map(|word| Permission::scope(word)).collect();
        permissions.retain(|one| scopes.contains(one));
        let (by, reach) = (By::Key(key.is.name), Reach::of(&account));
        Ok(Self { organisation: key.organisation, account, permissions, reach, by })
    }

    async fn of_session(token: Secret, store: &Store, now: Timestamp) -> Answer<Option<Self>> {
        let Some(session) = store.session(token.bytes(), now).await? else { return Ok(None) };
        if now.duration_since(session.used_at) > IDLE_MAX {
            store.end_session(token.bytes()).await?;
            return Ok(None);
        }
        let account = store.account(session.organisation, session.account).await?;
        Ok(account.map(|account| Self {
            organisation: session.organisation,
            permissions: permissions(&account),
            reach: Reach::of(&account),
            account,
            by: By::Session(token),
        }))
    }
}

fn unknown(why: &str) -> Problem {
    Problem::new(axum::http::StatusCode::UNAUTHORIZED, why)
        .hint("make a key under Administration, and send it as `Authorization: Bearer KEY`")
}

/// What the roles of an account allow, as far as it reaches. A role that this version does not know
/// allows nothing.
pub(crate) fn permissions(account: &Account) -> Vec<Permission> {
    let roles = account.is.roles.iter().filter_map(|word| word.parse::<Role>().ok());
    let mut all: Vec<Permission> =
        roles.flat_map(|role| role.permissions().iter().copied()).collect();
    let reach = Reach::of(account);
    all.retain(|permission| reach.leaves(*permission));
    all.sort_unstable();
    all.dedup();
    all
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a cookie of ours.
pub(super) fn cookie_named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    cookies
        .filter_map(|one| one.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}
