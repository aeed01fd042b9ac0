//! Work that outlives the request that asked for it.

mod inspect;
mod notify;
mod upkeep;
mod worker;

pub(crate) use inspect::new_job;
pub(crate) use notify::{KIND as NOTIFY, deliver};

use tokio::task::JoinHandle;

use crate::state::App;

/// Starts the workers and the upkeep of this process.
pub(crate) fn start(app: &App, inspections: usize) -> Vec<JoinHandle<()>> {
    let process = std::process::id();
    let worker = |name: String, kind| tokio::spawn(worker::run(app.clone(), name, kind));
    let inspecting = |number: usize| worker(format!("{process}/{number}"), inspect::KIND);
    let mut tasks: Vec<_> = (1..=inspections.max(1)).map(inspecting).collect();
    // Whoever is told of a weakness does not wait until images are inspected.
    tasks.push(worker(format!("{process}/{}", notify::KIND), notify::KIND));
    tasks.push(tokio::spawn(notify::schedule(app.clone())));
    tasks.push(tokio::spawn(upkeep::tidy(app.clone())));
    tasks.push(tokio::spawn(upkeep::judge_ahead(app.clone())));
    tasks
}
