//! Accounts of people and programs that sign in.
//!
//! Passwords are hashed elsewhere; here are only the hashes, which no message and no debug output
//! shows.

use std::fmt;

use jiff::Timestamp;

use crate::{
    AccountId, AccountSource, Error, OrganisationId, Page, PageRequest, Reach, Result, Store,
    Total,
    database::{Row, Transaction},
    reach,
    value::{check_name, check_text, values},
};

/// A password's hash in its text form (PHC string); its debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(…)")
    }
}

/// What is said of an account when it is made or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAccount {
    /// The name that is typed at sign-in, unlike every other's of the organisation.
    pub name: String,
    /// The name for people.
    pub display_name: String,
    /// The hash of its password; none where another system signs it in.
    pub password_hash: Option<PasswordHash>,
    /// Its roles, in the words of the server.
    pub roles: Vec<String>,
    /// Whether it may not sign in. Its sessions and keys stop working at once.
    pub disabled: bool,
    /// The sites and products that its roles are for.
    pub reach: Reach,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What is said of it.
    pub is: NewAccount,
    /// By whom it is signed in.
    pub source: AccountSource,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

impl Store {
    /// Makes an account; one of this name must not be there.
    pub async fn create_account(
        &self,
        organisation: OrganisationId,
        new: &NewAccount,
        now: Timestamp,
    ) -> Result<Account> {
        let mut transaction = self.database.begin("make an account").await?;
        let account = insert(&mut transaction, organisation, new, now).await?;
        transaction.commit().await?;
        Ok(account)
    }

    /// Says something else of an account.
    pub async fn update_account(
        &self,
        organisation: OrganisationId,
        id: AccountId,
        is: &NewAccount,
        now: Timestamp,
    ) -> Result<()> {
        check(is)?;
        let mut transaction = self.database.begin("change an account").await?;
        let taken = by_name(&mut transaction, organisation, &is.name).await?;
        if taken.is_some_and(|taken| taken.id != id) {
            return Err(Error::Exists { what: "account", name: is.name.clone() });
        }
        let update = "UPDATE account SET name = $3, display_name = $4, password_hash = $5,
                roles = $6, disabled = $7, changed_at = $8
            WHERE organisation = $1 AND id = $2";
        let mut values = values![organisation, id];
        values.extend(said(is)?);
        values.extend(values![now]);
        if transaction.execute(update, values).await? == 0 {
            return Err(Error::not_found("account", id));
        }
        reach::put(&mut transaction, organisation, id, &is.reach).await?;
        transaction.commit().await
    }

    /// The account of this id.
    pub async fn account(
        &self,
        organisation: OrganisationId,
        id: AccountId,
    ) -> Result<Option<Account>> {
        let values = values![organisation, id];
        together(&self.database.rows("find an account", BY_ID, values).await?)
    }

    /// The account of this name.
    pub async fn account_by_name(
        &self,
        organisation: OrganisationId,
        name: &str,
    ) -> Result<Option<Account>> {
        let mut transaction = self.database.begin_reading("find an account").await?;
        by_name(&mut transaction, organisation, name).await
    }

    /// Accounts by name.
    pub async fn accounts(
        &self,
        organisation: OrganisationId,
        request: &PageRequest,
    ) -> Result<Page<Account>> {
        let mut transaction = self.database.begin_reading("list the accounts").await?;
        let select = "SELECT * FROM account WHERE organisation = $1 AND name > $2
                      ORDER BY name LIMIT $3";
        let values = values![organisation, request.key_or("")?, request.rows()];
        let count = "SELECT COUNT(*) AS counted FROM
            (SELECT 1 FROM account WHERE organisation = $1 LIMIT $2) AS listed";
        let counted = values![organisation, Total::rows()];
        let key = |account: &Account| account.is.name.clone();
        let (list, count) = ((select, values), (count, counted));
        let mut page = Page::read(&mut transaction, request, list, count, account, key).await?;
        let mut reached = reach::of_all(&mut transaction, organisation).await?;
        for account in &mut page.items {
            account.is.reach = reached.remove(&account.id).unwrap_or_default();
        }
        Ok(page)
    }
}

/// Makes an account in a transaction that does other things, too.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    new: &NewAccount,
    now: Timestamp,
) -> Result<Account> {
    insert_of(transaction, organisation, &AccountSource::default(), new, now).await
}

