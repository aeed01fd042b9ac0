//! `cargo xtask kbuild FOLDER`: which options decide whether a source file of the kernel is built?
//!
//! Reads the `linux-source` packages of Debian and of its descendants that lie in a folder, one of
//! each release, and writes `crates/auscult-assess/kbuild/map.zst`: for each source file the
//! conditions, with the releases that each was seen in. `--check CONFIG OBJECTS` instead compares
//! the newest release with a kernel that was built: no object may stand in the list that
//! the configuration excludes.

mod makefile;
mod routes;
mod tree;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use self::{routes::Routes, tree::Tree};
use crate::shell::{output_bytes, root};

/// Where the map is kept.
const MAP: &str = "crates/auscult-assess/kbuild/map.zst";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let folder = arguments.first().context("usage: cargo xtask kbuild FOLDER")?;
    let mut packages: Vec<PathBuf> =
        fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    packages.retain(|path| path.extension().is_some_and(|ending| ending == "deb"));
    packages.sort();
    ensure!(!packages.is_empty(), "{folder}: no packages in it");
    let mut releases: Vec<(Vec<u32>, String, BTreeMap<String, Routes>)> = Vec::new();
    for package in &packages {
        let read = Tree::of_package(package).with_context(|| package.display().to_string())?;
        let routes = routes::of_tree(&read);
        let open = routes.values().filter(|routes| routes.iter().any(|one| one.needs.is_empty()));
        println!(
            "{}: {} sources, {} of them under no option",
            read.release,
            routes.len(),
            open.count()
        );
        let numbers = read.release.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        releases.push((numbers, read.release, routes));
    }
    releases.sort_by(|one, other| one.0.cmp(&other.0));
    if let Some(at) = arguments.iter().position(|argument| argument == "--check") {
        let (_, release, routes) = releases.last().context("no release")?;
        let file = |offset: usize| arguments.get(at + offset).context("--check CONFIG OBJECTS");
        return check(release, routes, Path::new(file(1)?), Path::new(file(2)?));
    }
    let text = written(&releases)?;
    let packed = zstd(text.as_bytes())?;
    println!("{} bytes, {} packed", text.len(), packed.len());
    let to = root().join(MAP);
    fs::create_dir_all(to.parent().context("no folder")?)?;
    Ok(fs::write(to, packed)?)
}

/// The text of the map: the releases, then a line for each source.
fn written(releases: &[(Vec<u32>, String, BTreeMap<String, Routes>)]) -> anyhow::Result<String> {
    // By folder and name: the files of a folder stand together.
    let mut files: BTreeMap<(&str, &str), BTreeMap<String, u64>> = BTreeMap::new();
    for (at, (_, _, routes)) in releases.iter().enumerate() {
        for (path, routes) in routes {
            let path = routes::folder_and_name(path);
            let seen = files.entry(path).or_default().entry(condition(routes)).or_default();
            *seen |= 1 << at;
        }
    }
    let names: Vec<&str> = releases.iter().map(|(_, release, _)| release.as_str()).collect();
    let mut text = format!("kbuild 1\n{}\n", names.join(" "));
    let mut folder = "";
    for ((own, name), conditions) in files {
        if own != folder {
            folder = own;
            writeln!(text, "{folder}/")?;
        }
        write!(text, "{name}")?;
        for (condition, seen) in conditions {
            write!(text, "\t{seen:x} {condition}")?;
        }
        text.push('\n');
    }
    Ok(text)
}

/// `A&B=module|C`; `*` where nothing is needed.
fn condition(routes: &Routes) -> String {
    let route = |route: &routes::Route| {
        let needs = route.needs.iter().map(String::as_str).collect::<Vec<_>>().join("&");
        match &route.module {
            Some(module) => format!("{needs}={module}"),
            None if needs.is_empty() => "*".to_owned(),
            None => needs,
        }
    };
    routes.iter().map(route).collect::<Vec<_>>().join("|")
}

fn zstd(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("map");
    fs::write(&plain, bytes)?;
    output_bytes(Command::new("zstd").args(["-qc", "-19", "--long=24"]).arg(&plain))
}

/// Compares with a kernel that was built: every object of the list has a route that its
/// configuration opens.
fn check(
    release: &str,
    routes: &BTreeMap<String, Routes>,
    config: &Path,
    objects: &Path,
) -> anyhow::Result<()> {
    let text = fs::read_to_string(config)?;
    let set: std::collections::BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='))
        .map(|(option, _)| option)
        .collect();
    let opened = |routes: &Routes| {
        routes.iter().any(|route| route.needs.iter().all(|option| set.contains(option.as_str())))
    };
    let built = fs::read_to_string(objects)?;
    let (mut compared, mut wrong) = (0_u32, 0_u32);
    for object in built.lines() {
        let stem = object.trim_start_matches("./").trim_end_matches(".o");
        let found = ["c", "S"].iter().find_map(|ending| routes.get(&format!("{stem}.{ending}")));
        let Some(found) = found else { continue };
        compared += 1;
        if !opened(found) {
            wrong += 1;
            println!("{stem} was built, and needs {}", condition(found));
        }
    }
    let closed = routes.values().filter(|routes| !opened(routes)).count();
    println!(
        "{release}: {compared} objects that were built compared, {wrong} excluded; {closed} of {} \
         sources are excluded",
        routes.len()
    );
    ensure!(compared > 100 && wrong == 0, "the map excludes what was built");
    Ok(())
}
