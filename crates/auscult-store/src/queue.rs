//! The queue of jobs.
//!
//! A job is worked on by whoever has its lease. A lease carries a fence, a number that rises with each
//! one, and expires unless it is renewed. Each report of a worker names its fence and holds only while
//! the lease does, so a worker that was away too long finds its job lost and cannot complete it.
//! Whoever leases takes expired jobs like queued ones, and nobody has to sweep. An attempt counts when
//! it begins: a job that kills its worker is dead after as many as one that reports its failures.

use jiff::Timestamp;

use crate::{
    BuildId, BuildState, Completion, Enqueued, Error, Failure, Job, JobId, JobState, Lease,
    LeaseRequest, NewJob, OrganisationId, Page, PageRequest, Priority, Progress, Result, Store,
    Total,
    build::{check_blob, follow_job},
    database::{Row, Transaction},
    job::{check_kind, job, retry_delay},
    value::{Value, after, check_text, integer, values},
};

/// Kinds that one request can name: the placeholders of its statement.
const KINDS_MAX: usize = 8;

/// Bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 4 << 10;

impl Store {
    /// Enqueues a job. One of the same kind and name that is there, in whatever state, stays as it is.
    pub async fn enqueue(
        &self,
        organisation: OrganisationId,
        new: &NewJob,
        now: Timestamp,
    ) -> Result<Enqueued> {
        let mut transaction = self.database.begin("enqueue a job").await?;
        let enqueued = insert(&mut transaction, organisation, new, None, now).await?;
        transaction.commit().await?;
        Ok(enqueued)
    }

    /// Takes the first job that is due, and with it the right to work on it.
    pub async fn lease(&self, request: &LeaseRequest, now: Timestamp) -> Result<Option<Lease>> {
        let kinds = kinds(request)?;
        let expires_at = after(now, request.duration);
        let mut transaction = self.database.begin("lease a job").await?;
        let sql = if transaction.is_sqlite() { LEASE_SQLITE } else { LEASE_POSTGRES };
        for priority in Priority::ALL {
            loop {
                let mut values =
                    values![now, expires_at, request.worker.as_str(), priority.number()];
                values.extend(kinds.iter().cloned());
                let Some(row) = transaction.row(sql, values).await? else { break };
                let lease = lease(&row)?;
                if lease.attempt > lease.attempts_max {
                    bury_expired(&mut transaction, &lease, &row, now).await?;
                    continue;
                }
                if let Some(build) = lease.build {
                    let state = BuildState::Inspecting;
                    let of = lease.organisation;
                    follow_job(&mut transaction, of, build, &state, now).await?;
                }
                transaction.commit().await?;
                return Ok(Some(lease));
            }
        }
        transaction.commit().await?;
        Ok(None)
    }

    /// Prolongs a lease by as much from now on.
    pub async fn renew(
        &self,
        lease: &mut Lease,
        duration: jiff::SignedDuration,
        now: Timestamp,
    ) -> Result<()> {
        let update = "UPDATE job SET due_at = $5
            WHERE organisation = $1 AND id = $2 AND fence = $3 AND state = 'leased' AND due_at > $4";
        let expires_at = after(now, duration);
        let values = values![lease.organisation, lease.job, lease.fence, now, expires_at];
        held(lease, self.database.execute("renew a lease", update, values).await?)?;
        lease.expires_at = expires_at;
        Ok(())
    }

    /// Tells how far a job is.
    pub async fn report(&self, lease: &Lease, progress: &Progress, now: Timestamp) -> Result<()> {
        check_text("note of the progress", &progress.note, ERROR_BYTES_MAX)?;
        let update = "UPDATE job
            SET progress_done = $5, progress_total = $6, progress_note = $7
            WHERE organisation = $1 AND id = $2 AND fence = $3 AND state = 'leased' AND due_at > $4";
        let mut values = of_lease(lease, now);
        values.extend(values![
            integer("progress", progress.done)?,
            integer("progress", progress.total)?,
            progress.note.as_str(),
        ]);
        held(lease, self.database.execute("report progress", update, values).await?)
    }

    /// Finishes a job. Where it makes the facts of a build, that is ready in the same moment.
    pub async fn complete(
        &self,
        lease: &Lease,
        completion: Completion,
        now: Timestamp,
    ) -> Result<()> {
        let ready = match (lease.build, completion) {
            (None, Completion::Done) => None,
            (Some(build), Completion::Facts(facts)) => Some((build, facts)),
            (Some(_), Completion::Done) | (None, Completion::Facts(_)) => {
                let why = "facts belong to a job of a build, and to no other".to_owned();
                return Err(Error::Invalid { field: "completion of the job", why });
            }
        };
        let mut transaction = self.database.begin("complete a job").await?;
        // Whatever can be refused is, before the job is locked: a lock that is undone after an error
        // goes a moment later than the error is told, and others would pass over the job.
        if let Some((_, facts)) = ready {
            check_blob(&mut transaction, lease.organisation, facts).await?;
        }
        let update = "UPDATE job SET state = 'done', finished_at = $4, error = NULL
            WHERE organisation = $1 AND id = $2 AND fence = $3 AND state = 'leased' AND due_at > $4";
        held(lease, transaction.execute(update, of_lease(lease, now)).await?)?;
        if let Some((build, facts)) = ready {
            let state = BuildState::Ready(facts);
            follow_job(&mut transaction, lease.organisation, build, &state, now).await?;
        }
        transaction.commit().await
    }

