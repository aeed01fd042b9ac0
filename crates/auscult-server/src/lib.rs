//! The server: REST, pages, sign-in and jobs over the store.
//!
//! [`serve`] is one process; several may work on one database, as nothing that matters is kept outside
//! of the store. Facts are taken by the program behind walls and findings are derived from them when
//! somebody looks ([`Engine`]); what is kept in memory of that may be forgotten at any time.
//!
//! Every request passes one gate (`access`), which knows every endpoint and what it takes
//! ([`ENDPOINTS`]). Nothing here knows SQL, and no page needs a script.

mod access;
mod api;
mod behind;
mod certificate;
mod engine;
mod evaluate;
mod fleet;
mod jobs;
mod listen;
mod metrics;
mod mirror;
mod monitor;
mod outbound;
mod pages;
mod pool;
mod problem;
mod router;
mod serve;
mod settings;
mod state;
mod summary;
mod throttle;
mod worklist;

pub use access::{Access, ENDPOINTS, Endpoint, Permission, Role};
pub use engine::{Bare, Engine, EngineError, Judge, Outline, Papers, SharedFinding, Verified};
pub use pool::Pool;
pub use serve::{Error, Started, serve};
pub use settings::{CertificateSource, LogFormat, Settings, start_log};
