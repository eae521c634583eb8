//! An order as it is stored and shown, as it is created, and a page of them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use sqlx::FromRow;
use uuid::Uuid;

#[derive(FromRow, Serialize)]
pub struct Order {
    pub id: Uuid,
    reference: String,
    customer_email: String,
    status: String,
    currency: String,
    total_minor: i64,
    item_count: i32,
    tags: Vec<String>,
    gift: bool,
    note: Option<String>,
    version: i32,
    #[serde(serialize_with = "write_time")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "write_time")]
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
pub struct Page {
    pub data: Vec<Order>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub reference: String,
    pub customer_email: String,
    pub currency: String,
    pub total_minor: i64,
    pub item_count: i32,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub gift: bool,
    pub note: Option<String>,
}

/// Write a time as the service does: with microseconds.
fn write_time<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}
