//! The address a request comes from, by what listed proxies say in the header that CLIENT_IP_HEADER names.

use crate::config::{ClientIpHeader, Config};
use actix_web::http::header::HeaderMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

/// The peer's address, unless the peer is a listed proxy; then the right-most address in the header that is no listed
/// proxy itself. What a client wrote into the header stands left of that and is never believed.
pub fn of_request(peer: IpAddr, headers: &HeaderMap, config: &Config) -> IpAddr {
    let peer = peer.to_canonical();
    if !config.is_trusted_proxy(peer) {
        return peer;
    }
    let header = config.client_ip_header;
    let mut nearest = peer;
    // By bytes: a client may have put anything into the part that it wrote itself.
    for line in headers.get_all(header.as_str()).map(|value| value.as_bytes()).collect::<Vec<_>>().into_iter().rev() {
        // A proxy that adds nothing to an empty header leaves a comma behind.
        for hop in split_from_right(line, b',').filter(|hop| !hop.is_empty()) {
            let address = match header {
                ClientIpHeader::Forwarded => forwarded_for(hop).and_then(hop_address),
                _ => hop_address(hop),
            };
            // What is no address was not written by a proxy of ours: what stands left of it proves nothing.
            let Some(address) = address else { return nearest };
            nearest = address.to_canonical();
            if !config.is_trusted_proxy(nearest) {
                return nearest;
            }
        }
    }
    nearest
}

/// The parts of `text` between separators that are not in a quoted string, trimmed, the last one first. Read from the
/// right, so that a quote left open by a client cannot swallow what a proxy added after it.
fn split_from_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        for at in (0..text.len()).rev() {
            let escapes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
            if text[at] == b'"' && escapes % 2 == 0 {
                quoted = !quoted;
            } else if text[at] == separator && !quoted {
                rest = Some(&text[..at]);
                return Some(text[at + 1..].trim_ascii());
            }
        }
        rest = None;
        Some(text.trim_ascii())
    })
}

