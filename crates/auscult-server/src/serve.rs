//! One process of the server, from its start to its end.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use auscult_store::{OrganisationId, Store};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{Engine, Settings, access::Secret, certificate, jobs, listen, router, state::App};

/// How long the link to the first administrator is good.
const SETUP_MAX: SignedDuration = SignedDuration::from_hours(24);
/// How long requests that are being answered may take after the server was told to stop.
const STOP_MAX: Duration = Duration::from_secs(30);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused something.
    #[error(transparent)]
    Store(#[from] auscult_store::Error),
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The certificate or its key is not usable.
    #[error("{doing}: {why}")]
    Certificate {
        /// What was being done, with the file.
        doing: String,
        /// Why it failed.
        why: String,
    },
    /// The system refused something else.
    #[error("{doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// What whoever starts the server wants to know.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where it can be reached.
    pub url: String,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// The link to the first administrator, where there is none yet; told to nobody else.
    pub set_up: Option<String>,
}

/// Answers requests until the process is told to stop, by SIGTERM or SIGINT. `told` is called once
/// requests are answered.
pub async fn serve(
    store: Store,
    engine: Arc<dyn Engine>,
    mut settings: Settings,
    told: impl FnOnce(&Started),
) -> Result<(), Error> {
    let certificate = certificate::load(&settings)?;
    let organisation = store.ensure_organisation(&settings.organisation, Timestamp::now()).await?;
    let system = |doing| move |source| Error::System { doing, source };
    let mut terminate = signal(SignalKind::terminate()).map_err(system("wait for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system("wait for SIGINT"))?;
    let address = settings.listen;
    let refused = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    // Pages tell people where the server is: the port may have been left to the system.
    settings.listen = shown(listener.local_addr().map_err(refused)?);
    let url = format!("https://{}", settings.listen);
    let set_up = set_up(&store, organisation.id, &url).await?;
    let fingerprint = certificate.fingerprint.clone();
    let workers = settings.inspections_max;
    let app = App::new(store, engine, settings, organisation.id);
    let app = app.map_err(system("start threads for work that nobody waits for"))?;
    let tasks = jobs::start(&app, workers);
    told(&Started { url: url.clone(), fingerprint, set_up });
    tracing::info!(url, organisation = organisation.name, "the server answers");
    let router = router::router(app.clone());
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    let stopping = async {
        let signal = stop.await;
        tracing::info!(signal, "the server stops; requests that are being answered are finished");
        app.stopping.send_replace(true);
    };
    listen::answer(listener, certificate.config, router, stopping, STOP_MAX).await;
    for task in tasks {
        let _ = tokio::time::timeout(STOP_MAX, task).await;
    }
    app.store.close().await;
    tracing::info!("the server stopped");
    Ok(())
}

/// Keeps a link to the first administrator, where there is none, and returns it.
async fn set_up(
    store: &Store,
    organisation: OrganisationId,
    url: &str,
) -> Result<Option<String>, Error> {
    if !store.needs_setup(organisation).await? {
        return Ok(None);
    }
    let drawn = Secret::new("").map_err(|problem| Error::System {
        doing: "draw the link to the set-up",
        source: std::io::Error::other(problem.detail),
    })?;
    let now = Timestamp::now();
    let until = now.checked_add(SETUP_MAX).unwrap_or(now);
    store.offer_setup(organisation, drawn.bytes(), until, now).await?;
    Ok(Some(format!("{url}/set-up?token={}", drawn.text())))
}

/// An address that a browser can open: one that means "all" becomes that of this machine.
fn shown(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
