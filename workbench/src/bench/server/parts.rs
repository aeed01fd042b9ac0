//! What is measured, one function each.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xtask::shell::root;

use super::{super::median, Loaded, data, load, row};
use crate::serving::{Client, Server, number, text};

/// Runs of what takes milliseconds.
const RUNS: usize = 15;
/// Components of the SBOM whose verdict somebody waits for.
const COMPONENTS: usize = 1_000;
/// Numbers of builds that are uploaded while others are measured begin here.
const LATER: usize = 1_000_000;
/// Requests a second to pages.
const PER_SECOND: u32 = 20;
/// Those who ask for pages, so that a slow answer delays no other.
const READERS: usize = 16;
/// Bytes of an image.
const IMAGE_BYTES: usize = 40 << 20;
/// Lists that are asked for.
const LISTS: &[&str] = &[
    "/builds",
    "/products",
    "/devices",
    "/worklist",
    "/api/v1/builds",
    "/api/v1/products",
    "/api/v1/devices",
    "/api/v1/devices?q=BM-0000",
    "/api/v1/worklist",
    "/api/v1/audit",
];

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// A second process over the loaded database, until it answers.
pub(super) fn start(loaded: &Loaded) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..3 {
        let server = Server::start(loaded.program, loaded.database, loaded.data);
        times.push(server.started_in.as_secs_f64() * 1000.0);
        let builds = server.with(&loaded.client).get_json("/api/v1/builds?limit=1")?;
        ensure!(number(&builds, "/total/count")? > 0, "the second process sees no build");
    }
    row("start over the loaded database", median(&mut times), 3000.0, "ms");
    Ok(())
}

/// An SBOM that is new, until its verdict is known.
pub(super) fn sbom(loaded: &Loaded) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for run in 0..RUNS {
        let parts = data::parts(LATER + run, COMPONENTS);
        let sbom = data::sbom(LATER + run, &parts);
        let path =
            format!("/api/v1/products/{}/builds?label=s{run}&kind=sbom&wait=60", loaded.product);
        let begun = Instant::now();
        let view = loaded.client.upload(&path, &sbom)?;
        times.push(milliseconds(begun));
        let found = number(&view, "/evaluation/counts/findings")?;
        ensure!(found == data::findings(&parts, false), "{found} findings of an SBOM are wrong");
    }
    row("SBOM of 1,000 components to its verdict", median(&mut times), 300.0, "ms");
    Ok(())
}

/// From a vulnerability that nearly every build has to builds and on to the devices of the first.
pub(super) fn where_used(loaded: &Loaded) -> anyhow::Result<()> {
    let size = loaded.size;
    let (name, which) = (3, 1);
    let touched =
        |build: &usize| data::is_touched(&data::parts(*build, size.components), name, which);
    let expect = (0..size.builds).filter(touched).count();
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let path = format!("/api/v1/where-used?q={}", data::id(name, which));
        let uses = loaded.client.get_json(&path)?;
        let uses = uses.get("uses").and_then(Value::as_array).context("no uses")?;
        let of_load = uses.iter().filter(|one| !is_later(one));
        let last = uses.iter().rfind(|one| !is_later(one)).context("nothing is touched")?;
        let build = text(last, "build")?;
        let devices = loaded.client.get_json(&format!("/api/v1/devices?build={build}"))?;
        times.push(milliseconds(begun));
        let found = of_load.count();
        ensure!(found == expect, "{found} builds are touched, not {expect}");
        ensure!(number(&devices, "/total/count")? == 1, "the build has not its device");
    }
    row("CVE to builds to devices, first page", median(&mut times), 100.0, "ms");
    Ok(())
}

/// Whether a build was uploaded after the load.
fn is_later(one: &Value) -> bool {
    let label = one.get("label").and_then(Value::as_str).unwrap_or_default();
    label.parse::<usize>().is_err()
}

/// Lists at a steady rate while SBOMs are uploaded. A request counts from when it was due, so that a
/// stop of the server is seen by all that fell into it.
pub(super) fn pages(loaded: &Loaded) -> anyhow::Result<()> {
    let is_over = AtomicBool::new(false);
    let uploads = AtomicUsize::new(0);
    let times = thread::scope(|scope| {
        let uploader = scope.spawn(|| upload_until(loaded, &is_over, &uploads));
        let times = ask(&loaded.client, loaded.size.seconds_of_pages);
        is_over.store(true, Ordering::Relaxed);
        match uploader.join() {
            Ok(uploaded) => uploaded?,
            Err(_) => anyhow::bail!("the uploads ended"),
        }
        times
    })?;
    let seconds = loaded.size.seconds_of_pages;
    println!("{} uploads in {seconds} s beside the pages", uploads.load(Ordering::Relaxed));
    ensure!(uploads.load(Ordering::Relaxed) > 0, "nothing was uploaded meanwhile");
    for (path, times) in LISTS.iter().zip(times) {
        row(&format!("{path}, 99 of 100"), percentile(times, 99), 150.0, "ms");
    }
    Ok(())
}