/// Makes an account that this or another system signs in.
pub(crate) async fn insert_of(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    source: &AccountSource,
    new: &NewAccount,
    now: Timestamp,
) -> Result<Account> {
    check(new)?;
    let insert = "INSERT INTO account (organisation, id, name, display_name, password_hash,
            roles, disabled, created_at, changed_at, source, subject)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10) ON CONFLICT DO NOTHING";
    let (id, is, source) = (AccountId::new(now), new.clone(), source.clone());
    let account = Account { id, is, source, created_at: now, changed_at: now };
    let mut values = values![organisation, account.id];
    values.extend(said(new)?);
    let AccountSource { word, subject } = &account.source;
    values.extend(values![now, word.as_str(), subject.clone()]);
    if transaction.execute(insert, values).await? == 0 {
        return Err(Error::Exists { what: "account", name: new.name.clone() });
    }
    reach::put(transaction, organisation, account.id, &new.reach).await?;
    Ok(account)
}

async fn by_name(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    name: &str,
) -> Result<Option<Account>> {
    if name.contains('\0') {
        // What is typed at sign-in is hostile; a name that cannot be kept is nobody's.
        return Ok(None);
    }
    let select = "SELECT id FROM account WHERE organisation = $1 AND name = $2";
    let row = transaction.row(select, values![organisation, name]).await?;
    whole(transaction, organisation, row.as_ref()).await
}

/// An account, once for each site and each product that it is limited to, or once: one statement, as
/// every request asks it.
const BY_ID: &str =
    "SELECT account.*, reached.site AS site, reached.product AS product FROM account
    LEFT JOIN (SELECT site, NULL AS product FROM account_site
            WHERE organisation = $1 AND account = $2
        UNION ALL SELECT NULL AS site, product FROM account_product
            WHERE organisation = $1 AND account = $2) AS reached ON true
    WHERE account.organisation = $1 AND account.id = $2";

/// The account whose id a row has, with what it reaches.
pub(crate) async fn whole(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    row: Option<&Row>,
) -> Result<Option<Account>> {
    let Some(row) = row else { return Ok(None) };
    let id: AccountId = row.parsed("id")?;
    together(&transaction.rows(BY_ID, values![organisation, id]).await?)
}

/// The account of the rows of [`BY_ID`].
fn together(rows: &[Row]) -> Result<Option<Account>> {
    let mut found = rows.first().map(account).transpose()?;
    if let Some(account) = &mut found {
        rows.iter().try_for_each(|row| reach::take(&mut account.is.reach, row))?;
    }
    Ok(found)
}

fn check(new: &NewAccount) -> Result<()> {
    check_name("name of the account", &new.name)?;
    check_name("display name of the account", &new.display_name)?;
    reach::check(&new.reach)?;
    let hash = new.password_hash.as_ref().map_or("", |hash| hash.0.as_str());
    check_text("password hash", hash, 1_000)
}

/// The values that follow the key.
pub(crate) fn said(new: &NewAccount) -> Result<Vec<crate::value::Value>> {
    let hash = new.password_hash.as_ref().map(|hash| hash.0.clone());
    let (name, display_name) = (new.name.as_str(), new.display_name.as_str());
    let roles = words("roles of the account", &new.roles)?;
    Ok(values![name, display_name, hash, roles, i64::from(new.disabled)])
}

/// A list of words, as it is kept: JSON.
pub(crate) fn words(field: &'static str, words: &[String]) -> Result<String> {
    let text = serde_json::Value::from(words).to_string();
    check_text(field, &text, 16 << 10)?;
    Ok(text)
}

/// Reads such a list.
pub(crate) fn read_words(row: &Row, name: &str) -> Result<Vec<String>> {
    let damaged =
        |error: serde_json::Error| Error::damaged(format!("the column {name}"), error.to_string());
    serde_json::from_str(&row.text(name)?).map_err(damaged)
}

/// What a row says of an account: all but what it reaches.
fn account(row: &Row) -> Result<Account> {
    Ok(Account {
        id: row.parsed("id")?,
        is: NewAccount {
            name: row.text("name")?,
            display_name: row.text("display_name")?,
            password_hash: row.text_or_null("password_hash")?.map(PasswordHash),
            roles: read_words(row, "roles")?,
            disabled: row.int("disabled")? != 0,
            reach: Reach::default(),
        },
        source: AccountSource { word: row.text("source")?, subject: row.text_or_null("subject")? },
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}
