//! Sites and their keys in memory.

use super::{MemoryStore, SiteUserRow, State, UserRow};
use async_trait::async_trait;
use domain::model::id::{SiteId, SiteKeyId, SiteUid, UserId};
use domain::model::login::EndedTokens;
use domain::model::login::SiteTokenId;
use domain::model::name::DisplayName;
use domain::model::rank::Rank;
use domain::model::site::{NewSite, Site, SiteChange};
use domain::model::site_key::{KEYS_MAX, Kid, NewSiteKey, SiteKey};
use domain::model::site_token::kept_since;
use domain::model::time::Timestamp;
use domain::model::user::{SiteMembership, User};
use domain::ports::bus::Notice;
use domain::ports::store::{SignIn, SignInResult, SiteStore, SiteUser, StoreError};

impl State {
    fn keys_of(&self, site: SiteId) -> impl Iterator<Item = &SiteKey> {
        self.site_keys.values().filter(move |key| key.site == site)
    }

    fn delete_keys(&mut self, which: impl Fn(&SiteKey) -> bool) -> Vec<SiteKeyId> {
        let deleted: Vec<SiteKeyId> = self.site_keys.values().filter(|key| which(key)).map(|key| key.id).collect();
        self.site_keys.retain(|id, _| !deleted.contains(id));
        deleted
    }
}

impl State {
    /// What a token says, written down; whether others see a change.
    fn sign_in(&mut self, site: &SiteUid, sign_in: SignIn) -> (SiteUser, bool) {
        let key = (sign_in.site, sign_in.subject.clone());
        let known = self.site_users.get(&key).and_then(|row| row.user);
        let known = known.and_then(|id| self.live(id)).cloned();
        let (issued_at, issued_from) =
            self.site_users.get(&key).map_or((Timestamp(0), Timestamp(0)), |row| (row.issued_at, row.issued_from));
        let counts = sign_in.issued_at >= issued_at;
        let is_new = known.is_none();
        let before = known.unwrap_or_else(|| User {
            id: UserId(self.next_id()),
            uid: sign_in.new_uid.clone(),
            username: None,
            display_name: sign_in.name.clone().unwrap_or_else(|| DisplayName::of_site_user(&sign_in.new_uid)),
            picture: None,
            country: sign_in.country.clone(),
            rank: Rank::Registered,
            network: None,
            created_at: sign_in.at,
            site: Some(SiteMembership { site: site.clone(), rank: None }),
        });
        let mut user = User { network: Some(sign_in.network.clone()), ..before.clone() };
        if counts {
            user.display_name = sign_in.name.unwrap_or(user.display_name);
            user.picture = sign_in.picture;
            user.site = Some(SiteMembership { site: site.clone(), rank: sign_in.rank });
        }
        let shows = |user: &User| (user.display_name.clone(), user.picture.clone(), user.site.clone());
        let changed = !is_new && shows(&before) != shows(&user);
        self.users.insert(user.id, UserRow { user: user.clone(), hash: None, deleted: false });
        let issued_at = if counts { sign_in.issued_at } else { issued_at };
        self.site_users.insert(key, SiteUserRow { user: Some(user.id), issued_at, issued_from });
        (SiteUser { user, issued_at, issued_from }, changed)
    }
}

#[async_trait]
impl SiteStore for MemoryStore {
    async fn create(&self, new: NewSite) -> Result<Site, StoreError> {
        let mut state = self.state();
        let id = SiteId(state.next_id());
        let NewSite { uid, name, origins, owner, created_at } = new;
        let site = Site { id, uid, name, origins, owner, created_at };
        state.sites.insert(id, site.clone());
        Ok(site)
    }

    async fn site(&self, uid: &SiteUid) -> Result<Option<Site>, StoreError> {
        Ok(self.state().sites.values().find(|site| site.uid == *uid).cloned())
    }

    async fn list(&self, owner: Option<UserId>, after: SiteId, limit: usize) -> Result<Vec<Site>, StoreError> {
        let is_it = |site: &&Site| site.id > after && owner.is_none_or(|owner| owner == site.owner);
        Ok(self.state().sites.values().filter(is_it).take(limit).cloned().collect())
    }

    async fn update(&self, id: SiteId, change: SiteChange) -> Result<Option<Site>, StoreError> {
        let mut state = self.state();
        let Some(site) = state.sites.get_mut(&id) else { return Ok(None) };
        site.name = change.name.unwrap_or(site.name.clone());
        site.origins = change.origins.unwrap_or(site.origins.clone());
        let site = site.clone();
        self.bus.announce(Notice::SiteChanged(site.uid.clone()));
        Ok(Some(site))
    }

    async fn delete(&self, id: SiteId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(site) = state.sites.remove(&id) else { return Ok(false) };
        let ended = state.delete_keys(|key| key.site == id);
        state.site_users.retain(|(site, _), _| *site != id);
        for room in state.rooms.values_mut().filter(|room| room.site.as_ref() == Some(&site.uid)) {
            room.site = None;
        }
        self.bus.announce(Notice::SiteChanged(site.uid));
        self.bus.announce(Notice::SiteTokensEnded(EndedTokens::OfKeys(ended)));
        Ok(true)
    }

