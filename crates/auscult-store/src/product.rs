//! Products: what a maker makes or a hospital has, as its label names it.

use jiff::Timestamp;

use crate::{
    Error, OrganisationId, Page, PageRequest, ProductId, Result, Store, Total, Within,
    database::{Row, Transaction},
    reach::product_reached,
    value::{check_name, check_text, values},
};

/// What is said of a product when it is made or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewProduct {
    /// Its name, unlike every other's of the organisation.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
    /// The model as the maker names it.
    pub model: String,
    /// The device identifier of its unique device identification (UDI-DI), where it has one.
    pub udi_di: Option<String>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What is said of it.
    pub is: NewProduct,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Bytes of a maker's own words.
const WORDS_BYTES_MAX: usize = 200;

impl Store {
    /// Makes a product. Making the same one again returns it; another one of its name is refused.
    pub async fn create_product(
        &self,
        organisation: OrganisationId,
        new: &NewProduct,
        now: Timestamp,
    ) -> Result<Product> {
        check(new)?;
        let mut transaction = self.database.begin("make a product").await?;
        let insert = "INSERT INTO product
                (organisation, id, name, vendor, model, udi_di, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let (name, udi_di) = (new.name.as_str(), new.udi_di.clone());
        let (vendor, model) = (new.vendor.as_str(), new.model.as_str());
        let id = ProductId::new(now);
        let values = values![organisation, id, name, vendor, model, udi_di, now];
        transaction.execute(insert, values).await?;
        let found = by_name(&mut transaction, organisation, name).await?;
        let found = found.ok_or_else(|| Error::not_found("product", name))?;
        if found.is != *new {
            return Err(Error::Exists { what: "product", name: new.name.clone() });
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Says something else of a product.
    pub async fn update_product(
        &self,
        organisation: OrganisationId,
        id: ProductId,
        is: &NewProduct,
    ) -> Result<()> {
        check(is)?;
        let mut transaction = self.database.begin("change a product").await?;
        let taken = by_name(&mut transaction, organisation, &is.name).await?;
        if taken.is_some_and(|taken| taken.id != id) {
            return Err(Error::Exists { what: "product", name: is.name.clone() });
        }
        let update = "UPDATE product SET name = $3, vendor = $4, model = $5, udi_di = $6
                      WHERE organisation = $1 AND id = $2";
        let (vendor, model) = (is.vendor.as_str(), is.model.as_str());
        let values = values![organisation, id, is.name.as_str(), vendor, model, is.udi_di.clone()];
        if transaction.execute(update, values).await? == 0 {
            return Err(Error::not_found("product", id));
        }
        transaction.commit().await
    }

    /// The product of this id.
    pub async fn product(
        &self,
        organisation: OrganisationId,
        id: ProductId,
    ) -> Result<Option<Product>> {
        let select = "SELECT id, name, vendor, model, udi_di, created_at FROM product
                      WHERE organisation = $1 AND id = $2";
        let row = self.database.row("find a product", select, values![organisation, id]).await?;
        row.as_ref().map(product).transpose()
    }

    /// The product of this name.
    pub async fn product_by_name(
        &self,
        organisation: OrganisationId,
        name: &str,
    ) -> Result<Option<Product>> {
        let mut transaction = self.database.begin_reading("find a product").await?;
        by_name(&mut transaction, organisation, name).await
    }

    /// Products within somebody's reach, by name.
    pub async fn products(
        &self,
        organisation: OrganisationId,
        within: Within,
        request: &PageRequest,
    ) -> Result<Page<Product>> {
        let mut transaction = self.database.begin_reading("list the products").await?;
        let mut values = values![organisation, request.key_or("")?, request.rows()];
        values.extend(within.of_products());
        let mut counted = values![organisation, Total::rows()];
        counted.extend(within.of_products());
        let key = |product: &Product| product.is.name.clone();
        let (list, count) = ((SELECT, values), (COUNT, counted));
        Page::read(&mut transaction, request, list, count, product, key).await
    }
}

const SELECT: &str = concat!(
    "SELECT id, name, vendor, model, udi_di, created_at FROM product
        WHERE organisation = $1 AND name > $2 AND ",
    product_reached!("product.id", "$4"),
    " ORDER BY name LIMIT $3"
);
const COUNT: &str = concat!(
    "SELECT COUNT(*) AS counted FROM (SELECT 1 FROM product WHERE organisation = $1 AND ",
    product_reached!("product.id", "$3"),
    " LIMIT $2) AS listed"
);

async fn by_name(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    name: &str,
) -> Result<Option<Product>> {
    let select = "SELECT id, name, vendor, model, udi_di, created_at FROM product
                  WHERE organisation = $1 AND name = $2";
    let row = transaction.row(select, values![organisation, name]).await?;
    row.as_ref().map(product).transpose()
}

/// Refuses a product that is not there, which the foreign keys would only refuse without saying so.
pub(crate) async fn check_product(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    product: ProductId,
) -> Result<()> {
    let select = "SELECT 1 FROM product WHERE organisation = $1 AND id = $2";
    match transaction.row(select, values![organisation, product]).await? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("product", product)),
    }
}

fn check(new: &NewProduct) -> Result<()> {
    check_name("name of the product", &new.name)?;
    check_text("vendor", &new.vendor, WORDS_BYTES_MAX)?;
    check_text("model", &new.model, WORDS_BYTES_MAX)?;
    check_text("UDI-DI", new.udi_di.as_deref().unwrap_or_default(), WORDS_BYTES_MAX)
}

fn product(row: &Row) -> Result<Product> {
    Ok(Product {
        id: row.parsed("id")?,
        is: NewProduct {
            name: row.text("name")?,
            vendor: row.text("vendor")?,
            model: row.text("model")?,
            udi_di: row.text_or_null("udi_di")?,
        },
        created_at: row.time("created_at")?,
    })
}
