//! Names of components and the vendor:product pairs that advisories know them by.
//!
//! The table is a file of facts beside this crate. A name is looked up exactly after
//! normalisation; nothing is fuzzy, as a similar name is another product (`uclibc`, `uclibc-ng`).

use std::{collections::BTreeMap, sync::OnceLock};

use crate::cpe::product_key;

const TABLE: &str = include_str!("../data/names.tsv");

struct Names {
    /// Normalised name to product keys.
    keys: BTreeMap<String, Vec<String>>,
    /// Product key to the names that carry it.
    owners: BTreeMap<String, Vec<String>>,
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        let (mut keys, mut owners) = (BTreeMap::new(), BTreeMap::<String, Vec<String>>::new());
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, pairs)) = line.split_once('\t') else { continue };
            let pairs: Vec<String> = pairs
                .split(',')
                .filter_map(|pair| pair.split_once(':'))
                .map(|(vendor, product)| product_key(vendor, product))
                .collect();
            for pair in &pairs {
                owners.entry(pair.clone()).or_default().push(name.to_owned());
            }
            keys.insert(name.to_owned(), pairs);
        }
        Names { keys, owners }
    })
}

/// Normalises a component's or a package's name.
pub(crate) fn normalise(name: &str) -> String {
    name.trim().to_lowercase().replace('_', "-")
}

/// The product keys of a name; none where the table does not hold it.
pub(crate) fn keys_of_name(name: &str) -> &'static [String] {
    names().keys.get(&normalise(name)).map_or(&[], Vec::as_slice)
}

/// The other keys of the product behind a key: `haxx:curl` leads to `haxx:libcurl`. Of several
/// names that own the key the one with the fewest keys speaks, as `wpa` stands for two products.
pub(crate) fn siblings(key: &str) -> &'static [String] {
    let owners = names().owners.get(key).map_or(&[][..], Vec::as_slice);
    let keys = owners.iter().filter_map(|name| names().keys.get(name));
    keys.min_by_key(|keys| keys.len()).map_or(&[], Vec::as_slice)
}

/// Tells whether the table holds a product key.
pub(crate) fn owns_key(key: &str) -> bool {
    names().owners.contains_key(key)
}

/// Tells whether the table holds a name.
pub(crate) fn knows_name(name: &str) -> bool {
    names().keys.contains_key(&normalise(name))
}

#[cfg(test)]
mod tests {
    use super::{keys_of_name, knows_name, owns_key};

    #[test]
    fn names_are_exact_after_normalisation() {
        assert!(keys_of_name("wpa_supplicant").contains(&"c:w1.fi:wpa_supplicant".to_owned()));
        assert_eq!(keys_of_name("uClibc"), ["c:uclibc:uclibc"]);
        assert!(keys_of_name("busyboxx").is_empty());
        assert!(knows_name("OpenSSL") && owns_key("c:openssl:openssl"));
    }
}
