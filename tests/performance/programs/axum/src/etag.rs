//! ETags, and 304 for who has the body already (RFC 9110, section 13).

use axum::body::{to_bytes, Body};
use axum::extract::Request;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::ApiError;

/// Add a weak ETag, the hash of the body before it is compressed, to what a GET is answered with.
pub async fn add_etag(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return ApiError::Failed.into_response();
    };
    let tag = format!("W/\"{:016x}\"", xxh3_64(&bytes));
    let is_known = known.is_some_and(|value| value.to_str().is_ok_and(|sent| has_tag(sent, &tag)));
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits are a header's value");
    if is_known {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    parts.headers.insert(ETAG, tag);
    Response::from_parts(parts, Body::from(bytes))
}

/// Return whether `If-None-Match` names a tag.
fn has_tag(sent: &str, tag: &str) -> bool {
    sent.split(',').map(str::trim).any(|one| one == "*" || one == tag)
}
