//! `auscult explain`: everything behind one finding or component.

use std::io::Write as _;

use super::judge::Question;
use crate::{args::ExplainArgs, exit::Exit, failure::Hinted};

/// Width of the page in columns.
const WIDTH: usize = 120;

pub(crate) fn run(arguments: &ExplainArgs) -> anyhow::Result<Exit> {
    let question = Question::ask(&arguments.judging, false)?;
    let mut result = question.answer(&arguments.target, &super::limits(&arguments.limits))?;
    result.canonicalise();
    let Some(text) = auscult_report::explain(&result, &arguments.id, WIDTH) else {
        return Err(Hinted::error(
            format!("explain {}: no finding and no component of this target has it", arguments.id),
            format!("see what the snapshot knows: auscult advisories show {}", arguments.id),
        ));
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}
