//! PUBLIC_URL: an origin and, where the server shares its host with others, the path that it is reached under.

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use std::ffi::OsStr;

/// What the first segment of each address of the server's own is: routes, pages, and files of pages.
///
/// Where a proxy takes the path of PUBLIC_URL off, these are what the server sees; a path that begins like one of them would
/// be taken off once more.
pub const OWN_SEGMENTS: [&str; 24] = [
    "admin",
    "assets",
    "bans",
    "callback.html",
    "commands",
    "connections",
    "docs",
    "embed-doctor.html",
    "embed.html",
    "embed.js",
    "health",
    "index.html",
    "lofi.html",
    "me",
    "messages",
    "openapi.json",
    "random",
    "rooms",
    "sites",
    "unban",
    "users",
    "version",
    "websocket",
    "ws",
];

/// The address that people reach the server by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    path: String,
}

impl PublicUrl {
    /// Reads an address. What is wrong with it is told without repeating it: it may hold a password.
    pub fn parse(text: &str) -> Result<PublicUrl, String> {
        const LIKE: &str = "must be like https://chat.example.org or https://example.org/chat";
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(LIKE)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        for (is_there, what) in [
            (authority.contains('@'), "a user name or a password"),
            (rest.contains('#'), "a fragment (#)"),
            (rest.contains('?'), "a query (?)"),
        ] {
            if is_there {
                return Err(format!("{LIKE}, without {what}"));
            }
        }
        let origin = format!("{scheme}://{authority}").to_ascii_lowercase();
        if !is_origin(&origin) {
            return Err(LIKE.to_owned());
        }
        let path = path.trim_end_matches('/');
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        if !segments.iter().all(|segment| is_plain(segment)) {
            return Err("may have only letters, digits and -._~ between the slashes of its path".to_owned());
        }
        if let Some(own) = segments.first().filter(|first| OWN_SEGMENTS.contains(first)) {
            return Err(format!("may not have a path that begins with /{own}, an address of Banter's own"));
        }
        Ok(PublicUrl { origin, path: path.to_owned() })
    }

    /// Scheme, host and port, as browsers write them in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Without a slash at the end: empty, or like `/chat`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole of it, without a slash at the end.
    pub fn address(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// Where sockets are opened.
    pub fn websocket(&self) -> String {
        format!("{}{}/ws", self.origin.replacen("http", "ws", 1), self.path)
    }
}

/// Whether a text is scheme and host, with or without a port.
pub fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let (host, is_port) = match authority.rsplit_once(':') {
        // Within brackets a colon belongs to the address.
        Some((host, port)) if !port.contains(']') => (host, port.parse::<u16>().is_ok()),
        _ => (authority, true),
    };
    matches!(scheme, "http" | "https") && !host.is_empty() && is_port && authority.bytes().all(is_allowed)
}

/// Whether clients and proxies leave a segment of a path as it is.
fn is_plain(segment: &str) -> bool {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(is_unreserved)
}

/// Reads PUBLIC_URL for clap, whose own message would repeat the value.
#[derive(Clone, Copy, Debug)]
pub struct PublicUrlParser;

impl TypedValueParser for PublicUrlParser {
    type Value = PublicUrl;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<PublicUrl, clap::Error> {
        PublicUrl::parse(&value.to_string_lossy())
            .map_err(|why| clap::Error::raw(ErrorKind::ValueValidation, format!("PUBLIC_URL {why}")).with_cmd(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_an_origin_and_perhaps_a_path() {
        for (text, origin, path, websocket) in [
            ("https://chat.example", "https://chat.example", "", "wss://chat.example/ws"),
            ("https://CHAT.example/", "https://chat.example", "", "wss://chat.example/ws"),
            ("HTTP://localhost:3000", "http://localhost:3000", "", "ws://localhost:3000/ws"),
            ("https://example.org/chat", "https://example.org", "/chat", "wss://example.org/chat/ws"),
            (" https://example.org/Chat/ ", "https://example.org", "/Chat", "wss://example.org/Chat/ws"),
            ("http://[::1]:8080/a/b-c_d.~1//", "http://[::1]:8080", "/a/b-c_d.~1", "ws://[::1]:8080/a/b-c_d.~1/ws"),
            ("https://example.org/chat/docs", "https://example.org", "/chat/docs", "wss://example.org/chat/docs/ws"),
            ("https://example.org/roomsy", "https://example.org", "/roomsy", "wss://example.org/roomsy/ws"),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!((url.origin(), url.path(), url.websocket().as_str()), (origin, path, websocket), "{text}");
            assert_eq!(PublicUrl::parse(&url.address()).as_ref(), Ok(&url));
        }
    }

    #[test]
    fn what_is_wrong_with_a_public_address_is_said_without_it() {
        for (text, part) in [
            ("", "or https://example.org/chat"),
            ("*", "like"),
            ("example.org/chat", "like"),
            ("ftp://secret.example", "like"),
            ("https://", "like"),
            ("https:///chat", "like"),
            ("https://:443/chat", "like"),
            ("https://secret:port", "like"),
            ("https://secret.example:99999", "like"),
            ("https://secret host/chat", "like"),
            ("https://secret.example/chat?x", "query"),
            ("https://secret.example?x", "query"),
            ("https://secret.example/chat#x", "fragment"),
            ("https://secret.example#x?", "fragment"),
            ("https://ann:secret@chat.example/chat", "password"),
            ("https://ann:secret@chat.example/chat?x#x", "password"),
            ("https://secret.example//chat", "letters"),
            ("https://secret.example/chat/../x", "letters"),
            ("https://secret.example/./chat", "letters"),
            ("https://secret.example/a b", "letters"),
            ("https://secret.example/caf\u{e9}", "letters"),
            ("https://secret.example/a%20b", "letters"),
            ("https://secret.example/a;b", "letters"),
            ("https://secret.example/docs", "begins with /docs,"),
            ("https://secret.example/rooms/chat", "begins with /rooms,"),
        ] {
            let why = PublicUrl::parse(text).unwrap_err();
            assert!(why.contains(part) && !why.contains("secret") && !why.contains('\n'), "{text}: {why}");
        }
    }

    #[test]
    fn no_address_of_the_servers_own_may_be_its_path() {
        for own in OWN_SEGMENTS {
            assert!(PublicUrl::parse(&format!("https://example.org/{own}/")).is_err(), "{own}");
        }
    }
}
