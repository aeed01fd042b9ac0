//! Real images with a known inventory: every row of their package databases must be found.
//!
//! The oracle is the list that was read off each image with its own package manager.

use std::{env, fs, path::PathBuf};

use auscult_model::Origin;
use serde_json::Value;

use crate::facts;

/// The shared folder with the images, which is not part of the project.
fn shared() -> Option<PathBuf> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let folder = env::var_os("AUSCULT_SHARED").map_or_else(|| fallback.into(), PathBuf::from);
    let found = folder.join("corpus").is_dir().then_some(folder);
    if found.is_none() {
        eprintln!("SKIPPED: needs the shared folder");
    }
    found
}

#[test]
fn every_package_row_of_every_real_image_is_found() {
    let Some(corpus) = shared().map(|shared| shared.join("corpus")) else { return };
    let truth = fs::read(corpus.join("GROUND_TRUTH.json")).unwrap();
    let truth: Vec<Value> = serde_json::from_slice(&truth).unwrap();
    let mut images = 0;
    for image in &truth {
        let rows: Vec<(&str, &str)> = image["components"]
            .as_array()
            .unwrap()
            .iter()
            // Rows that were read in another image are a matter of signatures.
            .filter(|row| row["evidence"].as_str().unwrap().starts_with("package database"))
            .map(|row| (row["name"].as_str().unwrap(), row["version"].as_str().unwrap()))
            .collect();
        if rows.is_empty() {
            continue;
        }
        images += 1;
        let file = image["file"].as_str().unwrap();
        let facts = facts(fs::read(corpus.join(file)).unwrap());
        let missing: Vec<_> = rows
            .iter()
            .filter(|(name, version)| {
                !facts.components.iter().any(|component| {
                    matches!(component.origin, Origin::Package(_))
                        && component.name == *name
                        && component.version.exact().is_some_and(|found| found.0 == *version)
                })
            })
            .collect();
        assert!(
            missing.is_empty(),
            "{file}: {} of {} missing: {missing:?}",
            missing.len(),
            rows.len()
        );
    }
    assert!(images > 0, "no image of the list has a package database");
}

#[test]
fn a_real_image_gives_the_same_facts_twice() {
    let Some(corpus) = shared().map(|shared| shared.join("corpus")) else { return };
    let mut images: Vec<PathBuf> =
        fs::read_dir(corpus.join("rootfs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    images.sort();
    for image in images {
        let bytes = fs::read(&image).unwrap();
        let (first, second) = (facts(bytes.clone()), facts(bytes));
        assert_eq!(
            first.canonical_bytes().unwrap(),
            second.canonical_bytes().unwrap(),
            "{}",
            image.display()
        );
    }
}
