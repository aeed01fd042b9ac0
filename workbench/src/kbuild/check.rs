//! Compares what the map says of a release with a kernel that was built.
//!
//! The list has a line for each object (`fs/ext4/inode.o`), may have one for each header that the
//! compiler read (`fs/ext4/ext4.h`, from the `.cmd` files), and for each object with the module that
//! it became a part of (`ext4=fs/ext4/inode.o`, from the `.mod` files).

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::ensure;

use super::{
    Release, condition,
    routes::{Route, Routes},
    tree::is_header,
};

/// Every object of the list has a route that the configuration opens and that leads into its module,
/// every header that was read has one, and every option that is set can be set for the kernel's
/// architecture.
pub(super) fn run(release: &Release, config: &Path, objects: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(config)?;
    let set: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='))
        .map(|(option, _)| option)
        .collect();
    let built = fs::read_to_string(objects)?;
    let built: Vec<&str> = built.lines().map(|line| line.trim_start_matches("./")).collect();
    let parts: Vec<(&str, &str)> = built.iter().filter_map(|line| line.split_once('=')).collect();
    let (headers, objects): (Vec<&str>, Vec<&str>) =
        built.into_iter().filter(|line| !line.contains('=')).partition(|line| is_header(line));
    let wrong = [
        check_sources(release, &set, &objects)?,
        check_modules(release, &set, &parts),
        check_headers(release, &set, &headers),
        check_options(release, &set),
    ];
    ensure!(wrong.iter().all(|wrong| *wrong == 0), "the map excludes what was built");
    Ok(())
}

impl Release {
    fn of_object(&self, object: &str) -> Option<&Routes> {
        let stem = object.trim_end_matches(".o");
        ["c", "S"].iter().find_map(|ending| self.sources.get(&format!("{stem}.{ending}")))
    }
}

fn opened(routes: &Routes, set: &BTreeSet<&str>) -> bool {
    routes.iter().any(|route| route.needs.iter().all(|option| set.contains(option.as_str())))
}

fn check_sources(
    release: &Release,
    set: &BTreeSet<&str>,
    objects: &[&str],
) -> anyhow::Result<usize> {
    let (mut compared, mut wrong) = (0, 0);
    for object in objects {
        let Some(found) = release.of_object(object) else { continue };
        compared += 1;
        if !opened(found, set) {
            wrong += 1;
            println!("{object} was built, and needs {}", condition(found));
        }
    }
    let closed = release.sources.values().filter(|routes| !opened(routes, set)).count();
    println!(
        "{}: {compared} objects that were built compared, {wrong} excluded; {closed} of {} sources \
         are excluded",
        release.name,
        release.sources.len()
    );
    ensure!(compared > 100, "too few objects to compare");
    Ok(wrong)
}

fn check_modules(release: &Release, set: &BTreeSet<&str>, parts: &[(&str, &str)]) -> usize {
    let (mut compared, mut told, mut wrong) = (0, 0, 0);
    for (module, object) in parts {
        let Some(found) = release.of_object(object) else { continue };
        let module = module.replace('-', "_");
        let into = |route: &&Route| route.module.as_ref().is_none_or(|known| *known == module);
        let leading: Routes = found.iter().filter(into).cloned().collect();
        compared += 1;
        told += usize::from(found.iter().all(|route| route.module.is_some()));
        if !opened(&leading, set) {
            wrong += 1;
            println!("{object} became a part of {module}, against {}", condition(found));
        }
    }
    println!(
        "{}: {compared} parts of modules compared, {told} of which have modules only, {wrong} with \
         wrong ones",
        release.name
    );
    wrong
}

fn check_headers(release: &Release, set: &BTreeSet<&str>, used: &[&str]) -> usize {
    let (mut compared, mut wrong) = (0, 0);
    for header in used {
        let Some(found) = release.headers.get(*header) else { continue };
        compared += 1;
        if !opened(&found.routes, set) {
            wrong += 1;
            println!("{header} was included, and needs {}", condition(&found.routes));
        }
    }
    let headers = release.headers.values();
    let closed = headers.filter(|header| !opened(&header.routes, set)).count();
    println!(
        "{}: {} headers that were included, {compared} compared, {wrong} excluded; {closed} of {} \
         headers are excluded",
        release.name,
        used.len(),
        release.headers.len()
    );
    wrong
}

fn check_options(release: &Release, set: &BTreeSet<&str>) -> usize {
    let own = |architectures: &BTreeSet<String>| {
        architectures.iter().any(|option| set.contains(option.as_str()))
    };
    let excluded = release.options.iter().filter(|(_, architectures)| !own(architectures));
    let excluded: BTreeSet<&str> = excluded.map(|(option, _)| option.as_str()).collect();
    let wrong: Vec<&&str> = excluded.intersection(set).collect();
    println!(
        "{}: {} options are excluded by the architecture, {} of them are set: {wrong:?}",
        release.name,
        excluded.len(),
        wrong.len()
    );
    wrong.len()
}
