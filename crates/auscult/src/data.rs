//! Where the program keeps the mirror of feeds and the snapshot made of it, and where it looks for
//! the user's settings (`docs/advisories.md`).

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::failure::Hinted;

/// Name of the snapshot in the data folder.
const SNAPSHOT: &str = "advisories.snapshot";

/// The folder of a variable of the XDG base directory specification, or its usual place at home.
fn base(variable: &str, at_home: &str) -> Option<PathBuf> {
    // The specification: a relative path is to be ignored.
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set(variable).or_else(|| set("HOME").map(|home| home.join(at_home)))
}

/// The data folder where none is named: `AUSCULT_DATA`, or the user's usual one.
fn usual_folder() -> Option<PathBuf> {
    let named = env::var_os("AUSCULT_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| base("XDG_DATA_HOME", ".local/share").map(|base| base.join("auscult")))
}

/// The data folder, which need not exist yet.
pub(crate) fn folder(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    named.map(Path::to_owned).or_else(usual_folder).ok_or_else(|| {
        let message = "find the data folder: neither AUSCULT_DATA nor HOME is set".to_owned();
        Hinted::error(message, "name it with --data DIR")
    })
}

/// The data folder if it exists.
pub(crate) fn present_folder() -> Option<PathBuf> {
    usual_folder().filter(|folder| folder.is_dir())
}

/// The snapshot in a data folder.
pub(crate) fn snapshot(folder: &Path) -> PathBuf {
    folder.join(SNAPSHOT)
}

/// The snapshot that the last update made, if there is one.
pub(crate) fn present_snapshot() -> Option<PathBuf> {
    usual_folder().map(|folder| snapshot(&folder)).filter(|path| path.is_file())
}

/// The user's settings for feeds, if they exist.
pub(crate) fn feeds_config() -> Option<PathBuf> {
    let path = base("XDG_CONFIG_HOME", ".config")?.join("auscult").join("feeds.toml");
    path.is_file().then_some(path)
}
