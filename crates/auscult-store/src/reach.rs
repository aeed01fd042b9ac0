//! What an account reaches: some sites and products, or all. Lists are limited by it where they are
//! read, so that totals and cursors are those of what somebody may see.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Account, AccountId, Error, OrganisationId, ProductId, Result,
    database::{Row, Transaction},
    value::{Value, check_name, values},
};

/// Sites or products that one account may be limited to.
const COUNT_MAX: usize = 1_000;

/// What an account reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Names of sites, as devices have them; all where none is named.
    pub sites: BTreeSet<String>,
    /// Products; all where none is named.
    pub products: BTreeSet<ProductId>,
}

/// To whose sites and products a list is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Within {
    /// The account to whose sites; none for every site.
    pub(crate) sites: Option<AccountId>,
    /// The account to whose products; none for every product.
    pub(crate) products: Option<AccountId>,
}

impl Within {
    /// Limited to nothing: for what the server does by itself.
    pub const ALL: Self = Self { sites: None, products: None };

    /// The values of [`device_reached`], in the order of its placeholders.
    pub(crate) fn of_devices(self) -> Vec<Value> {
        values![self.sites, self.products]
    }

    /// The value of [`product_reached`].
    pub(crate) fn of_products(self) -> Vec<Value> {
        values![self.products]
    }
}

impl Account {
    /// What lists for this account are limited to.
    pub fn within(&self) -> Within {
        let Reach { sites, products } = &self.is.reach;
        let limited = |is_limited: bool| is_limited.then_some(self.id);
        Within { sites: limited(!sites.is_empty()), products: limited(!products.is_empty()) }
    }
}

/// A condition on a product, by the column that names it and the placeholder of whose products they
/// have to be.
macro_rules! product_reached {
    ($column:literal, $of:literal) => {
        concat!(
            "(",
            $of,
            " IS NULL OR EXISTS (SELECT 1 FROM account_product AS reached
        WHERE reached.organisation = $1 AND reached.account = ",
            $of,
            " AND reached.product = ",
            $column,
            "))"
        )
    };
}
pub(crate) use product_reached;

/// That an account reaches the site in a column, without the account's placeholder and `)`.
macro_rules! at_site {
    ($site:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM account_site AS at_site
        WHERE at_site.organisation = $1 AND at_site.site = ",
            $site,
            " AND at_site.account = "
        )
    };
}

/// The same of the product whose build is in a column.
macro_rules! of_product {
    ($build:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM build AS running JOIN account_product AS reached
            ON reached.organisation = running.organisation AND reached.product = running.product
        WHERE running.organisation = $1 AND running.id = ",
            $build,
            " AND reached.account = "
        )
    };
}

/// A condition on devices, by the columns that name their site and their build, and the placeholders of
/// whose sites and whose products. A device without a site is at none of them, and one of an unknown
/// build is of none of the products.
macro_rules! device_reached {
    ($site:literal, $build:literal, $sites:literal, $products:literal) => {
        concat!(
            "(",
            $sites,
            " IS NULL OR ",
            $crate::reach::at_site!($site),
            $sites,
            "))
    AND (",
            $products,
            " IS NULL OR ",
            $crate::reach::of_product!($build),
            $products,
            "))"
        )
    };
}
pub(crate) use {at_site, device_reached, of_product};

/// The two parts of that for a statement that is put together, each without its number and `)`.
pub(crate) const AT_SITE_REACHED: &str = concat!(at_site!("device.site"), "$");
pub(crate) const OF_PRODUCT_REACHED: &str = concat!(of_product!("device.build"), "$");

/// Refuses a reach that cannot be kept.
pub(crate) fn check(reach: &Reach) -> Result<()> {
    if reach.sites.len() > COUNT_MAX || reach.products.len() > COUNT_MAX {
        let why = format!("it names more than {COUNT_MAX} sites or products");
        return Err(Error::Invalid { field: "reach of the account", why });
    }
    reach.sites.iter().try_for_each(|site| check_name("site of the account", site))
}

/// Keeps what an account reaches, in place of what it reached before.
pub(crate) async fn put(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    account: AccountId,
    reach: &Reach,
) -> Result<()> {
    for delete in [
        "DELETE FROM account_site WHERE organisation = $1 AND account = $2",
        "DELETE FROM account_product WHERE organisation = $1 AND account = $2",
    ] {
        transaction.execute(delete, values![organisation, account]).await?;
    }
    let sites = reach.sites.iter().map(|site| values![organisation, account, site.as_str()]);
    let into = "INSERT INTO account_site (organisation, account, site)";
    transaction.insert(into, sites.collect(), "").await?;
    for product in &reach.products {
        crate::product::check_product(transaction, organisation, *product).await?;
    }
    let products = reach.products.iter().map(|one| values![organisation, account, *one]);
    let into = "INSERT INTO account_product (organisation, account, product)";
    transaction.insert(into, products.collect(), "").await?;
    Ok(())
}

/// What every account reaches that is limited.
pub(crate) async fn of_all(
    transaction: &mut Transaction,
    organisation: OrganisationId,
) -> Result<BTreeMap<AccountId, Reach>> {
    let select = "SELECT account, site, NULL AS product FROM account_site WHERE organisation = $1
        UNION ALL SELECT account, NULL AS site, product FROM account_product
            WHERE organisation = $1";
    let mut all: BTreeMap<AccountId, Reach> = BTreeMap::new();
    for row in transaction.rows(select, values![organisation]).await? {
        take(all.entry(row.parsed("account")?).or_default(), &row)?;
    }
    Ok(all)
}

/// Takes in the site or the product of a row.
pub(crate) fn take(reach: &mut Reach, row: &Row) -> Result<()> {
    reach.sites.extend(row.text_or_null("site")?);
    reach.products.extend(row.parsed_or_null::<ProductId>("product")?);
    Ok(())
}
