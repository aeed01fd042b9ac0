//! The doctor: whether everything in the store is as it was written, and whether work goes on.

use auscult_model::Sha256;
use jiff::{SignedDuration, Timestamp};

use crate::{
    AuditVerdict, Error, Organisation, OrganisationId, Result, Store, migrations,
    value::{before, values},
};

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Without reading the blobs.
    Quick,
    /// Every byte.
    Full,
}

/// What the database says of its own files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// It checked them and found nothing.
    Sound,
    /// It found this.
    Faults(Vec<String>),
    /// It cannot be asked, or was not.
    NotChecked(&'static str),
}

/// What the doctor found.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// The version of the schema.
    pub schema_version: i64,
    /// The database's own check.
    pub integrity: Integrity,
    /// Blobs that were read and verified.
    pub blobs_sound: u64,
    /// Blobs that are not what was written, and why.
    pub blobs_damaged: Vec<(OrganisationId, Sha256, String)>,
    /// The audit log of each organisation.
    pub audit: Vec<(Organisation, AuditVerdict)>,
    /// Jobs whose worker disappeared and that nobody has taken since.
    pub jobs_abandoned: u64,
    /// Jobs that have been due for more than an hour.
    pub jobs_waiting: u64,
    /// Jobs that were given up.
    pub jobs_dead: u64,
    /// Uploads that were begun more than a day ago and never finished.
    pub uploads_abandoned: u64,
}

/// A job that is due longer than this has nobody to do it.
const WAITING_MAX: SignedDuration = SignedDuration::from_hours(1);

/// No upload takes longer.
const UPLOAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Blobs that are listed at once.
const BLOBS_AT_ONCE: i64 = 500;

impl Checkup {
    /// Whether everything that was kept is as it was written. Jobs and uploads that stay behind are
    /// work for somebody, and no damage.
    pub fn is_sound(&self) -> bool {
        !matches!(self.integrity, Integrity::Faults(_))
            && self.blobs_damaged.is_empty()
            && self.audit.iter().all(|(_, verdict)| verdict.first_break.is_none())
    }
}

impl Store {
    /// Looks at everything, and changes nothing.
    pub async fn doctor(&self, depth: Depth, now: Timestamp) -> Result<Checkup> {
        let mut checkup = Checkup {
            schema_version: migrations::version(&self.database).await?.unwrap_or_default(),
            integrity: self.database.integrity().await?,
            blobs_sound: 0,
            blobs_damaged: Vec::new(),
            audit: Vec::new(),
            jobs_abandoned: self.count(ABANDONED, now).await?,
            jobs_waiting: self.count(WAITING, before(now, WAITING_MAX)).await?,
            jobs_dead: self.count(DEAD, now).await?,
            uploads_abandoned: self.count(UPLOADS, before(now, UPLOAD_MAX)).await?,
        };
        for organisation in self.organisations().await? {
            if depth == Depth::Full {
                self.check_blobs(organisation.id, &mut checkup).await?;
            }
            let verdict = self.verify_audit(organisation.id).await?;
            checkup.audit.push((organisation, verdict));
        }
        Ok(checkup)
    }

    async fn count(&self, select: &'static str, time: Timestamp) -> Result<u64> {
        let row = self.database.row("look at the queue", select, values![time]).await?;
        row.map_or(Ok(0), |row| row.count("counted"))
    }

    async fn check_blobs(&self, organisation: OrganisationId, checkup: &mut Checkup) -> Result<()> {
        let select = "SELECT sha256 FROM blob WHERE organisation = $1 AND sha256 > $2
                      ORDER BY sha256 LIMIT $3";
        let mut after = String::new();
        loop {
            let values = values![organisation, after.as_str(), BLOBS_AT_ONCE];
            let rows = self.database.rows("list the blobs", select, values).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.text("sha256")?;
            for row in &rows {
                let sha256 = row.digest("sha256")?;
                match self.check_blob(organisation, sha256).await {
                    Ok(()) => checkup.blobs_sound += 1,
                    Err(Error::Damaged { why, .. }) => {
                        checkup.blobs_damaged.push((organisation, sha256, why));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn check_blob(&self, organisation: OrganisationId, sha256: Sha256) -> Result<()> {
        let mut reader = self.read_blob(organisation, sha256, 0..u64::MAX).await?;
        while reader.next().await?.is_some() {}
        Ok(())
    }
}

const ABANDONED: &str =
    "SELECT COUNT(*) AS counted FROM job WHERE state = 'leased' AND due_at <= $1";
const WAITING: &str = "SELECT COUNT(*) AS counted FROM job WHERE state = 'queued' AND due_at <= $1";
const DEAD: &str = "SELECT COUNT(*) AS counted FROM job WHERE state = 'dead' AND created_at <= $1";
const UPLOADS: &str = "SELECT COUNT(*) AS counted FROM upload WHERE started_at <= $1";
