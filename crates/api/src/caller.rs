//! Who a request comes from: extractors for the address, the client and the login.

use crate::app::App;
use crate::config::Config;
use crate::problem::{Code, Problem};
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use domain::service::error::Error;
use domain::service::reads::{ReadCost, Reader};
use domain::service::{Caller, ClientInfo};
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;

/// The app of this request.
pub fn app(request: &HttpRequest) -> Result<web::Data<App>, Problem> {
    let app = request.app_data::<web::Data<App>>().cloned();
    app.ok_or_else(|| Problem::new(Code::Internal, "something went wrong on our side"))
}

/// The address a request comes from: the peer's, unless the peer is a listed proxy; then the right-most address in
/// X-Forwarded-For that is no listed proxy itself.
pub fn address(request: &HttpRequest, config: &Config) -> IpAddr {
    let trusted = |address: IpAddr| config.trusted_proxies.iter().any(|proxy| proxy.contains(address));
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    if !trusted(peer) {
        return peer;
    }
    // By bytes: a client may have put anything into the part that it wrote itself.
    let values = request.headers().get_all("x-forwarded-for");
    let hops: Vec<&[u8]> = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).collect();
    let mut nearest = peer;
    // A proxy that adds nothing to an empty header leaves a comma behind.
    for hop in hops.into_iter().rev().filter(|hop| !hop.trim_ascii().is_empty()) {
        // What is no address was not written by a proxy of ours: what stands left of it proves nothing.
        let Some(hop) = hop_address(hop) else { break };
        nearest = hop.to_canonical();
        if !trusted(nearest) {
            break;
        }
    }
    nearest
}

/// Whether the request came over TLS, which ends at a listed proxy: nobody else is believed.
pub fn is_secure(request: &HttpRequest, config: &Config) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let trusted = peer.is_some_and(|peer| config.trusted_proxies.iter().any(|proxy| proxy.contains(peer)));
    let scheme = request.headers().get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    trusted && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let alone = hop.trim_matches(['[', ']']).parse();
    alone.ok().or_else(|| hop.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// Whoever knocks.
pub struct Knock(pub ClientInfo);

impl FromRequest for Knock {
    type Error = Problem;
    type Future = Ready<Result<Knock, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(app(request).map(|app| Knock((app.locate)(address(request, &app.config)))))
    }
}

/// Charges a read that anybody may ask for to the network and the user, before it is done.
pub fn charge(app: &App, client: &ClientInfo, caller: Option<&Caller>, read: ReadCost) -> Result<(), Problem> {
    let reader = Reader { client, user: caller.map(|caller| &caller.user), socket: None };
    Ok(reader.charge(&*app.limiter, read)?)
}

/// The token in `Authorization: Bearer …`, if there is one.
pub fn bearer(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Whoever is logged in, if anybody. A token that is not valid is an error, not nobody.
pub struct Anyone(pub Option<Caller>);

impl FromRequest for Anyone {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Anyone, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Some(token) = bearer(&request) else { return Ok(Anyone(None)) };
            let app = app(&request)?;
            let client = (app.locate)(address(&request, &app.config));
            Ok(Anyone(Some(app.services.accounts.identify(&token, &client).await?)))
        })
    }
}

/// Whoever is logged in; nobody is an error.
pub struct Known(pub Caller);

impl FromRequest for Known {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Known, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let anyone = Anyone::from_request(request, payload);
        Box::pin(async move { Ok(Known(anyone.await?.0.ok_or(Error::LoginRequired)?)) })
    }
}