fn upload_until(
    loaded: &Loaded,
    is_over: &AtomicBool,
    uploads: &AtomicUsize,
) -> anyhow::Result<()> {
    while !is_over.load(Ordering::Relaxed) {
        let number = uploads.fetch_add(1, Ordering::Relaxed) + 2 * LATER;
        let sbom = data::sbom(number, &data::parts(number, loaded.size.components));
        let path =
            format!("/api/v1/products/{}/builds?label=p{number}&kind=sbom&wait=60", loaded.product);
        loaded.client.upload(&path, &sbom)?;
    }
    Ok(())
}

/// Asks for the lists in turn; times of each.
fn ask(client: &Client, seconds: u64) -> anyhow::Result<Vec<Vec<f64>>> {
    let requests = seconds * u64::from(PER_SECOND);
    let (next, begun) = (AtomicU64::new(0), Instant::now());
    let times = Mutex::new(vec![Vec::new(); LISTS.len()]);
    let reader = || -> anyhow::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                return Ok(());
            }
            let due = begun + Duration::from_secs(1) / PER_SECOND * u32::try_from(number)?;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let list = usize::try_from(number)? % LISTS.len();
            let path = LISTS.get(list).context("no such list")?;
            let said = client.get(path)?;
            let took = milliseconds(due);
            ensure!(said.body.len() > 100, "{path} is empty");
            if let Some(of) = times.lock().unwrap_or_else(PoisonError::into_inner).get_mut(list) {
                of.push(took);
            }
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(reader)).collect();
        readers.into_iter().try_for_each(|one| match one.join() {
            Ok(result) => result,
            Err(_) => anyhow::bail!("a reader ended"),
        })
    })?;
    Ok(times.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn percentile(mut times: Vec<f64>, percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or(f64::NAN)
}

/// A snapshot with two thousand advisories more, until every build has its new numbers.
pub(super) fn delta(loaded: &Loaded) -> anyhow::Result<()> {
    let [_, later] = loaded.snapshots;
    let later = std::fs::read(later)?;
    let begun = Instant::now();
    loaded.client.upload("/api/v1/snapshots?older=true", &later)?;
    let taken = begun.elapsed().as_secs_f64();
    load::wait_until_judged(&loaded.client)?;
    let all = begun.elapsed().as_secs_f64();
    load::check_findings(&loaded.client, &loaded.builds, loaded.size, true)?;
    println!("the later snapshot was taken up in {taken:.1} s");
    row("2,000 advisories more, to updated counts", all, 5.0, "s");
    Ok(())
}

/// Images in the queue, and the pages while they are inspected.
pub(super) fn images(loaded: &Loaded) -> anyhow::Result<()> {
    let sample = std::fs::read(root().join("samples").join("infusion-pump.img"))?;
    let mut ids = Vec::new();
    let begun = Instant::now();
    for number in 0..loaded.size.images {
        let image = data::image(number as u64 + 1, &sample, IMAGE_BYTES);
        let path = format!("/api/v1/products/{}/builds?label=i{number}&kind=image", loaded.product);
        ids.push(text(&loaded.client.upload(&path, &image)?, "id")?);
    }
    println!("{} images uploaded in {:.1} s", ids.len(), begun.elapsed().as_secs_f64());
    let is_over = AtomicBool::new(false);
    let times = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                for list in LISTS {
                    let begun = Instant::now();
                    loaded.client.get(list)?;
                    times.push(milliseconds(begun));
                }
                thread::sleep(Duration::from_millis(200));
            }
            anyhow::Ok(times)
        });
        let inspected = ids.iter().try_for_each(|id| {
            let view = loaded.client.get_json(&format!("/api/v1/builds/{id}?wait=600"))?;
            let components = number(&view, "/evaluation/counts/components")?;
            ensure!(components > 0, "nothing was found in an image");
            Ok(())
        });
        is_over.store(true, Ordering::Relaxed);
        let times = reader.join();
        inspected?;
        times.map_err(|_| anyhow::anyhow!("the reader ended"))?
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a few images")]
    let each = begun.elapsed().as_secs_f64() / ids.len().max(1) as f64;
    row("images of 40 MiB, from upload to verdict, each", each, 6.0, "s");
    row("pages meanwhile, 99 of 100", percentile(times, 99), 150.0, "ms");
    Ok(())
}
