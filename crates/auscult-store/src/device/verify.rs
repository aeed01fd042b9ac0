//! The verification of a device goes into its history, and decides whether it is held.

use jiff::Timestamp;
use serde_json::json;

use super::{Custody, Doing, custody, record, required};
use crate::{
    AuditEvent, DeviceId, Error, NewVerification, OrganisationId, Result, Store, audit,
    build::check_blob,
    value::{check_name, values},
};

impl Store {
    /// Keeps how a verification came out. The challenge that was to be answered is used up, whatever
    /// came of it; a device that did not pass is held.
    pub async fn record_verification(
        &self,
        organisation: OrganisationId,
        id: DeviceId,
        new: &NewVerification,
        actor: &str,
        now: Timestamp,
    ) -> Result<Custody> {
        check_name("actor", actor)?;
        let mut transaction = self.database.begin("keep a verification").await?;
        let device = required(&mut transaction, organisation, id).await?;
        if device.custody != Custody::Returned {
            let why = format!("the device is {}, not returned", device.custody.word());
            return Err(Error::Invalid { field: "verification", why });
        }
        if device.revision != new.seen {
            let (expected, found) = (new.seen, device.revision);
            return Err(Error::Changed { what: "device", expected, found });
        }
        for blob in [new.evidence, new.verdict] {
            check_blob(&mut transaction, organisation, blob).await?;
        }
        if let Some(nonce) = new.challenge {
            let update = "UPDATE challenge SET used_at = $4 WHERE organisation = $1
                AND device = $2 AND nonce = $3 AND used_at IS NULL";
            let values = values![organisation, id, nonce, now];
            if transaction.execute(update, values).await? == 0 {
                return Err(Error::Changed { what: "challenge", expected: 0, found: 1 });
            }
        }
        let insert = "INSERT INTO verification
                (organisation, device, revision, outcome, build, evidence, verdict, actor, at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let mut values = values![organisation, id, device.revision + 1, new.outcome.as_str()];
        values.extend(values![new.build, new.evidence, new.verdict, actor, now]);
        transaction.execute(insert, values).await?;
        let to = if new.outcome == "pass" { Custody::Returned } else { Custody::Held };
        custody::set(&mut transaction, organisation, &device, to).await?;
        let detail = json!({ "outcome": new.outcome, "reason": new.reason,
            "evidence": new.evidence.to_string(), "verdict": new.verdict.to_string() });
        let doing = Doing { actor, action: "verify", detail: detail.clone() };
        record(&mut transaction, organisation, &device, &doing, now).await?;
        let (actor, action) = (actor.to_owned(), "verify".to_owned());
        let event = AuditEvent { actor, action, object: id.to_string(), detail };
        audit::append(&mut transaction, organisation, &event, now).await?;
        transaction.commit().await?;
        Ok(to)
    }
}
