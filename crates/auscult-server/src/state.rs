//! What every handler works with: the store, the engine, and what may be forgotten at any time.

use std::{io, ops::Deref, sync::Arc, time::Duration};

use auscult_store::{AuditEvent, OrganisationId, Store};
use jiff::Timestamp;
use tokio::{sync::watch, time::timeout};

use crate::{
    access::Identity, behind::Behind, engine::Engine, evaluate::Evaluator, metrics::Metrics,
    monitor::Compared, problem::Answer, settings::Settings, throttle::Throttle,
};

/// The application; copies share everything.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// What is shared. Nothing of it outlives the process, and nothing would be lost.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) settings: Settings,
    /// Whose people sign in here.
    pub(crate) organisation: OrganisationId,
    pub(crate) evaluator: Evaluator,
    /// For what nobody waits for.
    pub(crate) behind: Behind,
    pub(crate) metrics: Metrics,
    pub(crate) throttle: Throttle,
    /// Rung when there is work.
    pub(crate) work: Bell,
    /// Rung when something changed by which builds are judged, as when a job came to an end.
    pub(crate) changed: Bell,
    /// What was compared with what was told of it.
    pub(crate) compared: Compared,
    /// Rung when a change of a build was recorded.
    pub(crate) told: Bell,
    /// True once the server stops.
    pub(crate) stopping: watch::Sender<bool>,
}

/// A bell that nobody misses: whoever listens hears what was rung since the last time that it heard it,
/// even where it was busy then.
#[derive(Default)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// Somebody who listens to a bell.
pub(crate) struct Listener(watch::Receiver<u64>);

impl Listener {
    /// Waits until it is rung, and no longer than this.
    pub(crate) async fn wait(&mut self, at_most: Duration) {
        let _ = timeout(at_most, self.0.changed()).await;
    }

    /// Whether it was rung since the last wait.
    pub(crate) fn is_rung(&self) -> bool {
        self.0.has_changed().unwrap_or(true)
    }
}

impl App {
    pub(crate) fn new(
        store: Store,
        engine: Arc<dyn Engine>,
        settings: Settings,
        organisation: OrganisationId,
    ) -> io::Result<Self> {
        let throttle = Throttle::new(settings.requests_per_second);
        Ok(Self(Arc::new(Inner {
            evaluator: Evaluator::new(),
            metrics: Metrics::default(),
            throttle,
            work: Bell::default(),
            changed: Bell::default(),
            compared: Compared::default(),
            told: Bell::default(),
            stopping: watch::Sender::new(false),
            behind: Behind::start()?,
            store,
            engine,
            settings,
            organisation,
        })))
    }

    /// Where people reach this server.
    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.settings.listen)
    }

    /// Waits until the server stops.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Records what somebody did.
    pub(crate) async fn record(
        &self,
        who: &Identity,
        action: &str,
        object: &str,
        detail: serde_json::Value,
    ) -> Answer<()> {
        let (action, object) = (action.to_owned(), object.to_owned());
        let event = AuditEvent { actor: who.actor(), action, object, detail };
        self.store.append_audit(who.organisation, &event, Timestamp::now()).await?;
        Ok(())
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
