//! x
use crate::{args::ExplainArgs, exit::Exit};
pub(crate) fn run(_: &ExplainArgs) -> anyhow::Result<Exit> {
    Ok(Exit::Done)
}
