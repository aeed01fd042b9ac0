//! Runs the program and finds what tests need.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The program with these arguments; the environment holds nothing of the user's.
pub(crate) fn auscult(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
    command.args(arguments).env_remove("AUSCULT_ADVISORIES").env("NO_COLOR", "1");
    command.env("AUSCULT_DATA", root().join("target").join("no-data"));
    command.output().expect("the program starts")
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("..")
}

/// The sample image.
pub(crate) fn sample() -> PathBuf {
    root().join("samples").join("infusion-pump.img")
}

/// A file with this content in a fresh folder, which lives as long as the first value.
pub(crate) fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("input");
    std::fs::write(&path, content).expect("write the input");
    (folder, path)
}
