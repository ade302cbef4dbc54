//! What the server counts, out of its metrics.

use crate::server::Server;
use std::time::Duration;

/// The server's metrics, read now and then.
pub struct Metrics {
    url: String,
    agent: ureq::Agent,
}

/// How long requests of one sort took inside the server, so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Up to so many seconds, so many requests; ascending, the last one has all.
    buckets: Vec<(f64, f64)>,
    /// All of them together, in seconds.
    sum: f64,
}

impl Metrics {
    /// Those of this server, if it shows any.
    pub fn of(server: &Server) -> Option<Metrics> {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10)));
        // A connection kept open would be one of those that are counted.
        let config = config.max_idle_connections(0).build();
        Some(Metrics { url: format!("{}/metrics", server.metrics_url.as_ref()?), agent: config.into() })
    }

    fn text(&self) -> Result<String, String> {
        let failed = |error: ureq::Error| format!("the metrics cannot be read: {error}");
        self.agent.get(&self.url).call().map_err(failed)?.into_body().read_to_string().map_err(failed)
    }

    /// How many sockets the server has.
    pub fn sockets(&self) -> Result<u64, String> {
        let text = self.text()?;
        let line = text.lines().find(|line| line.starts_with("banter_sockets{"));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.and_then(|value| value.trim().parse().ok()).ok_or("the metrics do not count sockets".to_owned())
    }

    /// How long requests for `route` took.
    pub fn requests(&self, route: &str) -> Result<Histogram, String> {
        Ok(Histogram::read(&self.text()?, route))
    }
}

impl Histogram {
    fn read(text: &str, route: &str) -> Histogram {
        let mut histogram = Histogram::default();
        let (route, name) = (format!("route=\"{route}\""), "banter_http_request_duration_seconds_");
        for line in text.lines().filter(|line| line.contains(&route)) {
            let Some(rest) = line.strip_prefix(name) else { continue };
            let Some(value) = rest.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok()) else { continue };
            if rest.starts_with("sum") {
                histogram.sum += value;
            } else if let Some((_, limit)) = rest.split_once("le=\"") {
                let limit = limit.split('"').next().and_then(|limit| limit.parse().ok()).unwrap_or(f64::INFINITY);
                match histogram.buckets.iter_mut().find(|(there, _)| *there == limit) {
                    Some((_, count)) => *count += value,
                    None => histogram.buckets.push((limit, value)),
                }
            }
        }
        histogram.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        histogram
    }

    /// What came after `before`.
    pub fn since(&self, before: &Histogram) -> Histogram {
        let count =
            |limit: f64| before.buckets.iter().find(|(there, _)| *there == limit).map_or(0.0, |(_, count)| *count);
        let buckets = self.buckets.iter().map(|(limit, all)| (*limit, all - count(*limit))).collect();
        Histogram { buckets, sum: self.sum - before.sum }
    }

    fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, all)| *all)
    }

    /// The mean, in ms.
    pub fn mean(&self) -> f64 {
        if self.count() > 0.0 { self.sum * 1000.0 / self.count() } else { 0.0 }
    }

    /// How many of a hundred took at most so many seconds, one of the steps of the metrics.
    pub fn percent_below(&self, limit: f64) -> f64 {
        let below = self.buckets.iter().rfind(|(step, _)| *step <= limit).map_or(0.0, |(_, count)| *count);
        below * 100.0 / self.count().max(1.0)
    }

    /// 99 of 100 took at most so many ms, as closely as the steps of the metrics tell.
    pub fn p99_at_most(&self) -> f64 {
        let enough = self.count() * 0.99;
        self.buckets.iter().find(|(_, count)| *count >= enough).map_or(0.0, |(limit, _)| limit * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_summed_up_over_its_answers_and_only_what_came_since_counts() {
        let text = |fast: u32, slow: u32| {
            let name = "banter_http_request_duration_seconds";
            let labels = r#"{method="GET",route="/rooms/{uid}/messages",status="200""#;
            let all = fast + slow;
            format!(
                "{name}_sum{labels}}} {}\n{name}_count{labels}}} {all}\n{name}_bucket{labels},le=\"0.001\"}} {fast}\n\
                 {name}_bucket{labels},le=\"0.005\"}} {all}\n{name}_bucket{labels},le=\"+Inf\"}} {all}\n\
                 {name}_bucket{{method=\"GET\",route=\"/rooms\",status=\"200\",le=\"0.001\"}} 7\nbanter_sockets{{node=\"a\"}} 3\n",
                f64::from(all) * 0.002
            )
        };
        let read = |text: String| Histogram::read(&text, "/rooms/{uid}/messages");
        let (before, after) = (read(text(50, 50)), read(text(149, 51)));
        let since = after.since(&before);
        assert_eq!(since.count(), 100.0);
        assert!((since.mean() - 2.0).abs() < 1e-9, "{since:?}");
        assert!((since.p99_at_most() - 1.0).abs() < 1e-9 && (before.p99_at_most() - 5.0).abs() < 1e-9, "{since:?}");
        assert_eq!((since.percent_below(0.005), before.percent_below(0.001)), (100.0, 50.0));
        assert_eq!((Histogram::default().mean(), Histogram::default().p99_at_most()), (0.0, 0.0));
    }
}