/// The node in the `for` parameter of one element of a Forwarded header (RFC 7239, section 4), without quotes.
fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    let is_for = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"for");
    let values = split_from_right(element, b';').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        is_for(&pair[..equals]).then_some(pair[equals + 1..].trim_ascii())
    });
    let value = values.last()?;
    Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let alone = hop.trim_matches(['[', ']']).parse();
    alone.ok().or_else(|| hop.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// Says once in a process that somebody who is no listed proxy sends such a header: most likely a proxy that the operator
/// forgot to list, behind which everybody shares one address.
#[derive(Default)]
pub struct UnlistedProxy(AtomicBool);

impl UnlistedProxy {
    /// The header to warn about, if this request is the first that gives a reason to.
    pub fn first_sign(&self, peer: IpAddr, headers: &HeaderMap, config: &Config) -> Option<&'static str> {
        // Most requests come with none: no write to memory that all threads share then.
        let sent = ClientIpHeader::ALL.iter().map(|header| header.as_str()).find(|name| headers.contains_key(*name))?;
        let is_first = !config.is_trusted_proxy(peer.to_canonical())
            && !self.0.load(Ordering::Relaxed)
            && !self.0.swap(true, Ordering::Relaxed);
        is_first.then_some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        config: Config,
    }

    fn config(header: &str) -> Config {
        let flags = ["banter", "--trusted-proxies", "10.0.0.0/8,2001:db8:ffff::/48", "--client-ip-header", header];
        Flags::parse_from(flags).config
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        lines.iter().map(line).fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    const PEER: &str = "10.0.0.1";

    #[track_caller]
    fn check(header: &str, lines: &[(&str, &str)], expected: &str) {
        let found = of_request(PEER.parse().unwrap(), &headers(lines), &config(header));
        assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{header}: {lines:?}");
    }

    #[test]
    fn only_the_chosen_header_is_read() {
        let all = [
            ("x-forwarded-for", "203.0.113.1"),
            ("forwarded", "for=203.0.113.2"),
            ("cf-connecting-ip", "203.0.113.3"),
            ("x-real-ip", "203.0.113.4"),
        ];
        check("X-Forwarded-For", &all, "203.0.113.1");
        check("Forwarded", &all, "203.0.113.2");
        check("CF-Connecting-IP", &all, "203.0.113.3");
        check("x-real-ip", &all, "203.0.113.4");
        for header in ["X-Forwarded-For", "Forwarded", "CF-Connecting-IP", "X-Real-IP"] {
            check(header, &[], PEER);
        }
    }

    #[test]
    fn a_peer_that_is_no_listed_proxy_is_not_believed() {
        for (header, line) in [("X-Forwarded-For", "203.0.113.1"), ("Forwarded", "for=203.0.113.1")] {
            let headers = headers(&[(header, line)]);
            let peer = "192.0.2.1".parse().unwrap();
            assert_eq!(of_request(peer, &headers, &config(header)), peer, "{header}");
        }
    }

    #[test]
    fn of_x_forwarded_for_the_right_most_address_that_is_no_proxy_counts() {
        for (line, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
            ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
            ("203.0.113.7,", "203.0.113.7"),
            (", ,203.0.113.7, ,", "203.0.113.7"),
            ("203.0.113.7:1234", "203.0.113.7"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("203.0.113.7, unknown", PEER),
            ("\u{e9}, 203.0.113.7", "203.0.113.7"),
            ("10.1.2.3", "10.1.2.3"),
        ] {
            check("X-Forwarded-For", &[("x-forwarded-for", line)], expected);
        }
        let two = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7")];
        check("X-Forwarded-For", &two, "203.0.113.7");
    }

    #[test]
    fn of_forwarded_the_for_of_the_right_most_element_that_is_no_proxy_counts() {
        for (line, expected) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=\"203.0.113.7:4711\"", "203.0.113.7"),
            ("For=\"[2001:db8::1]\"", "2001:db8::1"),
            ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=203.0.113.7;proto=https;by=10.0.0.2", "203.0.113.7"),
            ("proto=https; FOR = 203.0.113.7", "203.0.113.7"),
            ("for=198.51.100.1, for=203.0.113.7;by=10.0.0.2, for=10.0.0.3", "203.0.113.7"),
            ("for=203.0.113.7, for=\"[2001:db8:ffff::1]\"", "203.0.113.7"),
            ("for=203.0.113.7,, ,", "203.0.113.7"),
            // What is in quotes separates nothing, and a quote that a client leaves open hides nothing.
            ("for=203.0.113.7;host=\"a, for=198.51.100.1;for=198.51.100.2\"", "203.0.113.7"),
            ("for=203.0.113.7;host=\"a\\\", for=198.51.100.1\"", "203.0.113.7"),
            ("for=\"198.51.100.1, for=203.0.113.7", "203.0.113.7"),
            // Hidden nodes and elements without an address prove nothing of what stands left of them.
            ("for=203.0.113.7, for=unknown", PEER),
            ("for=203.0.113.7, for=_hidden", PEER),
            ("for=203.0.113.7, by=10.0.0.2", PEER),
            ("203.0.113.7", PEER),
        ] {
            check("Forwarded", &[("forwarded", line)], expected);
        }
    }

    #[test]
    fn an_unlisted_proxy_is_noticed_once() {
        let (config, headers) = (config("X-Forwarded-For"), headers(&[("x-real-ip", "203.0.113.7")]));
        let notice = UnlistedProxy::default();
        assert_eq!(notice.first_sign(PEER.parse().unwrap(), &headers, &config), None, "a listed one");
        let peer = "192.0.2.1".parse().unwrap();
        assert_eq!(notice.first_sign(peer, &HeaderMap::new(), &config), None, "no such header");
        assert_eq!(notice.first_sign(peer, &headers, &config), Some("X-Real-IP"));
        assert_eq!(notice.first_sign(peer, &headers, &config), None, "a second time");
    }
}
