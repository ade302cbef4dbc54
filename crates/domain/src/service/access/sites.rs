//! What is remembered of sites and their users; see [`super::AccessCache`].

use super::site_logins::{KnownKey, KnownSite, SiteLookup, UserLookup};
use super::{AccessCache, CACHED_MAX};
use crate::model::id::{SiteId, SiteKeyId, SiteUid};
use crate::model::login::LoginId;
use crate::model::sanction::Sanction;
use crate::model::site_key::Kid;
use crate::model::site_token::SiteLogin;
use crate::model::time::Timestamp;
use crate::model::user::{Member, Network};
use crate::ports::readers::AccessReader;
use crate::ports::site_tokens::SiteTokens;
use crate::ports::store::{SiteStore, SiteUser, StoreError};
use std::sync::Arc;

impl AccessCache {
    /// A site with its keys, as the store said less than two seconds before `now`; `None` for what is no site. While one caller
    /// reads it again, others believe what they know.
    pub async fn site(
        &self,
        sites: &dyn SiteStore,
        tokens: &dyn SiteTokens,
        uid: &SiteUid,
        now: Timestamp,
    ) -> Result<Option<Arc<KnownSite>>, StoreError> {
        let changes = match self.memory().site_logins.site(uid, now) {
            SiteLookup::Known(known) => return Ok(known),
            SiteLookup::Read(changes) => changes,
        };
        let found = sites.signing(uid).await?;
        let known = found.map(|(site, keys)| {
            // A key that is damaged signs nothing.
            let ready = keys.into_iter().filter_map(|key| {
                let checker = tokens.checker(key.algorithm, &key.material)?;
                let (id, algorithm, last_used_at) = (key.id, key.algorithm, key.last_used_at);
                Some((key.kid, KnownKey { id, algorithm, checker, last_used_at }))
            });
            Arc::new(KnownSite { id: site.id, keys: ready.collect() })
        });
        self.memory().site_logins.put_site(uid, known.clone(), now, changes);
        Ok(known)
    }

    /// Who came with this token, if that need not be asked.
    pub fn site_user(&self, site: SiteId, login: &SiteLogin, now: Timestamp) -> UserLookup {
        let memory = &mut *self.memory();
        let found = memory.site_logins.user(site, login, now);
        if let UserLookup::Known(user) = &found {
            memory.access.put_new_user(user, now);
        }
        found
    }

    /// Takes note of a user as the store said at `now`, unless something changed after `changes`.
    pub fn put_site_user(&self, site: SiteId, subject: &str, known: &SiteUser, now: Timestamp, changes: u64) {
        let memory = &mut *self.memory();
        memory.site_logins.put_user(site, subject, known, now, changes);
        memory.access.put_new_user(&known.user, now);
    }

    /// The key, if its use is to be written down: once a minute.
    pub fn note_use(&self, site: &SiteUid, kid: &Kid, now: Timestamp) -> Option<SiteKeyId> {
        self.memory().site_logins.note_use(site, kid, now)
    }

    /// The sanctions that hold everywhere and cover a member seen at this network; `None` when there are too many to remember.
    pub async fn sanctions_everywhere(
        &self,
        reader: &dyn AccessReader,
        member: &Member,
        network: Option<&Network>,
        now: Timestamp,
    ) -> Result<Option<Vec<Sanction>>, StoreError> {
        let (version, known) = {
            let memory = self.memory();
            (memory.access.version(), memory.access.everywhere(member, network, now))
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(read) = reader.room_access(None, now, CACHED_MAX).await? else { return Ok(None) };
        if read.cut {
            return Ok(None);
        }
        let covering = read.sanctions.iter().filter(|given| given.in_force(now) && given.covers(member, network));
        let covering = covering.cloned().collect();
        self.memory().access.put_room(read, now, version);
        Ok(Some(covering))
    }

    /// Whether the tokens of sites among these go on; which of them are over.
    pub(super) async fn ended_tokens(sites: &dyn SiteStore, asked: &[LoginId]) -> Result<Vec<LoginId>, StoreError> {
        let tokens: Vec<_> = asked.iter().filter_map(|login| login.site_token()).collect();
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        Ok(sites.ended(&tokens).await?.into_iter().map(LoginId::SiteToken).collect())
    }
}
