//! Signing in by another system, and in two steps.

mod second_factor;

pub use second_factor::SecondFactor;

use auscult_model::Sha256;
use jiff::Timestamp;

use crate::{
    Account, Error, NewAccount, OrganisationId, Result, Store,
    account::{insert_of, said, whole},
    reach,
    value::{check_name, check_text, values},
};

/// Bytes of the settings, with certificates.
const SETTING_BYTES_MAX: usize = 256 << 10;
/// Bytes of what a sign-in has to remember.
const STEP_BYTES_MAX: usize = 16 << 10;

/// By whom an account is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSource {
    /// `local`, `ldap` or `oidc`.
    pub word: String,
    /// What the other system calls the person; none for local accounts.
    pub subject: Option<String>,
}

impl Default for AccountSource {
    fn default() -> Self {
        Self { word: "local".to_owned(), subject: None }
    }
}

impl Store {
    /// The account of somebody whom another system signed in, made or brought up to what that system
    /// says. Whether it is disabled stays as it was said here. An account of this name that is another's
    /// is never taken over: then there is an error.
    pub async fn external_account(
        &self,
        organisation: OrganisationId,
        source: &AccountSource,
        is: &NewAccount,
        now: Timestamp,
    ) -> Result<Account> {
        let subject = source.subject.as_deref().unwrap_or_default();
        check_text("subject", subject, 2_000)?;
        check_name("source of the account", &source.word)?;
        let mut transaction = self.database.begin("sign somebody in").await?;
        let select =
            "SELECT id FROM account WHERE organisation = $1 AND source = $2 AND subject = $3";
        let values = values![organisation, source.word.as_str(), subject];
        let row = transaction.row(select, values).await?;
        let Some(known) = whole(&mut transaction, organisation, row.as_ref()).await? else {
            let made = insert_of(&mut transaction, organisation, source, is, now).await?;
            transaction.commit().await?;
            return Ok(made);
        };
        let is = NewAccount { disabled: known.is.disabled, ..is.clone() };
        if is == known.is {
            return Ok(known);
        }
        let taken = "SELECT id FROM account WHERE organisation = $1 AND name = $2 AND id <> $3";
        let values = values![organisation, is.name.as_str(), known.id];
        if transaction.row(taken, values).await?.is_some() {
            return Err(Error::Exists { what: "account", name: is.name });
        }
        let update = "UPDATE account SET name = $3, display_name = $4, password_hash = $5,
                roles = $6, disabled = $7, changed_at = $8
            WHERE organisation = $1 AND id = $2";
        let mut values = values![organisation, known.id];
        values.extend(said(&is)?);
        values.extend(values![now]);
        transaction.execute(update, values).await?;
        reach::put(&mut transaction, organisation, known.id, &is.reach).await?;
        transaction.commit().await?;
        Ok(Account { is, changed_at: now, ..known })
    }

    /// Takes every role away from somebody whom another system knows, where there is an account: what its
    /// sessions and keys allowed ends.
    pub async fn take_roles_away(
        &self,
        organisation: OrganisationId,
        source: &AccountSource,
        now: Timestamp,
    ) -> Result<()> {
        let update = "UPDATE account SET roles = '[]', changed_at = $4
            WHERE organisation = $1 AND source = $2 AND subject = $3 AND roles <> '[]'";
        let subject = source.subject.as_deref().unwrap_or_default();
        let values = values![organisation, source.word.as_str(), subject, now];
        self.database.execute("take roles away", update, values).await?;
        Ok(())
    }

    /// How people sign in, as JSON.
    pub async fn sign_in_settings(&self, organisation: OrganisationId) -> Result<Option<String>> {
        let select = "SELECT body FROM sign_in_setting WHERE organisation = $1";
        let doing = "read how people sign in";
        let row = self.database.row(doing, select, values![organisation]).await?;
        row.map(|row| row.text("body")).transpose()
    }

    /// Keeps how people sign in, in place of what was said before.
    pub async fn set_sign_in_settings(
        &self,
        organisation: OrganisationId,
        body: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_text("settings of the sign-in", body, SETTING_BYTES_MAX)?;
        let upsert = "INSERT INTO sign_in_setting (organisation, body, changed_at)
            VALUES ($1, $2, $3)
            ON CONFLICT (organisation) DO UPDATE SET body = $2, changed_at = $3";
        let values = values![organisation, body, now];
        self.database.execute("keep how people sign in", upsert, values).await?;
        Ok(())
    }

    /// Remembers a sign-in that has begun, under a random token.
    pub async fn begin_sign_in(
        &self,
        organisation: OrganisationId,
        token: &[u8],
        body: &str,
        expires_at: Timestamp,
    ) -> Result<()> {
        check_text("sign-in", body, STEP_BYTES_MAX)?;
        let insert = "INSERT INTO sign_in_step (organisation, token_sha256, body, expires_at)
            VALUES ($1, $2, $3, $4)";
        let values = values![organisation, Sha256::of(token), body, expires_at];
        self.database.execute("begin a sign-in", insert, values).await?;
        Ok(())
    }

    /// Forgets sign-ins that were never finished, and returns how many.
    pub async fn forget_expired_sign_ins(&self, now: Timestamp) -> Result<u64> {
        let delete = "DELETE FROM sign_in_step WHERE expires_at <= $1";
        self.database.execute("forget expired sign-ins", delete, values![now]).await
    }

    /// What was remembered under a token; it stays so.
    pub async fn sign_in_step(
        &self,
        organisation: OrganisationId,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Option<String>> {
        let select = "SELECT body FROM sign_in_step
            WHERE organisation = $1 AND token_sha256 = $2 AND expires_at > $3";
        let values = values![organisation, Sha256::of(token), now];
        let row = self.database.row("look at a sign-in", select, values).await?;
        row.map(|row| row.text("body")).transpose()
    }

    /// What was remembered under a token, which is good once and until it expires.
    pub async fn finish_sign_in(
        &self,
        organisation: OrganisationId,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Option<String>> {
        let mut transaction = self.database.begin("finish a sign-in").await?;
        let delete = "DELETE FROM sign_in_step
            WHERE organisation = $1 AND token_sha256 = $2 AND expires_at > $3 RETURNING body";
        let row = transaction.row(delete, values![organisation, Sha256::of(token), now]).await?;
        transaction.commit().await?;
        row.map(|row| row.text("body")).transpose()
    }
}
