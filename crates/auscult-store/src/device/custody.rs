//! The way of a device out of the house and back: nothing that was away is in service again before
//! somebody released it.

use auscult_model::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Doing, KeptDevice, Waiver, record, required, waiver};
use crate::{
    AuditEvent, DeviceId, Error, OrganisationId, Result, Store, audit,
    build::check_blob,
    database::Transaction,
    value::{check_name, check_text, values},
};

/// Bytes of a text that a person writes.
const WORDS_BYTES_MAX: usize = 4_000;

/// Where a device is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// In the house and connected, or allowed to be.
    InService,
    /// Handed to somebody.
    CheckedOut,
    /// Back, and kept apart until it was verified. Loaners and new devices begin here.
    Returned,
    /// Verified and not released.
    Held,
}

impl Custody {
    const ALL: [Self; 4] = [Self::InService, Self::CheckedOut, Self::Returned, Self::Held];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::InService => "in-service",
            Self::CheckedOut => "checked-out",
            Self::Returned => "returned",
            Self::Held => "held",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.word() == word);
        found.ok_or_else(|| Error::damaged("the custody of a device", format!("it is {word:?}")))
    }
}

/// What ended a check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Released {
    /// It is what it was.
    Unchanged,
    /// It changed, as was ordered.
    WithChange,
    /// Something was not as it should be, and somebody answers for it until a day.
    UnderWaiver,
}

/// A step on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustodyStep {
    /// It is handed out.
    CheckOut {
        /// Who takes it.
        custodian: String,
        /// Why.
        reason: String,
        /// The number of the order, if there is one.
        work_order: String,
        /// The blob with what was measured before it left, if it was.
        as_left: Option<Sha256>,
    },
    /// It is back, or came for the first time.
    Return {
        /// What was said or seen.
        note: String,
    },
    /// It is not released.
    Hold {
        /// Why.
        reason: String,
        /// The blob with the result of the verification, if there was one.
        verdict: Option<Sha256>,
    },
    /// It may be connected again.
    Release {
        /// As what.
        released: Released,
        /// The blob with the signed release record.
        record: Sha256,
        /// The revision of the device that the record was made from.
        seen: i64,
        /// Who answers for it, where it is released under a waiver.
        waiver: Option<Waiver>,
    },
}

impl CustodyStep {
    fn to(&self) -> Custody {
        match self {
            Self::CheckOut { .. } => Custody::CheckedOut,
            Self::Return { .. } => Custody::Returned,
            Self::Hold { .. } => Custody::Held,
            Self::Release { .. } => Custody::InService,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::CheckOut { .. } => "check-out",
            Self::Return { .. } => "return",
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
        }
    }

    /// Whether it may follow on where the device is.
    fn may_follow(&self, from: Custody) -> bool {
        match self {
            Self::CheckOut { .. } => matches!(from, Custody::InService | Custody::Held),
            // What stands in the house may be put under suspicion, and what was held verified anew.
            Self::Return { .. } => from != Custody::Returned,
            // What was held is released by a waiver, or after another verification.
            Self::Release { released: Released::UnderWaiver, .. } => {
                matches!(from, Custody::Returned | Custody::Held)
            }
            Self::Hold { .. } | Self::Release { .. } => from == Custody::Returned,
        }
    }

    fn detail(&self) -> serde_json::Value {
        match self {
            Self::CheckOut { custodian, reason, work_order, as_left } => json!({
                "custodian": custodian, "reason": reason, "work_order": work_order,
                "as_left": as_left.map(|blob| blob.to_string()),
            }),
            Self::Return { note } => json!({ "note": note }),
            Self::Hold { reason, verdict } => json!({
                "reason": reason, "verdict": verdict.map(|blob| blob.to_string()),
            }),
            Self::Release { released, record, waiver, .. } => json!({
                "released": released, "record": record.to_string(), "waiver": waiver,
            }),
        }
    }

    fn blob(&self) -> Option<Sha256> {
        match self {
            Self::CheckOut { as_left, .. } => *as_left,
            Self::Return { .. } => None,
            Self::Hold { verdict, .. } => *verdict,
            Self::Release { record, .. } => Some(*record),
        }
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::CheckOut { custodian, reason, work_order, .. } => {
                check_name("custodian", custodian)?;
                check_name("reason", reason)?;
                check_text("work order", work_order, WORDS_BYTES_MAX)
            }
            Self::Return { note } => check_text("note", note, WORDS_BYTES_MAX),
            Self::Hold { reason, .. } => {
                if reason.trim().is_empty() {
                    let why = "it is empty".to_owned();
                    return Err(Error::Invalid { field: "reason", why });
                }
                check_text("reason", reason, WORDS_BYTES_MAX)
            }
            Self::Release { .. } => Ok(()),
        }
    }
}

impl Store {
    /// Takes a device a step further, if the step may follow on where it is. The step is in its
    /// history and in the audit log.
    pub async fn step_custody(
        &self,
        organisation: OrganisationId,
        id: DeviceId,
        step: &CustodyStep,
        actor: &str,
        now: Timestamp,
    ) -> Result<Custody> {
        check_name("actor", actor)?;
        step.check()?;
        let mut transaction = self.database.begin("take a device further").await?;
        let device = required(&mut transaction, organisation, id).await?;
        if !step.may_follow(device.custody) {
            let why = format!(
                "the device is {}, and no {} follows on that",
                device.custody.word(),
                step.action()
            );
            return Err(Error::Invalid { field: "step", why });
        }
        if let Some(blob) = step.blob() {
            check_blob(&mut transaction, organisation, blob).await?;
        }
        if let CustodyStep::Release { released, seen, waiver, .. } = step {
            waiver::check(
                &mut transaction,
                organisation,
                &device,
                *seen,
                *released,
                waiver.as_ref(),
            )
            .await?;
        }
        set(&mut transaction, organisation, &device, step.to()).await?;
        let detail = step.detail();
        let doing = Doing { actor, action: step.action(), detail: detail.clone() };
        record(&mut transaction, organisation, &device, &doing, now).await?;
        let event = AuditEvent {
            actor: actor.to_owned(),
            action: step.action().to_owned(),
            object: id.to_string(),
            detail,
        };
        audit::append(&mut transaction, organisation, &event, now).await?;
        transaction.commit().await?;
        Ok(step.to())
    }
}

pub(super) async fn set(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    device: &KeptDevice,
    custody: Custody,
) -> Result<()> {
    let update = "UPDATE device SET custody = $3 WHERE organisation = $1 AND id = $2";
    let values = values![organisation, device.id, custody.word()];
    transaction.execute(update, values).await?;
    Ok(())
}
