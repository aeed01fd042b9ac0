//! What changed for builds, and who is still to be told of it.
//!
//! A change is recorded in the transaction that replaces what was told of its build last, and only if
//! nobody replaced that meanwhile: several replicas that see the same change record it once. In the same
//! transaction it becomes pending for each rule that wants it, and stays so until it was delivered.

mod rule;

pub use rule::{KeptRule, NewRule, RuleState};

use auscult_model::Sha256;
use jiff::Timestamp;

use crate::{
    BuildId, Error, EventId, OrganisationId, Page, PageRequest, Result, RuleId, Store, Total,
    Within,
    database::Row,
    reach::product_reached,
    value::{check_text, values},
};

/// Bytes of an event.
const EVENT_BYTES_MAX: usize = 1 << 20;
/// Bytes of what was told of a build, packed.
const TOLD_BYTES_MAX: usize = 64 << 20;

/// What was told of a build last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Digest of the text.
    pub digest: Sha256,
    /// The text, packed; in the form of whoever tells.
    pub body: Vec<u8>,
}

/// What changed for a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// The build.
    pub build: BuildId,
    /// When it was seen.
    pub at: Timestamp,
    /// JSON, in the form of whoever tells.
    pub body: String,
}

/// A change to record.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// The build.
    pub build: BuildId,
    /// The digest of what was told last; none where nothing was told of this build yet.
    pub was: Option<Sha256>,
    /// What is told now.
    pub is: &'a Told,
    /// The event's JSON; none where there is nothing that anybody wants to know.
    pub event: Option<&'a str>,
    /// The rules that want it.
    pub rules: &'a [RuleId],
}

impl Store {
    /// What was told of a build last.
    pub async fn told(&self, organisation: OrganisationId, build: BuildId) -> Result<Option<Told>> {
        let select = "SELECT digest, body FROM told WHERE organisation = $1 AND build = $2";
        let values = values![organisation, build];
        let row = self.database.row("read what was told", select, values).await?;
        let told = |row: Row| Ok(Told { digest: row.digest("digest")?, body: row.bytes("body")? });
        row.map(told).transpose()
    }

