//! The orders API as an Axum program: `axum-orders PORT` plainly, `axum-orders PORT duties` with what the service does
//! for each request besides answering it.

mod access_log;
mod account;
mod cursor;
mod duties;
mod error;
mod etag;
mod model;
mod routes;

use std::env;
use std::net::Ipv4Addr;
use std::time::Duration;

use account::TokenVerifier;
use axum::Router;
use routes::AppState;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};
use tower_http::compression::CompressionLayer;

/// One core, so one thread: a runtime with workers hands tasks between threads for nothing.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let port: u16 = arguments.next().ok_or("give the port")?.parse()?;
    let has_duties = arguments.next().as_deref() == Some("duties");

    let pool = connect().await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    if has_duties {
        let verifier = TokenVerifier::new(&env::var("AUTH_SIGNING_KEY")?)?;
        let _flushed = access_log::start();
        let routes = routes::list().with_state(AppState::new(pool, Some(verifier)));
        serve(listener, duties::add(routes)).await
    } else {
        let routes = routes::list().with_state(AppState::new(pool, None));
        serve(listener, routes.layer(CompressionLayer::new())).await
    }
}

/// Return a pool of the size that all programs of the comparison have.
async fn connect() -> Result<PgPool, Box<dyn std::error::Error>> {
    // SQLx requires a host in the address, even where the parameter `host` names the folder of a socket.
    let url = env::var("DATABASE_URL")?.replace("@/", "@localhost/");
    let size = env::var("DATABASE_POOL_SIZE")?.parse()?;
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .min_connections(2)
        .acquire_timeout(Duration::from_secs(3))
        .connect(&url)
        .await?;
    Ok(pool)
}

/// Serve until SIGTERM, then let the requests under way end.
async fn serve(listener: TcpListener, app: Router) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, app)
        .tcp_nodelay(true)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}
