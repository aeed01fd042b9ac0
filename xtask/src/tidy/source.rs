//! Source files: module docs, sizes of functions and files, no ignored tests, no stray blanks.

use std::path::Path;

use anyhow::Context as _;

use super::Complaint;
use xtask::shell::{root, tracked};

/// Longest function in lines, from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Longest file in lines, its tests not counted.
const FILE_LINES_MAX: usize = 600;
/// A function may be longer if the line above it says why.
const EXCUSE: &str = "// tidy: long - ";

pub(crate) fn check() -> anyhow::Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for path in tracked()? {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(root().join(&path));
            let text = text.with_context(|| format!("read {}", path.display()))?;
            complaints.extend(check_file(&path, &text));
        }
    }
    Ok(complaints)
}

fn check_file(path: &Path, text: &str) -> Vec<Complaint> {
    let shown = path.display();
    let mut complaints = Vec::new();
    if !text.starts_with("//!") && !text.starts_with("#!") {
        complaints.push(format!("{shown}:1: begin with a //! comment that says what this is for"));
    }
    let in_tests = path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs");
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = code.lines().count();
    if lines > FILE_LINES_MAX && !in_tests {
        complaints.push(format!("{shown}: {lines} lines, more than {FILE_LINES_MAX}; split it"));
    }
    for (number, line) in text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            complaints.push(format!("{shown}:{}: blank at the end of the line", number + 1));
        }
        // Spelled in two halves, so that this file does not complain of itself.
        for word in [concat!("#[ig", "nore"), concat!("#[should", "_panic")] {
            if line.trim_start().starts_with(word) {
                complaints.push(format!("{shown}:{}: {word} is not used here", number + 1));
            }
        }
    }
    complaints.extend(long_functions(text).into_iter().map(|(line, name, length)| {
        format!("{shown}:{line}: fn {name} has {length} lines, more than {FUNCTION_LINES_MAX}")
    }));
    complaints
}

/// Functions that are too long and have no excuse: line, name, length. rustfmt puts the closing
/// brace of a function under the column where its signature starts.
fn long_functions(text: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) = function_name(line.trim_start()) else { continue };
        let brace = format!("{}}}", " ".repeat(indent));
        let rest = lines.get(start..).unwrap_or_default();
        // A function of a trait may have no body.
        let ends = rest.iter().find(|line| line.ends_with(['{', ';', '}']));
        if ends.is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let Some(length) = rest.iter().position(|line| **line == brace) else { continue };
        let above = start.checked_sub(1).and_then(|above| lines.get(above));
        let excused = above.is_some_and(|above| above.trim_start().starts_with(EXCUSE));
        if length + 1 > FUNCTION_LINES_MAX && !excused {
            found.push((start + 1, name.to_owned(), length + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line;
    for word in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::{FUNCTION_LINES_MAX, long_functions};

    #[test]
    fn long_functions_need_an_excuse() {
        let body = "    let x = 1;\n".repeat(FUNCTION_LINES_MAX);
        let long = format!("pub fn long() {{\n{body}}}\n");
        assert_eq!(long_functions(&long).len(), 1);
        assert!(long_functions(&format!("// tidy: long - a table\n{long}")).is_empty());
        assert!(long_functions("fn short() {\n}\n").is_empty());
        let declared = format!("fn declared(\n    it: u8,\n);\n{body}}}\n");
        assert!(long_functions(&declared).is_empty());
    }
}
