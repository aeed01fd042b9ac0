//! Decisions of people, as `auscult scan --decisions` reads them, with everything they said before.
//!
//! A decision is about a vulnerability in a component of a product, whatever the build: it is carried
//! to the next one by being the product's, and holds there as long as the facts do that it relies on
//! (`auscult_assess::Stated`). It is never changed: a later revision follows it.

use std::collections::HashMap;

use auscult_model::{DECISIONS_SCHEMA, Decision, Decisions, VexStatus};
use jiff::Timestamp;

use crate::{
    AuditEvent, Error, OrganisationId, ProductId, Result, Store, audit,
    database::Row,
    product::check_product,
    value::{check_name, check_text, values},
};

/// What is decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhatIsDecided {
    /// The vulnerability, by any of its ids.
    pub vulnerability: String,
    /// The component's name, or its purl without a version.
    pub component: String,
}

impl WhatIsDecided {
    /// What a decision is about.
    pub fn of(decision: &Decision) -> Self {
        Self {
            vulnerability: decision.vulnerability.clone(),
            component: decision.component.clone(),
        }
    }

    /// Ids of vulnerabilities are the same in either case.
    fn key(&self) -> Result<(String, &str)> {
        check_name("vulnerability", &self.vulnerability)?;
        check_text("component", &self.component, 1_000)?;
        Ok((self.vulnerability.to_ascii_uppercase(), &self.component))
    }
}

/// What was said at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRevision {
    /// Counted from 1.
    pub revision: i64,
    /// The decision; none where it was withdrawn.
    pub decision: Option<Decision>,
    /// The account that recorded it.
    pub actor: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Bytes of a decision with its comment.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Who records what, knowing which revision.
struct Recording<'a> {
    product: ProductId,
    what: &'a WhatIsDecided,
    decision: Option<&'a Decision>,
    expected: i64,
    actor: &'a str,
}

impl Store {
    /// Records a decision and returns its revision. `expected` is the revision that the person saw,
    /// 0 for none: where somebody else was faster the answer is [`Error::Changed`].
    pub async fn decide(
        &self,
        organisation: OrganisationId,
        product: ProductId,
        decision: &Decision,
        expected: i64,
        actor: &str,
        now: Timestamp,
    ) -> Result<i64> {
        if decision.status == VexStatus::NotAffected && decision.justification.is_none() {
            let why = "not_affected needs a justification".to_owned();
            return Err(Error::Invalid { field: "decision", why });
        }
        let what = WhatIsDecided::of(decision);
        let recording =
            Recording { product, what: &what, decision: Some(decision), expected, actor };
        self.record(organisation, &recording, now).await
    }

    /// Withdraws a decision: nothing counts as decided from then on. What was said stays on record.
    pub async fn withdraw_decision(
        &self,
        organisation: OrganisationId,
        product: ProductId,
        what: &WhatIsDecided,
        expected: i64,
        actor: &str,
        now: Timestamp,
    ) -> Result<i64> {
        let recording = Recording { product, what, decision: None, expected, actor };
        self.record(organisation, &recording, now).await
    }

