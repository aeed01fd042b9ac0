//! What README.md shows is what the program prints.

use crate::support::{auscult, root, sample, stdout, text};

#[test]
fn the_output_shown_is_the_real_one() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read README.md");
    let context = root().join("samples").join("device.toml");
    let image = sample();
    let arguments = ["scan", text(&image), "--context", text(&context), "--as-of", "2026-11-23"];
    let printed = stdout(&auscult(&arguments));
    let printed: Vec<&str> = printed.lines().map(str::trim).collect();
    let shown = readme.lines().skip_while(|line| !line.starts_with("    FINDINGS"));
    let shown: Vec<&str> =
        shown.take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    assert!(shown.len() >= 8, "README.md shows {} lines", shown.len());
    for line in shown.into_iter().filter(|line| *line != "…") {
        assert!(printed.contains(&line), "README.md shows what is not printed: {line}");
    }
}
