//! What devices are verified by: references of builds, keys whose signatures count, challenges, and
//! how verifications came out.

use auscult_model::Sha256;
use jiff::Timestamp;

use crate::{
    BuildId, DeviceId, Error, OrganisationId, ProductId, Result, Store,
    build::check_blob,
    database::Row,
    value::{check_name, check_text, values},
};

/// Bytes of a key in PEM form.
const PEM_BYTES_MAX: usize = 2_000;

/// A reference manifest of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReference {
    /// The build.
    pub build: BuildId,
    /// The blob with the signed manifest.
    pub manifest: Sha256,
    /// Who added it.
    pub actor: String,
    /// When.
    pub added_at: Timestamp,
}

/// A key whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// Digest of the key.
    pub id: Sha256,
    /// What it signs: references as `maker`, or evidence as `bench`.
    pub purpose: String,
    /// Whose it is.
    pub name: String,
    /// The public key.
    pub pem: String,
    /// Who added it.
    pub actor: String,
    /// When.
    pub added_at: Timestamp,
    /// Since when it does not count any more.
    pub revoked_at: Option<Timestamp>,
}

/// How a verification came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVerification {
    /// The revision of the device that was verified.
    pub seen: i64,
    /// The nonce of the challenge that was to be answered, where one was open.
    pub challenge: Option<Sha256>,
    /// `pass`, `fail` or `inconclusive`.
    pub outcome: String,
    /// Why it did not pass; empty where it did.
    pub reason: String,
    /// The build that was found on the device.
    pub build: Option<BuildId>,
    /// The blob with the evidence.
    pub evidence: Sha256,
    /// The blob with the verdict.
    pub verdict: Sha256,
}

