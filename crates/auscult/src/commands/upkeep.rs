//! What works on the database of a server: backup, restore, doctor, and the audit log.

use std::io::Write as _;

use anyhow::Context as _;
use auscult_store::{AuditVerdict, Checkup, Depth, Integrity, Organisation, Store};
use jiff::Timestamp;

use super::serve::{runtime, url};
use crate::{
    args::{AuditCommand, BackupArgs, DatabaseArgs, DoctorArgs, RestoreArgs},
    exit::Exit,
    failure::Hinted,
};

pub(crate) fn backup(arguments: &BackupArgs) -> anyhow::Result<Exit> {
    let file = arguments.file.as_path();
    let database = present(&arguments.database)?;
    let shown = runtime()?.block_on(async {
        let store = Store::open(&database).await?;
        let written = store.backup(file).await;
        store.close().await;
        written.map(|()| store.url().to_owned())
    })?;
    say(&[format!("{} holds all of {shown}", file.display())])?;
    Ok(Exit::Done)
}

pub(crate) fn restore(arguments: &RestoreArgs) -> anyhow::Result<Exit> {
    let database = url(&arguments.database)?;
    let restored = runtime()?.block_on(Store::restore(&arguments.file, &database))?;
    let rows = restored.rows.iter().filter(|(_, rows)| *rows > 0);
    let mut lines = vec![format!("restored from schema {}", restored.schema_version)];
    lines.extend(rows.map(|(table, rows)| format!("  {table:<18} {rows:>9}")));
    say(&lines)?;
    Ok(Exit::Done)
}

pub(crate) fn doctor(arguments: &DoctorArgs) -> anyhow::Result<Exit> {
    let database = present(&arguments.database)?;
    let depth = if arguments.quick { Depth::Quick } else { Depth::Full };
    let checkup = runtime()?.block_on(async {
        let store = Store::open(&database).await?;
        let checkup = store.doctor(depth, Timestamp::now()).await;
        store.close().await;
        checkup
    })?;
    say(&found(&checkup, depth))?;
    if checkup.is_sound() {
        return Ok(Exit::Done);
    }
    Err(Hinted::error("the database is not what was written", "restore a backup: auscult restore"))
}

/// What the doctor found, a line each.
fn found(checkup: &Checkup, depth: Depth) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tell = |what: &str, text: String| lines.push(format!("{what:<18} {text}"));
    tell("schema", format!("version {}", checkup.schema_version));
    match &checkup.integrity {
        Integrity::Sound => tell("database", "sound".to_owned()),
        Integrity::NotChecked(why) => tell("database", format!("not checked: {why}")),
        Integrity::Faults(faults) => {
            for fault in faults {
                tell("database", format!("FAULT {fault}"));
            }
        }
    }
    match depth {
        Depth::Full => tell("blobs", format!("{} sound", checkup.blobs_sound)),
        Depth::Quick => tell("blobs", "not read (--quick)".to_owned()),
    }
    for (_, sha256, why) in &checkup.blobs_damaged {
        tell("blobs", format!("DAMAGED {sha256}: {why}"));
    }
    for (organisation, verdict) in &checkup.audit {
        tell("audit log", audited(organisation, verdict));
    }
    tell("jobs", format!("{} given up", checkup.jobs_dead));
    tell("", format!("{} left by workers that vanished", checkup.jobs_abandoned));
    tell("", format!("{} due for more than an hour", checkup.jobs_waiting));
    tell("uploads", format!("{} never finished", checkup.uploads_abandoned));
    lines
}

pub(crate) fn audit(command: &AuditCommand) -> anyhow::Result<Exit> {
    let AuditCommand::Verify { database } = command;
    let database = present(database)?;
    let verdicts = runtime()?.block_on(async {
        let store = Store::open(&database).await?;
        let mut verdicts = Vec::new();
        for organisation in store.organisations().await? {
            let verdict = store.verify_audit(organisation.id).await?;
            verdicts.push((organisation, verdict));
        }
        store.close().await;
        Ok::<_, auscult_store::Error>(verdicts)
    })?;
    let lines: Vec<String> = verdicts.iter().map(|(one, verdict)| audited(one, verdict)).collect();
    say(&lines)?;
    if verdicts.iter().all(|(_, verdict)| verdict.first_break.is_none()) {
        return Ok(Exit::Done);
    }
    let hint = "compare it with a backup, and with a head that was noted elsewhere";
    Err(Hinted::error("the audit log is not what was written", hint))
}

/// The state of a log on one line, with the head to note elsewhere.
fn audited(organisation: &Organisation, verdict: &AuditVerdict) -> String {
    let (name, entries, head) = (&organisation.name, verdict.entries, verdict.head);
    match &verdict.first_break {
        None => format!("{name}: whole, {entries} entries, head {head}"),
        Some(broken) => {
            format!("{name}: BROKEN at entry {}: {}", broken.sequence, broken.why)
        }
    }
}

/// The address of a database that is there: opening one would make it.
fn present(arguments: &DatabaseArgs) -> anyhow::Result<String> {
    let url = url(arguments)?;
    if let Some(path) = url.strip_prefix("sqlite:") {
        let is_there = std::path::Path::new(path).try_exists();
        if !is_there.with_context(|| format!("look for {path}"))? {
            let hint = "name it with --database, or the folder with --data";
            return Err(Hinted::error(format!("open the database: there is no {path}"), hint));
        }
    }
    Ok(url)
}

/// An address without its password.
fn say(lines: &[String]) -> anyhow::Result<()> {
    let text = lines.join("\n") + "\n";
    std::io::stdout().lock().write_all(text.as_bytes()).context("write the result")
}
