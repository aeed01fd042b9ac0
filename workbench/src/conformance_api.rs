//! `cargo xtask conformance-api`: schemathesis sends what the description of the REST interface allows,
//! and what it forbids, to a server with some data. No answer may be a failure of the server, and each
//! must be as the description says.
//!
//! It is asked by the first administrator, who may do everything; no key may administer. schemathesis
//! comes from PyPI, in this version, into the folder that Cargo builds in. The seed is fixed.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, ensure};
use serde_json::json;
use xtask::shell::{root, run as shell, target, tested_program};

use crate::serving::{Client, Server, text};

/// The version of schemathesis whose findings are known.
const VERSION: &str = "4.32.5";
/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";
/// Requests of each endpoint that are made up, beside those that cover its parameters.
const EXAMPLES: &str = "25";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let examples = arguments.first().map_or(EXAMPLES, String::as_str);
    let schemathesis = installed()?;
    shell("cargo build --locked --package auscult")?;
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite:{}", folder.path().join("server.db").display());
    let server = Server::start(&tested_program("auscult")?, &database, folder.path());
    let client = server.administrator()?;
    fill(&client)?;
    let mut command = Command::new(schemathesis);
    command.arg("run").arg(format!("{}/api/v1/openapi.json", server.is.url));
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--seed", "1"]);
    command.args(["--max-examples", examples, "--continue-on-failure", "--no-color"]);
    command.args(["--suppress-health-check", "all", "--header", "Sec-Fetch-Site: same-origin"]);
    command.arg("--header").arg(format!("Cookie: {}", client.cookie()));
    // The session says who asks; a key that was made up would be asked instead of it.
    command.args(["--generation-with-security-parameters", "false"]);
    // It writes what it remembers where it stands.
    command.arg("--tls-verify").arg(server.is.certificate()).current_dir(folder.path());
    let status = command.status().context("start schemathesis")?;
    client.get("/api/v1/me").context("the server does not answer any more")?;
    ensure!(status.success(), "schemathesis found something");
    Ok(())
}

/// Installs schemathesis, once.
fn installed() -> anyhow::Result<PathBuf> {
    let folder = target().join(format!("schemathesis-{VERSION}"));
    let program = folder.join("bin").join("schemathesis");
    if !program.is_file() {
        shell(&format!("python3 -m venv {}", folder.display()))?;
        let pip = folder.join("bin").join("pip");
        shell(&format!("{} install --quiet schemathesis=={VERSION}", pip.display()))?;
    }
    Ok(program)
}

/// Makes what ids can name: products, builds with findings, an image, devices, a decision's product.
fn fill(client: &Client) -> anyhow::Result<()> {
    let product = client.product("Pump")?;
    let mut builds = Vec::new();
    for version in ["1.20.0", "1.30.0"] {
        let sbom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{
            "type": "application", "name": "busybox", "version": version,
            "cpe": format!("cpe:2.3:a:busybox:busybox:{version}:*:*:*:*:*:*:*") }] });
        let path = format!("/api/v1/products/{product}/builds?label={version}&wait=60");
        builds.push(text(&client.upload(&path, sbom.to_string().as_bytes())?, "id")?);
    }
    let image = std::fs::read(root().join("samples").join("infusion-pump.img"))?;
    client.upload(&format!("/api/v1/products/{product}/builds?label=image&wait=120"), &image)?;
    for (number, build) in builds.iter().enumerate() {
        let device = json!({ "asset_tag": format!("BM-{number}"), "serial": format!("S{number}") });
        let device = text(&client.post("/api/v1/devices", &device)?, "id")?;
        let said = json!({ "basis": "exact", "build": build, "why": "installed" });
        client.put(&format!("/api/v1/devices/{device}/build"), &said)?;
    }
    Ok(())
}
