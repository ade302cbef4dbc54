//! Whose pages may frame a chat: the sources of a policy's `frame-ancestors`.

use crate::model::text::Invalid;

/// The most in one list.
pub const FRAME_ANCESTORS_MAX: usize = 20;

/// An origin, or with `*.` before its host all below it: `https://example.org`, `http://*.example.org:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAncestor(String);

impl FrameAncestor {
    /// Takes one as it was typed in the field of that name; case and a slash at the end do not matter. It may hold nothing but
    /// what a policy's list of sources may, which is where it ends up.
    pub fn parse(field: &'static str, text: &str) -> Result<FrameAncestor, Invalid> {
        let site = text.trim().to_ascii_lowercase();
        let site = site.strip_suffix('/').unwrap_or(&site);
        if is_site(site) {
            return match wildcard_of_strangers(site) {
                Some(suffix) => {
                    Err(Invalid::new(field, format!("holds *.{suffix}, below which anybody can have a site")))
                }
                None => Ok(FrameAncestor(site.to_owned())),
            };
        }
        let shown: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
        let reason = format!(
            "holds {shown:?}, which is no site like https://example.org, https://*.example.org or http://localhost:3000"
        );
        Err(Invalid::new(field, reason))
    }

    /// Takes the list in the field of that name, each of them once.
    pub fn parse_all(field: &'static str, texts: &[String]) -> Result<Vec<FrameAncestor>, Invalid> {
        let mut ancestors: Vec<FrameAncestor> = Vec::new();
        for text in texts {
            let site = FrameAncestor::parse(field, text)?;
            if !ancestors.contains(&site) {
                ancestors.push(site);
            }
            if ancestors.len() > FRAME_ANCESTORS_MAX {
                return Err(Invalid::new(field, format!("holds more than {FRAME_ANCESTORS_MAX} sites")));
            }
        }
        Ok(ancestors)
    }

    /// One that a store gives back: it was parsed when it was written.
    pub fn stored(text: String) -> FrameAncestor {
        FrameAncestor(text)
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

    const FIELD: &str = "allowed_sites";

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
            assert_eq!(FrameAncestor::parse(FIELD, typed).map(|site| site.0), Ok(kept.to_owned()), "{typed}");
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
            assert_eq!(
                FrameAncestor::parse(FIELD, typed).map_err(|invalid| invalid.field),
                Err("allowed_sites"),
                "{typed}"
            );
        }
        assert!(FrameAncestor::parse(FIELD, &format!("https://{}.example", "a".repeat(64))).is_err());
        assert!(FrameAncestor::parse(FIELD, &format!("https://{}example", "a.".repeat(130))).is_err());
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
            assert_eq!(FrameAncestor::parse(FIELD, typed).is_ok(), taken, "{typed}");
        }
    }

    #[test]
    fn a_list_holds_each_site_once_and_twenty_at_most() {
        let numbered = |count: usize| (1..=count).map(|n| format!("https://{n}.example")).collect::<Vec<_>>();
        assert_eq!(FrameAncestor::parse_all(FIELD, &numbered(20)).map(|sites| sites.len()), Ok(20));
        assert!(FrameAncestor::parse_all(FIELD, &numbered(21)).is_err());
        let twice = ["https://a.example".to_owned(), "https://A.example/".to_owned()];
        assert_eq!(FrameAncestor::parse_all(FIELD, &twice).map(|sites| sites.len()), Ok(1));
    }
}
