//! Builds: one content that was uploaded to a product, and what became of it.

use auscult_model::Sha256;
use jiff::Timestamp;

use crate::{
    BuildId, Error, Job, NewJob, OrganisationId, Page, PageRequest, ProductId, Result, Store,
    Total, Within,
    database::{Row, Transaction},
    job::job,
    product::check_product,
    queue,
    reach::product_reached,
    value::{check_name, values},
};

/// What was uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildKind {
    /// An image of a device, to be inspected.
    Image,
    /// Facts that were taken elsewhere.
    Facts,
    /// A software bill of materials.
    Sbom,
}

impl BuildKind {
    fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Facts => "facts",
            Self::Sbom => "sbom",
        }
    }

    fn of_word(word: &str) -> Result<Self> {
        let all = [Self::Image, Self::Facts, Self::Sbom];
        let found = all.into_iter().find(|kind| kind.word() == word);
        found.ok_or_else(|| Error::damaged("the kind of a build", format!("it is {word:?}")))
    }
}

/// How far a build is. It follows its job: whoever has the lease of that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildState {
    /// Waits to be inspected.
    Queued,
    /// Is being inspected.
    Inspecting,
    /// Its facts are known: the digest of their blob.
    Ready(Sha256),
    /// Could not be inspected, and nobody tries again by himself.
    Failed {
        /// Why, for people.
        reason: String,
    },
}

/// An upload.
#[derive(Clone, Debug)]
pub struct NewBuild {
    /// What it is a build of.
    pub product: ProductId,
    /// The name that people give it: a version, a tag.
    pub label: String,
    /// What was uploaded.
    pub kind: BuildKind,
    /// The blob that was uploaded.
    pub input: Sha256,
    /// The job that makes its facts; enqueued together with it.
    pub job: NewJob,
}

/// A build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// What it is a build of.
    pub product: ProductId,
    /// The name that people give it.
    pub label: String,
    /// What was uploaded.
    pub kind: BuildKind,
    /// The blob that was uploaded.
    pub input: Sha256,
    /// How far it is.
    pub state: BuildState,
    /// When it was first uploaded.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
}

/// What an upload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The build, as it stands.
    pub build: Build,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Up to which change of a build somebody knows all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuildChange(i64);

/// Builds that are new or different, in no order.
#[derive(Clone, Debug)]
pub struct ChangedBuilds {
    /// They, as they are now, each with its last change.
    pub builds: Vec<(BuildChange, Build)>,
    /// What to ask with the next time.
    pub last: BuildChange,
}

/// Which builds are wanted.
#[derive(Clone, Copy, Debug)]
pub enum BuildFilter {
    /// Those of one.
    OfProduct(ProductId),
    /// Those of the products that somebody reaches.
    Reached(Within),
}

impl Store {
    /// Makes a build of an upload and enqueues its job, both or neither. The same content uploaded
    /// to the same product again gives the build that is there, as it is, and no second job, even
    /// where the first is done and forgotten.
    pub async fn create_build(
        &self,
        organisation: OrganisationId,
        new: &NewBuild,
        now: Timestamp,
    ) -> Result<Uploaded> {
        check_name("label of the build", &new.label)?;
        let mut transaction = self.database.begin("make a build").await?;
        check_references(&mut transaction, organisation, new).await?;
        let insert = "INSERT INTO build
                (organisation, id, product, label, kind, input, state, created_at, changed_at,
                sequence)
            VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $7, $8) ON CONFLICT DO NOTHING";
        let (label, kind) = (new.label.as_str(), new.kind.word());
        let id = BuildId::new(now);
        let sequence = next_in_sequence(&mut transaction, organisation).await?;
        let mut values = values![organisation, id, new.product, label, kind, new.input, now];
        values.extend(values![sequence]);
        let is_new = transaction.execute(insert, values).await? > 0;
        let select = "SELECT * FROM build
                      WHERE organisation = $1 AND product = $2 AND input = $3 AND kind = $4";
        let values = values![organisation, new.product, new.input, kind];
        let row = transaction.row(select, values).await?;
        let build = build(&row.ok_or_else(|| Error::not_found("build", id))?)?;
        if is_new {
            let job = &new.job;
            let enqueued =
                queue::insert(&mut transaction, organisation, job, Some(id), now).await?;
            if !enqueued.is_new {
                // It would follow another build, and this one would wait forever.
                return Err(Error::Exists { what: "job", name: job.name.clone() });
            }
        }
        transaction.commit().await?;
        Ok(Uploaded { build, is_new })
    }

    /// The build of this id.
    pub async fn build(&self, organisation: OrganisationId, id: BuildId) -> Result<Option<Build>> {
        let select = "SELECT * FROM build WHERE organisation = $1 AND id = $2";
        let row = self.database.row("find a build", select, values![organisation, id]).await?;
        row.as_ref().map(build).transpose()
    }

    /// The job that makes the facts of a build; none once it is done and forgotten.
    pub async fn job_of_build(
        &self,
        organisation: OrganisationId,
        build: BuildId,
    ) -> Result<Option<Job>> {
        let select = "SELECT * FROM job WHERE organisation = $1 AND build = $2";
        let values = values![organisation, build];
        let row = self.database.row("find the job of a build", select, values).await?;
        row.as_ref().map(job).transpose()
    }

    /// Builds that are new or different since another call; all of them where there was none.
    pub async fn builds_changed(
        &self,
        organisation: OrganisationId,
        since: Option<BuildChange>,
    ) -> Result<ChangedBuilds> {
        let since = since.unwrap_or(BuildChange(-1));
        let select = "SELECT * FROM build WHERE organisation = $1 AND sequence > $2";
        let values = values![organisation, since.0];
        let rows = self.database.rows("look for builds that changed", select, values).await?;
        let mut changed = ChangedBuilds { builds: Vec::with_capacity(rows.len()), last: since };
        for row in &rows {
            let change = BuildChange(row.int("sequence")?);
            changed.last = changed.last.max(change);
            changed.builds.push((change, build(row)?));
        }
        Ok(changed)
    }

    /// Builds, the newest first.
    pub async fn builds(
        &self,
        organisation: OrganisationId,
        filter: BuildFilter,
        request: &PageRequest,
    ) -> Result<Page<Build>> {
        /// Sorts after every id.
        const AFTER_ALL: &str = "~";
        let (before, rows) = (request.key_or(AFTER_ALL)?, request.rows());
        let mut transaction = self.database.begin_reading("list the builds").await?;
        let (list, count) = match filter {
            BuildFilter::OfProduct(product) => (
                (SELECT_OF_PRODUCT, values![organisation, before, rows, product]),
                (COUNT_OF_PRODUCT, values![organisation, Total::rows(), product]),
            ),
            BuildFilter::Reached(within) => {
                let mut list = values![organisation, before, rows];
                list.extend(within.of_products());
                let mut count = values![organisation, Total::rows()];
                count.extend(within.of_products());
                ((SELECT_REACHED, list), (COUNT_REACHED, count))
            }
        };
        let key = |build: &Build| build.id.to_string();
        Page::read(&mut transaction, request, list, count, build, key).await
    }
}

