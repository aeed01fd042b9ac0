//! The project's own automation: `cargo xtask TASK`.
fn main() {}
