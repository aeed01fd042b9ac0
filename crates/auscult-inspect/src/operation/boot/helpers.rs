//! Programs that start others which no configuration names.

use std::sync::LazyLock;

use auscult_model::{BootSource, BootState};
use serde::Deserialize;

use super::{Builder, Draft};

/// A program of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    names: Vec<String>,
    runs: Vec<String>,
    boot: bool,
    /// Where that is written down.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for the reader of the table"))]
    source: String,
}

#[derive(Deserialize)]
struct Table {
    program: Vec<Program>,
}

static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(|| {
    toml::from_str(include_str!("runs.toml")).map(|table: Table| table.program).unwrap_or_default()
});

/// Adds what the programs that start are known to start.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    for program in PROGRAMS.iter() {
        let names: Vec<&str> = program.names.iter().map(String::as_str).collect();
        let Some((name, configuration)) = builder.started(&names) else { continue };
        for path in program.runs.iter().flat_map(|pattern| builder.files.matching(pattern)) {
            let known = builder.files.program(&path).is_some_and(|found| {
                let starts = builder.starts.iter();
                starts.filter_map(|start| start.program.as_ref()).any(|one| one.id == found.id)
            });
            if known || builder.files.program(&path).is_none() {
                continue;
            }
            builder.add(Draft {
                source: BootSource::Program,
                name: name.clone(),
                words: vec![path],
                user: None,
                trigger: format!("started by {name}"),
                state: if program.boot { BootState::StartsAtBoot } else { BootState::OnDemand },
                configuration: configuration.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn the_table_is_whole() {
        let table: Table = toml::from_str(include_str!("runs.toml")).unwrap();
        assert!(table.program.len() > 10);
        for program in &table.program {
            assert!(program.source.len() > 4 && !program.names.is_empty());
            assert!(program.runs.iter().all(|path| path.starts_with('/')), "{:?}", program.names);
        }
    }
}
