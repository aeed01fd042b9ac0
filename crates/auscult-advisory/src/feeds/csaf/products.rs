//! The product tree (CSAF 2.0 and 2.1 section 3.2.2): which product an id stands for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    csaf::{at, list, text, texts},
    device::version_text::VersionText,
};

/// More products are not looked at.
const PRODUCTS_MAX: usize = 500_000;
/// Products of products are followed so far.
const DEPTH_MAX: u32 = 8;

/// A product of the tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    /// Its full name, for people.
    pub(super) name: String,
    pub(super) vendor: String,
    /// Name of the product without vendor and version.
    pub(super) label: String,
    /// Name of a version or a range, with patch level and service pack.
    pub(super) version: Option<String>,
    /// Only a part of the product is meant: an architecture, a language, a host.
    pub(super) narrowed: bool,
    pub(super) cpe: String,
    pub(super) purls: Vec<String>,
    /// Model numbers and stock keeping units.
    pub(super) models: Vec<String>,
    /// Id of the product that stands in a relationship, with what it stands in one to.
    pub(super) component: Option<String>,
    pub(super) platforms: Vec<Platform>,
}

/// The other side of a relationship.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    pub(super) id: String,
    /// The component runs on it or with it; otherwise it is a part of it.
    pub(super) beside: bool,
}

impl Product {
    /// What is said about versions.
    pub(super) fn versions(&self) -> VersionText {
        match &self.version {
            Some(version) => VersionText::read(version),
            // A bare product of a branch stands for all its versions; a name of its own may hold
            // a version.
            None if !self.label.is_empty() && self.label != self.name => VersionText::all(),
            None => VersionText::unreadable(&self.name),
        }
    }
}

/// All products of a document by their id.
pub(super) struct Products {
    products: BTreeMap<String, Product>,
    groups: BTreeMap<String, Vec<String>>,
}

/// What the branches above a product say of it.
#[derive(Clone, Default)]
struct Branch {
    vendor: String,
    family: String,
    product: String,
    version: Option<String>,
    narrowed: bool,
}

impl Products {
    pub(super) fn of(document: &Value) -> Self {
        let mut all = Self { products: BTreeMap::new(), groups: BTreeMap::new() };
        let Some(tree) = at(document, &["product_tree"]) else { return all };
        for branch in list(tree, &["branches"]) {
            all.add_branch(branch, &Branch::default());
        }
        // A vendor's own document needs no branch to say whose products it speaks of.
        let own = text(document, &["document", "publisher", "category"]) == "vendor";
        let publisher = if own { text(document, &["document", "publisher", "name"]) } else { "" };
        let unbranched = Branch { vendor: publisher.to_owned(), ..Branch::default() };
        for product in list(tree, &["full_product_names"]) {
            all.add(product, &unbranched, None, Vec::new());
        }
        for relationship in list(tree, &["relationships"]) {
            let platform = platform(relationship, "relates_to_product_reference");
            let component = text(relationship, &["product_reference"]).to_owned();
            if let Some(product) = at(relationship, &["full_product_name"]) {
                all.add(product, &unbranched, Some(component), vec![platform]);
            }
        }
        for path in list(tree, &["product_paths"]) {
            let platforms = list(path, &["subpaths"]).iter();
            let platforms =
                platforms.map(|part| platform(part, "next_product_reference")).collect();
            let component = text(path, &["beginning_product_reference"]).to_owned();
            if let Some(product) = at(path, &["full_product_name"]) {
                all.add(product, &unbranched, Some(component), platforms);
            }
        }
        for group in list(tree, &["product_groups"]) {
            let ids = texts(group, &["product_ids"]).map(ToOwned::to_owned).collect();
            all.groups.insert(text(group, &["group_id"]).to_owned(), ids);
        }
        all
    }

    /// Depth is bounded by the reader of JSON.
    fn add_branch(&mut self, branch: &Value, above: &Branch) {
        let name = text(branch, &["name"]).trim().to_owned();
        let mut here = above.clone();
        let level = |version: &Option<String>| match version {
            Some(version) => Some(format!("{version} {name}")),
            None => Some(name.clone()),
        };
        match text(branch, &["category"]) {
            "vendor" => here.vendor.clone_from(&name),
            "product_family" => here.family.clone_from(&name),
            "product_name" => here.product.clone_from(&name),
            "product_version" | "product_version_range" => here.version = Some(name),
            "patch_level" | "service_pack" => here.version = level(&above.version),
            _ => here.narrowed = true,
        }
        if let Some(product) = at(branch, &["product"]) {
            self.add(product, &here, None, Vec::new());
        }
        for branch in list(branch, &["branches"]) {
            self.add_branch(branch, &here);
        }
    }

    fn add(
        &mut self,
        product: &Value,
        branch: &Branch,
        component: Option<String>,
        platforms: Vec<Platform>,
    ) {
        if self.products.len() >= PRODUCTS_MAX {
            return;
        }
        let helper = at(product, &["product_identification_helper"]).unwrap_or(&Value::Null);
        let name = text(product, &["name"]).to_owned();
        let named = match (branch.product.is_empty(), branch.family.is_empty()) {
            (false, _) => &branch.product,
            (true, false) => &branch.family,
            (true, true) => &name,
        };
        let mut purls: Vec<String> = texts(helper, &["purls"]).map(ToOwned::to_owned).collect();
        purls.extend(Some(text(helper, &["purl"]).to_owned()).filter(|purl| !purl.is_empty()));
        let models = texts(helper, &["model_numbers"]).chain(texts(helper, &["skus"]));
        let product_id = text(product, &["product_id"]).to_owned();
        let product = Product {
            label: named.clone(),
            vendor: branch.vendor.clone(),
            version: branch.version.clone(),
            narrowed: branch.narrowed,
            cpe: text(helper, &["cpe"]).to_owned(),
            purls,
            models: models.map(ToOwned::to_owned).collect(),
            name,
            component,
            platforms,
        };
        self.products.insert(product_id, product);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Product> {
        self.products.get(id)
    }

    /// The product itself, or the one at the beginning of its relationships.
    pub(super) fn component(&self, id: &str) -> Option<&Product> {
        let mut product = self.get(id)?;
        for _ in 0..DEPTH_MAX {
            match &product.component {
                Some(component) => product = self.get(component)?,
                None => return Some(product),
            }
        }
        None
    }

    /// Full names of the products that an item is about; none where it is about all.
    pub(super) fn names(&self, about: &Value) -> Vec<String> {
        let groups = texts(about, &["group_ids"]).filter_map(|group| self.groups.get(group));
        let ids = texts(about, &["product_ids"]).chain(groups.flatten().map(String::as_str));
        let mut names: Vec<String> =
            ids.filter_map(|id| self.get(id)).map(|product| product.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

fn platform(part: &Value, reference: &str) -> Platform {
    let beside = matches!(text(part, &["category"]), "installed_on" | "installed_with");
    Platform { id: text(part, &[reference]).to_owned(), beside }
}