    /// Records a change, unless somebody else told something of this build meanwhile: then nothing
    /// happens, and `false` is returned.
    pub async fn tell(
        &self,
        organisation: OrganisationId,
        telling: &Telling<'_>,
        now: Timestamp,
    ) -> Result<bool> {
        let Told { digest, body } = telling.is;
        if body.len() > TOLD_BYTES_MAX {
            let why = format!("it has {} bytes, more than {TOLD_BYTES_MAX}", body.len());
            return Err(Error::Invalid { field: "what is told of a build", why });
        }
        let mut transaction = self.database.begin("record a change").await?;
        let mut values = values![organisation, telling.build, *digest, body.clone()];
        let replace = if let Some(was) = telling.was {
            values.extend(values![was]);
            "UPDATE told SET digest = $3, body = $4
                WHERE organisation = $1 AND build = $2 AND digest = $5"
        } else {
            "INSERT INTO told (organisation, build, digest, body) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING"
        };
        if transaction.execute(replace, values).await? == 0 {
            return Ok(false);
        }
        if let Some(event) = telling.event {
            check_text("event", event, EVENT_BYTES_MAX)?;
            let id = EventId::new(now);
            let insert = "INSERT INTO event (organisation, id, build, at, body)
                VALUES ($1, $2, $3, $4, $5)";
            let values = values![organisation, id, telling.build, now, event];
            transaction.execute(insert, values).await?;
            for rule in telling.rules {
                // A rule that was deleted meanwhile has nobody to tell.
                let insert = "INSERT INTO pending (organisation, rule, event)
                    SELECT organisation, id, $3 FROM notification_rule
                    WHERE organisation = $1 AND id = $2";
                transaction.execute(insert, values![organisation, *rule, id]).await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Events of builds within somebody's reach, the newest first; those of one build where it is named,
    /// whoever asks.
    pub async fn events(
        &self,
        organisation: OrganisationId,
        build: Option<BuildId>,
        within: Within,
        request: &PageRequest,
    ) -> Result<Page<Event>> {
        // Ids are hexadecimal digits and hyphens.
        const BEHIND_ALL: &str = "g";
        let before = request.key_or(BEHIND_ALL)?;
        let mut transaction = self.database.begin_reading("list the events").await?;
        let mut rows = values![organisation, before, request.rows()];
        let mut counted = values![organisation, Total::rows()];
        let (select, count) = if let Some(build) = build {
            rows.extend(values![build]);
            counted.extend(values![build]);
            OF_BUILD
        } else {
            rows.extend(within.of_products());
            counted.extend(within.of_products());
            OF_ALL
        };
        let key = |event: &Event| event.id.to_string();
        Page::read(&mut transaction, request, (select, rows), (count, counted), event, key).await
    }

    /// Events that a rule's people are still to be told of, the oldest first.
    pub async fn pending_events(
        &self,
        organisation: OrganisationId,
        rule: RuleId,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let select = "SELECT event.id AS id, build, at, body FROM pending
            JOIN event ON event.organisation = pending.organisation AND event.id = pending.event
            WHERE pending.organisation = $1 AND pending.rule = $2 ORDER BY event.id LIMIT $3";
        let values = values![organisation, rule, limit];
        let rows = self.database.rows("list what is pending", select, values).await?;
        rows.iter().map(event).collect()
    }

    /// Takes note that a rule's people were told of these events.
    pub async fn delivered(
        &self,
        organisation: OrganisationId,
        rule: RuleId,
        events: &[EventId],
    ) -> Result<()> {
        let mut transaction = self.database.begin("take note of a delivery").await?;
        for event in events {
            let delete = "DELETE FROM pending WHERE organisation = $1 AND rule = $2 AND event = $3";
            transaction.execute(delete, values![organisation, rule, *event]).await?;
        }
        transaction.commit().await
    }

    /// The mail server's settings, as JSON.
    pub async fn mail_server(&self, organisation: OrganisationId) -> Result<Option<String>> {
        let select = "SELECT body FROM mail_server WHERE organisation = $1";
        let doing = "read the settings of the mail server";
        let row = self.database.row(doing, select, values![organisation]).await?;
        row.map(|row| row.text("body")).transpose()
    }

    /// Keeps the mail server's settings, in place of those that were there.
    pub async fn set_mail_server(
        &self,
        organisation: OrganisationId,
        body: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_text("settings of the mail server", body, 64 << 10)?;
        let upsert = "INSERT INTO mail_server (organisation, body, changed_at)
            VALUES ($1, $2, $3)
            ON CONFLICT (organisation) DO UPDATE SET body = $2, changed_at = $3";
        let doing = "keep the settings of the mail server";
        self.database.execute(doing, upsert, values![organisation, body, now]).await?;
        Ok(())
    }
}

/// Whether the build of an event is one of a product that is reached.
macro_rules! reached {
    ($of:literal) => {
        concat!(
            "(",
            $of,
            " IS NULL OR EXISTS (SELECT 1 FROM build AS of_event
        WHERE of_event.organisation = $1 AND of_event.id = event.build AND ",
            product_reached!("of_event.product", $of),
            "))"
        )
    };
}

const OF_ALL: (&str, &str) = (
    concat!(
        "SELECT id, build, at, body FROM event WHERE organisation = $1 AND id < $2 AND ",
        reached!("$4"),
        " ORDER BY id DESC LIMIT $3"
    ),
    concat!(
        "SELECT COUNT(*) AS counted FROM (SELECT 1 FROM event WHERE organisation = $1 AND ",
        reached!("$3"),
        " LIMIT $2) AS listed"
    ),
);
const OF_BUILD: (&str, &str) = (
    "SELECT id, build, at, body FROM event WHERE organisation = $1 AND build = $4 AND id < $2
        ORDER BY id DESC LIMIT $3",
    "SELECT COUNT(*) AS counted FROM
        (SELECT 1 FROM event WHERE organisation = $1 AND build = $3 LIMIT $2) AS listed",
);

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.parsed("id")?,
        build: row.parsed("build")?,
        at: row.time("at")?,
        body: row.text("body")?,
    })
}
