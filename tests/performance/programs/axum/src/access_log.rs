//! A JSON line on standard output for each request.

use std::io::{stdout, BufWriter};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use tracing_appender::non_blocking::WorkerGuard;

/// Write events as JSON from a thread, several lines at once. The guard writes what is left when it is dropped.
pub fn start() -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(BufWriter::new(stdout()));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(writer)
        .init();
    guard
}

pub async fn log_request(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let request_id = request.headers().get("x-request-id").cloned();
    let response = next.run(request).await;
    tracing::info!(
        %method,
        path,
        route = route.as_ref().map(MatchedPath::as_str),
        status = response.status().as_u16(),
        request_id = request_id.as_ref().and_then(|id| id.to_str().ok()),
        total_ms = began.elapsed().as_secs_f64() * 1e3,
        "request"
    );
    response
}
