//! Being somebody: the tokens and tickets of a login, and its end.

use crate::model::id::SessionId;
use crate::model::login::LoginId;
use crate::model::session::LIFETIME;
use crate::model::time::{Span, Timestamp};
use crate::ports::effects::Quota;
use crate::service::accounts::Accounts;
use crate::service::error::{Error, RateLimitKind};
use crate::service::{Caller, ClientInfo, Ports};

/// How long a ticket for a socket is good.
pub const TICKET_LIFETIME: Span = Span::seconds(60);

impl Accounts {
    /// Who a token names: one of this server's own, or one that a site signed. A session in use is moved on.
    pub async fn identify(&self, token: &str, client: &ClientInfo) -> Result<Caller, Error> {
        let now = self.ports.clock.now();
        if let Some(unverified) = self.ports.site_tokens.read(token) {
            return Box::pin(self.identify_by_site(token, &unverified, client, now)).await;
        }
        let session = self.ports.tokens.verify(token, now).ok_or(Error::TokenInvalid)?;
        self.resume(session, client, now).await
    }

    /// Who a ticket stands for, once.
    pub async fn redeem(&self, ticket: &str, client: &ClientInfo) -> Result<Caller, Error> {
        let now = self.ports.clock.now();
        let fingerprint = self.ports.tokens.fingerprint(ticket);
        let session = self.ports.accounts.take_ticket(&fingerprint, now).await?.ok_or(Error::TokenInvalid)?;
        self.resume(session, client, now).await
    }

    /// The same for somebody who is about to change something: the store said less than two seconds ago that the login goes on.
    pub async fn identify_actor(&self, token: &str, client: &ClientInfo) -> Result<Caller, Error> {
        let caller = self.identify(token, client).await?;
        self.refuse_ended(&caller).await?;
        Ok(caller)
    }

    /// A caller may outlive the login when another process ended that: it acts no more two seconds later at most.
    pub(super) async fn refuse_ended(&self, caller: &Caller) -> Result<(), Error> {
        let Ports { access, accounts, sites, clock, .. } = &self.ports;
        if let Some(token) = caller.login.site_token() {
            return self.refuse_ended_token(token, clock.now()).await;
        }
        match access.is_alive(&**accounts, &**sites, caller.login, clock.now()).await? {
            true => Ok(()),
            false => Err(Error::TokenInvalid),
        }
    }

    async fn resume(&self, session: SessionId, client: &ClientInfo, now: Timestamp) -> Result<Caller, Error> {
        let Ports { access, accounts, .. } = &self.ports;
        let user = match access.user_of(session, now) {
            Some(user) => user,
            None => {
                let found = access.read_login(&**accounts, session, now).await?;
                let (stored, user) = found.ok_or(Error::TokenInvalid)?;
                if stored.is_due_to_slide(now) {
                    accounts.slide_session(session, now + LIFETIME).await?;
                    self.seen(&user, client).await?;
                }
                user
            }
        };
        Ok(Caller::of_session(user, session, client.network.clone()))
    }

    /// A ticket that logs in one socket within [`TICKET_LIFETIME`]. It stands for a session; a site's token is offered itself.
    pub async fn ticket(&self, caller: &Caller) -> Result<String, Error> {
        let session = caller.session()?;
        self.refuse_ended(caller).await?;
        let now = self.ports.clock.now();
        self.count(Quota::Ticket, &session.to_string(), RateLimitKind::Other).await?;
        let secret = self.ports.ids.secret();
        let fingerprint = self.ports.tokens.fingerprint(&secret);
        self.ports.accounts.keep_ticket(&fingerprint, session, now, now + TICKET_LIFETIME).await?;
        Ok(secret)
    }

    /// A fresh token for the same login.
    pub async fn renew(&self, caller: &Caller) -> Result<String, Error> {
        let (now, session) = (self.ports.clock.now(), caller.session()?);
        self.count(Quota::Ticket, &session.to_string(), RateLimitKind::Other).await?;
        let end = now + LIFETIME;
        self.ports.accounts.slide_session(session, end).await?;
        Ok(self.ports.tokens.issue(session, &caller.user.uid, now, end))
    }

    /// Ends the login everywhere: its token is dead and its sockets close. Of somebody whom a site signs in, all tokens end that
    /// were issued until now: they cannot be told apart.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        match caller.login {
            LoginId::Session(session) => drop(self.ports.accounts.end_session(session).await?),
            LoginId::SiteToken(token) => self.ports.sites.end_tokens_of(token.user, self.ports.clock.now()).await?,
        }
        Ok(())
    }
}
