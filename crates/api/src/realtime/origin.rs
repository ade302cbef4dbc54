//! Whether a page of this origin may open a socket or call the API: actix asks nobody.

use crate::config::Config;
use std::net::IpAddr;

/// Whether a request with this `Origin` header, sent to this `Host`, is welcome. No browser leaves the header out, so
/// without one it is a program.
pub fn is_allowed(origin: Option<&str>, host: Option<&str>, config: &Config) -> bool {
    let Some(origin) = origin else { return true };
    let origin = origin.to_ascii_lowercase();
    let own = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let same_host = own.is_some_and(|(_, authority)| {
        host.is_some_and(|host| host.eq_ignore_ascii_case(authority) && is_own_host(host, config))
    });
    let public = config.public_url.as_ref().is_some_and(|url| url.origin() == origin);
    same_host || public || allows_all(config) || config.allowed_origins.contains(&origin)
}

/// Whether ALLOWED_ORIGINS lets the pages of all sites in.
pub fn allows_all(config: &Config) -> bool {
    config.allowed_origins.iter().any(|allowed| allowed == "*")
}

/// Whether the host that a request names is this server's. A name of anybody's can lead to this server's address, and its
/// pages then name that host (DNS rebinding): where PUBLIC_URL is set only its host, those of listed origins and loopback
/// count, whatever the port. Without it nobody has said which names are ours, and all are.
pub fn is_own_host(host: &str, config: &Config) -> bool {
    let Some(public_url) = &config.public_url else { return true };
    let host = without_port(host).to_ascii_lowercase();
    let is_of = |url: &str| url.split_once("://").is_some_and(|(_, authority)| without_port(authority) == host);
    is_loopback(&host) || is_of(public_url.origin()) || config.allowed_origins.iter().any(|url| is_of(url))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // Within brackets a colon belongs to the address.
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        config: Config,
    }

    fn config(more: &[&str]) -> Config {
        Arguments::parse_from(["banter"].iter().chain(more)).config
    }

    const PUBLIC: [&str; 4] = ["--allowed-origins", "https://site.example", "--public-url", "https://chat.example"];

    #[test]
    fn only_listed_origins_and_the_own_host_are_welcome() {
        let config = config(&PUBLIC);
        for (origin, welcome) in [
            (None, true),
            (Some("http://localhost:8080"), true),
            (Some("HTTPS://LOCALHOST:8080"), true),
            (Some("https://site.example"), true),
            (Some("https://chat.example"), true),
            (Some("https://site.example.evil.tld"), false),
            (Some("https://evil.tld"), false),
            (Some("http://localhost"), false),
            (Some("ftp://localhost:8080"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            assert_eq!(is_allowed(origin, Some("localhost:8080"), &config), welcome, "{origin:?}");
        }
    }

    #[test]
    fn with_a_public_url_a_name_that_somebody_else_points_here_is_not_the_own_host() {
        let (known, unknown) = (config(&PUBLIC), config(&[]));
        for (host, own) in [
            ("chat.example", true),
            ("CHAT.example:443", true),
            ("site.example", true),
            ("localhost", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("evil.tld", false),
            ("evil.tld:8080", false),
            ("chat.example.evil.tld", false),
            ("localhost.evil.tld", false),
            ("192.0.2.1:8080", false),
            ("[2001:db8::1]:8080", false),
            ("", false),
        ] {
            assert_eq!(is_own_host(host, &known), own, "{host}");
            assert_eq!(is_allowed(Some(&format!("http://{host}")), Some(host), &known), own, "{host}");
            assert!(is_own_host(host, &unknown), "{host}");
            assert!(is_allowed(Some(&format!("http://{host}")), Some(host), &unknown), "{host}");
        }
    }

    #[test]
    fn the_path_of_the_public_url_is_no_part_of_its_origin() {
        let config = config(&["--public-url", "https://chat.example/banter"]);
        for (origin, welcome) in [
            ("https://chat.example", true),
            ("https://chat.example/banter", false),
            ("http://chat.example", false),
            ("https://banter", false),
        ] {
            assert_eq!(is_allowed(Some(origin), Some("127.0.0.1"), &config), welcome, "{origin}");
        }
        assert!(is_own_host("chat.example", &config) && !is_own_host("banter", &config));
    }

    #[test]
    fn that_all_origins_are_allowed_makes_no_host_the_own_one() {
        let config = config(&["--allowed-origins", "*", "--public-url", "https://chat.example"]);
        assert!(is_allowed(Some("http://evil.tld"), Some("evil.tld"), &config));
        assert!(!is_own_host("evil.tld", &config));
    }
}
