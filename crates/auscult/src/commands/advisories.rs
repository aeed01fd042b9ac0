//! `auscult advisories`: build, check and query the advisory snapshot.

use crate::{args::AdvisoriesCommand, exit::Exit};

pub(crate) fn run(_: &AdvisoriesCommand) -> anyhow::Result<Exit> {
    anyhow::bail!("not wired yet")
}
