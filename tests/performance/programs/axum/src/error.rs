//! What a request is answered with if it cannot be served.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde_json::json;

#[derive(Debug)]
pub enum ApiError {
    Conflict,
    Invalid(&'static str),
    NotFound,
    Unauthenticated,
    Busy,
    TimedOut,
    Failed,
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(refused) if refused.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(refused) if refused.is_check_violation() => {
                Self::Invalid("a field has a value that no order may have")
            }
            _ => {
                tracing::error!(%error, "database");
                Self::Failed
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, detail) = match self {
            Self::Conflict => (StatusCode::CONFLICT, "another of your orders has this reference"),
            Self::Invalid(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason),
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such order"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "send a valid token"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "try again in a moment"),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "this took too long"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "this failed"),
        };
        let mut response = (status, Json(json!({ "detail": detail }))).into_response();
        match status {
            StatusCode::UNAUTHORIZED => {
                response
                    .headers_mut()
                    .insert(WWW_AUTHENTICATE, "Bearer".parse().unwrap());
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, "1".parse().unwrap());
            }
            _ => {}
        }
        response
    }
}