    /// Gives a job up with a reason; it rests and is tried again, or is dead.
    pub async fn fail(&self, lease: &Lease, reason: &str, now: Timestamp) -> Result<Failure> {
        let reason = kept_reason(reason);
        let failure = if lease.attempt < lease.attempts_max {
            Failure::Retried(after(now, retry_delay(lease.attempt)))
        } else {
            Failure::Dead
        };
        let mut transaction = self.database.begin("give up a job").await?;
        give_up(&mut transaction, lease, &reason, failure, now).await?;
        transaction.commit().await?;
        Ok(failure)
    }

    /// Gives a job up for good: another attempt would end like this one.
    pub async fn bury(&self, lease: &Lease, reason: &str, now: Timestamp) -> Result<()> {
        let mut transaction = self.database.begin("give up a job").await?;
        give_up(&mut transaction, lease, &kept_reason(reason), Failure::Dead, now).await?;
        transaction.commit().await
    }

    /// Gives a job back unharmed, as when the program stops: it is due at once, and the attempt does
    /// not count.
    pub async fn release(&self, lease: &Lease, now: Timestamp) -> Result<()> {
        let mut transaction = self.database.begin("give back a job").await?;
        let update = "UPDATE job SET state = 'queued', due_at = $4, attempts = attempts - 1
            WHERE organisation = $1 AND id = $2 AND fence = $3 AND state = 'leased' AND due_at > $4";
        held(lease, transaction.execute(update, of_lease(lease, now)).await?)?;
        if let Some(build) = lease.build {
            let state = BuildState::Queued;
            follow_job(&mut transaction, lease.organisation, build, &state, now).await?;
        }
        transaction.commit().await
    }

    /// Lets a dead job begin anew, with all its attempts.
    pub async fn revive(
        &self,
        organisation: OrganisationId,
        id: JobId,
        now: Timestamp,
    ) -> Result<()> {
        let mut transaction = self.database.begin("revive a job").await?;
        let update = "UPDATE job
            SET state = 'queued', due_at = $3, attempts = 0, finished_at = NULL
            WHERE organisation = $1 AND id = $2 AND state = 'dead' RETURNING build";
        let row = transaction.row(update, values![organisation, id, now]).await?;
        let row = row.ok_or_else(|| Error::not_found("dead job", id))?;
        if let Some(build) = row.parsed_or_null("build")? {
            follow_job(&mut transaction, organisation, build, &BuildState::Queued, now).await?;
        }
        transaction.commit().await
    }

    /// The job of this id.
    pub async fn job(&self, organisation: OrganisationId, id: JobId) -> Result<Option<Job>> {
        let select = "SELECT * FROM job WHERE organisation = $1 AND id = $2";
        let row = self.database.row("find a job", select, values![organisation, id]).await?;
        row.as_ref().map(job).transpose()
    }

    /// Jobs in one state, the newest first.
    pub async fn jobs(
        &self,
        organisation: OrganisationId,
        state: JobState,
        request: &PageRequest,
    ) -> Result<Page<Job>> {
        let mut transaction = self.database.begin_reading("list the jobs").await?;
        let select = "SELECT * FROM job WHERE organisation = $1 AND state = $2 AND id < $3
                      ORDER BY id DESC LIMIT $4";
        let values = values![organisation, state.word(), request.key_or("~")?, request.rows()];
        let count = "SELECT COUNT(*) AS counted FROM
            (SELECT 1 FROM job WHERE organisation = $1 AND state = $2 LIMIT $3) AS listed";
        let counted = values![organisation, state.word(), Total::rows()];
        let key = |job: &Job| job.id.to_string();
        Page::read(&mut transaction, request, (select, values), (count, counted), job, key).await
    }

    /// Forgets jobs that were done before this time, and returns how many. What is enqueued under
    /// their names later is new again.
    pub async fn forget_done_jobs(&self, finished_before: Timestamp) -> Result<u64> {
        let delete = "DELETE FROM job WHERE state = 'done' AND finished_at < $1";
        self.database.execute("forget done jobs", delete, values![finished_before]).await
    }
}

/// Enqueues a job in a transaction that does other things, too.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    new: &NewJob,
    build: Option<BuildId>,
    now: Timestamp,
) -> Result<Enqueued> {
    new.check()?;
    let insert = "INSERT INTO job (organisation, id, kind, name, priority, payload, build, state,
            due_at, attempts, attempts_max, fence, progress_done, progress_total, progress_note,
            created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, 0, $9, 0, 0, 0, '', $10)
        ON CONFLICT DO NOTHING";
    let (kind, name) = (new.kind.as_str(), new.name.as_str());
    let due_at = new.not_before.unwrap_or(now);
    let mut values = values![organisation, JobId::new(now), kind, name, new.priority.number()];
    values.extend(values![new.payload.as_str(), build, due_at, new.attempts_max, now]);
    let inserted = transaction.execute(insert, values).await?;
    let select = "SELECT id FROM job WHERE organisation = $1 AND kind = $2 AND name = $3";
    let row = transaction.row(select, values![organisation, kind, name]).await?;
    let row = row.ok_or_else(|| Error::not_found("job", name))?;
    Ok(Enqueued { id: row.parsed("id")?, is_new: inserted > 0 })
}

