//! Work that outlives the request that asked for it.

mod inspect;
mod upkeep;
mod worker;

pub(crate) use inspect::new_job;

use tokio::task::JoinHandle;

use crate::state::App;

/// Starts the workers and the upkeep of this process.
pub(crate) fn start(app: &App, inspections: usize) -> Vec<JoinHandle<()>> {
    let process = std::process::id();
    let worker =
        |number: usize| tokio::spawn(worker::run(app.clone(), format!("{process}/{number}")));
    let mut tasks: Vec<_> = (1..=inspections.max(1)).map(worker).collect();
    tasks.push(tokio::spawn(upkeep::tidy(app.clone())));
    tasks.push(tokio::spawn(upkeep::judge_ahead(app.clone())));
    tasks
}
