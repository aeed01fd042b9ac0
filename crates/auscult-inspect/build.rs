//! Lists the rule files so that the crate can embed them: each `rules/GROUP/ID.toml` becomes one
//! `(name, text)` pair of `$OUT_DIR/rule_files.rs`, sorted by name; each `symbols/ID.toml` likewise
//! becomes one of `$OUT_DIR/symbol_files.rs`.
//!
//! Without it every new rule would need a second edit in an index that nobody keeps in step.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let output = env::var("OUT_DIR").map_err(io::Error::other)?;
    let rules = Path::new(&manifest).join("rules");
    println!("cargo::rerun-if-changed={}", rules.display());
    let mut files = Vec::new();
    for group in fs::read_dir(&rules)? {
        let group = group?;
        if group.file_type()?.is_dir() {
            let name = group.file_name().to_string_lossy().into_owned();
            for (file, path) in tables(&group.path())? {
                files.push((format!("{name}/{file}"), path));
            }
        }
    }
    write_list(&Path::new(&output).join("rule_files.rs"), files)?;
    let histories = tables(&Path::new(&manifest).join("symbols"))?;
    let ids = histories.into_iter().map(|(file, path)| (file.replace(".toml", ""), path));
    write_list(&Path::new(&output).join("symbol_files.rs"), ids.collect())
}

/// Name and path of each TOML file of a folder.
fn tables(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push((file.file_name().to_string_lossy().into_owned(), path));
        }
    }
    Ok(files)
}

/// Writes a Rust expression: the names with the texts of their files, sorted.
fn write_list(to: &Path, mut files: Vec<(String, PathBuf)>) -> io::Result<()> {
    files.sort();
    let mut text = String::from("&[\n");
    for (name, path) in &files {
        writeln!(text, "    ({name:?}, include_str!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    fs::write(to, text)
}
