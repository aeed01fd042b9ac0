//! `auscult explain`: everything behind one finding or component.

use std::io::Write as _;

use auscult_assess::{FACT_KINDS, fact_digest, fact_value};
use auscult_model::{Facts, Known};
use auscult_report::clean;

use super::judge::Question;
use crate::{args::ExplainArgs, exit::Exit, failure::Hinted};

/// Width of the page in columns.
const WIDTH: usize = 120;

pub(crate) fn run(arguments: &ExplainArgs) -> anyhow::Result<Exit> {
    let question = Question::ask(&arguments.judging, false)?;
    let mut result = question.answer(&arguments.target, &super::limits(&arguments.limits))?;
    result.canonicalise();
    if let Some(text) = fact(&result.facts, &arguments.id) {
        std::io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let Some(text) = auscult_report::explain(&result, &arguments.id, WIDTH) else {
        return Err(Hinted::error(
            format!("explain {}: no finding and no component of this target has it", arguments.id),
            format!("see what the snapshot knows: auscult advisories show {}", arguments.id),
        ));
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// A fact that a decision can rely on, with its digest; none where the id does not name one.
fn fact(facts: &Facts, name: &str) -> Option<String> {
    let (kind, _) = name.split_once(':')?;
    let (_, meaning) = FACT_KINDS.iter().find(|(known, _)| *known == kind)?;
    let shown = clean(name);
    Some(match fact_value(facts, name) {
        Known::Known(value) => {
            format!("{shown}: {}\n  {meaning}\n  sha256 {}\n", clean(&value), fact_digest(&value))
        }
        Known::Unknown(reason) => {
            format!(
                "{shown}: unknown: {}\n  {meaning}\n  a decision cannot rely on it\n",
                clean(&reason)
            )
        }
    })
}
