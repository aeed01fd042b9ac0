//! Prints what the signature rules say about files: for people who write rules.
//!
//! `rule_probe [--speed] FILE_OR_FOLDER…`

use std::{env, error::Error, fs, io::Write as _, path::Path, time::Instant};

use auscult_inspect::signatures::{FileContext, FileKind, RuleSet};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let mut paths: Vec<String> = env::args().skip(1).collect();
    let speed = paths.first().is_some_and(|path| path == "--speed");
    if speed {
        paths.remove(0);
    }
    let set = RuleSet::builtin();
    let mut pending: Vec<_> = paths.iter().map(|path| Path::new(path).to_owned()).collect();
    let (mut total, started) = (0_usize, Instant::now());
    while let Some(path) = pending.pop() {
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(&path)? {
                pending.push(entry?.path());
            }
            pending.sort_by(|left, right| right.cmp(left));
        } else if kind.is_file() {
            let bytes = fs::read(&path)?;
            total += bytes.len();
            let name = path.to_string_lossy();
            let context =
                FileContext { path: name.as_bytes(), soname: None, kind: guess(&path, &bytes) };
            let hits = set.scan(&context, &bytes);
            for hit in hits.iter().filter(|_| !speed) {
                let (id, version, class) = (&hit.rule.id, &hit.version, hit.class);
                let (confidence, matched) = (hit.confidence, &hit.matched);
                writeln!(out, "{name}\t{id}\t{version}\t{class:?}\t{confidence}\t{matched}")?;
            }
        }
    }
    if speed {
        let seconds = started.elapsed().as_secs_f64();
        writeln!(out, "{total} bytes in {seconds:.2} s with {} rules", set.len())?;
    }
    Ok(())
}

/// Enough to try a rule: the real inspection knows better.
fn guess(path: &Path, bytes: &[u8]) -> FileKind {
    let script = ["js", "sh", "lua", "py"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if bytes.starts_with(b"\x7fELF") {
        FileKind::Elf
    } else if bytes.starts_with(b"#!") || script.contains(&extension) {
        FileKind::Script
    } else if bytes.iter().take(4096).all(|&byte| byte >= b' ' || matches!(byte, 9 | 10 | 13)) {
        FileKind::Text
    } else {
        FileKind::Raw
    }
}
