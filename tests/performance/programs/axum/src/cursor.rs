//! Where a page ends: the time and the id of its last order, as the text that clients send back.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::model::Order;

/// Return the cursor after an order.
pub fn encode(order: &Order) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&order.created_at.timestamp_micros().to_be_bytes());
    bytes[8..].copy_from_slice(order.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Return the time and the id in a cursor, or None if it is not one of ours.
pub fn decode(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (micros, id) = bytes.split_at(8);
    let created_at = DateTime::from_timestamp_micros(i64::from_be_bytes(micros.try_into().ok()?))?;
    Some((created_at, Uuid::from_slice(id).ok()?))
}
