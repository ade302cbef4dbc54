//! Whether a page of this origin may open a socket or call the API: actix asks nobody.

use crate::config::Config;

/// Whether a request with this `Origin` header, sent to this `Host`, is welcome. No browser leaves the header out, so
/// without one it is a program.
pub fn is_allowed(origin: Option<&str>, host: Option<&str>, config: &Config) -> bool {
    let Some(origin) = origin else { return true };
    let origin = origin.to_ascii_lowercase();
    let own = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let same_host = own.is_some_and(|(_, authority)| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)));
    let public = config.public_url.as_deref() == Some(origin.as_str());
    same_host || public || config.allowed_origins.iter().any(|allowed| allowed == "*" || *allowed == origin)
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

    #[test]
    fn only_listed_origins_and_the_own_host_are_welcome() {
        let arguments = ["banter", "--allowed-origins", "https://site.example", "--public-url", "https://chat.example"];
        let config = Arguments::parse_from(arguments).config;
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
}
