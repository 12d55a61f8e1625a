//! `quell serve`: runs until it is told to stop.

use std::time::Duration;

use anyhow::{Context, Result};
use server::{ListenOptions, TlsConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::wiring;

/// Serves until SIGINT or SIGTERM, then stops in order.
pub(crate) fn run(config: &Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    runtime.block_on(serve(config))
}

async fn serve(config: &Config) -> Result<()> {
    let address = config.server.listen;
    // Bound first: a second server on the same port must not touch the data.
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let tls = tls(config)?;
    // With port 0 the system chooses one; from here on that is the configured port.
    let mut config = config.clone();
    config.server.listen = listener
        .local_addr()
        .context("the listener's address is unknown")?;
    let parts = wiring::assemble(&config).await?;
    let options = ListenOptions {
        tls,
        max_connections: config.server.max_connections,
        drain_timeout: Duration::from_secs(config.engine.stop_grace_secs),
        readiness: Some(parts.state.readiness().clone()),
        ..ListenOptions::default()
    };
    announce(&config, &parts)?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    server::serve(listener, server::router(parts.state), options, shutdown).await;
    parts.sources.stop().await;
    parts.engine.stop().await;
    drop(parts.handle);
    parts
        .store
        .close()
        .context("the store could not be closed in order; it recovers at the next start")?;
    tracing::info!("stopped");
    Ok(())
}

fn tls(config: &Config) -> Result<Option<TlsConfig>> {
    let server = &config.server;
    if server.tls_certificate.is_empty() {
        return Ok(None);
    }
    let tls = TlsConfig::from_pem_files(server.tls_certificate.as_ref(), server.tls_key.as_ref())?;
    Ok(Some(tls))
}

fn announce(config: &Config, parts: &wiring::Parts) -> Result<()> {
    let scheme = if config.server.tls_certificate.is_empty() {
        "http"
    } else {
        "https"
    };
    let url = format!("{scheme}://{}", config.server.listen);
    let path = std::fs::canonicalize(&parts.minted.path).context("the credentials file")?;
    println!("Quell listens on {url}");
    println!(
        "Try: AWS_SHARED_CREDENTIALS_FILE={} AWS_DEFAULT_REGION={} aws ssm-incidents list-incident-records --endpoint-url {url}",
        path.display(),
        if config.aws.region.is_empty() {
            "us-east-1"
        } else {
            &config.aws.region
        }
    );
    tracing::info!(server.url = url, "ready");
    Ok(())
}
