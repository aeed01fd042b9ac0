//! The audit log: who did what to what, each entry chained to the one before by its digest.
//!
//! An entry's digest is SHA-256 over its canonical JSON, which names the digest before it. Whoever
//! changes or removes an entry must change all that follow, and the head that is kept apart; a copy
//! of a head, taken elsewhere, shows even that.

use std::fmt::Write as _;

use auscult_model::Sha256;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::{
    Error, OrganisationId, Page, PageRequest, Result, Store, Total,
    database::{Row, Transaction},
    value::{check_name, check_text, values},
};

/// The digest before the first.
const START: Sha256 = Sha256([0; 32]);

/// Bytes of the details of an entry.
const DETAIL_BYTES_MAX: usize = 16 << 10;

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who did it: an account, a key, the system.
    pub actor: String,
    /// What was done: `sign-in`, `decide`, `release`.
    pub action: String,
    /// To what.
    pub object: String,
    /// What else is worth knowing.
    pub detail: Json,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counted from 1, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
    /// What else is worth knowing, as canonical JSON.
    pub detail: String,
    /// The digest of the entry before.
    pub previous: Sha256,
    /// The digest of this one.
    pub digest: Sha256,
}

/// Whether a log is what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// Entries that hold together, from the first.
    pub entries: u64,
    /// The digest of the last of these; all zero where there is none.
    pub head: Sha256,
    /// The first that does not.
    pub first_break: Option<AuditBreak>,
}

