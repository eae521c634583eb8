//! The routes: one order by key, a page of them, and a new one, with the statements of the service.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::account::{Account, TokenVerifier};
use crate::cursor;
use crate::error::ApiError;
use crate::model::{NewOrder, Order, Page};

const READ_ORDER: &str = "
    select id, reference, customer_email, status, currency, total_minor, item_count, tags, gift, note, version,
           created_at, updated_at
      from orders
     where id = $2 and account = $1";

const LIST_ORDERS: &str = "
    select id, reference, customer_email, status, currency, total_minor, item_count, tags, gift, note, version,
           created_at, updated_at
      from orders
     where account = $1 and (created_at, id) < ($2, $3) and created_at >= $4
     order by created_at desc, id desc
     limit $5";

const CREATE_ORDER: &str = "
    insert into orders (account, reference, customer_email, currency, total_minor, item_count, tags, gift, note)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    returning id, reference, customer_email, status, currency, total_minor, item_count, tags, gift, note, version,
              created_at, updated_at";

#[derive(Clone)]
pub struct AppState {
    pool: PgPool,
    /// None where no token is asked for.
    pub verifier: Option<Arc<TokenVerifier>>,
}

impl AppState {
    pub fn new(pool: PgPool, verifier: Option<TokenVerifier>) -> Self {
        Self {
            pool,
            verifier: verifier.map(Arc::new),
        }
    }
}

pub fn list() -> Router<AppState> {
    Router::new()
        .route("/v1/orders", get(list_orders).post(create_order))
        .route("/v1/orders/:id", get(read_order))
}

async fn read_order(
    State(state): State<AppState>,
    Account(account): Account,
    Path(id): Path<Uuid>,
) -> Result<Json<Order>, ApiError> {
    let found = sqlx::query_as(READ_ORDER)
        .bind(&*account)
        .bind(id)
        .fetch_optional(&state.pool)
        .await?;
    found.map(Json).ok_or(ApiError::NotFound)
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default = "default_limit")]
    limit: usize,
    cursor: Option<String>,
}

fn default_limit() -> usize {
    20
}

/// Return a page, the newest first. One more row than it has tells whether another follows.
async fn list_orders(
    State(state): State<AppState>,
    Account(account): Account,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page>, ApiError> {
    if !(1..=100).contains(&wanted.limit) {
        return Err(ApiError::Invalid("limit must be from 1 to 100"));
    }
    let (before, before_id) = match &wanted.cursor {
        None => (start_of_year(9999), Uuid::nil()),
        Some(text) => cursor::decode(text).ok_or(ApiError::Invalid("cursor is not one of ours"))?,
    };
    let mut data: Vec<Order> = sqlx::query_as(LIST_ORDERS)
        .bind(&*account)
        .bind(before)
        .bind(before_id)
        .bind(start_of_year(1))
        .bind(wanted.limit as i64 + 1)
        .fetch_all(&state.pool)
        .await?;
    let has_more = data.len() > wanted.limit;
    data.truncate(wanted.limit);
    let next = data.last().filter(|_| has_more).map(cursor::encode);
    Ok(Json(Page { data, next }))
}

fn start_of_year(year: i32) -> DateTime<Utc> {
    let day = NaiveDate::from_ymd_opt(year, 1, 1).expect("every year begins");
    day.and_time(Default::default()).and_utc()
}

async fn create_order(
    State(state): State<AppState>,
    Account(account): Account,
    Json(data): Json<NewOrder>,
) -> Result<impl IntoResponse, ApiError> {
    let order: Order = sqlx::query_as(CREATE_ORDER)
        .bind(&*account)
        .bind(data.reference)
        .bind(data.customer_email)
        .bind(data.currency)
        .bind(data.total_minor)
        .bind(data.item_count)
        .bind(data.tags)
        .bind(data.gift)
        .bind(data.note)
        .fetch_one(&state.pool)
        .await?;
    let location = [(LOCATION, format!("/v1/orders/{}", order.id))];
    Ok((StatusCode::CREATED, location, Json(order)))
}
