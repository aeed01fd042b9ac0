//! What a job is: work that outlives the process that was asked for it.

use auscult_model::Sha256;
use jiff::{SignedDuration, Timestamp};

use crate::{
    BuildId, Error, JobId, OrganisationId, Result,
    database::Row,
    value::{check_name, check_text},
};

/// Which jobs come first. Work of a later class waits until no earlier is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody waits for it.
    Upload,
    /// It follows from something that somebody did.
    Consequence,
    /// It was planned: feeds, reminders, tidying up.
    Scheduled,
}

impl Priority {
    /// In the order in which they are served.
    pub(crate) const ALL: [Self; 3] = [Self::Upload, Self::Consequence, Self::Scheduled];

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Upload => 0,
            Self::Consequence => 1,
            Self::Scheduled => 2,
        }
    }

    fn of_number(number: i64) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.number() == number);
        found.ok_or_else(|| Error::damaged("the priority of a job", format!("it is {number}")))
    }
}

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What kind of work: lower-case letters, digits and `-`.
    pub kind: String,
    /// What it works on; of one kind and name there is one job, however often it is enqueued.
    pub name: String,
    /// When it comes.
    pub priority: Priority,
    /// What the worker needs to know, in the form that its kind agreed on.
    pub payload: String,
    /// When it may start; at once where none is given.
    pub not_before: Option<Timestamp>,
    /// How often it is tried before it is dead, at least once.
    pub attempts_max: u32,
}

/// Bytes that a worker may be told; what is larger is a blob.
const PAYLOAD_BYTES_MAX: usize = 64 << 10;

impl NewJob {
    pub(crate) fn check(&self) -> Result<()> {
        check_kind(&self.kind)?;
        check_name("name of the job", &self.name)?;
        check_text("payload of the job", &self.payload, PAYLOAD_BYTES_MAX)?;
        if self.attempts_max == 0 {
            let why = "it must be tried once at least".to_owned();
            return Err(Error::Invalid { field: "attempts of the job", why });
        }
        Ok(())
    }
}

pub(crate) fn check_kind(kind: &str) -> Result<()> {
    const KIND_BYTES_MAX: usize = 40;
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if kind.is_empty() || kind.len() > KIND_BYTES_MAX || !kind.bytes().all(good) {
        let why = format!("{kind:?} is not 1 to {KIND_BYTES_MAX} of a-z, 0-9 and -");
        return Err(Error::Invalid { field: "kind of the job", why });
    }
    Ok(())
}

/// What enqueuing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job.
    pub id: JobId,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct LeaseRequest {
    /// Kinds of work that it can do, at most 8.
    pub kinds: Vec<String>,
    /// Its name, for people.
    pub worker: String,
    /// How long it may be silent; it renews the lease before.
    pub duration: SignedDuration,
}

/// The right to work on a job, until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose job it is.
    pub organisation: OrganisationId,
    /// The job.
    pub job: JobId,
    /// What kind of work.
    pub kind: String,
    /// What it works on.
    pub name: String,
    /// What the worker needs to know.
    pub payload: String,
    /// The build whose facts it makes.
    pub build: Option<BuildId>,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// How many there are.
    pub attempts_max: u32,
    /// Rises with every lease of the job. Give it to whatever the worker writes to elsewhere, so that
    /// one who lost the job cannot overwrite what its successor wrote.
    pub fence: i64,
    /// Until when it holds.
    pub expires_at: Timestamp,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Done so far, in the unit of the kind.
    pub done: u64,
    /// To do in all; 0 where that is not known.
    pub total: u64,
    /// What is being done, for people.
    pub note: String,
}

/// What a finished job leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Nothing that the queue must know.
    Done,
    /// The facts of its build, as a blob that is in the store.
    Facts(Sha256),
}

/// What becomes of a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is tried again, not before this time.
    Retried(Timestamp),
    /// It was the last attempt.
    Dead,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits.
    Queued,
    /// A worker has it, or had it when it disappeared.
    Leased,
    /// It is done.
    Done,
    /// It was tried often enough; its error is kept.
    Dead,
}

impl JobState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    pub(crate) fn of_word(word: &str) -> Result<Self> {
        let all = [Self::Queued, Self::Leased, Self::Done, Self::Dead];
        let found = all.into_iter().find(|state| state.word() == word);
        found.ok_or_else(|| Error::damaged("the state of a job", format!("it is {word:?}")))
    }
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What kind of work.
    pub kind: String,
    /// What it works on.
    pub name: String,
    /// When it comes.
    pub priority: Priority,
    /// The build whose facts it makes.
    pub build: Option<BuildId>,
    /// Where it is.
    pub state: JobState,
    /// When it may start; of a leased one, when the lease expires.
    pub due_at: Timestamp,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that it has.
    pub attempts_max: u32,
    /// Who has or had it.
    pub worker: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it was done or dead.
    pub finished_at: Option<Timestamp>,
}

pub(crate) fn job(row: &Row) -> Result<Job> {
    Ok(Job {
        id: row.parsed("id")?,
        kind: row.text("kind")?,
        name: row.text("name")?,
        priority: Priority::of_number(row.int("priority")?)?,
        build: row.parsed_or_null("build")?,
        state: JobState::of_word(&row.text("state")?)?,
        due_at: row.time("due_at")?,
        attempts: row.small("attempts")?,
        attempts_max: row.small("attempts_max")?,
        worker: row.text_or_null("worker")?,
        progress: Progress {
            done: row.count("progress_done")?,
            total: row.count("progress_total")?,
            note: row.text("progress_note")?,
        },
        error: row.text_or_null("error")?,
        created_at: row.time("created_at")?,
        finished_at: row.time_or_null("finished_at")?,
    })
}

/// How long a job rests after its so-manieth attempt failed: 10 seconds, doubled each time, an hour
/// at most.
pub fn retry_delay(attempt: u32) -> SignedDuration {
    const FIRST_SECONDS: i64 = 10;
    const LONGEST_SECONDS: i64 = 3600;
    let doublings = attempt.saturating_sub(1).min(20);
    SignedDuration::from_secs((FIRST_SECONDS << doublings).min(LONGEST_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::{check_kind, retry_delay};

    #[test]
    fn delays_double_up_to_an_hour() {
        let delays: Vec<i64> = (1..=12).map(|attempt| retry_delay(attempt).as_secs()).collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
        assert_eq!(retry_delay(u32::MAX).as_secs(), 3600);
    }

    #[test]
    fn kinds_are_plain_words() {
        assert!(check_kind("inspect-2").is_ok());
        for kind in ["", "Inspect", "a b", "a_b", "ä", &"a".repeat(41)] {
            assert!(check_kind(kind).is_err(), "{kind}");
        }
    }
}
