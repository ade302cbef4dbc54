//! Being somebody by a token that a site signed.

use crate::model::id::{RoomUid, SiteId};
use crate::model::login::{LoginId, SiteTokenId};
use crate::model::sanction::{Sanction, SanctionKind};
use crate::model::site_token::{self, SiteLogin, TokenFault, Unverified};
use crate::model::time::Timestamp;
use crate::model::user::{Member, User};
use crate::ports::store::{SignIn, SignInResult};
use crate::service::access::site_logins::UserLookup;
use crate::service::accounts::Accounts;
use crate::service::error::Error;
use crate::service::{Caller, ClientInfo};
use std::sync::Arc;

impl Caller {
    /// Whether what the caller came with is valid in this room.
    pub fn check_room(&self, room: &RoomUid) -> Result<(), Error> {
        match &self.rooms {
            Some(rooms) if !rooms.contains(room) => Err(TokenFault::Room.into()),
            _ => Ok(()),
        }
    }

    /// Whether it is valid everywhere, and not in some rooms only.
    pub fn check_everywhere(&self) -> Result<(), Error> {
        if self.rooms.is_some() { Err(TokenFault::Room.into()) } else { Ok(()) }
    }
}

impl Accounts {
    /// Who a token of a site names. The first one of each user, and each that says something new, is written; no other is.
    pub(super) async fn identify_by_site(
        &self,
        token: &str,
        unverified: &Unverified,
        client: &ClientInfo,
        now: Timestamp,
    ) -> Result<Caller, Error> {
        let (uid, kid, algorithm) = site_token::signer(unverified)?;
        let site = self.ports.access.site(&*self.ports.sites, &*self.ports.site_tokens, &uid, now).await?;
        let site = site.ok_or(TokenFault::Issuer)?;
        let key = site.keys.get(&kid).ok_or(TokenFault::KeyUnknown)?;
        if key.algorithm != algorithm {
            return Err(TokenFault::Algorithm.into());
        }
        if !key.checker.is_right(token) {
            return Err(TokenFault::Signature.into());
        }
        let claims = unverified.claims.as_ref().ok_or(TokenFault::Claims)?;
        let login = site_token::check(claims, now, self.settings.public_url.as_deref())?;
        let user = match self.ports.access.site_user(site.id, &login, now) {
            UserLookup::Known(user) => *user,
            UserLookup::Ended => return Err(TokenFault::Ended.into()),
            UserLookup::SignIn(changes) => {
                let sign_in = self.sign_in(site.id, &login, client, now);
                let known = match self.ports.sites.sign_in(sign_in).await? {
                    SignInResult::Done(known) => known,
                    SignInResult::Ended => return Err(TokenFault::Ended.into()),
                    SignInResult::NoSite => return Err(TokenFault::Issuer.into()),
                };
                self.ports.access.put_site_user(site.id, &login.subject, &known, now, changes);
                known.user
            }
        };
        self.refuse_banned_everywhere(&user, client, now).await?;
        if let Some(key) = self.ports.access.note_use(&uid, &kid, now) {
            self.ports.sites.key_used(key, now).await?;
        }
        let SiteLogin { issued_at, expires_at, rooms, .. } = login;
        let token = SiteTokenId { key: key.id, user: user.id, issued_at, expires_at };
        Ok(Caller {
            user,
            login: LoginId::SiteToken(token),
            rooms: rooms.map(Arc::from),
            network: client.network.clone(),
        })
    }

    fn sign_in(&self, site: SiteId, login: &SiteLogin, client: &ClientInfo, now: Timestamp) -> SignIn {
        SignIn {
            site,
            subject: login.subject.clone(),
            issued_at: login.issued_at,
            name: login.name.clone(),
            picture: login.picture.clone(),
            rank: login.rank,
            network: client.network.clone(),
            country: client.country.clone(),
            new_uid: self.ports.ids.user_uid(),
            at: now,
        }
    }

    /// A ban everywhere ends sessions; a token goes on, and is refused.
    async fn refuse_banned_everywhere(&self, user: &User, client: &ClientInfo, now: Timestamp) -> Result<(), Error> {
        let member = Member::outside(user.clone());
        let network = Some(&client.network);
        let given = self.ports.access.sanctions_everywhere(&*self.ports.access_reader, &member, network, now).await?;
        let given: Vec<Sanction> = match given {
            Some(given) => given,
            // More are in force than is worth remembering.
            None => self.ports.sanctions.sanctions_everywhere(Some(user.id), network, now).await?,
        };
        let bans = given.iter().filter(|given| given.kind == SanctionKind::Ban && given.in_force(now));
        match bans.filter(|ban| ban.covers(&member, network)).max_by_key(|ban| ban.ends_at.is_none()) {
            Some(ban) => Err(Error::sanctioned(ban, now)),
            None => Ok(()),
        }
    }

    /// Whether a token goes on that was good when the caller came.
    pub(super) async fn refuse_ended_token(&self, token: SiteTokenId, now: Timestamp) -> Result<(), Error> {
        if site_token::has_expired(token.expires_at, now) {
            return Err(TokenFault::Expired.into());
        }
        let (access, accounts, sites) = (&self.ports.access, &*self.ports.accounts, &*self.ports.sites);
        match access.is_alive(accounts, sites, LoginId::SiteToken(token), now).await? {
            true => Ok(()),
            false => Err(TokenFault::Ended.into()),
        }
    }
}
