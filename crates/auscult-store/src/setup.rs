//! The first administrator: made through a link that is good for one use and not for long.
//!
//! Links are kept as digests of their random token. Every process that starts may hand one out; of all
//! that are used, at once or one after the other, a single one makes an account.

use auscult_model::Sha256;
use jiff::Timestamp;

use crate::{Account, NewAccount, OrganisationId, Result, Store, account, value::values};

impl Store {
    /// Whether an organisation still has nobody who could sign in.
    pub async fn needs_setup(&self, organisation: OrganisationId) -> Result<bool> {
        let select = "SELECT 1 FROM setup WHERE organisation = $1
                      UNION ALL SELECT 1 FROM account WHERE organisation = $1 LIMIT 1";
        let row = self.database.row("look for accounts", select, values![organisation]).await?;
        Ok(row.is_none())
    }

    /// Keeps a link to the first administrator, by its random token. Links that have expired go.
    pub async fn offer_setup(
        &self,
        organisation: OrganisationId,
        token: &[u8],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.database.begin("keep a link for the set-up").await?;
        let delete = "DELETE FROM setup_link WHERE organisation = $1 AND expires_at <= $2";
        transaction.execute(delete, values![organisation, now]).await?;
        let insert = "INSERT INTO setup_link (organisation, token_sha256, expires_at)
                      VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        transaction.execute(insert, values![organisation, Sha256::of(token), expires_at]).await?;
        transaction.commit().await
    }

    /// Whether a link would still make the first administrator.
    pub async fn setup_is_open(
        &self,
        organisation: OrganisationId,
        token: &[u8],
        now: Timestamp,
    ) -> Result<bool> {
        let select = "SELECT 1 FROM setup_link
                      WHERE organisation = $1 AND token_sha256 = $2 AND expires_at > $3";
        let values = values![organisation, Sha256::of(token), now];
        let row = self.database.row("find a link for the set-up", select, values).await?;
        Ok(row.is_some() && self.needs_setup(organisation).await?)
    }

    /// Makes the first administrator by a link, and uses up every link. None where the link is
    /// unknown or has expired, or where somebody is there already.
    pub async fn create_first_account(
        &self,
        organisation: OrganisationId,
        token: &[u8],
        new: &NewAccount,
        now: Timestamp,
    ) -> Result<Option<Account>> {
        let mut transaction = self.database.begin("make the first administrator").await?;
        // The key of the row lets one in. A second waits for the first, and then finds the row.
        let claim = "INSERT INTO setup (organisation, done_at)
            SELECT organisation, $4 FROM setup_link
            WHERE organisation = $1 AND token_sha256 = $2 AND expires_at > $3
                AND NOT EXISTS (SELECT 1 FROM account WHERE account.organisation = $1)
            ON CONFLICT DO NOTHING";
        let values = values![organisation, Sha256::of(token), now, now];
        if transaction.execute(claim, values).await? == 0 {
            return Ok(None);
        }
        let account = account::insert(&mut transaction, organisation, new, now).await?;
        let delete = "DELETE FROM setup_link WHERE organisation = $1";
        transaction.execute(delete, values![organisation]).await?;
        transaction.commit().await?;
        Ok(Some(account))
    }
}
