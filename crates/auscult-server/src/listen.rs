//! Connections: TLS, then HTTP/1.1, with limits on how many there are and how long they may be silent.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

/// Connections at once; those beyond wait.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a client may take for the handshake, and for the head of a request.
const HEAD_MAX: Duration = Duration::from_secs(20);
/// Rest after an error of `accept`, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Answers requests until `stop` is done, and then for as long as those take that were begun, but no
/// longer than `stop_max`.
pub(crate) async fn answer(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
    stop: impl Future<Output = ()>,
    stop_max: Duration,
) {
    let acceptor = TlsAcceptor::from(config);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        tokio::select! {
            () = &mut stop => break,
            (place, accepted) = accepted => match (place, accepted) {
                (Some(place), Ok((stream, peer))) => {
                    let connection = Connection { acceptor: acceptor.clone(), place, peer };
                    let (router, watcher) = (router.clone(), graceful.watcher());
                    tokio::spawn(connection.serve(stream, router, watcher));
                }
                (_, Err(error)) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
                (None, _) => break,
            },
        }
    }
    drop(listener);
    if timeout(stop_max, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off that took too long");
    }
}

struct Connection {
    acceptor: TlsAcceptor,
    /// Given back when the connection ends.
    place: OwnedSemaphorePermit,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream, router: Router, watcher: Watcher) {
        let _place = self.place;
        let _ = stream.set_nodelay(true);
        let stream = match timeout(HEAD_MAX, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(peer = %self.peer, %error, "no TLS was agreed on");
                return;
            }
            Err(_) => return,
        };
        let peer = Peer(self.peer.ip().to_canonical());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(peer = %self.peer, %error, "a connection ended early");
        }
    }
}
