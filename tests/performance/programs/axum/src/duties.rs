//! What the service does for each request, by the layers of tower: limits, a deadline, a log line, an ETag.

use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::{BoxError, Router};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::error::Overloaded;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::access_log::log_request;
use crate::error::ApiError;
use crate::etag::add_etag;

const MAX_BODY_BYTES: usize = 1_000_000;
const MAX_REQUESTS: usize = 100;
const DEADLINE: Duration = Duration::from_secs(10);

/// Return the routes behind these layers. A request passes them from the top.
pub fn add(routes: Router) -> Router {
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(from_fn(log_request))
        .layer(HandleErrorLayer::new(refuse))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(MAX_REQUESTS))
        .timeout(DEADLINE)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CompressionLayer::new())
        .layer(from_fn(add_etag));
    routes.layer(layers)
}

async fn refuse(error: BoxError) -> ApiError {
    if error.is::<Overloaded>() {
        ApiError::Busy
    } else if error.is::<tower::timeout::error::Elapsed>() {
        ApiError::TimedOut
    } else {
        ApiError::Failed
    }
}
