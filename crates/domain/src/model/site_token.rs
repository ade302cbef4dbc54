//! Tokens that a site signs: what they say, and what makes one good.

use crate::model::id::{RoomUid, SiteUid};
use crate::model::name::DisplayName;
use crate::model::rank::Rank;
use crate::model::site_key::{Kid, SigningAlgorithm};
use crate::model::time::{Span, Timestamp};
use crate::model::user::is_plain_address;

/// How far the clock of a site may be from the server's.
pub const SKEW: Span = Span::seconds(60);

/// The longest that a token may last.
pub const LIFETIME_MAX: Span = Span::days(1);

/// The longest subject, in bytes.
pub const SUBJECT_MAX: usize = 128;

/// Why a token of a site is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenFault {
    /// `alg` is none, unknown, or another one than the key's.
    #[error("The token is not signed with the algorithm of its key.")]
    Algorithm,
    /// The header brings a key along, or says where to fetch one.
    #[error("The token's header has jku, jwk, x5u, x5c or crit, which are not taken.")]
    Header,
    /// `kid` is missing, or no key of the site.
    #[error("The token's kid is no key of the site.")]
    KeyUnknown,
    /// `kid` is a key of another site than `iss`.
    #[error("The token's key belongs to another site than its iss.")]
    KeyOfAnotherSite,
    /// `iss` is missing, or no site.
    #[error("The token's iss is no site.")]
    Issuer,
    /// The signature is not that of the key.
    #[error("The token's signature is wrong.")]
    Signature,
    /// A claim is missing, or of the wrong type.
    #[error("The token must have sub, iat and exp, and each claim its type.")]
    Claims,
    /// `sub` is empty, too long, or holds control characters.
    #[error("The token's sub must have 1 to 128 bytes, and no control characters.")]
    Subject,
    /// `exp` is more than a day after `iat`, or not after it.
    #[error("The token's exp must be after its iat, by at most 24 hours.")]
    Lifetime,
    /// `exp` is over.
    #[error("The token has expired.")]
    Expired,
    /// `nbf` is in the future.
    #[error("The token is not valid yet.")]
    NotYet,
    /// `iat` is in the future.
    #[error("The token was issued in the future: the site's clock is ahead.")]
    IssuedInFuture,
    /// `aud` is somebody else.
    #[error("The token's aud is not the address of this server.")]
    Audience,
    /// `role` is none of those that there are.
    #[error("The token's role must be vip, mod or owner.")]
    Role,
    /// It is not valid in this room.
    #[error("The token is not valid in this room.")]
    Room,
    /// The site logged the user out, or deleted the user, after it was issued.
    #[error("The site ended this login. Log in there again.")]
    Ended,
}

impl TokenFault {
    /// All of them.
    pub const ALL: [TokenFault; 16] = [
        TokenFault::Algorithm,
        TokenFault::Header,
        TokenFault::KeyUnknown,
        TokenFault::KeyOfAnotherSite,
        TokenFault::Issuer,
        TokenFault::Signature,
        TokenFault::Claims,
        TokenFault::Subject,
        TokenFault::Lifetime,
        TokenFault::Expired,
        TokenFault::NotYet,
        TokenFault::IssuedInFuture,
        TokenFault::Audience,
        TokenFault::Role,
        TokenFault::Room,
        TokenFault::Ended,
    ];
}

/// What stands in a token, before anybody checked it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unverified {
    /// `alg`.
    pub algorithm: String,
    /// `kid`.
    pub kid: Option<String>,
    /// Whether the header has `jku`, `jwk`, `x5u`, `x5c`, `x5t`, `x5t#S256` or `crit`.
    pub brings_key: bool,
    /// The claims; `None` when they are no object, or one of them is of the wrong type.
    pub claims: Option<Claims>,
}