const SELECT_OF_PRODUCT: &str = "SELECT * FROM build
    WHERE organisation = $1 AND product = $4 AND id < $2 ORDER BY id DESC LIMIT $3";
const COUNT_OF_PRODUCT: &str = "SELECT COUNT(*) AS counted FROM
    (SELECT 1 FROM build WHERE organisation = $1 AND product = $3 LIMIT $2) AS listed";

const SELECT_REACHED: &str = concat!(
    "SELECT * FROM build WHERE organisation = $1 AND id < $2 AND ",
    product_reached!("build.product", "$4"),
    " ORDER BY id DESC LIMIT $3"
);
const COUNT_REACHED: &str = concat!(
    "SELECT COUNT(*) AS counted FROM (SELECT 1 FROM build WHERE organisation = $1 AND ",
    product_reached!("build.product", "$3"),
    " LIMIT $2) AS listed"
);

/// Says which of the two is missing; the foreign keys would only refuse.
async fn check_references(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    new: &NewBuild,
) -> Result<()> {
    check_product(transaction, organisation, new.product).await?;
    check_blob(transaction, organisation, new.input).await
}

/// Refuses a blob that is not there, which the foreign keys would only refuse without saying so.
pub(crate) async fn check_blob(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    sha256: Sha256,
) -> Result<()> {
    let blob = "SELECT 1 FROM blob WHERE organisation = $1 AND sha256 = $2";
    match transaction.row(blob, values![organisation, sha256]).await? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("blob", sha256)),
    }
}

/// Takes the state of a build where its job goes, in the transaction in which that goes there.
pub(crate) async fn follow_job(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    id: BuildId,
    state: &BuildState,
    now: Timestamp,
) -> Result<()> {
    let (word, facts, reason) = match state {
        BuildState::Queued => ("queued", None, None),
        BuildState::Inspecting => ("inspecting", None, None),
        BuildState::Ready(facts) => ("ready", Some(*facts), None),
        BuildState::Failed { reason } => ("failed", None, Some(reason.clone())),
    };
    let update = "UPDATE build
                  SET state = $3, facts = $4, reason = $5, changed_at = $6, sequence = $7
                  WHERE organisation = $1 AND id = $2";
    let sequence = next_in_sequence(transaction, organisation).await?;
    let values = values![organisation, id, word, facts, reason, now, sequence];
    transaction.execute(update, values).await?;
    Ok(())
}

/// Counts a change of a build. Whoever counts next waits until this transaction has ended: so what has
/// a number is seen by all before anything has a higher one.
async fn next_in_sequence(
    transaction: &mut Transaction,
    organisation: OrganisationId,
) -> Result<i64> {
    let update = "UPDATE organisation SET build_sequence = build_sequence + 1 WHERE id = $1
                  RETURNING build_sequence";
    let row = transaction.row(update, values![organisation]).await?;
    row.ok_or_else(|| Error::not_found("organisation", organisation))?.int("build_sequence")
}

fn build(row: &Row) -> Result<Build> {
    let (word, facts) = (row.text("state")?, row.parsed_or_null("facts")?);
    let state = match (word.as_str(), facts) {
        ("queued", None) => BuildState::Queued,
        ("inspecting", None) => BuildState::Inspecting,
        ("ready", Some(facts)) => BuildState::Ready(facts),
        ("failed", None) => {
            BuildState::Failed { reason: row.text_or_null("reason")?.unwrap_or_default() }
        }
        _ => return Err(Error::damaged("the state of a build", format!("it is {word:?}"))),
    };
    Ok(Build {
        id: row.parsed("id")?,
        product: row.parsed("product")?,
        label: row.text("label")?,
        kind: BuildKind::of_word(&row.text("kind")?)?,
        input: row.digest("input")?,
        state,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}
