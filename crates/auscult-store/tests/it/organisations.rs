//! Organisations and products.

use auscult_store::{Error, NewProduct, PageRequest, Total, Within};

use crate::databases::{at, on_each};

fn product(name: &str) -> NewProduct {
    NewProduct {
        name: name.to_owned(),
        vendor: "Example Medical".to_owned(),
        model: "P-1".to_owned(),
        udi_di: Some("04012345678901".to_owned()),
    }
}

#[test]
fn an_organisation_is_made_once() {
    on_each(async |database| {
        let first = database.store.ensure_organisation("Clinic", at(0)).await.unwrap();
        let second = database.store.ensure_organisation("Clinic", at(9)).await.unwrap();
        assert_eq!(first, second);
        let empty = database.store.ensure_organisation(" ", at(0)).await.unwrap_err();
        assert!(matches!(empty, Error::Invalid { .. }), "{empty}");
    });
}

#[test]
fn a_product_is_made_once_and_changed() {
    on_each(async |database| {
        let store = &database.store;
        let organisation = database.organisation().await.id;
        let made = store.create_product(organisation, &product("Pump"), at(1)).await.unwrap();
        let same = store.create_product(organisation, &product("Pump"), at(2)).await.unwrap();
        assert_eq!(made, same);
        let other = NewProduct { model: "P-2".to_owned(), ..product("Pump") };
        let error = store.create_product(organisation, &other, at(3)).await.unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        store.update_product(organisation, made.id, &other).await.unwrap();
        let found = store.product(organisation, made.id).await.unwrap().unwrap();
        assert_eq!(found.is, other);
        store.create_product(organisation, &product("Monitor"), at(4)).await.unwrap();
        let error =
            store.update_product(organisation, made.id, &product("Monitor")).await.unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
    });
}

#[test]
fn nothing_is_seen_across_organisations() {
    on_each(async |database| {
        let store = &database.store;
        let (maker, product) = database.product().await;
        let other = store.ensure_organisation("Other", at(0)).await.unwrap();
        assert_eq!(store.product(other.id, product.id).await.unwrap(), None);
        assert_eq!(store.product_by_name(other.id, "Pump").await.unwrap(), None);
        let error = store.update_product(other.id, product.id, &product.is).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        let blob = store.put_blob(maker.id, b"image", at(0)).await.unwrap();
        assert_eq!(store.blob(other.id, blob.sha256).await.unwrap(), None);
    });
}

#[test]
fn names_that_cannot_be_kept_are_refused_on_both() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        for name in ["", "a\0b", &"x".repeat(201)] {
            let made = database.store.create_product(organisation, &product(name), at(0)).await;
            assert!(matches!(made.unwrap_err(), Error::Invalid { .. }), "{name:?}");
        }
    });
}

#[test]
fn products_are_listed_in_the_order_of_their_bytes() {
    on_each(async |database| {
        let organisation = database.organisation().await.id;
        let names = ["a", "B", "Z", "b-1", "b 2", "ä", "_", "10", "9"];
        for name in names {
            database.store.create_product(organisation, &product(name), at(0)).await.unwrap();
        }
        let mut request = PageRequest::first(2);
        let mut listed = Vec::new();
        loop {
            let page = database.store.products(organisation, Within::ALL, &request).await.unwrap();
            assert_eq!(page.total, Total::Exact(9));
            listed.extend(page.items.into_iter().map(|product| product.is.name));
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        let mut sorted = names;
        sorted.sort_unstable();
        assert_eq!(listed, sorted);
    });
}
