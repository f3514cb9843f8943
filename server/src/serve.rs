//! Takes connections, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::http::limit::Peer;

/// How long the head of a request may take, and so how long a connection may rest: longer than proxies let theirs, which
/// would find it closed while they send.
const HEAD: Duration = Duration::from_secs(75);
/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 32 << 10;
/// How long requests under way may take when the server stops.
const LAST: Duration = Duration::from_secs(20);

/// Answers requests with at most so many connections at once, until it is cancelled; then lets what is under way end.
pub async fn serve(listener: TcpListener, router: Router, connections: usize, stopping: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(connections));
    loop {
        // Beyond the most connections, others wait where the operating system keeps them.
        let Ok(permit) = free.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, for example: others end meanwhile.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let connection = graceful.watch(connection(stream, peer, router.clone()));
        tokio::spawn(async move {
            // What is wrong with a connection is the other side's matter.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    if timeout(LAST, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().oneshot(request.map(Body::new))
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD.max(8192))
        .serve_connection(TokioIo::new(stream), service)
}
