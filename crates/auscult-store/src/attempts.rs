//! Failed attempts to sign in, counted where a restart of the program does not forget them.

use auscult_model::Sha256;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Error, OrganisationId, Result, Store,
    database::Row,
    value::{before, values},
};

/// How many attempts somebody has.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimit {
    /// Failures that cost nothing.
    pub failures_max: u32,
    /// How long the first failure above that blocks; each further one blocks twice as long.
    pub block: SignedDuration,
    /// No block is longer.
    pub block_max: SignedDuration,
    /// Failures are forgotten when the last is so long ago.
    pub forget_after: SignedDuration,
}

/// What is known of somebody's attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Failures since the last success.
    pub failures: u32,
    /// Until when nothing that he gives is looked at.
    pub blocked_until: Option<Timestamp>,
}

impl AttemptLimit {
    fn blocked_until(&self, failures: u32, now: Timestamp) -> Option<Timestamp> {
        let doublings = failures.checked_sub(self.failures_max)?.checked_sub(1)?.min(30);
        let block = self.block.checked_mul(1 << doublings).unwrap_or(self.block_max);
        now.checked_add(block.min(self.block_max)).ok()
    }
}

impl Store {
    /// Counts a failure of a subject: an account, an address, or both together. Who signs in with a
    /// password counts first and clears after a success, so that many attempts at once have no more
    /// than one after the other.
    pub async fn count_failure(
        &self,
        organisation: OrganisationId,
        subject: &str,
        limit: &AttemptLimit,
        now: Timestamp,
    ) -> Result<Attempts> {
        let subject = key(subject);
        let mut transaction = self.database.begin("count a failed attempt").await?;
        let count = "INSERT INTO attempt (organisation, subject, failures, failed_at)
            VALUES ($1, $2, 1, $3) ON CONFLICT (organisation, subject) DO UPDATE SET
                failures = CASE WHEN attempt.failed_at < $4 THEN 1 ELSE attempt.failures + 1 END,
                failed_at = $3
            RETURNING failures, blocked_until";
        let forgotten = before(now, limit.forget_after);
        let values = values![organisation, subject.as_str(), now, forgotten];
        let row = transaction.row(count, values).await?;
        let row = row.ok_or_else(|| Error::not_found("organisation", organisation))?;
        let failures = row.small("failures")?;
        let blocked_until = limit.blocked_until(failures, now);
        let update = "UPDATE attempt SET blocked_until = $3
                      WHERE organisation = $1 AND subject = $2";
        transaction.execute(update, values![organisation, subject, blocked_until]).await?;
        transaction.commit().await?;
        Ok(Attempts { failures, blocked_until })
    }

    /// What is known of a subject's attempts.
    pub async fn attempts(&self, organisation: OrganisationId, subject: &str) -> Result<Attempts> {
        let select = "SELECT failures, blocked_until FROM attempt
                      WHERE organisation = $1 AND subject = $2";
        let values = values![organisation, key(subject)];
        let row = self.database.row("find failed attempts", select, values).await?;
        row.as_ref().map_or_else(|| Ok(Attempts::default()), attempts)
    }

    /// Forgets the failures of a subject, as after a success.
    pub async fn clear_failures(&self, organisation: OrganisationId, subject: &str) -> Result<()> {
        let delete = "DELETE FROM attempt WHERE organisation = $1 AND subject = $2";
        let values = values![organisation, key(subject)];
        self.database.execute("clear failed attempts", delete, values).await?;
        Ok(())
    }

    /// Forgets failures before this time, and returns of how many subjects.
    pub async fn forget_failures(&self, failed_before: Timestamp) -> Result<u64> {
        let delete = "DELETE FROM attempt WHERE failed_at < $1
                      AND (blocked_until IS NULL OR blocked_until < $1)";
        self.database.execute("forget failed attempts", delete, values![failed_before]).await
    }
}

/// Subjects hold what strangers typed: of any length, perhaps a password in the wrong field. They are
/// kept as digests.
fn key(subject: &str) -> String {
    Sha256::of(subject.as_bytes()).to_string()
}

fn attempts(row: &Row) -> Result<Attempts> {
    Ok(Attempts {
        failures: row.small("failures")?,
        blocked_until: row.time_or_null("blocked_until")?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::AttemptLimit;

    #[test]
    fn blocks_double_up_to_their_limit() {
        let seconds = SignedDuration::from_secs;
        let limit = AttemptLimit {
            failures_max: 3,
            block: seconds(5),
            block_max: seconds(60),
            forget_after: seconds(3600),
        };
        let blocked = |failures| {
            limit.blocked_until(failures, Timestamp::UNIX_EPOCH).map(Timestamp::as_second)
        };
        let blocks: Vec<_> = [0, 3, 4, 5, 6, 7, 8, u32::MAX].map(blocked).into();
        let expected = [None, None, Some(5), Some(10), Some(20), Some(40), Some(60), Some(60)];
        assert_eq!(blocks, expected);
    }
}
