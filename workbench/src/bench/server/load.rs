//! Loading a server: a snapshot, builds as SBOMs over connections that stay open, devices.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::json;
use xtask::shell::output_bytes;

use super::{Loaded, Size, data};
use crate::serving::{Client, Server, number, text};

/// Connections that upload at once.
const UPLOADERS: usize = 8;
/// Rows of one import.
const IMPORTED_AT_ONCE: usize = 50_000;
/// No load takes longer.
const JUDGED_WITHIN: Duration = Duration::from_mins(30);
/// How often somebody asks whether all is judged.
const LOOK: Duration = Duration::from_millis(100);

/// Builds the snapshot of the generated advisories, and that with some more.
pub(super) fn snapshots(program: &Path, folder: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let build = |with_delta: bool, name: &str| {
        let (feeds, snapshot) = (folder.join(format!("{name}-feeds")), folder.join(name));
        data::write_feeds(&feeds, with_delta)?;
        let mut command = Command::new(program);
        command.args(["advisories", "build", "--from"]).arg(&feeds).arg("--out").arg(&snapshot);
        output_bytes(&mut command)?;
        anyhow::Ok(snapshot)
    };
    Ok([build(false, "snapshot")?, build(true, "later-snapshot")?])
}

/// Loads everything and waits until it is judged.
pub(super) fn load<'a>(
    program: &'a Path,
    database: &'a str,
    folder: &'a Path,
    snapshots: &'a [PathBuf; 2],
    size: Size,
) -> anyhow::Result<Loaded<'a>> {
    let server = Server::start(program, database, folder);
    let client = server.administrator()?;
    let [snapshot, _] = snapshots;
    client.upload("/api/v1/snapshots?older=true", &std::fs::read(snapshot)?)?;
    let product = client.product("Pump")?;
    let begun = Instant::now();
    let builds = upload_builds(&client, &product, size)?;
    let uploaded = begun.elapsed();
    wait_until_judged(&client)?;
    println!(
        "{} builds of {} components: uploaded in {:.1} s, judged after {:.1} s",
        size.builds,
        size.components,
        uploaded.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    check_findings(&client, &builds, size, false)?;
    let begun = Instant::now();
    import_devices(&client, size.devices)?;
    println!("{} devices: imported in {:.1} s", size.devices, begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    name_builds(&client, &builds, size)?;
    println!("a device for each build: in {:.1} s", begun.elapsed().as_secs_f64());
    let data = folder;
    Ok(Loaded { program, database, data, snapshots, size, server, client, product, builds })
}

/// Does something for every number, on several threads; results are in the order of the numbers.
fn in_parallel<T: Send>(
    count: usize,
    work: impl Fn(usize) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let worker = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let result = work(number);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
            }
        };
        for _ in 0..UPLOADERS {
            scope.spawn(worker);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn upload_builds(client: &Client, product: &str, size: Size) -> anyhow::Result<Vec<String>> {
    in_parallel(size.builds, |number| {
        let sbom = data::sbom(number, &data::parts(number, size.components));
        let path = format!("/api/v1/products/{product}/builds?label={number}&kind=sbom");
        text(&client.upload(&path, &sbom)?, "id")
    })
}

/// Waits until no build is without a verdict by what holds now.
pub(super) fn wait_until_judged(client: &Client) -> anyhow::Result<()> {
    let begun = Instant::now();
    // One that nothing has: the answer tells how many builds nobody can speak of.
    while number(&client.get_json("/api/v1/where-used?q=nothing")?, "/unknown")? > 0 {
        ensure!(begun.elapsed() < JUDGED_WITHIN, "builds are not judged after half an hour");
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Every build must have the findings that its components have.
pub(super) fn check_findings(
    client: &Client,
    builds: &[String],
    size: Size,
    with_delta: bool,
) -> anyhow::Result<()> {
    let step = (builds.len() / 50).max(1);
    for (build, id) in builds.iter().enumerate().step_by(step) {
        let expect = data::findings(&data::parts(build, size.components), with_delta);
        let view = client.get_json(&format!("/api/v1/builds/{id}"))?;
        let found = number(&view, "/evaluation/counts/findings")?;
        let components = number(&view, "/evaluation/counts/components")?;
        ensure!(components == size.components, "build {build} has {components} components");
        ensure!(found == expect, "build {build} has {found} findings, not {expect}");
    }
    Ok(())
}

fn import_devices(client: &Client, devices: usize) -> anyhow::Result<()> {
    for from in (0..devices).step_by(IMPORTED_AT_ONCE) {
        let to = devices.min(from + IMPORTED_AT_ONCE);
        let file = data::inventory(from, to);
        let done = client.upload("/api/v1/devices/import", file.as_bytes())?;
        ensure!(number(&done, "/created")? == to - from, "not every device is new: {done}");
    }
    Ok(())
}

/// Says for as many devices as there are builds which of these they run.
fn name_builds(client: &Client, builds: &[String], size: Size) -> anyhow::Result<()> {
    let (mut devices, mut after) = (Vec::new(), String::new());
    while devices.len() < size.builds {
        let page = client.get_json(&format!("/api/v1/devices?limit=200&after={after}"))?;
        let items = page.get("items").and_then(serde_json::Value::as_array);
        for item in items.context("a list has no items")? {
            devices.push(text(item, "id")?);
        }
        // Devices that are too few are told where one is missing.
        let Some(next) = page.get("next").and_then(serde_json::Value::as_str) else { break };
        next.clone_into(&mut after);
    }
    in_parallel(size.builds, |number| {
        let (device, build) = (devices.get(number), builds.get(number));
        let (device, build) = (device.context("no device")?, build.context("no build")?);
        let said = json!({ "basis": "exact", "build": build, "why": "installed" });
        client.put(&format!("/api/v1/devices/{device}/build"), &said)
    })?;
    Ok(())
}