/// Where a log no longer holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBreak {
    /// The entry that should be there.
    pub sequence: i64,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Store {
    /// Appends to the log.
    pub async fn append_audit(
        &self,
        organisation: OrganisationId,
        event: &AuditEvent,
        now: Timestamp,
    ) -> Result<AuditEntry> {
        let mut transaction = self.database.begin("append to the audit log").await?;
        let entry = append(&mut transaction, organisation, event, now).await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// Entries of the log, the newest first.
    pub async fn audit_log(
        &self,
        organisation: OrganisationId,
        request: &PageRequest,
    ) -> Result<Page<AuditEntry>> {
        let before = request.key_or(&i64::MAX.to_string())?;
        let invalid = || Error::Invalid { field: "cursor", why: "it is none of ours".to_owned() };
        let before: i64 = before.parse().map_err(|_| invalid())?;
        let mut transaction = self.database.begin_reading("read the audit log").await?;
        let select = "SELECT * FROM audit WHERE organisation = $1 AND sequence < $2
                      ORDER BY sequence DESC LIMIT $3";
        let rows = transaction.rows(select, values![organisation, before, request.rows()]).await?;
        let head = "SELECT sequence FROM audit_head WHERE organisation = $1";
        let head = transaction.row(head, values![organisation]).await?;
        let total = head.map_or(Ok(0), |row| row.count("sequence"))?;
        let items = rows.iter().map(entry).collect::<Result<_>>()?;
        Ok(Page::of(request, items, Total::Exact(total), |entry| entry.sequence.to_string()))
    }

    /// Follows the chain from the first entry to the head.
    pub async fn verify_audit(&self, organisation: OrganisationId) -> Result<AuditVerdict> {
        let mut transaction = self.database.begin_reading("verify the audit log").await?;
        let head = "SELECT sequence, digest FROM audit_head WHERE organisation = $1";
        let head = transaction.row(head, values![organisation]).await?;
        let head = head.map(|row| Ok::<_, Error>((row.int("sequence")?, row.digest("digest")?)));
        let (length, newest) = head.transpose()?.unwrap_or((0, START));
        let select = "SELECT * FROM audit WHERE organisation = $1 ORDER BY sequence";
        let mut rows = transaction.stream(select, values![organisation]);
        let mut verdict = AuditVerdict { entries: 0, head: START, first_break: None };
        let mut sequence = 1;
        while let Some(row) = rows.next().await {
            let why = match entry(&row?) {
                Ok(found) => match fault(organisation, &found, sequence, verdict.head) {
                    None => {
                        verdict.head = found.digest;
                        verdict.entries += 1;
                        sequence += 1;
                        continue;
                    }
                    Some(why) => why,
                },
                Err(_) => "it cannot be read",
            };
            verdict.first_break = Some(AuditBreak { sequence, why });
            return Ok(verdict);
        }
        if (length, newest) != (sequence - 1, verdict.head) {
            let why = "the log ends before its head, or goes on behind it";
            verdict.first_break = Some(AuditBreak { sequence, why });
        }
        Ok(verdict)
    }
}

/// Appends in a transaction that does what is told.
pub(crate) async fn append(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    event: &AuditEvent,
    now: Timestamp,
) -> Result<AuditEntry> {
    check_name("actor", &event.actor)?;
    check_name("action", &event.action)?;
    check_text("object", &event.object, 1_000)?;
    let detail = canonical(&event.detail);
    check_text("details of the entry", &detail, DETAIL_BYTES_MAX)?;
    let start = "INSERT INTO audit_head (organisation, sequence, digest) VALUES ($1, 0, $2)
                 ON CONFLICT DO NOTHING";
    transaction.execute(start, values![organisation, START]).await?;
    // Holds the head until the end of the transaction: whoever appends next sees this entry.
    let take = "UPDATE audit_head SET sequence = sequence + 1 WHERE organisation = $1
                RETURNING sequence, digest";
    let head = transaction.row(take, values![organisation]).await?;
    let head = head.ok_or_else(|| Error::not_found("organisation", organisation))?;
    let mut entry = AuditEntry {
        sequence: head.int("sequence")?,
        at: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
        actor: event.actor.clone(),
        action: event.action.clone(),
        object: event.object.clone(),
        detail,
        previous: head.digest("digest")?,
        digest: START,
    };
    entry.digest = digest(organisation, &entry);
    let insert = "INSERT INTO audit
            (organisation, sequence, at, actor, action, object, detail, previous, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let (actor, action, object) =
        (entry.actor.as_str(), entry.action.as_str(), entry.object.as_str());
    let mut values = values![organisation, entry.sequence, entry.at, actor, action, object];
    values.extend(values![entry.detail.as_str(), entry.previous, entry.digest]);
    transaction.execute(insert, values).await?;
    let update = "UPDATE audit_head SET digest = $2 WHERE organisation = $1";
    transaction.execute(update, values![organisation, entry.digest]).await?;
    Ok(entry)
}

fn fault(
    organisation: OrganisationId,
    entry: &AuditEntry,
    sequence: i64,
    previous: Sha256,
) -> Option<&'static str> {
    if entry.sequence != sequence {
        Some("it is missing")
    } else if entry.previous != previous {
        Some("it does not follow the entry before it")
    } else if entry.digest != digest(organisation, entry) {
        Some("it is not what was written")
    } else {
        None
    }
}

/// SHA-256 over the canonical JSON of an entry: keys sorted, nothing between them. The details go in
/// as they are stored, so that no reading of numbers can change them.
fn digest(organisation: OrganisationId, entry: &AuditEntry) -> Sha256 {
    let text = |text: &str| Json::from(text).to_string();
    let at = entry.at.as_millisecond();
    let mut line = format!("{{\"action\":{},", text(&entry.action));
    let _ = write!(line, "\"actor\":{},\"at\":{at},", text(&entry.actor));
    let _ = write!(line, "\"detail\":{},\"object\":{},", entry.detail, text(&entry.object));
    let _ =
        write!(line, "\"organisation\":\"{organisation}\",\"previous\":\"{}\",", entry.previous);
    let _ = write!(line, "\"sequence\":{}}}", entry.sequence);
    Sha256::of(line.as_bytes())
}

/// JSON with its keys sorted, whatever order `serde_json` was built to keep.
fn canonical(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            let member = |(key, value): &(&String, &Json)| {
                format!("{}:{}", Json::from(key.as_str()), canonical(value))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        plain => plain.to_string(),
    }
}

fn entry(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        sequence: row.int("sequence")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        object: row.text("object")?,
        detail: row.text("detail")?,
        previous: row.digest("previous")?,
        digest: row.digest("digest")?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{AuditEntry, START, canonical, digest};

    #[test]
    fn canonical_json_has_sorted_keys_and_no_blanks() {
        let value = json!({ "b": [1, { "z": null, "a": "\u{0}ü" }], "a": 0.5 });
        assert_eq!(canonical(&value), r#"{"a":0.5,"b":[1,{"a":"\u0000ü","z":null}]}"#);
    }

    /// What was written years ago must still verify: this digest never changes.
    #[test]
    fn the_digest_of_an_entry_is_fixed() {
        let entry = AuditEntry {
            sequence: 1,
            at: Timestamp::from_millisecond(1_764_201_600_123).unwrap(),
            actor: "ada".to_owned(),
            action: "decide".to_owned(),
            object: "CVE-2026-1".to_owned(),
            detail: "{\"a\":1}".to_owned(),
            previous: START,
            digest: START,
        };
        let organisation = "0195f2f0-0000-7000-8000-000000000001".parse().unwrap();
        let line = concat!(
            r#"{"action":"decide","actor":"ada","at":1764201600123,"detail":{"a":1},"#,
            r#""object":"CVE-2026-1","organisation":"0195f2f0-0000-7000-8000-000000000001","#,
            r#""previous":"0000000000000000000000000000000000000000000000000000000000000000","#,
            r#""sequence":1}"#
        );
        assert_eq!(digest(organisation, &entry), auscult_model::Sha256::of(line.as_bytes()));
    }
}
