//! `auscult serve`: starts the server over a database.

mod check_in;
mod engine;
mod outline;

use std::{io::Write as _, num::NonZero, sync::Arc, time::Duration};

use anyhow::Context as _;
use auscult_priority::Policy;
use auscult_server::{CertificateSource, LogFormat, Settings, Started};
use auscult_store::Store;

use crate::{
    args::{DatabaseArgs, LogForm, LogLevel, ServeArgs},
    data,
    exit::Exit,
    failure::WrongUsage,
    target,
};

/// Name of the database in the data folder.
const DATABASE: &str = "server.db";
/// How long work that cannot be interrupted may go on after the server stopped.
const LEFT_OVER: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    let policy = policy(arguments)?;
    let url = url(&arguments.database)?;
    let (inspections, threads) = shares(arguments.inspections);
    let settings = settings(arguments, inspections)?;
    // Judging leaves one core free, too.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(inspections * threads);
    pool.build_global().context("start the threads")?;
    let engine = engine::Program {
        limits: super::limits(&arguments.limits),
        threads,
        policy,
        components: outline::Components::default(),
        advisories: arguments.advisories.clone(),
    };
    // Whoever named an unusable snapshot hears of it now.
    auscult_server::Engine::open_snapshot(&engine, None)?;
    auscult_server::start_log(form(arguments.log), level(arguments.log_level));
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let store = Store::open(&url).await?;
        auscult_server::serve(store, Arc::new(engine), settings, tell).await?;
        anyhow::Ok(())
    });
    runtime.shutdown_timeout(LEFT_OVER);
    served?;
    Ok(Exit::Done)
}

/// The runtime of whatever works with the store.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().context("start the threads")
}

/// The address of the database; that of a file in the data folder where none is named.
pub(crate) fn url(arguments: &DatabaseArgs) -> anyhow::Result<String> {
    if let Some(url) = &arguments.database {
        return Ok(url.clone());
    }
    let folder = data::folder(arguments.data.as_deref())?;
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(format!("sqlite:{}", folder.join(DATABASE).display()))
}

fn settings(arguments: &ServeArgs, inspections: usize) -> anyhow::Result<Settings> {
    let certificate = match (&arguments.certificate, &arguments.key) {
        (Some(chain), Some(key)) => {
            CertificateSource::Given { chain: chain.clone(), key: key.clone() }
        }
        _ => CertificateSource::Kept(data::folder(arguments.database.data.as_deref())?),
    };
    Ok(Settings {
        listen: arguments.listen,
        organisation: arguments.organisation.clone(),
        certificate,
        upload_bytes_max: arguments.upload_limit,
        inspections_max: inspections,
        requests_per_second: arguments.request_limit,
    })
}

/// How many images are inspected at once, and on how many threads each, so that one core stays free.
fn shares(wanted: Option<u8>) -> (usize, usize) {
    /// More images at once would each have too little memory and too few threads.
    const USUAL_MAX: usize = 4;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let free = cores.saturating_sub(1).max(1);
    let inspections = wanted.map_or_else(|| free.min(USUAL_MAX), usize::from);
    (inspections, (free / inspections).max(1))
}

fn policy(arguments: &ServeArgs) -> anyhow::Result<Policy> {
    if let Some(path) = &arguments.policy {
        let text = target::read_text(path, "gate policy")?;
        return Policy::parse(&text).with_context(|| format!("read {}", path.display()));
    }
    let policy = Policy::fail_on(&arguments.fail_on);
    Ok(policy.map_err(|error| WrongUsage(format!("--fail-on: {error}")))?)
}

fn form(form: LogForm) -> LogFormat {
    match form {
        LogForm::Text => LogFormat::Text,
        LogForm::Json => LogFormat::Json,
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// Tells the person at the terminal where to go. The link is a secret, so it is not in the log.
fn tell(started: &Started) {
    let mut out = std::io::stdout().lock();
    if let Some(link) = &started.set_up {
        let _ = writeln!(out, "first administrator, once and within 24 hours: {link}");
    }
    let _ = writeln!(out, "certificate: sha256 {}", started.fingerprint);
    let _ = writeln!(out, "auscult answers at {}", started.url);
    let _ = out.flush();
}
