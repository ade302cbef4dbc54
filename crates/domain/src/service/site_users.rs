//! The users of a site, as its owner finds them: by what the site calls them.

use crate::model::id::SiteUid;
use crate::model::site_token;
use crate::ports::store::SiteUser;
use crate::service::Caller;
use crate::service::error::{Error, Resource};
use crate::service::sites::Sites;

/// What no token could name is nobody's, and no store need be asked.
fn check_subject(subject: &str) -> Result<(), Error> {
    if site_token::is_subject(subject) { Ok(()) } else { Err(Error::NoSuch(Resource::User)) }
}

impl Sites {
    /// The user whom the site calls so, for those who manage it.
    pub async fn user(&self, caller: &Caller, uid: &SiteUid, subject: &str) -> Result<SiteUser, Error> {
        let site = self.site(caller, uid).await?;
        check_subject(subject)?;
        self.ports.sites.site_user(site.id, subject).await?.ok_or(Error::NoSuch(Resource::User))
    }

    /// Ends all tokens that were issued until now for whom the site calls so, whether or not anybody came with one yet.
    pub async fn log_out(&self, caller: &Caller, uid: &SiteUid, subject: &str) -> Result<(), Error> {
        let site = self.site(caller, uid).await?;
        check_subject(subject)?;
        Ok(self.ports.sites.end_tokens(site.id, subject, self.ports.clock.now()).await?)
    }

    /// Erases the user whom the site calls so, as an account is erased that its owner deletes. Tokens issued until now are
    /// refused; a later one makes somebody new.
    pub async fn delete_user(&self, caller: &Caller, uid: &SiteUid, subject: &str) -> Result<(), Error> {
        let known = self.user(caller, uid, subject).await?;
        self.accounts.erase(&known.user, &known.user).await
    }
}
