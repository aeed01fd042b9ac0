//! Running other programs, and finding folders.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The shared folder with corpus, feeds and conformance suites, if it is there:
/// `$AUSCULT_SHARED`, or `shared` beside the project.
pub fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("AUSCULT_SHARED")
        .map_or_else(|| root().join("..").join("shared"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Runs a program in the project's root, its words separated by spaces, and fails if it does.
/// Cargo keeps nothing for a next, slightly different build: that would double the disk that a run
/// of every check needs.
pub fn run(words: &str) -> anyhow::Result<()> {
    run_with(words, &[])
}

/// The same with more in its environment.
pub fn run_with(words: &str, environment: &[(&str, &OsStr)]) -> anyhow::Result<()> {
    println!("$ {words}");
    let mut words = words.split(' ');
    let program = words.next().context("run nothing")?;
    let mut command = Command::new(program);
    command.args(words).env("CARGO_INCREMENTAL", "0").envs(environment.iter().copied());
    let status = command.current_dir(root()).status();
    let status = status.with_context(|| format!("start {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it writes; its last messages tell why it failed.
pub fn output_bytes(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().with_context(|| format!("start {program}"))?;
    if !done.status.success() {
        let text = String::from_utf8_lossy(&done.stderr);
        let tail: Vec<&str> = text.lines().rev().take(4).collect();
        bail!("{program} failed: {}", tail.join(" | "));
    }
    Ok(done.stdout)
}

/// Whether a program answers to this argument.
pub fn answers(program: &str, argument: &str) -> bool {
    let output = Command::new(program).arg(argument).output();
    output.is_ok_and(|output| output.status.success())
}

/// The program that a task uses: with `--tested` among its arguments the one that `cargo test` has just
/// built, otherwise a release of it.
pub fn program(arguments: &[String]) -> anyhow::Result<PathBuf> {
    if arguments.iter().any(|argument| argument == "--tested") {
        tested_program("auscult")
    } else {
        release_program()
    }
}

/// Builds the program in release mode and returns its path.
pub fn release_program() -> anyhow::Result<PathBuf> {
    release_program_with("")
}

/// The same with features of Cargo's.
pub fn release_program_with(features: &str) -> anyhow::Result<PathBuf> {
    let features = if features.is_empty() { String::new() } else { format!(" -F {features}") };
    run(&format!("cargo build --release --locked --package auscult{features}"))?;
    Ok(target().join("release").join("auscult"))
}

/// A program that `cargo test` has just built for its own use: with every check of arithmetic and
/// every assertion, slower than a release, and there without another build of everything.
pub fn tested_program(name: &str) -> anyhow::Result<PathBuf> {
    let program = target().join("debug").join(name);
    anyhow::ensure!(program.is_file(), "cargo test left no {}", program.display());
    Ok(program)
}

/// Where Cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The files that git tracks.
pub fn tracked() -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let output = output.context("start git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let names = output.stdout.split(|&byte| byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())).collect())
}

/// Every regular file below a folder; links are not followed.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

/// Installs the Debian packages whose program is not there, or says what is missing.
pub fn install_debian(programs: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    println!("installing what tests use: {packages}");
    let installed = run("apt-get update -q")
        .and_then(|()| run(&format!("apt-get install -q -y --no-install-recommends {packages}")));
    if let Err(error) = installed {
        bail!("{error:#}\nmissing on this machine: {packages}; install them and run again");
    }
    Ok(())
}

/// Whether a program lies in one of the folders of PATH, or where Debian keeps those of root.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}
