//! The auscult command-line program.
fn main() {}