/// A verification that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The revision of the device that it made.
    pub revision: i64,
    /// `pass`, `fail` or `inconclusive`.
    pub outcome: String,
    /// The build that was found on the device.
    pub build: Option<BuildId>,
    /// The blob with the evidence.
    pub evidence: Sha256,
    /// The blob with the verdict.
    pub verdict: Sha256,
    /// Who did it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Adds a signed manifest to a build; the same one again changes nothing.
    pub async fn add_reference(
        &self,
        organisation: OrganisationId,
        new: &KeptReference,
    ) -> Result<()> {
        check_name("actor", &new.actor)?;
        let mut transaction = self.database.begin("add a reference").await?;
        let select = "SELECT 1 FROM build WHERE organisation = $1 AND id = $2";
        if transaction.row(select, values![organisation, new.build]).await?.is_none() {
            return Err(Error::not_found("build", new.build));
        }
        check_blob(&mut transaction, organisation, new.manifest).await?;
        let insert = "INSERT INTO build_reference (organisation, build, manifest, actor, added_at)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let mut values = values![organisation, new.build, new.manifest];
        values.extend(values![new.actor.as_str(), new.added_at]);
        transaction.execute(insert, values).await?;
        transaction.commit().await
    }

    /// References of a build, the oldest first.
    pub async fn references(
        &self,
        organisation: OrganisationId,
        build: BuildId,
    ) -> Result<Vec<KeptReference>> {
        let select = "SELECT * FROM build_reference WHERE organisation = $1 AND build = $2
                      ORDER BY added_at, manifest";
        let values = values![organisation, build];
        let rows = self.database.rows("list the references", select, values).await?;
        rows.iter().map(reference).collect()
    }

    /// References of all builds of a product, or of every product.
    pub async fn references_of(
        &self,
        organisation: OrganisationId,
        product: Option<ProductId>,
        count_max: u32,
    ) -> Result<Vec<KeptReference>> {
        let select = "SELECT one.* FROM build_reference AS one
            JOIN build ON build.organisation = one.organisation AND build.id = one.build
            WHERE one.organisation = $1 AND ($2 IS NULL OR build.product = $2)
            ORDER BY one.added_at, one.manifest LIMIT $3";
        let values = values![organisation, product, count_max];
        let rows = self.database.rows("list the references", select, values).await?;
        rows.iter().map(reference).collect()
    }

    /// Adds a key whose signatures count. One that is known is refused, also where it was revoked.
    pub async fn trust_key(&self, organisation: OrganisationId, key: &TrustedKey) -> Result<()> {
        check_name("name", &key.name)?;
        check_text("key", &key.pem, PEM_BYTES_MAX)?;
        let insert = "INSERT INTO trusted_key
                (organisation, id, purpose, name, pem, actor, added_at, revoked_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, NULL) ON CONFLICT DO NOTHING";
        let mut values = values![organisation, key.id, key.purpose.as_str(), key.name.as_str()];
        values.extend(values![key.pem.as_str(), key.actor.as_str(), key.added_at]);
        if self.database.execute("trust a key", insert, values).await? == 0 {
            let why = "it is known here already; a key serves one purpose".to_owned();
            return Err(Error::Invalid { field: "key", why });
        }
        Ok(())
    }

    /// Keys whose signatures count or did, the oldest first.
    pub async fn trusted_keys(&self, organisation: OrganisationId) -> Result<Vec<TrustedKey>> {
        let select = "SELECT * FROM trusted_key WHERE organisation = $1 ORDER BY added_at, id";
        let rows = self.database.rows("list the trusted keys", select, values![organisation]);
        rows.await?.iter().map(trusted).collect()
    }

    /// Ends the trust in a key.
    pub async fn distrust_key(
        &self,
        organisation: OrganisationId,
        id: Sha256,
        now: Timestamp,
    ) -> Result<()> {
        let update = "UPDATE trusted_key SET revoked_at = COALESCE(revoked_at, $3)
                      WHERE organisation = $1 AND id = $2";
        let values = values![organisation, id, now];
        match self.database.execute("distrust a key", update, values).await? {
            0 => Err(Error::not_found("key", id)),
            _ => Ok(()),
        }
    }

    /// Keeps a challenge that was issued.
    pub async fn issue_challenge(
        &self,
        organisation: OrganisationId,
        device: DeviceId,
        nonce: Sha256,
        body: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_name("actor", actor)?;
        let insert = "INSERT INTO challenge
                (organisation, nonce, device, body, actor, issued_at, used_at)
            VALUES ($1, $2, $3, $4, $5, $6, NULL)";
        let values = values![organisation, nonce, device, body, actor, now];
        self.database.execute("issue a challenge", insert, values).await?;
        Ok(())
    }

    /// The nonce and the text of the newest challenge of a device, where nothing answered it yet. Those
    /// before it are not to be answered any more.
    pub async fn open_challenge(
        &self,
        organisation: OrganisationId,
        device: DeviceId,
    ) -> Result<Option<(Sha256, String)>> {
        let select = "SELECT nonce, body, used_at FROM challenge
            WHERE organisation = $1 AND device = $2 ORDER BY issued_at DESC, nonce LIMIT 1";
        let values = values![organisation, device];
        let row = self.database.row("find a challenge", select, values).await?;
        let Some(row) = row else { return Ok(None) };
        let open = row.time_or_null("used_at")?.is_none();
        Ok(open.then_some((row.digest("nonce")?, row.text("body")?)))
    }

    /// Verifications of a device, the newest first.
    pub async fn verifications(
        &self,
        organisation: OrganisationId,
        device: DeviceId,
    ) -> Result<Vec<Verification>> {
        let select = "SELECT * FROM verification WHERE organisation = $1 AND device = $2
                      ORDER BY revision DESC";
        let values = values![organisation, device];
        let rows = self.database.rows("list the verifications", select, values).await?;
        rows.iter().map(verification).collect()
    }

    /// The private key that release records are signed with: this one, where none is kept yet.
    pub async fn record_key(&self, organisation: OrganisationId, new: &str) -> Result<String> {
        let insert = "INSERT INTO record_key (organisation, pem) VALUES ($1, $2)
                      ON CONFLICT DO NOTHING";
        self.database.execute("keep a key", insert, values![organisation, new]).await?;
        let select = "SELECT pem FROM record_key WHERE organisation = $1";
        let row = self.database.row("find a key", select, values![organisation]).await?;
        row.ok_or_else(|| Error::not_found("key", organisation))?.text("pem")
    }
}

fn reference(row: &Row) -> Result<KeptReference> {
    Ok(KeptReference {
        build: row.parsed("build")?,
        manifest: row.digest("manifest")?,
        actor: row.text("actor")?,
        added_at: row.time("added_at")?,
    })
}

fn trusted(row: &Row) -> Result<TrustedKey> {
    Ok(TrustedKey {
        id: row.digest("id")?,
        purpose: row.text("purpose")?,
        name: row.text("name")?,
        pem: row.text("pem")?,
        actor: row.text("actor")?,
        added_at: row.time("added_at")?,
        revoked_at: row.time_or_null("revoked_at")?,
    })
}

fn verification(row: &Row) -> Result<Verification> {
    Ok(Verification {
        revision: row.int("revision")?,
        outcome: row.text("outcome")?,
        build: row.parsed_or_null("build")?,
        evidence: row.digest("evidence")?,
        verdict: row.digest("verdict")?,
        actor: row.text("actor")?,
        at: row.time("at")?,
    })
}
