//! `auscult context init`: a first `device.toml` from the facts of an image.

use super::judge::Question;
use crate::{
    args::{ContextCommand, ContextInitArgs},
    exit::Exit,
    output::{self, Output},
};

pub(crate) fn run(command: &ContextCommand) -> anyhow::Result<Exit> {
    match command {
        ContextCommand::Init(arguments) => init(arguments),
    }
}

fn init(arguments: &ContextInitArgs) -> anyhow::Result<Exit> {
    let limits = super::limits(&arguments.limits);
    let result =
        Question::of_facts(arguments.cache.as_deref()).answer(&arguments.image, &limits)?;
    let text = auscult_assess::propose_context(&result.facts);
    let wanted = Output { format: (), file: arguments.output.clone() };
    output::write(&wanted, text.as_bytes())?;
    Ok(Exit::Done)
}