/// The claims of a token as they stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `iss`: the uid of the site.
    pub issuer: Option<String>,
    /// `sub`: what the site calls the user.
    pub subject: Option<String>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// `exp`.
    pub expires_at: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `aud`, one or several.
    pub audience: Option<Vec<String>>,
    /// `name`.
    pub name: Option<String>,
    /// `picture`.
    pub picture: Option<String>,
    /// `role`.
    pub role: Option<String>,
    /// `rooms`: the uids of the only rooms that it is valid in.
    pub rooms: Option<Vec<String>>,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLogin {
    /// What the site calls the user, for ever.
    pub subject: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The name for people; `None` when there is none that may be shown.
    pub name: Option<DisplayName>,
    /// Address of a picture, `https:`.
    pub picture: Option<String>,
    /// The rank in all rooms of the site: vip, mod or owner.
    pub rank: Option<Rank>,
    /// The only rooms that it is valid in.
    pub rooms: Option<Vec<RoomUid>>,
}

/// Which key of which site a token says it was signed with, and how. Nothing of it is believed yet.
pub fn signer(token: &Unverified) -> Result<(SiteUid, Kid, SigningAlgorithm), TokenFault> {
    let algorithm = SigningAlgorithm::parse(&token.algorithm).ok_or(TokenFault::Algorithm)?;
    if token.brings_key {
        return Err(TokenFault::Header);
    }
    let kid = token.kid.as_deref().and_then(Kid::parse).ok_or(TokenFault::KeyUnknown)?;
    let claims = token.claims.as_ref().ok_or(TokenFault::Claims)?;
    let site = claims.issuer.as_deref().and_then(SiteUid::parse).ok_or(TokenFault::Issuer)?;
    if kid.site().as_ref() != Some(&site) {
        return Err(TokenFault::KeyOfAnotherSite);
    }
    Ok((site, kid, algorithm))
}

/// What the claims of a token say whose signature is right, at `now`, on a server at this address.
pub fn check(claims: &Claims, now: Timestamp, public_url: Option<&str>) -> Result<SiteLogin, TokenFault> {
    let subject = claims.subject.clone().ok_or(TokenFault::Claims)?;
    if !is_subject(&subject) {
        return Err(TokenFault::Subject);
    }
    let (issued_at, expires_at) = claims.issued_at.zip(claims.expires_at).ok_or(TokenFault::Claims)?;
    if expires_at <= issued_at || expires_at - issued_at > LIFETIME_MAX {
        return Err(TokenFault::Lifetime);
    }
    if issued_at > now + SKEW {
        return Err(TokenFault::IssuedInFuture);
    }
    if claims.not_before.is_some_and(|not_before| not_before > now + SKEW) {
        return Err(TokenFault::NotYet);
    }
    if has_expired(expires_at, now) {
        return Err(TokenFault::Expired);
    }
    if claims.audience.as_ref().is_some_and(|audience| !names(audience, public_url)) {
        return Err(TokenFault::Audience);
    }
    let rank = match claims.role.as_deref() {
        Some(role) => Some(Rank::parse(role).filter(|rank| rank.is_of_a_room()).ok_or(TokenFault::Role)?),
        None => None,
    };
    let rooms = claims.rooms.as_ref().map(|rooms| rooms.iter().filter_map(|room| RoomUid::parse(room)).collect());
    Ok(SiteLogin {
        subject,
        issued_at,
        expires_at,
        name: claims.name.as_deref().and_then(DisplayName::given),
        picture: claims.picture.as_deref().filter(|picture| is_picture(picture)).map(str::to_owned),
        rank,
        rooms,
    })
}

/// What was said before this of tokens no longer counts at `now`: all of them are over.
pub fn kept_since(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - LIFETIME_MAX.as_millis() - 2 * SKEW.as_millis())
}

/// Whether a site may call somebody so.
pub fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether a token that ends then is over at `now`, by a clock that may be ahead of the site's.
pub fn has_expired(expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at + SKEW <= now
}

fn names(audience: &[String], public_url: Option<&str>) -> bool {
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    public_url.is_some_and(|url| audience.iter().any(|audience| bare(audience) == bare(url)))
}

/// Whether it may be shown: one that may not is left out, because it keeps nobody from talking.
fn is_picture(address: &str) -> bool {
    address.starts_with("https://") && is_plain_address(address)
}

#[cfg(test)]
mod tests;
