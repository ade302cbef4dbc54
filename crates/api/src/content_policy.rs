//! The Content-Security-Policy of each page: what it may load and speak to, and who may frame it.
//!
//! No page runs an inline script, evaluates text or loads anything from another host. That a page speaks to its own server
//! alone also keeps a login from being sent elsewhere by an address such as `/embed.html?server=…`.

use crate::app::App;
use crate::http::layers;
use crate::public_url::PublicUrl;
use crate::realtime::origin;
use actix_web::HttpRequest;
use domain::model::frame_ancestor::FrameAncestor;
use domain::model::id::RoomUid;
use domain::service::error::{Error, Resource};

/// Anybody's page.
const ANY: &str = "*";

/// The policy of a page, by the name of its file. The chat may stand in the pages that its room allows; the doctor in any,
/// to be tried in place of the chat; all others act for a person by themselves and stand in none.
///
/// An error when the store does not say whose pages these are: nothing but a page that comes back may be shown then.
pub async fn of_page(request: &HttpRequest, app: &App, name: &str) -> Result<String, Error> {
    let ancestors = match name {
        "embed.html" => ancestors_of_chat(request, app).await?,
        "embed-doctor.html" => ANY.to_owned(),
        _ => "'none'".to_owned(),
    };
    let host = layers::host(request.head()).filter(|host| origin::is_own_host(host, &app.config));
    Ok(policy(name, &own_addresses(host, app.config.public_url.as_ref().map(PublicUrl::origin)), &ancestors))
}

fn policy(name: &str, own: &str, ancestors: &str) -> String {
    let connect = match name {
        // Its client may name another server there; what one server gave it never shows to another.
        "" | "index.html" => "'self' http: https: ws: wss:",
        _ => own,
    };
    // Swagger UI sets style attributes.
    let style = if name.starts_with("docs/index") { "'self' 'unsafe-inline'" } else { "'self'" };
    format!(
        "default-src 'none'; script-src 'self'; style-src {style}; img-src 'self' data:; font-src 'self'; \
         connect-src {connect}; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )
}

/// This server's own addresses as sources: some browsers do not count sockets to `'self'`.
fn own_addresses(host: Option<&str>, public_origin: Option<&str>) -> String {
    let mut sources = vec!["'self'".to_owned()];
    // What a client calls the host must not say more in a policy than a host.
    let is_plain = |host: &&str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    if let Some(host) = host.filter(is_plain) {
        sources.extend([format!("ws://{host}"), format!("wss://{host}")]);
    }
    if let Some(origin) = public_origin {
        // Without the path of PUBLIC_URL: a path in a policy stands for one file.
        sources.extend([origin.to_owned(), origin.replacen("http", "ws", 1)]);
    }
    sources.join(" ")
}

async fn ancestors_of_chat(request: &HttpRequest, app: &App) -> Result<String, Error> {
    let mut query = form_urlencoded::parse(request.query_string().as_bytes());
    let named = query.find(|(name, _)| name == "room").and_then(|(_, uid)| RoomUid::parse(&uid));
    let Some(uid) = named else { return Ok(ANY.to_owned()) };
    match app.services.rooms.abilities(None, &uid).await {
        Ok(abilities) => Ok(ancestors(&app.services.sites.frame_ancestors(&abilities.room).await?)),
        // The page says that there is no such room.
        Err(Error::NoSuch(Resource::Room)) => Ok(ANY.to_owned()),
        Err(error) => Err(error),
    }
}

fn ancestors(listed: &[FrameAncestor]) -> String {
    if listed.is_empty() {
        return ANY.to_owned();
    }
    let listed = listed.iter().map(FrameAncestor::as_str);
    ["'self'"].into_iter().chain(listed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_runs_what_stands_in_it_or_loads_from_elsewhere() {
        for name in
            ["", "index.html", "embed.html", "lofi.html", "callback.html", "admin/index.html", "docs/errors.html"]
        {
            let policy = policy(name, "'self'", "'none'");
            for word in ["unsafe", "blob:", "script-src 'self' ", "img-src *"] {
                assert!(!policy.contains(word), "{name}: {policy}");
            }
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
            let speaks_to_all = policy.contains("connect-src 'self' http: https: ws: wss:");
            assert_eq!(speaks_to_all, name.trim_end_matches("index.html").is_empty(), "{name}: {policy}");
        }
    }

    #[test]
    fn a_host_says_no_more_than_a_host() {
        let own = own_addresses(Some("localhost:8080"), Some("https://chat.example"));
        assert_eq!(own, "'self' ws://localhost:8080 wss://localhost:8080 https://chat.example wss://chat.example");
        for host in ["a; script-src *", "a *", "a,b", ""] {
            let own = own_addresses(Some(host).filter(|host| !host.is_empty()), None);
            assert_eq!(own, "'self'", "{host}");
        }
    }
}
