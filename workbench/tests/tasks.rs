//! The program of the tasks tells which there are. Having a test also makes `cargo test` build the
//! program, which the checks of a change then use.

use std::process::Command;

#[test]
fn a_task_that_is_not_known_gives_the_list() {
    let output = Command::new(env!("CARGO_BIN_EXE_workbench")).arg("no-such-task").output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).expect("text");
    for task in ["corpus", "reference", "bench", "fuzz"] {
        assert!(text.contains(task), "{task} is missing in {text}");
    }
}
