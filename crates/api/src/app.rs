//! What every handler of a process shares.

use crate::client_ip::UnlistedProxy;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::realtime::node::Node;
use domain::ports::effects::{Clock, RateLimiter};
use domain::ports::store::Health;
use domain::service::{ClientInfo, Services};
use std::net::IpAddr;
use std::sync::Arc;

/// Turns an address into what the rules know of it: a keyed hash of its network, and its country.
pub type Locate = Arc<dyn Fn(IpAddr) -> ClientInfo + Send + Sync>;

/// The services, the sockets of this process, and its settings.
pub struct App {
    /// What users do.
    pub services: Services,
    /// The sockets of this process.
    pub node: Arc<Node>,
    /// The settings.
    pub config: Config,
    /// Whether the store answers.
    pub health: Arc<dyn Health>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Quotas of sockets; those of services are theirs.
    pub limiter: Arc<dyn RateLimiter>,
    /// Turns addresses into visitors.
    pub locate: Locate,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether the log has told of a proxy that is not listed.
    pub unlisted_proxy: UnlistedProxy,
}
