//! Lists the rule files so that the crate can embed them: each `rules/GROUP/ID.toml` becomes one
//! `(name, text)` pair of `$OUT_DIR/rule_files.rs`, sorted by name.
//!
//! Without it every new rule would need a second edit in an index that nobody keeps in step.

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let output = env::var("OUT_DIR").map_err(io::Error::other)?;
    let rules = Path::new(&manifest).join("rules");
    println!("cargo::rerun-if-changed={}", rules.display());
    let mut files = Vec::new();
    for group in fs::read_dir(&rules)? {
        let group = group?;
        if !group.file_type()?.is_dir() {
            continue;
        }
        println!("cargo::rerun-if-changed={}", group.path().display());
        for file in fs::read_dir(group.path())? {
            let file = file?;
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let name = file.file_name().to_string_lossy().into_owned();
                files.push((format!("{}/{name}", group.file_name().to_string_lossy()), path));
            }
        }
    }
    files.sort();
    let mut text = String::from("&[\n");
    for (name, path) in &files {
        writeln!(text, "    ({name:?}, include_str!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    fs::write(Path::new(&output).join("rule_files.rs"), text)
}
