//! Prints what the engine finds in images: one line per node, then coverage and problems.
//!
//! Usage: `tree [--brief] IMAGE...`. With `--brief`, files of file systems are only counted.

use std::{fs::File, io::Write, path::Path};

use auscult_model::Limits;
use auscult_unpack::{NodeKind, Reading, Tree, unpack};

fn main() -> std::io::Result<()> {
    let mut brief = false;
    let mut output = std::io::stdout().lock();
    for argument in std::env::args_os().skip(1) {
        if argument == "--brief" {
            brief = true;
            continue;
        }
        let file = File::open(&argument)?;
        let length = file.metadata()?.len();
        let tree = unpack(file, length, &Limits::default(), None);
        print(&tree, Path::new(&argument), brief, &mut output)?;
    }
    Ok(())
}

fn print(tree: &Tree, path: &Path, brief: bool, output: &mut dyn Write) -> std::io::Result<()> {
    writeln!(output, "== {}", path.display())?;
    let mut hidden = 0_u64;
    for (id, node) in tree.nodes() {
        if brief && matches!(node.kind, NodeKind::Member(_)) && node.reading == Reading::Whole {
            hidden += 1;
            continue;
        }
        let kind = match &node.kind {
            NodeKind::Image => "image".to_owned(),
            NodeKind::Container { format, attributes, unread } => {
                let pairs = attributes.iter().map(|(key, value)| format!(" {key}={value:?}"));
                let unread = unread.as_ref().map(|why| format!(" UNREAD: {why}"));
                format!("[{format}]{}{}", pairs.collect::<String>(), unread.unwrap_or_default())
            }
            NodeKind::Member(kind) => {
                let mode = node.metadata.mode.map(|mode| format!(" {mode:o}")).unwrap_or_default();
                format!("{kind:?}{mode}")
            }
            NodeKind::Raw { entropy_centibits } => {
                format!("raw, {}.{:02} bits", entropy_centibits / 100, entropy_centibits % 100)
            }
            NodeKind::Padding => "padding".to_owned(),
        };
        writeln!(output, "{}  {}  {kind}", tree.locator(id), node.len())?;
    }
    if hidden > 0 {
        writeln!(output, "({hidden} members of archives and file systems not shown)")?;
    }
    let coverage = tree.coverage();
    writeln!(
        output,
        "coverage: total {} read {} padding {} unread {}",
        coverage.bytes_total, coverage.bytes_read, coverage.bytes_padding, coverage.bytes_unread
    )?;
    for region in &coverage.regions_unread {
        writeln!(output, "unread: {} {} {}", region.locator, region.bytes, region.reason)?;
    }
    for problem in tree.problems() {
        writeln!(output, "problem: {}: {}: {}", problem.locator, problem.what, problem.why)?;
    }
    Ok(())
}