    async fn add_key(&self, new: NewSiteKey) -> Result<Option<SiteKey>, StoreError> {
        let mut state = self.state();
        let Some(uid) = state.sites.get(&new.site).map(|site| site.uid.clone()) else { return Ok(None) };
        if state.keys_of(new.site).count() >= KEYS_MAX {
            return Ok(None);
        }
        let id = SiteKeyId(state.next_id());
        let NewSiteKey { kid, site, algorithm, material, name, created_at } = new;
        let key = SiteKey { id, kid, site, algorithm, material, name, created_at, last_used_at: None };
        state.site_keys.insert(id, key.clone());
        self.bus.announce(Notice::SiteChanged(uid));
        Ok(Some(key))
    }

    async fn keys(&self, site: SiteId) -> Result<Vec<SiteKey>, StoreError> {
        Ok(self.state().keys_of(site).cloned().collect())
    }

    async fn signing(&self, uid: &SiteUid) -> Result<Option<(Site, Vec<SiteKey>)>, StoreError> {
        let state = self.state();
        let site = state.sites.values().find(|site| site.uid == *uid).cloned();
        Ok(site.map(|site| (site.clone(), state.keys_of(site.id).cloned().collect())))
    }

    async fn key_used(&self, key: SiteKeyId, at: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = self.state().site_keys.get_mut(&key) {
            key.last_used_at = Some(at);
        }
        Ok(())
    }

    async fn sign_in(&self, sign_in: SignIn) -> Result<SignInResult, StoreError> {
        let mut state = self.state();
        let Some(uid) = state.sites.get(&sign_in.site).map(|site| site.uid.clone()) else {
            return Ok(SignInResult::NoSite);
        };
        let row = state.site_users.get(&(sign_in.site, sign_in.subject.clone()));
        if row.is_some_and(|row| sign_in.issued_at < row.issued_from) {
            return Ok(SignInResult::Ended);
        }
        let (known, changed) = state.sign_in(&uid, sign_in);
        if changed {
            self.bus.announce(Notice::UserChanged(Box::new(known.user.clone())));
        }
        Ok(SignInResult::Done(Box::new(known)))
    }

    async fn site_user(&self, site: SiteId, subject: &str) -> Result<Option<SiteUser>, StoreError> {
        let state = self.state();
        let row = state.site_users.get(&(site, subject.to_owned()));
        Ok(row.and_then(|row| {
            let user = state.live(row.user?)?.clone();
            Some(SiteUser { user, issued_at: row.issued_at, issued_from: row.issued_from })
        }))
    }

    async fn end_tokens(&self, site: SiteId, subject: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.sites.contains_key(&site) {
            return Ok(());
        }
        state.site_users.retain(|(of, _), row| *of != site || row.user.is_some() || row.issued_from >= kept_since(at));
        let nobody = SiteUserRow { user: None, issued_at: Timestamp(0), issued_from: Timestamp(0) };
        let row = state.site_users.entry((site, subject.to_owned())).or_insert(nobody);
        row.issued_from = row.issued_from.max(at);
        if let Some(user) = row.user {
            let issued_before = row.issued_from;
            self.bus.announce(Notice::SiteTokensEnded(EndedTokens::OfUser { user, issued_before }));
        }
        Ok(())
    }

    async fn end_tokens_of(&self, user: UserId, at: Timestamp) -> Result<(), StoreError> {
        let named = self.state().site_users.iter().find(|(_, row)| row.user == Some(user)).map(|(key, _)| key.clone());
        match named {
            Some((site, subject)) => self.end_tokens(site, &subject, at).await,
            None => Ok(()),
        }
    }

    async fn ended(&self, tokens: &[SiteTokenId]) -> Result<Vec<SiteTokenId>, StoreError> {
        let state = self.state();
        let goes_on = |token: &SiteTokenId| {
            let row = state.site_users.values().find(|row| row.user == Some(token.user));
            state.site_keys.contains_key(&token.key) && row.is_some_and(|row| token.issued_at >= row.issued_from)
        };
        Ok(tokens.iter().copied().filter(|token| !goes_on(token)).collect())
    }

    async fn delete_key(&self, site: SiteId, kid: &Kid) -> Result<bool, StoreError> {
        let mut state = self.state();
        let ended = state.delete_keys(|key| key.site == site && key.kid == *kid);
        if ended.is_empty() {
            return Ok(false);
        }
        if let Some(site) = state.sites.get(&site) {
            self.bus.announce(Notice::SiteChanged(site.uid.clone()));
        }
        self.bus.announce(Notice::SiteTokensEnded(EndedTokens::OfKeys(ended)));
        Ok(true)
    }
}
