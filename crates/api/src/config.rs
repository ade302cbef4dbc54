//! The settings: flags and environment variables of the same name, each with a default that starts.
//!
//! docs/configuration.md is made from this file; a test compares the two.

use crate::limits::Limits;
use crate::public_url::{PublicUrl, PublicUrlParser, is_origin};
use clap::builder::TypedValueParser;
use clap::{Args, ValueEnum, value_parser};
use domain::model::node::NodeName;
use domain::model::text::Password;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// What `banter serve` is told. Every flag is also an environment variable: `--data-dir` is `DATA_DIR`.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Where the data lives: `sqlite:PATH`, or `postgres://…` for PostgreSQL. Default: the file `banter.db` in DATA_DIR
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// The folder for files of its own
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,

    /// The address to serve on; port 0 takes a free one and tells it in the ready line on stdout
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// A separate address for Prometheus metrics at /metrics; off unless set
    #[arg(long, env = "METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,

    /// The address that people reach the server by, such as `https://chat.example.org`, or `https://example.org/chat` where a
    /// proxy serves it under a path
    #[arg(long, env = "PUBLIC_URL", value_parser = PublicUrlParser)]
    pub public_url: Option<PublicUrl>,

    /// NATS servers that connect several nodes on one PostgreSQL, by comma: `nats://` or `tls://`, with user and password or a
    /// token before the @
    #[arg(long, env = "NATS_URL", value_delimiter = ',', hide_env_values = true)]
    pub nats_url: Vec<String>,

    /// A .creds file that NATS knows this server by
    #[arg(long, env = "NATS_CREDENTIALS")]
    pub nats_credentials: Option<PathBuf>,

    /// Certificates in PEM that the NATS servers' may be signed by, beside the system's
    #[arg(long, env = "NATS_CA")]
    pub nats_ca: Option<PathBuf>,

    /// What the names of everything that travels by NATS begin with: services that share one NATS have different ones
    #[arg(long, env = "NATS_PREFIX", default_value = "banter", value_parser = nats_prefix)]
    pub nats_prefix: String,

    /// This process among its nodes, as /connections, /version, metrics and logs name it. Default: the host's name and the
    /// process's number
    #[arg(long, env = "NODE_NAME", value_parser = node_name)]
    pub node_name: Option<NodeName>,

    /// Proxies that are believed when they say who is calling: addresses or networks such as 10.0.0.0/8, by comma. None
    /// unless set, not even loopback
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',', value_parser = proxy)]
    pub trusted_proxies: Vec<IpNet>,

    /// The header in which TRUSTED_PROXIES say who is calling
    #[arg(long, env = "CLIENT_IP_HEADER", default_value = "X-Forwarded-For", ignore_case = true)]
    pub client_ip_header: ClientIpHeader,

    /// Origins of other sites whose pages may call the API and open sockets, such as `https://example.org`, by comma; `*`
    /// allows all. The server's own host and PUBLIC_URL always may
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub allowed_origins: Vec<String>,

    /// What a guest is: the same for one address, one for each browser, or none at all
    #[arg(long, env = "GUESTS", default_value = "address")]
    pub guests: Guests,

    /// The least rank that makes rooms
    #[arg(long, env = "ROOM_CREATION", default_value = "guest")]
    pub room_creation: RoomCreation,

    /// The least rank that makes sites, whose keys may sign tokens
    #[arg(long, env = "SITE_CREATION", default_value = "admin")]
    pub site_creation: SiteCreation,

    /// Root's password at the first start; generated and printed once unless set
    #[arg(long, env = "ROOT_PASSWORD", hide_env_values = true)]
    pub root_password: Option<String>,

    /// The cost of hashing a password, as bcrypt counts it; lower for tests only
    #[arg(long, env = "PASSWORD_COST", hide = true, default_value = "12", value_parser = cost())]
    pub password_cost: u32,

    /// A file in MaxMind's format that tells countries by address
    #[arg(long, env = "GEOIP_FILE")]
    pub geoip_file: Option<PathBuf>,

    /// Off lifts rate, flood, repeat, login and connection limits, for tests and load, and is refused together with
    /// PUBLIC_URL. Single limits are changed by comma, such as post=20/2s,sockets-per-user=10
    #[arg(long, env = "LIMITS", default_value = "on", value_parser = Limits::parse)]
    pub limits: Limits,

    /// What is logged to stderr: a level (error, warn, info, debug), or levels by module such as info,api=debug
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,
}

/// A header in which proxies name the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientIpHeader {
    /// A list that each proxy appends to
    #[value(name = "X-Forwarded-For")]
    XForwardedFor,
    /// The same as RFC 7239 writes it
    #[value(name = "Forwarded")]
    Forwarded,
    /// Cloudflare's
    #[value(name = "CF-Connecting-IP")]
    CfConnectingIp,
    /// One address
    #[value(name = "X-Real-IP")]
    XRealIp,
}

