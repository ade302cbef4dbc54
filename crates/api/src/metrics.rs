//! What is counted, for Prometheus. Served on an address of its own, never on the public one.

use crate::health;
use crate::problem::{Code, Problem};
use actix_web::dev::ServerHandle;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, HttpServer, ResponseError, web};
use domain::model::node::NodeName;
use domain::ports::cluster::Cluster;
use domain::ports::store::{Health, StoreError};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::borrow::Cow;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// The steps of the request times, in seconds: from a cached read to a login.
const STEPS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What a request is counted under. Patterns, not paths: a label for each room would never end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

/// All counters of a process.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Histogram>,
    /// Sockets open now.
    pub sockets: Gauge,
    /// Frames read from clients.
    pub frames_in: Counter,
    /// Frames of rooms' logs handed to viewers.
    pub deliveries: Counter,
    /// Bytes written to sockets.
    pub bytes_out: Counter,
    /// Messages posted through this process.
    pub messages: Counter,
    /// 1 while the database's disk is full.
    storage_full: Gauge,
}

impl Metrics {
    /// Nothing was counted yet by this node; with what its bus counts, where there are others.
    pub fn new(node: &NodeName, cluster: Option<Arc<dyn Cluster>>) -> Metrics {
        let labels = [(Cow::from("node"), Cow::from(node.to_string()))];
        let mut registry = Registry::with_prefix_and_labels("banter", labels.into_iter());
        if let Some(cluster) = cluster {
            registry.register_collector(Box::new(BusCollector(cluster)));
        }
        let requests = Family::new_with_constructor((|| Histogram::new(STEPS)) as fn() -> Histogram);
        let [sockets, storage_full] = <[Gauge; 2]>::default();
        let [frames_in, deliveries, bytes_out, messages] = <[Counter; 4]>::default();
        let help = "How long requests took, by method, route and status";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, Family::clone(&requests));
        registry.register("sockets", "Sockets open now", Gauge::clone(&sockets));
        registry.register("frames_in", "Frames read from clients", Counter::clone(&frames_in));
        registry.register("deliveries", "Frames of rooms' logs handed to viewers", Counter::clone(&deliveries));
        registry.register_with_unit("socket_out", "Bytes written to sockets", Unit::Bytes, Counter::clone(&bytes_out));
        registry.register("messages", "Messages posted through this process", Counter::clone(&messages));
        registry.register("storage_full", "1 while the database's disk is full", Gauge::clone(&storage_full));
        Metrics { registry, requests, sockets, frames_in, deliveries, bytes_out, messages, storage_full }
    }

    /// Counts a request that was answered.
    pub fn observe(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let labels = Labels { method: method.to_owned(), route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// All counters as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// What the bus between nodes counts.
struct BusCollector(Arc<dyn Cluster>);

impl std::fmt::Debug for BusCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BusCollector")
    }
}

impl Collector for BusCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let stats = self.0.stats();
        let connected = ConstGauge::new(i64::from(self.0.is_connected()));
        let help = "1 while NATS is connected";
        connected.encode(encoder.encode_descriptor("bus_connected", help, None, connected.metric_type())?)?;
        for (name, help, count) in [
            ("bus_received", "Messages read from other nodes", stats.received),
            ("bus_sent", "Messages sent to other nodes", stats.sent),
            ("bus_dropped", "Messages not sent because NATS was away or the queue full", stats.dropped),
            ("bus_newer", "Messages of a later version, not read", stats.newer),
            ("bus_malformed", "Messages that were not understood", stats.malformed),
            ("bus_losses", "How often messages from NATS were lost, and the database was read", stats.losses),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}

async fn show(metrics: web::Data<Metrics>, store: web::Data<dyn Health>) -> HttpResponse {
    let is_full = matches!(health::check(&**store).await, Err(StoreError::StorageFull { .. }));
    metrics.storage_full.set(i64::from(is_full));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    HttpResponse::Ok().content_type(kind).body(metrics.text())
}

/// Serves /metrics and nothing else. Must be called within an actix system.
pub fn serve(listener: TcpListener, metrics: Arc<Metrics>, store: Arc<dyn Health>) -> Result<ServerHandle, String> {
    let nothing = || async { Problem::new(Code::NotFound, "The metrics are at /metrics.").error_response() };
    let server = HttpServer::new(move || {
        let (metrics, store) = (web::Data::from(metrics.clone()), web::Data::from(store.clone()));
        let routes = actix_web::App::new().app_data(metrics).app_data(store).route("/metrics", web::get().to(show));
        routes.default_service(web::to(nothing))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)
    .map_err(|error| format!("METRICS_LISTEN cannot be used: {error}"))?
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_pattern_and_unknown_methods_as_one() {
        let metrics = Metrics::new(&NodeName::of_process("test", 1), None);
        metrics.observe(&Method::GET, "/rooms/{uid}", StatusCode::OK, Duration::from_millis(3));
        metrics.observe(&Method::TRACE, "other", StatusCode::NOT_FOUND, Duration::from_millis(3));
        metrics.sockets.inc();
        let text = metrics.text();
        for part in [
            r#"banter_http_request_duration_seconds_count{node="test-1",method="GET",route="/rooms/{uid}",status="200"} 1"#,
            r#"method="other",route="other",status="404""#,
            r#"banter_sockets{node="test-1"} 1"#,
            r#"banter_messages_total{node="test-1"} 0"#,
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
