//! Rules: who is told what, and how far that is.

use jiff::Timestamp;

use crate::{
    Error, OrganisationId, Result, RuleId, Store,
    database::Row,
    value::{check_name, check_text, values},
};

const BODY_BYTES_MAX: usize = 64 << 10;

/// What is said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    /// Its name.
    pub name: String,
    /// JSON, in the form of whoever tells.
    pub body: String,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRule {
    /// Its id.
    pub id: RuleId,
    /// What is said of it.
    pub is: NewRule,
    /// Counts its changes, from 1.
    pub revision: i64,
}

/// How far a rule is with telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleState {
    /// The rule.
    pub rule: RuleId,
    /// Events that its people are still to be told of.
    pub pending: u64,
    /// When the first of them was seen.
    pub since: Option<Timestamp>,
    /// Whether a job that tells them waits or runs.
    pub is_on_its_way: bool,
    /// Why the last attempt failed, where it did.
    pub error: Option<String>,
}

impl Store {
    /// Makes a rule; one of this name must not be there.
    pub async fn create_rule(
        &self,
        organisation: OrganisationId,
        new: &NewRule,
        now: Timestamp,
    ) -> Result<KeptRule> {
        check(new)?;
        let id = RuleId::new(now);
        let insert = "INSERT INTO notification_rule
                (organisation, id, name, body, revision, changed_at)
            VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT DO NOTHING";
        let values = values![organisation, id, new.name.as_str(), new.body.as_str(), now];
        if self.database.execute("make a rule", insert, values).await? == 0 {
            return Err(Error::Exists { what: "rule", name: new.name.clone() });
        }
        Ok(KeptRule { id, is: new.clone(), revision: 1 })
    }

    /// Says something else of a rule, if it is still the one that was seen.
    pub async fn update_rule(
        &self,
        organisation: OrganisationId,
        id: RuleId,
        is: &NewRule,
        seen: i64,
        now: Timestamp,
    ) -> Result<()> {
        check(is)?;
        let mut transaction = self.database.begin("change a rule").await?;
        let select = "SELECT id FROM notification_rule
            WHERE organisation = $1 AND name = $2 AND id <> $3";
        let taken = transaction.row(select, values![organisation, is.name.as_str(), id]).await?;
        if taken.is_some() {
            return Err(Error::Exists { what: "rule", name: is.name.clone() });
        }
        let update = "UPDATE notification_rule
            SET name = $3, body = $4, revision = revision + 1, changed_at = $5
            WHERE organisation = $1 AND id = $2 AND revision = $6";
        let values = values![organisation, id, is.name.as_str(), is.body.as_str(), now, seen];
        if transaction.execute(update, values).await? == 0 {
            let select = "SELECT revision FROM notification_rule
                WHERE organisation = $1 AND id = $2";
            let row = transaction.row(select, values![organisation, id]).await?;
            let row = row.ok_or_else(|| Error::not_found("rule", id))?;
            let found = row.int("revision")?;
            return Err(Error::Changed { what: "rule", expected: seen, found });
        }
        transaction.commit().await
    }

    /// Takes a rule away, with what was pending for it.
    pub async fn delete_rule(&self, organisation: OrganisationId, id: RuleId) -> Result<()> {
        let mut transaction = self.database.begin("take a rule away").await?;
        let pending = "DELETE FROM pending WHERE organisation = $1 AND rule = $2";
        transaction.execute(pending, values![organisation, id]).await?;
        let rule = "DELETE FROM notification_rule WHERE organisation = $1 AND id = $2";
        if transaction.execute(rule, values![organisation, id]).await? == 0 {
            return Err(Error::not_found("rule", id));
        }
        transaction.commit().await
    }

    /// Every rule, by name.
    pub async fn rules(&self, organisation: OrganisationId) -> Result<Vec<KeptRule>> {
        let select = "SELECT id, name, body, revision FROM notification_rule
            WHERE organisation = $1 ORDER BY name";
        let rows = self.database.rows("list the rules", select, values![organisation]).await?;
        rows.iter().map(rule).collect()
    }

    /// How far each rule is; `kind` is that of the jobs that tell, whose names begin with the rule's
    /// id and a space.
    pub async fn rule_states(
        &self,
        organisation: OrganisationId,
        kind: &str,
    ) -> Result<Vec<RuleState>> {
        let select = "SELECT rule.id AS rule,
                (SELECT COUNT(*) FROM pending WHERE pending.organisation = rule.organisation
                    AND pending.rule = rule.id) AS pending,
                (SELECT MIN(event.at) FROM pending JOIN event
                    ON event.organisation = pending.organisation AND event.id = pending.event
                    WHERE pending.organisation = rule.organisation
                    AND pending.rule = rule.id) AS since,
                (SELECT COUNT(*) FROM job WHERE job.organisation = rule.organisation
                    AND job.kind = $2 AND job.state IN ('queued', 'leased')
                    AND job.name LIKE rule.id || ' %') AS jobs,
                (SELECT job.error FROM job WHERE job.organisation = rule.organisation
                    AND job.kind = $2 AND job.name LIKE rule.id || ' %'
                    ORDER BY job.id DESC LIMIT 1) AS error
            FROM notification_rule AS rule WHERE rule.organisation = $1 ORDER BY rule.id";
        let values = values![organisation, kind];
        let rows = self.database.rows("see how far the rules are", select, values).await?;
        let state = |row: &Row| {
            Ok(RuleState {
                rule: row.parsed("rule")?,
                pending: row.count("pending")?,
                since: row.time_or_null("since")?,
                is_on_its_way: row.int("jobs")? > 0,
                error: row.text_or_null("error")?,
            })
        };
        rows.iter().map(state).collect()
    }
}

fn check(new: &NewRule) -> Result<()> {
    check_name("name of the rule", &new.name)?;
    check_text("rule", &new.body, BODY_BYTES_MAX)
}

fn rule(row: &Row) -> Result<KeptRule> {
    Ok(KeptRule {
        id: row.parsed("id")?,
        is: NewRule { name: row.text("name")?, body: row.text("body")? },
        revision: row.int("revision")?,
    })
}