    async fn record(
        &self,
        organisation: OrganisationId,
        recording: &Recording<'_>,
        now: Timestamp,
    ) -> Result<i64> {
        let Recording { product, what, decision, expected, actor } = *recording;
        check_name("actor", actor)?;
        let (vulnerability, component) = what.key()?;
        let body = decision.map(body).transpose()?;
        let mut transaction = self.database.begin("record a decision").await?;
        check_product(&mut transaction, organisation, product).await?;
        let found = "SELECT COALESCE(MAX(revision), 0) AS revision FROM decision
            WHERE organisation = $1 AND product = $2 AND vulnerability = $3 AND component = $4";
        let key = || values![organisation, product, vulnerability.as_str(), component];
        let row = transaction.row(found, key()).await?;
        let found = row.map_or(Ok(0), |row| row.int("revision"))?;
        let insert = "INSERT INTO decision (organisation, product, vulnerability, component,
                revision, body, actor, recorded_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let mut values = key();
        values.extend(values![expected.saturating_add(1), body, actor, now]);
        // The key alone decides between two who saw the same revision.
        if found != expected || transaction.execute(insert, values).await? == 0 {
            let found = if found == expected { found + 1 } else { found };
            return Err(Error::Changed { what: "decision", expected, found });
        }
        let event = AuditEvent {
            actor: actor.to_owned(),
            action: if decision.is_some() { "decide" } else { "withdraw-decision" }.to_owned(),
            object: format!("{product} {vulnerability}"),
            detail: serde_json::json!({ "component": component, "revision": expected + 1 }),
        };
        audit::append(&mut transaction, organisation, &event, now).await?;
        transaction.commit().await?;
        Ok(expected + 1)
    }

    /// How many revisions of decisions there are, by product. None is changed or goes: where the number
    /// is the same, so is all that was said.
    pub async fn decision_revisions(
        &self,
        organisation: OrganisationId,
    ) -> Result<HashMap<ProductId, u64>> {
        let select = "SELECT product, COUNT(*) AS revisions FROM decision
                      WHERE organisation = $1 GROUP BY product";
        let values = values![organisation];
        let rows = self.database.rows("count the decisions", select, values).await?;
        rows.iter().map(|row| Ok((row.parsed("product")?, row.count("revisions")?))).collect()
    }

    /// What is decided for a product at a time, in the form of `--decisions`.
    pub async fn decisions(
        &self,
        organisation: OrganisationId,
        product: ProductId,
        as_of: Timestamp,
    ) -> Result<Decisions> {
        let select = "SELECT body FROM decision AS one
            WHERE organisation = $1 AND product = $2 AND recorded_at <= $3 AND body IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM decision AS later
                    WHERE later.organisation = one.organisation AND later.product = one.product
                        AND later.vulnerability = one.vulnerability
                        AND later.component = one.component
                        AND later.revision > one.revision AND later.recorded_at <= $3)
            ORDER BY vulnerability, component";
        let values = values![organisation, product, as_of];
        let rows = self.database.rows("list the decisions", select, values).await?;
        let decisions = rows.iter().map(|row| read(&row.text("body")?)).collect::<Result<_>>()?;
        Ok(Decisions { schema: DECISIONS_SCHEMA.to_owned(), decisions })
    }

    /// Everything that was ever said about one thing, the oldest first.
    pub async fn decision_history(
        &self,
        organisation: OrganisationId,
        product: ProductId,
        what: &WhatIsDecided,
    ) -> Result<Vec<DecisionRevision>> {
        let (vulnerability, component) = what.key()?;
        let select = "SELECT revision, body, actor, recorded_at FROM decision
            WHERE organisation = $1 AND product = $2 AND vulnerability = $3 AND component = $4
            ORDER BY revision";
        let values = values![organisation, product, vulnerability, component];
        let rows = self.database.rows("read the history of a decision", select, values).await?;
        rows.iter().map(revision).collect()
    }
}

fn body(decision: &Decision) -> Result<String> {
    let text = serde_json::to_string(decision)
        .map_err(|error| Error::Invalid { field: "decision", why: error.to_string() })?;
    check_text("decision", &text, BODY_BYTES_MAX)?;
    Ok(text)
}

fn read(body: &str) -> Result<Decision> {
    serde_json::from_str(body).map_err(|error| Error::damaged("a decision", error.to_string()))
}

fn revision(row: &Row) -> Result<DecisionRevision> {
    Ok(DecisionRevision {
        revision: row.int("revision")?,
        decision: row.text_or_null("body")?.map(|body| read(&body)).transpose()?,
        actor: row.text("actor")?,
        recorded_at: row.time("recorded_at")?,
    })
}
