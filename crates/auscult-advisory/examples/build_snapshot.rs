//! Builds a snapshot from a folder of feeds: `build_snapshot FOLDER FILE [--starter|--without-prose]`.

use std::{path::Path, process::ExitCode, time::Instant};

use auscult_advisory::{BuildOptions, Selection, build};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, file, rest @ ..] = arguments.as_slice() else { return ExitCode::from(2) };
    let starter = rest.iter().any(|argument| argument == "--starter");
    let prose = !starter && !rest.iter().any(|argument| argument == "--without-prose");
    let selection = if starter { Selection::Starter } else { Selection::Full };
    let start = Instant::now();
    let result = build(Path::new(folder), &BuildOptions { prose, selection, newest: None });
    match result.and_then(|built| built.write(Path::new(file)).map(|()| built)) {
        Ok(built) => {
            report(&built, start);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "an example speaks to its user")]
fn report(built: &auscult_advisory::Build, start: Instant) {
    for source in &built.sources {
        let date = source.date.map_or_else(|| "-".to_owned(), |date| date.to_string());
        let name = &source.name;
        println!(
            "{name:20} {date:10} {:>8} records {:>5} failures",
            source.records, source.failures
        );
    }
    println!("not recognised: {}", built.unrecognised.join(" "));
    println!("problems: {:?}", built.problems);
    println!("{} bytes in {} ms", built.bytes.len(), start.elapsed().as_millis());
}

#[expect(clippy::print_stderr, reason = "an example speaks to its user")]
fn complain(error: &auscult_advisory::Error) {
    eprintln!("failed to {error}");
}
