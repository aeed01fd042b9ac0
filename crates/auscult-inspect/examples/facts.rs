//! Prints what the inspection of an image finds, one component on each line.
//!
//! `cargo run --release -p auscult-inspect --example facts -- FILE [--json]`
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::{env, error::Error, fs::File, io::Read as _, time::Instant};

use auscult_inspect::inspect;
use auscult_model::{Facts, Input, InputKind, Limits, Origin, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("usage: facts FILE [--json]")?;
    let mut file = File::open(&path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len())?;
    let input = Input { sha256: Sha256::of(&bytes), size, kind: InputKind::Image };
    drop(bytes);
    let limits = Limits::default();
    let start = Instant::now();
    let tree = auscult_unpack::unpack(file, size, &limits, None);
    let unpacked = start.elapsed();
    let facts = inspect(&tree, input, &limits);
    if arguments.next().is_some_and(|option| option == "--json") {
        println!("{}", String::from_utf8(facts.canonical_bytes()?)?);
        return Ok(());
    }
    print(&facts);
    println!("unpacked in {unpacked:?}, all in {:?}", start.elapsed());
    Ok(())
}

fn print(facts: &Facts) {
    for component in &facts.components {
        let origin = match &component.origin {
            Origin::Package(package) => package.database.clone(),
            Origin::Signature { rule } => format!("rule {rule}"),
            Origin::Structure => "structure".to_owned(),
            Origin::FileName => "file name".to_owned(),
            Origin::Sbom { .. } => "sbom".to_owned(),
        };
        let first = component.evidence.first();
        let class = first.map(|trace| format!("{:?}", trace.class)).unwrap_or_default();
        let place = first.map(|trace| trace.locator.to_string()).unwrap_or_default();
        println!(
            "{}\t{}\t{origin}\t{class}\t{}%\t{} traces\t{place}",
            component.name,
            component.version,
            component.confidence(),
            component.evidence.len(),
        );
    }
    for mention in &facts.mentions {
        println!("mention\t{}\t{}\t{:?}", mention.name, mention.version, mention.class);
    }
    for kernel in &facts.kernels {
        let modules = kernel.modules.known().map_or(0, Vec::len);
        let config = kernel.config.known().map_or(0, std::collections::BTreeMap::len);
        println!(
            "kernel\t{}\t{:?}\t{config} options\t{modules} modules\t{}",
            kernel.release, kernel.version, kernel.locator
        );
    }
    for fact in &facts.identities {
        println!("identity\t{}\t{}", fact.key, fact.value);
    }
    for (question, reason) in &facts.coverage.questions_unknown {
        println!("unknown\t{question}: {reason}");
    }
    for problem in facts.problems.iter().take(40) {
        println!("problem\t{}\t{}: {}", problem.locator, problem.what, problem.why);
    }
    println!(
        "{} components, {} mentions, {} binaries, {} problems; {}.{:02} % read",
        facts.components.len(),
        facts.mentions.len(),
        facts.binaries.len(),
        facts.problems.len(),
        facts.coverage.read_basis_points() / 100,
        facts.coverage.read_basis_points() % 100,
    );
}
