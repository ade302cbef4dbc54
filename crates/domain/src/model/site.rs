//! Sites whose pages may frame a room's chat.

use crate::model::text::Invalid;

/// The most sites of one room.
pub const SITES_MAX: usize = 20;

/// The field's name as clients write it.
const FIELD: &str = "allowed_sites";

/// An origin, or with `*.` before its host all below it: `https://example.org`, `http://*.example.org:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site(String);

impl Site {
    /// Takes a site as it was typed; case and a slash at the end do not matter. It may hold nothing but what a policy's list
    /// of sources may, which is where it ends up.
    pub fn parse(text: &str) -> Result<Site, Invalid> {
        let site = text.trim().to_ascii_lowercase();
        let site = site.strip_suffix('/').unwrap_or(&site);
        if is_site(site) {
            return match wildcard_of_strangers(site) {
                Some(suffix) => {
                    Err(Invalid::new(FIELD, format!("holds *.{suffix}, below which anybody can have a site")))
                }
                None => Ok(Site(site.to_owned())),
            };
        }
        let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
        let reason = format!(
            "holds {shown:?}, which is no site like https://example.org, https://*.example.org or http://localhost:3000"
        );
        Err(Invalid::new(FIELD, reason))
    }

    /// Takes a list, each site once.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Site>, Invalid> {
        let mut sites: Vec<Site> = Vec::new();
        for text in texts {
            let site = Site::parse(text)?;
            if !sites.contains(&site) {
                sites.push(site);
            }
            if sites.len() > SITES_MAX {
                return Err(Invalid::new(FIELD, format!("holds more than {SITES_MAX} sites")));
            }
        }
        Ok(sites)
    }

    /// A site that a store gives back: it was parsed when it was written.
    pub fn stored(text: String) -> Site {
        Site(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_site(site: &str) -> bool {
    let Some(authority) = site.strip_prefix("https://").or_else(|| site.strip_prefix("http://")) else { return false };
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    is_host(host.strip_prefix("*.").unwrap_or(host)) && port.is_none_or(is_port)
}

/// The public suffix, such as `com` or `github.io`, if everything below it is meant: its sites belong to anybody.
fn wildcard_of_strangers(site: &str) -> Option<&str> {
    let (_, below) = site.split_once("://*.")?;
    let below = below.split(':').next().unwrap_or(below);
    // A name that is on no list is one of a private network.
    let is_public = |name: &str| {
        let suffix = psl::suffix(name.as_bytes()).filter(psl::Suffix::is_known);
        suffix.is_some_and(|suffix| suffix.as_bytes() == name.as_bytes())
    };
    // Under some endings, such as `ck`, every name is a public suffix.
    (is_public(below) || is_public(&format!("any.{below}"))).then_some(below)
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_sites_with_or_without_all_below_them() {
        for (typed, kept) in [
            ("https://example.org", "https://example.org"),
            (" HTTPS://Example.ORG/ ", "https://example.org"),
            ("https://*.example.org", "https://*.example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://192.168.0.7:8080", "http://192.168.0.7:8080"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(Site::parse(typed).map(|site| site.0), Ok(kept.to_owned()), "{typed}");
        }
    }

    #[test]
    fn what_could_say_more_in_a_policy_is_no_site() {
        for typed in [
            "",
            "*",
            "https://",
            "https://*",
            "https://*.",
            "example.org",
            "//example.org",
            "ftp://example.org",
            "https://a.example/path",
            "https://a.example?x",
            "https://user@a.example",
            "https://a..example",
            "https://-a.example",
            "https://a.*.example",
            "https://**.example",
            "https://a.example:0",
            "https://a.example:",
            "https://a.example:65536",
            "https://a.example:+1",
            "https://a.example:*",
            "https://a.example;script-src *",
            "https://a.example 'none'",
            "https://a.example,https://b.example",
            "https://bücher.example",
            "https://[::1]",
            "https://a.example\r\nx: y",
            "javascript:alert(1)",
            "https:// a.example",
        ] {
            assert_eq!(Site::parse(typed).map_err(|invalid| invalid.field), Err("allowed_sites"), "{typed}");
        }
        assert!(Site::parse(&format!("https://{}.example", "a".repeat(64))).is_err());
        assert!(Site::parse(&format!("https://{}example", "a.".repeat(130))).is_err());
    }

    #[test]
    fn all_sites_below_a_public_suffix_are_not_one_owner_s() {
        for (typed, taken) in [
            ("https://*.com", false),
            ("https://*.CO.uk/", false),
            ("https://*.github.io", false),
            ("http://*.com:8080", false),
            ("https://*.ck", false),
            ("https://*.xn--p1ai", false),
            ("https://*.example.com", true),
            ("https://*.example.co.uk", true),
            ("https://*.somebody.github.io", true),
            ("https://somebody.github.io", true),
            ("http://*.localhost:3000", true),
            ("http://*.intranet", true),
        ] {
            assert_eq!(Site::parse(typed).is_ok(), taken, "{typed}");
        }
    }

    #[test]
    fn a_list_holds_each_site_once_and_twenty_at_most() {
        let numbered = |count: usize| (1..=count).map(|n| format!("https://{n}.example")).collect::<Vec<_>>();
        assert_eq!(Site::parse_all(&numbered(20)).map(|sites| sites.len()), Ok(20));
        assert!(Site::parse_all(&numbered(21)).is_err());
        let twice = ["https://a.example".to_owned(), "https://A.example/".to_owned()];
        assert_eq!(Site::parse_all(&twice).map(|sites| sites.len()), Ok(1));
    }
}
