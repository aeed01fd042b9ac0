//! Sessions of people and keys of programs. Both are found by the SHA-256 of a random secret, which
//! itself is never kept.

use auscult_model::Sha256;
use jiff::{SignedDuration, Timestamp};

use crate::{
    AccountId, ApiKeyId, Error, OrganisationId, Result, Store,
    account::{read_words, words},
    database::Row,
    value::{after, check_name, values},
};

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where.
    pub organisation: OrganisationId,
    /// Who.
    pub account: AccountId,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// For whom it acts.
    pub account: AccountId,
    /// What it may do, in the words of the server.
    pub scopes: Vec<String>,
    /// Until when; none for as long as it is not revoked.
    pub expires_at: Option<Timestamp>,
}

/// A key of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Where.
    pub organisation: OrganisationId,
    /// Its id.
    pub id: ApiKeyId,
    /// What is said of it.
    pub is: NewApiKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// The last use is kept this exactly, so that not every request writes.
const USED_EXACT_TO: SignedDuration = SignedDuration::from_secs(60);

impl Store {
    /// Begins a session under a random token.
    pub async fn create_session(
        &self,
        organisation: OrganisationId,
        account: AccountId,
        token: &[u8],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        if self.account(organisation, account).await?.is_none() {
            return Err(Error::not_found("account", account));
        }
        let insert = "INSERT INTO session
                (organisation, token_sha256, account, created_at, used_at, expires_at)
            VALUES ($1, $2, $3, $4, $4, $5)";
        let values = values![organisation, Sha256::of(token), account, now, expires_at];
        self.database.execute("begin a session", insert, values).await?;
        Ok(())
    }

    /// The session of a token, if it has not expired and its account may sign in.
    pub async fn session(&self, token: &[u8], now: Timestamp) -> Result<Option<Session>> {
        let select = "SELECT session.* FROM session JOIN account
                ON account.organisation = session.organisation AND account.id = session.account
            WHERE token_sha256 = $1 AND expires_at > $2 AND account.disabled = 0";
        let digest = Sha256::of(token);
        let row = self.database.row("find a session", select, values![digest, now]).await?;
        let Some(session) = row.as_ref().map(session).transpose()? else { return Ok(None) };
        if after(session.used_at, USED_EXACT_TO) <= now {
            let update = "UPDATE session SET used_at = $3
                          WHERE organisation = $1 AND token_sha256 = $2 AND used_at < $3";
            let values = values![session.organisation, digest, now];
            self.database.execute("note the use of a session", update, values).await?;
        }
        Ok(Some(session))
    }

    /// Ends the session of a token, if there is one.
    pub async fn end_session(&self, token: &[u8]) -> Result<()> {
        let delete = "DELETE FROM session WHERE token_sha256 = $1";
        self.database.execute("end a session", delete, values![Sha256::of(token)]).await?;
        Ok(())
    }

    /// Ends every session of an account, and returns how many.
    pub async fn end_sessions_of(
        &self,
        organisation: OrganisationId,
        account: AccountId,
    ) -> Result<u64> {
        let delete = "DELETE FROM session WHERE organisation = $1 AND account = $2";
        self.database.execute("end sessions", delete, values![organisation, account]).await
    }

    /// Forgets sessions that have expired, and returns how many.
    pub async fn forget_expired_sessions(&self, now: Timestamp) -> Result<u64> {
        let delete = "DELETE FROM session WHERE expires_at <= $1";
        self.database.execute("forget expired sessions", delete, values![now]).await
    }

    /// Makes a key of a random secret.
    pub async fn create_api_key(
        &self,
        organisation: OrganisationId,
        new: &NewApiKey,
        secret: &[u8],
        now: Timestamp,
    ) -> Result<ApiKeyId> {
        check_name("name of the key", &new.name)?;
        if self.account(organisation, new.account).await?.is_none() {
            return Err(Error::not_found("account", new.account));
        }
        let insert = "INSERT INTO api_key
                (organisation, id, name, account, secret_sha256, scopes, created_at, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let id = ApiKeyId::new(now);
        let scopes = words("scopes of the key", &new.scopes)?;
        let mut values = values![organisation, id, new.name.as_str(), new.account];
        values.extend(values![Sha256::of(secret), scopes, now, new.expires_at]);
        self.database.execute("make a key", insert, values).await?;
        Ok(id)
    }

    /// The key of a secret, if it is neither revoked nor expired and its account may sign in.
    pub async fn api_key(&self, secret: &[u8], now: Timestamp) -> Result<Option<ApiKey>> {
        let select = "SELECT api_key.* FROM api_key JOIN account
                ON account.organisation = api_key.organisation AND account.id = api_key.account
            WHERE secret_sha256 = $1 AND (expires_at IS NULL OR expires_at > $2)
                AND revoked_at IS NULL AND account.disabled = 0";
        let values = values![Sha256::of(secret), now];
        let row = self.database.row("find a key", select, values).await?;
        let Some(key) = row.as_ref().map(api_key).transpose()? else { return Ok(None) };
        if key.used_at.is_none_or(|used_at| after(used_at, USED_EXACT_TO) <= now) {
            let update = "UPDATE api_key SET used_at = $3 WHERE organisation = $1 AND id = $2";
            let values = values![key.organisation, key.id, now];
            self.database.execute("note the use of a key", update, values).await?;
        }
        Ok(Some(key))
    }

    /// Every key of an organisation, the newest first, revoked ones, too.
    pub async fn api_keys(&self, organisation: OrganisationId) -> Result<Vec<ApiKey>> {
        let select = "SELECT * FROM api_key WHERE organisation = $1 ORDER BY id DESC";
        let rows = self.database.rows("list the keys", select, values![organisation]).await?;
        rows.iter().map(api_key).collect()
    }

    /// Revokes a key. It stays listed.
    pub async fn revoke_api_key(
        &self,
        organisation: OrganisationId,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<()> {
        let update = "UPDATE api_key SET revoked_at = COALESCE(revoked_at, $3)
                      WHERE organisation = $1 AND id = $2";
        let values = values![organisation, id, now];
        match self.database.execute("revoke a key", update, values).await? {
            0 => Err(Error::not_found("key", id)),
            _ => Ok(()),
        }
    }
}

fn session(row: &Row) -> Result<Session> {
    Ok(Session {
        organisation: row.parsed("organisation")?,
        account: row.parsed("account")?,
        created_at: row.time("created_at")?,
        used_at: row.time("used_at")?,
        expires_at: row.time("expires_at")?,
    })
}

fn api_key(row: &Row) -> Result<ApiKey> {
    Ok(ApiKey {
        organisation: row.parsed("organisation")?,
        id: row.parsed("id")?,
        is: NewApiKey {
            name: row.text("name")?,
            account: row.parsed("account")?,
            scopes: read_words(row, "scopes")?,
            expires_at: row.time_or_null("expires_at")?,
        },
        created_at: row.time("created_at")?,
        revoked_at: row.time_or_null("revoked_at")?,
        used_at: row.time_or_null("used_at")?,
    })
}