/// One job changes hands. The outer condition alone makes this right: of two who chose the same
/// job, the second finds it no longer due. The lock of the choice only spares them the collision.
macro_rules! lease_sql {
    ($lock:literal) => {
        concat!(
            "UPDATE job SET state = 'leased', due_at = $2, worker = $3, fence = fence + 1,
                attempts = attempts + 1, progress_done = 0, progress_total = 0, progress_note = ''
            WHERE finished_at IS NULL AND due_at <= $1 AND (organisation, id) = (
                SELECT organisation, id FROM job
                WHERE finished_at IS NULL AND priority = $4 AND due_at <= $1
                    AND kind IN ($5, $6, $7, $8, $9, $10, $11, $12)
                ORDER BY due_at, id LIMIT 1 ",
            $lock,
            ") RETURNING organisation, id, kind, name, payload, build, due_at, attempts,
                attempts_max, fence, error"
        )
    };
}

const LEASE_SQLITE: &str = lease_sql!("");
const LEASE_POSTGRES: &str = lease_sql!("FOR UPDATE SKIP LOCKED");

/// The kinds of a request, one for each placeholder.
fn kinds(request: &LeaseRequest) -> Result<Vec<Value>> {
    check_text("name of the worker", &request.worker, 200)?;
    request.kinds.iter().try_for_each(|kind| check_kind(kind))?;
    let Some(last) = request.kinds.last().filter(|_| request.kinds.len() <= KINDS_MAX) else {
        let why = format!("1 to {KINDS_MAX} can be asked for, not {}", request.kinds.len());
        return Err(Error::Invalid { field: "kinds of jobs", why });
    };
    let padded = request.kinds.iter().chain(std::iter::repeat(last)).take(KINDS_MAX);
    Ok(padded.map(|kind| Value::from(kind.as_str())).collect())
}

fn lease(row: &Row) -> Result<Lease> {
    Ok(Lease {
        organisation: row.parsed("organisation")?,
        job: row.parsed("id")?,
        kind: row.text("kind")?,
        name: row.text("name")?,
        payload: row.text("payload")?,
        build: row.parsed_or_null("build")?,
        attempt: row.small("attempts")?,
        attempts_max: row.small("attempts_max")?,
        fence: row.int("fence")?,
        expires_at: row.time("due_at")?,
    })
}

/// A job whose workers all disappeared is dead, too.
async fn bury_expired(
    transaction: &mut Transaction,
    lease: &Lease,
    row: &Row,
    now: Timestamp,
) -> Result<()> {
    let before = row.text_or_null("error")?.map(|error| format!("; before that: {error}"));
    let reason = "the worker disappeared or did not report in time".to_owned();
    let reason = reason + &before.unwrap_or_default();
    give_up(transaction, lease, &kept_reason(&reason), Failure::Dead, now).await
}

async fn give_up(
    transaction: &mut Transaction,
    lease: &Lease,
    reason: &str,
    failure: Failure,
    now: Timestamp,
) -> Result<()> {
    let (state, due_at, finished_at) = match failure {
        Failure::Retried(at) => (JobState::Queued, at, None),
        Failure::Dead => (JobState::Dead, now, Some(now)),
    };
    let update = "UPDATE job SET state = $5, error = $6, due_at = $7, finished_at = $8,
            attempts = CASE WHEN attempts > attempts_max THEN attempts_max ELSE attempts END
        WHERE organisation = $1 AND id = $2 AND fence = $3 AND state = 'leased' AND due_at > $4";
    let mut values = of_lease(lease, now);
    values.extend(values![state.word(), reason, due_at, finished_at]);
    held(lease, transaction.execute(update, values).await?)?;
    let Some(build) = lease.build else { return Ok(()) };
    let state = match failure {
        Failure::Retried(_) => BuildState::Queued,
        Failure::Dead => BuildState::Failed { reason: reason.to_owned() },
    };
    follow_job(transaction, lease.organisation, build, &state, now).await
}

/// The values of the condition that a lease still holds.
fn of_lease(lease: &Lease, now: Timestamp) -> Vec<Value> {
    values![lease.organisation, lease.job, lease.fence, now]
}

fn held(lease: &Lease, rows: u64) -> Result<()> {
    if rows == 0 { Err(Error::LeaseLost { job: lease.job }) } else { Ok(()) }
}

/// A reason comes from wherever the work failed: it is cut and cleaned, never refused.
fn kept_reason(reason: &str) -> String {
    let mut kept = String::new();
    for character in reason.chars().filter(|character| *character != '\0') {
        if kept.len() + character.len_utf8() > ERROR_BYTES_MAX {
            kept.push('…');
            break;
        }
        kept.push(character);
    }
    kept
}
