//! Second factors: the secret that makes codes, and codes for whoever lost it.

use std::collections::HashSet;

use auscult_model::Sha256;
use jiff::Timestamp;

use crate::{
    AccountId, OrganisationId, Result, Store,
    database::Row,
    value::{integer, values},
};

/// A second factor of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The shared secret.
    pub secret: Vec<u8>,
    /// Since when it is asked for; none while its owner has not shown that it works.
    pub confirmed_at: Option<Timestamp>,
    /// The time step of the last code that was taken.
    pub last_step: u64,
}

impl std::fmt::Debug for SecondFactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("SecondFactor");
        shown.field("confirmed_at", &self.confirmed_at).finish_non_exhaustive()
    }
}

impl Store {
    /// The second factor of an account.
    pub async fn second_factor(
        &self,
        organisation: OrganisationId,
        account: AccountId,
    ) -> Result<Option<SecondFactor>> {
        let select = "SELECT secret, confirmed_at, last_step FROM second_factor
            WHERE organisation = $1 AND account = $2";
        let values = values![organisation, account];
        let row = self.database.row("find a second factor", select, values).await?;
        let read = |row: Row| {
            Ok(SecondFactor {
                secret: row.bytes("secret")?,
                confirmed_at: row.time_or_null("confirmed_at")?,
                last_step: row.count("last_step")?,
            })
        };
        row.map(read).transpose()
    }

    /// The accounts whose second factor is asked for.
    pub async fn with_second_factor(
        &self,
        organisation: OrganisationId,
    ) -> Result<HashSet<AccountId>> {
        let select = "SELECT account FROM second_factor
            WHERE organisation = $1 AND confirmed_at IS NOT NULL";
        let rows = self.database.rows("list the second factors", select, values![organisation]);
        rows.await?.iter().map(|row| row.parsed("account")).collect()
    }

    /// Keeps a new secret that is still to be confirmed; one that was confirmed stays, and `false` is
    /// returned.
    pub async fn offer_second_factor(
        &self,
        organisation: OrganisationId,
        account: AccountId,
        secret: &[u8],
    ) -> Result<bool> {
        let upsert = "INSERT INTO second_factor
                (organisation, account, secret, confirmed_at, last_step)
            VALUES ($1, $2, $3, NULL, 0)
            ON CONFLICT (organisation, account) DO UPDATE SET secret = $3, last_step = 0
            WHERE second_factor.confirmed_at IS NULL";
        let values = values![organisation, account, secret.to_vec()];
        Ok(self.database.execute("offer a second factor", upsert, values).await? > 0)
    }

    /// Takes a code of a time step, unless one of this step or a later one was taken before.
    pub async fn take_step(
        &self,
        organisation: OrganisationId,
        account: AccountId,
        step: u64,
    ) -> Result<bool> {
        let update = "UPDATE second_factor SET last_step = $3
            WHERE organisation = $1 AND account = $2 AND last_step < $3";
        let values = values![organisation, account, integer("time step", step)?];
        Ok(self.database.execute("take a code", update, values).await? > 0)
    }

    /// Asks for the second factor from now on, and keeps the digests of recovery codes.
    pub async fn confirm_second_factor(
        &self,
        organisation: OrganisationId,
        account: AccountId,
        codes: &[Sha256],
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.database.begin("confirm a second factor").await?;
        let update = "UPDATE second_factor SET confirmed_at = COALESCE(confirmed_at, $3)
            WHERE organisation = $1 AND account = $2";
        transaction.execute(update, values![organisation, account, now]).await?;
        let delete = "DELETE FROM recovery_code WHERE organisation = $1 AND account = $2";
        transaction.execute(delete, values![organisation, account]).await?;
        for code in codes {
            let insert = "INSERT INTO recovery_code (organisation, account, code_sha256)
                VALUES ($1, $2, $3)";
            transaction.execute(insert, values![organisation, account, *code]).await?;
        }
        transaction.commit().await
    }

    /// Takes a recovery code, which is good once.
    pub async fn take_recovery_code(
        &self,
        organisation: OrganisationId,
        account: AccountId,
        code: Sha256,
    ) -> Result<bool> {
        let delete = "DELETE FROM recovery_code
            WHERE organisation = $1 AND account = $2 AND code_sha256 = $3";
        let values = values![organisation, account, code];
        Ok(self.database.execute("take a recovery code", delete, values).await? > 0)
    }

    /// Recovery codes that are left.
    pub async fn recovery_codes(
        &self,
        organisation: OrganisationId,
        account: AccountId,
    ) -> Result<u64> {
        let select = "SELECT COUNT(*) AS counted FROM recovery_code
            WHERE organisation = $1 AND account = $2";
        let values = values![organisation, account];
        let row = self.database.row("count the recovery codes", select, values).await?;
        row.map_or(Ok(0), |row| row.count("counted"))
    }

    /// Takes the second factor of an account away, with its recovery codes.
    pub async fn remove_second_factor(
        &self,
        organisation: OrganisationId,
        account: AccountId,
    ) -> Result<()> {
        let mut transaction = self.database.begin("take a second factor away").await?;
        let codes = "DELETE FROM recovery_code WHERE organisation = $1 AND account = $2";
        transaction.execute(codes, values![organisation, account]).await?;
        let factor = "DELETE FROM second_factor WHERE organisation = $1 AND account = $2";
        transaction.execute(factor, values![organisation, account]).await?;
        transaction.commit().await
    }
}
