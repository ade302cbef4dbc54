//! How a node connects to NATS: its settings, and what may be wrong with them.

use crate::adapters::bus::CAPACITY;
use crate::adapters::nats::ANSWER_WITHIN;
use crate::adapters::nats::subjects::Subjects;
use async_nats::{ConnectOptions, ServerAddr};
use domain::model::node::NodeName;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::time::Duration;

/// A server that does not answer for two of these is given up, as one that is cut off without a word.
const PING_EVERY: Duration = Duration::from_secs(2);

/// The longest pause between two tries to connect.
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Where NATS is, and who this node is there.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// `nats://` or `tls://`, with user and password or a token in it.
    pub servers: Vec<String>,
    /// A .creds file.
    pub credentials: Option<PathBuf>,
    /// Certificates in PEM that servers may be signed by, beside the system's.
    pub ca: Option<PathBuf>,
    /// What subjects begin with: letters, digits, `-` and `_`.
    pub prefix: String,
    /// This node.
    pub node: NodeName,
}

/// Why the settings of NATS cannot be used; without the password in them.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// NATS_URL is no list of addresses.
    #[error("NATS_URL: {0} is no address like nats://host:4222 or tls://host")]
    Address(String),
    /// The file of NATS_CREDENTIALS or NATS_CA cannot be used.
    #[error("{setting}: {path} cannot be used: {reason}")]
    File { setting: &'static str, path: String, reason: String },
    /// The client refused to start.
    #[error("NATS cannot be used: {0}")]
    Client(String),
}

/// What the client takes for these settings.
pub async fn connect_options(
    options: &NatsOptions,
    subjects: &Subjects,
) -> Result<(Vec<ServerAddr>, ConnectOptions), NatsError> {
    let mut connect = ConnectOptions::new()
        .name(options.node.as_str())
        .no_echo()
        .retry_on_initial_connect()
        .custom_inbox_prefix(subjects.replies())
        .ping_interval(PING_EVERY)
        .connection_timeout(RETRY_MAX)
        .request_timeout(Some(ANSWER_WITHIN))
        .subscription_capacity(CAPACITY)
        .reconnect_delay_callback(|tries| {
            let doubled = 25u64.saturating_mul(1 << tries.min(7));
            Duration::from_millis(doubled).min(RETRY_MAX)
        });
    let mut servers = Vec::new();
    for text in &options.servers {
        let refused = || NatsError::Address(without_secret(text));
        let server = text.parse::<ServerAddr>().map_err(|_| refused())?;
        if !matches!(server.scheme(), "nats" | "tls") {
            return Err(refused());
        }
        // The client itself passes over what stands before the @. A word without a password is a token, as everywhere in NATS.
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match (server.username(), server.password()) {
            (Some(user), Some(password)) => connect = connect.user_and_password(decode(user), decode(password)),
            (Some(token), None) => connect = connect.token(decode(token)),
            (None, _) => {}
        }
        let host = server.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        servers.push(format!("{}://{host}:{}", server.scheme(), server.port()).parse().map_err(|_| refused())?);
    }
    if let Some(path) = &options.ca {
        let failed = |reason| NatsError::File { setting: "NATS_CA", path: path.display().to_string(), reason };
        std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        connect = connect.add_root_certificates(path.clone());
    }
    if let Some(path) = &options.credentials {
        let failed = |error: std::io::Error| NatsError::File {
            setting: "NATS_CREDENTIALS",
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        connect = connect.credentials_file(path).await.map_err(failed)?;
    }
    Ok((servers, connect))
}

/// An address to be shown: without what stands before the @.
fn without_secret(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => host.to_owned(),
        None => address.to_owned(),
    }
}
