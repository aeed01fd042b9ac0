//! `auscult advisories export`, `import`, `keygen`: snapshots for sites without a network.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use auscult_advisory::{
    Error,
    bundle::{self, PublicKey, SigningKey},
};
use rustix::rand::{GetRandomFlags, getrandom};

use super::{super::judge, replacing};
use crate::{
    args::{ExportArgs, ImportArgs},
    exit::Exit,
    failure::Hinted,
    keys::{private_key, public_key},
};

/// Writes a bundle and tells what is in it.
pub(super) fn export(arguments: &ExportArgs) -> anyhow::Result<Exit> {
    let key = private_key(&arguments.key)?;
    let snapshot = judge::unchecked_snapshot(arguments.advisories.as_deref())?;
    let since = arguments.since.as_deref();
    let since = since.map(|old| judge::unchecked_snapshot(Some(old))).transpose()?;
    let path = &arguments.output;
    let statement = snapshot
        .export(since.as_ref(), &key, path)
        .with_context(|| format!("export to {}", path.display()))?;
    let mut stdout = io::stdout().lock();
    let what = statement.base.map_or_else(
        || "the whole snapshot".to_owned(),
        |base| format!("the difference to the snapshot of {} (sha256:{})", base.date, base.root),
    );
    writeln!(stdout, "bundle    {}", path.display())?;
    writeln!(stdout, "holds     {what}, {} bytes", statement.content_bytes)?;
    writeln!(stdout, "root      sha256:{}", statement.root)?;
    writeln!(stdout, "date      {}", statement.date)?;
    writeln!(stdout, "coverage  {}", auscult_report::clean(&statement.coverage))?;
    writeln!(stdout, "signed    by key {}", key.public().id())?;
    Ok(Exit::Done)
}

/// Verifies a bundle and puts its snapshot in place.
pub(super) fn import(arguments: &ImportArgs) -> anyhow::Result<Exit> {
    let trusted = arguments.trust.iter().map(|path| public_key(path));
    let trusted = trusted.collect::<anyhow::Result<Vec<PublicKey>>>()?;
    let present = &arguments.advisories;
    let imported = bundle::import(&arguments.bundle, present, &trusted, arguments.force);
    let imported = imported.map_err(|error| refused(&arguments.bundle, present, error))?;
    let mut stderr = io::stderr().lock();
    for reason in &imported.overridden {
        writeln!(stderr, "warning: replaced by force: {reason}")?;
    }
    let mut stdout = io::stdout().lock();
    let what = match (imported.unchanged, imported.delta) {
        (true, _) => "was this snapshot already",
        (false, true) => "brought up to date by a delta",
        (false, false) => "written",
    };
    writeln!(stdout, "snapshot  {}: {what}", present.display())?;
    writeln!(stdout, "root      sha256:{}", imported.info.root)?;
    writeln!(stdout, "date      {}", imported.info.date)?;
    writeln!(stdout, "coverage  {}", auscult_report::clean(&imported.info.coverage))?;
    writeln!(stdout, "signed    by key {}", imported.key)?;
    Ok(Exit::Done)
}

/// A bundle that was not taken, with what to do; the old snapshot is as it was.
fn refused(bundle: &Path, present: &Path, error: Error) -> anyhow::Error {
    let hint = match &error {
        Error::UnknownKey { .. } => {
            "if this is the key of whom you expect, get its public half from them by another way \
             and name it with --trust KEY.pub"
        }
        Error::WrongSignature { .. } | Error::BundleDigest { .. } => {
            "do not use this bundle: it was changed on its way; get it anew"
        }
        Error::NotABundle | Error::MalformedBundle { .. } | Error::TruncatedBundle { .. } => {
            "copy the bundle again, in binary mode"
        }
        Error::BundleFormat { .. } => "use the release of auscult that made the bundle",
        Error::Base { .. } => {
            "import a whole snapshot, or the deltas in between: \
             auscult advisories export --since OLD makes one against what this site has"
        }
        Error::Regression { .. } | Error::Present { .. } | Error::Busy { .. } => {
            return replacing(present, error);
        }
        _ => return anyhow::Error::new(error).context(format!("import {}", bundle.display())),
    };
    let message = format!("{}: {:#}", bundle.display(), anyhow::Error::new(error));
    Hinted::error(format!("{message}; the snapshot was not changed"), hint)
}

/// Makes a pair of keys. Neither file may be there: a key that is lost cannot be made again.
pub(super) fn keygen(path: &Path) -> anyhow::Result<Exit> {
    let mut seed = [0; 32];
    let taken = getrandom(&mut seed, GetRandomFlags::empty()).context("get random bytes")?;
    ensure!(taken == seed.len(), "get random bytes: {taken} in place of {}", seed.len());
    let key = SigningKey::from_seed(&seed);
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let public = PathBuf::from(name);
    write_new(&public, &key.public().to_pem()?, 0o644)?;
    if let Err(error) = write_new(path, &key.to_pem()?, 0o600) {
        // A public key without its private half would only mislead.
        drop(std::fs::remove_file(&public));
        return Err(error);
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "private   {} (keep it secret: who has it can sign)", path.display())?;
    writeln!(stdout, "public    {} (for --trust at the other site)", public.display())?;
    writeln!(stdout, "key       {}", key.public().id())?;
    Ok(Exit::Done)
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("create {}", path.display()))
}
