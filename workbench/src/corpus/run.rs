//! Runs the program on one file, twice, and measures it from outside.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::Value;

/// What one scan gave.
pub(crate) struct Outcome {
    pub(crate) exit: Option<i32>,
    /// The JSON result; null if there is none.
    pub(crate) result: Value,
    /// The CycloneDX document.
    pub(crate) bom: Vec<u8>,
    /// Whether a second run, from another path and for another day, gave the same document.
    pub(crate) repeatable: bool,
    pub(crate) seconds: f64,
    /// Largest peak of a single process, in MiB.
    pub(crate) peak_mib: u64,
}

pub(crate) fn scan(program: &Path, image: &Path) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (json, bom) = (folder.path().join("result.json"), folder.path().join("bom.json"));
    let started = Instant::now();
    let (exit, peak_mib) = measured(program, image, &json, &bom, "2026-11-23")?;
    let seconds = started.elapsed().as_secs_f64();
    let first = fs::read(&bom).unwrap_or_default();
    let result = fs::read(&json).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let moved = folder.path().join("the same bytes under another name");
    fs::copy(image, &moved).with_context(|| format!("copy {}", image.display()))?;
    measured(program, &moved, &json, &bom, "2027-01-31")?;
    let second = fs::read(&bom).unwrap_or_default();
    let repeatable = first == second;
    Ok(Outcome {
        exit,
        result: result.unwrap_or_default(),
        bom: first,
        repeatable,
        seconds,
        peak_mib,
    })
}

fn measured(
    program: &Path,
    image: &Path,
    json: &Path,
    bom: &Path,
    day: &str,
) -> anyhow::Result<(Option<i32>, u64)> {
    let mut child = Command::new(program)
        .arg("scan")
        .arg(image)
        .args(["--as-of", day, "-o", &format!("json={}", json.display())])
        .args(["-o", &format!("cyclonedx={}", bom.display())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start the program")?;
    let mut peak_kib = 0;
    loop {
        peak_kib = peak_kib.max(peak_kib_of_family(child.id()));
        if let Some(status) = child.try_wait()? {
            return Ok((status.code(), peak_kib / 1024));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The largest peak of a process and its children, from the kernel's own high-water marks.
fn peak_kib_of_family(id: u32) -> u64 {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    children.map(peak_kib).chain([peak_kib(id)]).max().unwrap_or(0)
}

fn peak_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The official CycloneDX 1.6 schema with the two that it refers to.
pub(crate) struct Schema(jsonschema::Validator);

impl Schema {
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| -> anyhow::Result<Value> {
            let text = fs::read(folder.join(name)).with_context(|| format!("read {name}"))?;
            Ok(serde_json::from_slice(&text)?)
        };
        let mut registry = jsonschema::Registry::new();
        for name in ["spdx.schema.json", "jsf-0.82.schema.json"] {
            let address = format!("http://cyclonedx.org/schema/{name}");
            registry = registry.add(address, read(name)?).context("register a schema")?;
        }
        let registry = registry.prepare().context("prepare the schemas")?;
        let validator = jsonschema::options()
            .with_registry(&registry)
            .build(&read("bom-1.6.schema.json")?)
            .map_err(|error| anyhow::anyhow!("compile the CycloneDX schema: {error}"))?;
        Ok(Self(validator))
    }

    pub(crate) fn complaints(&self, file: &str, bom: &[u8]) -> Vec<String> {
        let Ok(document) = serde_json::from_slice::<Value>(bom) else {
            return vec![format!("{file}: no CycloneDX document was written")];
        };
        let errors = self.0.iter_errors(&document).take(3);
        errors
            .map(|error| format!("{file}: CycloneDX: {error} at {}", error.instance_path()))
            .collect()
    }
}