impl ClientIpHeader {
    pub const ALL: [ClientIpHeader; 4] = [
        ClientIpHeader::XForwardedFor,
        ClientIpHeader::Forwarded,
        ClientIpHeader::CfConnectingIp,
        ClientIpHeader::XRealIp,
    ];

    /// The header's name.
    pub fn as_str(self) -> &'static str {
        match self {
            ClientIpHeader::XForwardedFor => "X-Forwarded-For",
            ClientIpHeader::Forwarded => "Forwarded",
            ClientIpHeader::CfConnectingIp => "CF-Connecting-IP",
            ClientIpHeader::XRealIp => "X-Real-IP",
        }
    }
}

/// What a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Guests {
    /// The same guest for the same address
    Address,
    /// One guest for each browser
    Browser,
    /// No guests
    Off,
}

/// The least rank that makes rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoomCreation {
    /// Everybody who is logged in
    Guest,
    /// Who registered
    Registered,
    /// Administrators
    Admin,
}

/// The least rank that makes sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SiteCreation {
    /// Who registered
    Registered,
    /// Administrators
    Admin,
}

impl Config {
    /// What cannot be said of one setting alone, as one line for people.
    pub fn check(&self) -> Result<(), String> {
        if self.limits.off && self.public_url.is_some() {
            return Err("LIMITS=off is for tests and load, and is refused together with PUBLIC_URL".to_owned());
        }
        // PostOutcome here and not by clap, which would repeat the value and the password in it.
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if self.database_url.as_deref().is_some_and(|url| !known.iter().any(|scheme| url.starts_with(scheme))) {
            return Err("DATABASE_URL must begin with sqlite: or postgres://".to_owned());
        }
        if let Some(password) = &self.root_password {
            Password::parse(password).map_err(|invalid| format!("ROOT_PASSWORD: the {invalid}"))?;
        }
        if self.is_clustered() && self.database().starts_with("sqlite:") {
            return Err("NATS_URL needs a DATABASE_URL that begins with postgres://: SQLite serves one node".to_owned());
        }
        Ok(())
    }

    /// Whether what this peer says about others is believed.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxy| proxy.contains(address))
    }

    /// Whether this is one of several nodes.
    pub fn is_clustered(&self) -> bool {
        !self.nats_url.is_empty()
    }

    /// This process's name among its nodes.
    pub fn node(&self) -> NodeName {
        let host = rustix::system::uname();
        let of_process = || NodeName::of_process(&host.nodename().to_string_lossy(), std::process::id());
        self.node_name.clone().unwrap_or_else(of_process)
    }

    /// The path of PUBLIC_URL without a slash at the end; empty when it has none.
    pub fn base_path(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::path)
    }

    /// Where the data lives.
    pub fn database(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("banter.db").display()))
    }
}

/// A network of addresses, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNet {
    address: IpAddr,
    prefix: u8,
}

impl IpNet {
    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, bits) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let host_bits = bits - u32::from(self.prefix);
        ours.checked_shr(host_bits).unwrap_or(0) == theirs.checked_shr(host_bits).unwrap_or(0)
    }
}

fn cost() -> impl TypedValueParser<Value = u32> {
    value_parser!(u32).range(4..=15)
}

fn proxy(text: &str) -> Result<IpNet, String> {
    let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().map_err(|_| "is no address or network".to_owned())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => prefix.parse().ok().filter(|p| *p <= longest).ok_or("has no valid prefix length")?,
        None => longest,
    };
    Ok(IpNet { address, prefix })
}

fn origin(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    if text == "*" || is_origin(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("is no origin like https://example.org".to_owned())
    }
}

fn nats_prefix(text: &str) -> Result<String, String> {
    let name = NodeName::parse(text).ok_or("may only have letters, digits, - and _, at most 80")?;
    Ok(name.to_string())
}

fn node_name(text: &str) -> Result<NodeName, String> {
    NodeName::parse(text).ok_or_else(|| "may only have letters, digits, - and _, at most 80".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_only() {
        for (net, address, inside) in [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "10.0.0.1", false),
        ] {
            assert_eq!(proxy(net).unwrap().contains(address.parse().unwrap()), inside, "{net} {address}");
        }
        for bad in ["", "x", "10.0.0.0/33", "10.0.0.0/", "::/129"] {
            assert!(proxy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for good in ["https://example.org", "http://localhost:3000", "https://EXAMPLE.org/", "*", "http://[::1]:8080"] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in
            ["", "example.org", "ftp://example.org", "https://", "https://a/b", "https://:80", "https://a:b", "null"]
        {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
