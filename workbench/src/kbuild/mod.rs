//! `cargo xtask kbuild FOLDER`: which options decide whether a source file of the kernel is built?
//!
//! Reads the `linux-source` packages of Debian and of its descendants that lie in a folder, one of
//! each release, and writes `crates/auscult-assess/kbuild/map.zst`: for each source file the
//! conditions, with the releases that each was seen in, for each header those of the sources that
//! may include it, and for options the architectures that alone can set them. `--check CONFIG
//! OBJECTS` instead compares the newest release with a kernel that was built: nothing of what was
//! used may be excluded by the configuration.

mod check;
mod headers;
mod kconfig;
mod makefile;
mod routes;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context as _, ensure};

use self::{headers::Header, routes::Routes, tree::Tree};
use xtask::shell::{output_bytes, root};

/// Where the map is kept.
const MAP: &str = "crates/auscult-assess/kbuild/map.zst";
/// Stands where a folder stands, before lines about options.
const OPTIONS: &str = "=options";
/// Stands where a folder stands, before the routes of headers, which name them by their place here.
const ROUTES: &str = "=routes";

/// What a release's sources say.
struct Release {
    numbers: Vec<u32>,
    name: String,
    sources: BTreeMap<String, Routes>,
    headers: BTreeMap<String, Header>,
    /// Options with the architectures that alone can set them.
    options: BTreeMap<String, BTreeSet<String>>,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let folder = arguments.first().context("usage: cargo xtask kbuild FOLDER")?;
    let mut packages: Vec<PathBuf> =
        fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    packages.retain(|path| path.extension().is_some_and(|ending| ending == "deb"));
    packages.sort();
    ensure!(!packages.is_empty(), "{folder}: no packages in it");
    let mut releases = read_all(&packages)?;
    releases.sort_by(|one, other| one.numbers.cmp(&other.numbers));
    if let Some(at) = arguments.iter().position(|argument| argument == "--check") {
        let release = releases.last().context("no release")?;
        let file = |offset: usize| arguments.get(at + offset).context("--check CONFIG OBJECTS");
        return check::run(release, Path::new(file(1)?), Path::new(file(2)?));
    }
    let text = written(&releases)?;
    let packed = zstd(text.as_bytes())?;
    println!("{} bytes, {} packed", text.len(), packed.len());
    let to = root().join(MAP);
    fs::create_dir_all(to.parent().context("no folder")?)?;
    Ok(fs::write(to, packed)?)
}

/// Reads packages, one on each processor.
fn read_all(packages: &[PathBuf]) -> anyhow::Result<Vec<Release>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut releases = Vec::new();
        while let Some(package) = packages.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tree = Tree::of_package(package).with_context(|| package.display().to_string())?;
            releases.push(Release::of(tree));
        }
        anyhow::Ok(releases)
    };
    let workers = thread::available_parallelism()?.get();
    let parts: Vec<_> = thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut releases = Vec::new();
    for part in parts {
        releases.extend(part.map_err(|_| anyhow::anyhow!("a reader panicked"))??);
    }
    Ok(releases)
}

impl Release {
    fn of(tree: Tree) -> Self {
        let sources = routes::of_tree(&tree);
        let headers = headers::of_tree(&tree, &sources);
        let mut options = kconfig::of_tree(&tree);
        let needs = sources.values().flatten().flat_map(|route| &route.needs);
        let used: BTreeSet<&String> = needs.collect();
        options.retain(|option, _| used.contains(option));
        let open = sources.values().filter(|routes| routes.iter().any(|one| one.needs.is_empty()));
        println!(
            "{}: {} sources, {} of them under no option; {} headers with known sources; {} options \
             that not every architecture can set",
            tree.release,
            sources.len(),
            open.count(),
            headers.len(),
            options.len()
        );
        let numbers = tree.release.split('.').map(|part| part.parse().unwrap_or(0)).collect();
        Self { numbers, name: tree.release, sources, headers, options }
    }

    /// The lines of the map: folder and name with what is said there.
    fn lines(&self) -> impl Iterator<Item = ((&str, &str), String)> {
        let sources = self
            .sources
            .iter()
            .map(|(path, routes)| (routes::folder_and_name(path), condition(routes)));
        let headers = self.headers.iter().map(|(path, header)| {
            let number = header.sources.map(|number| number.to_string()).unwrap_or_default();
            let condition = condition(&header.routes);
            (routes::folder_and_name(path), format!("{number}#{condition}"))
        });
        let options = self.options.iter().map(|(option, architectures)| {
            let architectures: Vec<&str> = architectures.iter().map(String::as_str).collect();
            ((OPTIONS, option.as_str()), architectures.join("|"))
        });
        sources.chain(headers).chain(options)
    }
}

/// The text of the map: the releases, then a line for each source, each header, and each option.
fn written(releases: &[Release]) -> anyhow::Result<String> {
    // By folder and name: the files of a folder stand together.
    let mut files: BTreeMap<(&str, &str), BTreeMap<String, u64>> = BTreeMap::new();
    for (at, release) in releases.iter().enumerate() {
        for (path, condition) in release.lines() {
            *files.entry(path).or_default().entry(condition).or_default() |= 1 << at;
        }
    }
    let routes = numbered_routes(&files);
    let names: Vec<&str> = releases.iter().map(|release| release.name.as_str()).collect();
    let mut text = format!("kbuild 2\n{}\n", names.join(" "));
    let mut folder = "";
    for ((own, name), conditions) in files {
        if own != folder {
            folder = own;
            writeln!(text, "{folder}/")?;
        }
        write!(text, "{name}")?;
        for (condition, seen) in &conditions {
            match condition.split_once('#') {
                Some((number, of_header)) => {
                    let places = of_header.split('|').filter_map(|route| routes.get(route));
                    let places: Vec<String> = places.map(|place| format!("{place:x}")).collect();
                    write!(text, "\t{seen:x} {number}#{}", places.join("|"))?;
                }
                None => write!(text, "\t{seen:x} {condition}")?,
            }
        }
        text.push('\n');
    }
    let mut in_order: Vec<(&String, &usize)> = routes.iter().collect();
    in_order.sort_by_key(|(_, place)| **place);
    writeln!(text, "{ROUTES}/")?;
    in_order.iter().try_for_each(|(route, _)| writeln!(text, "{route}"))?;
    Ok(text)
}

/// The routes of headers, the most frequent first: many headers share them.
fn numbered_routes(
    files: &BTreeMap<(&str, &str), BTreeMap<String, u64>>,
) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for condition in files.values().flat_map(BTreeMap::keys) {
        let routes = condition.split_once('#').into_iter().flat_map(|(_, all)| all.split('|'));
        routes.for_each(|route| *counts.entry(route).or_default() += 1);
    }
    let mut ordered: Vec<(&str, usize)> = counts.into_iter().collect();
    ordered.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ordered.into_iter().enumerate().map(|(at, (route, _))| (route.to_owned(), at)).collect()
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
