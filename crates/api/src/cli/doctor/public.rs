//! Whether people reach the server at PUBLIC_URL, through whatever proxy stands before it.

use crate::cli::doctor::Finding;
use crate::config::Config;
use awc::error::WsClientError;
use awc::http::StatusCode;
use futures_util::StreamExt as _;
use std::time::Duration;

/// Whoever opens a page waits no longer.
const WITHIN: Duration = Duration::from_secs(5);

/// Asks for the server's health at PUBLIC_URL, and opens a socket there.
pub async fn check(config: &Config) -> Vec<Finding> {
    let Some(url) = &config.public_url else {
        let words = "PUBLIC_URL is not set; set it if people reach the server by another address than LISTEN";
        return vec![Finding::ok("public address", words)];
    };
    let base = url.address();
    let mut findings = Vec::new();
    if config.trusted_proxies.is_empty() {
        let words = "TRUSTED_PROXIES is not set; if a proxy stands before the server, everybody seems to come from its \
                     address and shares the limits of one person: set it to the proxy's address";
        findings.push(Finding::warning("proxy", words));
    }
    let page = page(&base).await;
    let is_reached = page.severity != super::Severity::Error;
    findings.push(page);
    if is_reached {
        findings.push(socket(&url.websocket()).await);
    }
    findings
}

async fn page(base: &str) -> Finding {
    let subject = "public address";
    let advice = "check that the server runs, and what the proxy passes on";
    let asked = awc::Client::builder().timeout(WITHIN).finish().get(format!("{base}/health/ready")).send().await;
    match asked.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => Finding::ok(subject, format!("{base} is reached")),
        Ok(StatusCode::SERVICE_UNAVAILABLE) => {
            Finding::error(subject, format!("{base} is not ready, or no server is behind the proxy; {advice}"))
        }
        Ok(status) => Finding::error(subject, format!("{base}/health/ready answers {status} instead of 200; {advice}")),
        Err(error) => Finding::error(subject, format!("{base} is not reached: {error}; {advice}")),
    }
}

async fn socket(url: &str) -> Finding {
    let subject = "WebSocket";
    let opened = tokio::time::timeout(WITHIN, async {
        let (_, mut socket) = awc::Client::default().ws(url).connect().await.map_err(|error| match error {
            WsClientError::InvalidResponseStatus(status) => {
                format!("it is answered {status}; the proxy must pass on the headers Upgrade and Connection")
            }
            error => format!("{error}; the proxy must pass on the headers Upgrade and Connection"),
        })?;
        match socket.next().await {
            Some(Ok(awc::ws::Frame::Text(text))) if text.starts_with(b"{") => Ok(()),
            _ => Err("it is opened, and ends before the server says anything; look at the proxy's log".to_owned()),
        }
    });
    match opened.await {
        Ok(Ok(())) => Finding::ok(subject, format!("{url} is opened")),
        Ok(Err(words)) => Finding::error(subject, format!("{url}: {words}")),
        Err(_) => Finding::error(
            subject,
            format!("{url}: nothing is heard within {} s; the proxy must not buffer", WITHIN.as_secs()),
        ),
    }
}
