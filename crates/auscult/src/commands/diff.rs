//! `auscult diff`: what changed between two builds.

use std::{fmt, fs::File, io::Read as _, path::Path, str::FromStr};

use anyhow::Context as _;
use auscult_model::Limits;
use auscult_report::{Difference, SCAN_SCHEMA, Side};

use super::judge::Question;
use crate::{args::DiffArgs, exit::Exit, output, target};

/// Width of the page in columns.
const WIDTH: usize = 120;
/// The name of the form stands among the first bytes of a result.
const SNIFFED_BYTES: u64 = 256;

/// The forms of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Table,
    Json,
    Markdown,
}

/// A form that there is not.
#[derive(Debug)]
struct NoFormat(String);

impl fmt::Display for NoFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} is none of table, json, markdown", self.0)
    }
}

impl FromStr for Format {
    type Err = NoFormat;

    fn from_str(name: &str) -> Result<Self, NoFormat> {
        Ok(match name {
            "table" => Self::Table,
            "json" => Self::Json,
            "markdown" => Self::Markdown,
            other => return Err(NoFormat(other.to_owned())),
        })
    }
}

pub(crate) fn run(arguments: &DiffArgs) -> anyhow::Result<Exit> {
    let outputs = output::parse(&arguments.outputs, Format::Table)?;
    let question = Question::ask(&arguments.judging, arguments.facts_only)?;
    let limits = super::limits(&arguments.limits);
    let side = |target: &Path| {
        side(&question, target, &limits).with_context(|| format!("compare {}", target.display()))
    };
    let (old, new) = (side(&arguments.old)?, side(&arguments.new)?);
    let difference = Difference::of(&old, &new);
    for wanted in &outputs {
        let text = match wanted.format {
            Format::Table => difference.table(false, WIDTH),
            Format::Json => difference.json().context("make the output json")?,
            Format::Markdown => difference.markdown(),
        };
        output::write(wanted, text.as_bytes())?;
    }
    Ok(Exit::Done)
}

/// A side of a comparison: a result that was written before, or a target that is judged now.
pub(super) fn side(question: &Question, target: &Path, limits: &Limits) -> anyhow::Result<Side> {
    if is_result(target) {
        let text = target::read_text(target, "result")?;
        return Ok(Side::of_json(&text)?);
    }
    let mut result = question.answer(target, limits)?;
    result.canonicalise();
    Ok(Side::of_result(&result))
}

/// Whether a file is a result of this program in JSON.
fn is_result(target: &Path) -> bool {
    if !target.is_file() {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(target).and_then(|file| file.take(SNIFFED_BYTES).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(SCAN_SCHEMA)
}
