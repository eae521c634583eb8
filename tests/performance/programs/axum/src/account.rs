//! Whose orders a request is about: the subject of its token, or one account for all where no token is asked for.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use axum::async_trait;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use chrono::Utc;
use jsonwebtoken::{decode, Algorithm, DecodingKey, Validation};
use lru::LruCache;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Deserialize;

use crate::error::ApiError;
use crate::routes::AppState;

/// The account of the orders in the comparison.
const DEVELOPMENT: &str = "development";

/// Verified tokens to remember, as many as the service does.
const CACHE_SIZE: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// Seconds that clocks may differ.
const LEEWAY: u64 = 10;

#[derive(Clone)]
pub struct Account(pub Arc<str>);

#[async_trait]
impl FromRequestParts<AppState> for Account {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        match &state.verifier {
            None => Ok(Self(DEVELOPMENT.into())),
            Some(verifier) => {
                let sent = parts
                    .headers
                    .get(AUTHORIZATION)
                    .and_then(|value| value.to_str().ok());
                let token = sent.and_then(|value| value.strip_prefix("Bearer "));
                verifier.verify(token.ok_or(ApiError::Unauthenticated)?)
            }
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
}

/// Verifies tokens as the service does: a signature once, and each time that the token has not expired.
pub struct TokenVerifier {
    key: DecodingKey,
    validation: Validation,
    verified: Mutex<LruCache<String, (Account, f64)>>,
}

impl TokenVerifier {
    /// Take the key that tokens are signed with, as PKCS #8 in base64.
    pub fn new(signing_key: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(signing_key)?)
            .map_err(|reason| format!("AUTH_SIGNING_KEY is not an Ed25519 key: {reason}"))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&["service"]);
        validation.set_audience(&["service"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        Ok(Self {
            key: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            validation,
            verified: Mutex::new(LruCache::new(CACHE_SIZE)),
        })
    }

    /// Return the account of a valid token.
    fn verify(&self, token: &str) -> Result<Account, ApiError> {
        let mut verified = self.verified.lock().unwrap();
        if let Some((account, expires)) = verified.get(token) {
            let is_valid = expires + LEEWAY as f64 > Utc::now().timestamp_millis() as f64 / 1e3;
            return is_valid.then(|| account.clone()).ok_or(ApiError::Unauthenticated);
        }
        let claims = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|_| ApiError::Unauthenticated)?
            .claims;
        let account = Account(claims.sub.into());
        verified.put(token.to_owned(), (account.clone(), claims.exp));
        Ok(account)
    }
}
