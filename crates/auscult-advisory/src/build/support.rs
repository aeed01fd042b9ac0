//! Collects products with their release cycles: of several copies of a product the newest counts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::{codec::Writer, snapshot::write::Rows, support::Product};

/// Everything read so far, by the name of the product.
#[derive(Default)]
pub(crate) struct Supported {
    products: BTreeMap<String, (Option<Date>, Product)>,
}

impl Supported {
    /// Takes the products of a document; one without a date never replaces one with.
    pub(crate) fn take(&mut self, date: Option<Date>, products: Vec<Product>) {
        for product in products {
            let known = self.products.get(&product.name);
            if known.is_none_or(|(known, _)| date > *known) {
                self.products.insert(product.name.clone(), (date, product));
            }
        }
    }

    /// How many products are known.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.products.len()).unwrap_or(u64::MAX)
    }

    /// The tables of the layer: the cycles of each product, and the products of each key. No layer
    /// where nothing is known, so that such a snapshot does not seem to tell.
    pub(crate) fn layer(self) -> Option<Vec<Rows>> {
        let (mut cycles, mut keys) = (Rows::new(), BTreeMap::<String, BTreeSet<String>>::new());
        for (name, (_, product)) in self.products {
            let mut writer = Writer::default();
            writer.list(&product.cycles, |writer, cycle| cycle.write(writer));
            for key in product.keys {
                keys.entry(key).or_default().insert(name.clone());
            }
            cycles.insert(name.into_bytes(), writer.bytes);
        }
        let keys = keys.into_iter().map(|(key, names)| {
            let mut writer = Writer::default();
            writer.list(&Vec::from_iter(names), |writer, name| writer.text(name));
            (key.into_bytes(), writer.bytes)
        });
        (!cycles.is_empty()).then(|| vec![cycles, keys.collect()])
    }
}
