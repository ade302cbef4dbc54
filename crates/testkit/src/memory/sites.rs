//! Sites and their keys in memory.

use super::{MemoryStore, State};
use async_trait::async_trait;
use domain::model::id::{SiteId, SiteKeyId, SiteUid, UserId};
use domain::model::site::{NewSite, Site, SiteChange};
use domain::model::site_key::{KEYS_MAX, Kid, NewSiteKey, SiteKey};
use domain::ports::bus::{EndedTokens, Notice};
use domain::ports::store::{SiteStore, StoreError};

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
