//! Users, names, logins and tickets in memory.

use super::{MemoryStore, RoomLog, State, UserRow, folded};
use async_trait::async_trait;
use domain::model::event::{Event, EventKind};
use domain::model::id::{RoomId, SessionId, UserId, UserUid};
use domain::model::name::{DisplayName, Look, RESERVED_FOR, Username, looks};
use domain::model::rank::Rank;
use domain::model::session::Session;
use domain::model::time::Timestamp;
use domain::model::user::{Member, NewPassword, NewUser, PasswordHash, User, UserChange};
use domain::ports::bus::Notice;
use domain::ports::store::{AccountStore, Deletion, StoreError};

impl State {
    /// Gives `id` the looks of its names and frees those it had before, unless somebody else has one of them.
    fn claim(&mut self, id: UserId, username: Option<&Username>, shown: &DisplayName) -> Result<(), StoreError> {
        let mut wanted: Vec<Look> = looks(shown.as_str());
        wanted.extend(username.into_iter().flat_map(|name| looks(name.as_str())));
        if wanted.iter().any(|look| self.claims.get(look).is_some_and(|holder| *holder != id)) {
            return Err(StoreError::NameTaken);
        }
        self.claims.retain(|_, holder| *holder != id);
        self.claims.extend(wanted.into_iter().map(|look| (look, id)));
        Ok(())
    }

    fn create_user(&mut self, new: NewUser) -> Result<User, StoreError> {
        let id = UserId(self.next_id());
        let (username, hash) = new.login.unzip();
        self.claim(id, username.as_ref(), &new.display_name)?;
        let user = User {
            id,
            uid: new.uid,
            username,
            display_name: new.display_name,
            picture: None,
            country: new.country,
            rank: new.rank,
            network: new.network,
            created_at: new.created_at,
            site: None,
        };
        self.users.insert(id, UserRow { user: user.clone(), hash, deleted: false });
        Ok(user)
    }

    fn erase(&mut self, id: UserId, at: Timestamp) -> Deletion {
        let owns_rooms = self.rooms.values().any(|room| room.owner == id);
        let Some(row) = self.users.get_mut(&id).filter(|row| !row.deleted) else { return Deletion::Gone };
        if owns_rooms {
            return Deletion::OwnsRooms;
        }
        row.deleted = true;
        row.hash = None;
        let had_account = row.user.username.take().is_some();
        row.user.display_name = DisplayName::stored("deleted user".to_owned());
        row.user.picture = None;
        row.user.country = None;
        row.user.network = None;
        row.user.rank = Rank::Guest;
        row.user.site = None;
        for row in self.site_users.values_mut().filter(|row| row.user == Some(id)) {
            row.user = None;
            row.issued_from = row.issued_from.max(at);
        }
        if had_account {
            self.reserved.insert(id, at + RESERVED_FOR);
        } else {
            self.claims.retain(|_, holder| *holder != id);
        }
        self.sessions.retain(|_, session| session.user != id);
        Deletion::Done
    }

    /// Whether a guest logged in until `now`, or anything tells of the guest.
    fn left_something(&self, id: UserId, now: Timestamp) -> bool {
        let names = |event: &Event| {
            let subject = match &event.kind {
                EventKind::Moderated { subject, .. } => Some(subject.user.id),
                EventKind::Purged { author } => author.as_ref().map(|author| author.id),
                _ => None,
            };
            event.actor == id || subject == Some(id)
        };
        let in_log = |log: &RoomLog| {
            log.ranks.contains_key(&id)
                || log.messages.values().any(|row| row.author == id)
                || log.events.values().any(names)
        };
        self.sessions.values().any(|session| session.user == id && session.expires_at >= now)
            || self.sanctions.iter().any(|sanction| sanction.user == id)
            || self.rooms.values().any(|room| room.owner == id)
            || self.sites.values().any(|site| site.owner == id)
            || self.logs.values().any(in_log)
            || (self.reserved.contains_key(&id) && self.claims.values().any(|holder| *holder == id))
    }

    fn names_of(user: &User) -> impl Iterator<Item = String> {
        let username = user.username.as_ref().map(Username::folded);
        username.into_iter().chain([folded(user.display_name.as_str())])
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn create(&self, user: NewUser) -> Result<User, StoreError> {
        self.state().create_user(user)
    }

    async fn guest(&self, key: &str, user: NewUser) -> Result<User, StoreError> {
        let mut state = self.state();
        if let Some(guest) = state.guests.get(key).and_then(|id| state.live(*id)) {
            return Ok(guest.clone());
        }
        let guest = state.create_user(user)?;
        state.guests.insert(key.to_owned(), guest.id);
        Ok(guest)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().live(id).cloned())
    }

    async fn user_by_uid(&self, uid: &UserUid) -> Result<Option<User>, StoreError> {
        Ok(self.state().live_users().find(|user| user.uid == *uid).cloned())
    }

    async fn user_ever(&self, uid: &UserUid) -> Result<Option<User>, StoreError> {
        Ok(self.state().users.values().map(|row| &row.user).find(|user| user.uid == *uid).cloned())
    }

    async fn credentials(&self, username: &Username) -> Result<Option<(User, PasswordHash)>, StoreError> {
        let wanted = Some(username.folded());
        let state = self.state();
        let row = state.users.values().find(|row| row.user.username.as_ref().map(Username::folded) == wanted);
        Ok(row.and_then(|row| Some((row.user.clone(), row.hash.clone()?))))
    }

    async fn find(&self, room: RoomId, typed: &str, limit: usize) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let typed = folded(typed);
        let mut found: Vec<&User> =
            state.live_users().filter(|user| State::names_of(user).any(|name| name == typed)).collect();
        if found.is_empty() {
            let log = state.logs.get(&room);
            let is_around = |id: UserId| log.is_some_and(|l| l.ranks.contains_key(&id) || l.last_post(id).is_some());
            let begins = |user: &&User| State::names_of(user).any(|name| name.starts_with(&typed));
            found = state.live_users().filter(begins).filter(|user| is_around(user.id)).collect();
        }
        found.sort_by_key(|user| (folded(user.display_name.as_str()), user.id));
        Ok(found.into_iter().take(limit).map(|user| state.member(room, user.clone())).collect())
    }

    async fn list(&self, search: Option<&str>, after: UserId, limit: usize) -> Result<Vec<User>, StoreError> {
        let search = folded(search.unwrap_or_default());
        let matches = |user: &&User| State::names_of(user).any(|name| name.contains(&search));
        Ok(self.state().live_users().filter(|user| user.id > after).filter(matches).take(limit).cloned().collect())
    }

    async fn update(&self, id: UserId, change: UserChange) -> Result<Option<User>, StoreError> {
        let mut state = self.state();
        let Some(mut user) = state.live(id).cloned() else { return Ok(None) };
        let is_seen = change.shows();
        if let Some(name) = change.display_name {
            state.claim(id, user.username.as_ref(), &name)?;
            user.display_name = name;
        }
        user.picture = change.picture.unwrap_or(user.picture);
        user.rank = change.rank.unwrap_or(user.rank);
        user.network = change.network.or(user.network);
        user.country = change.country.or(user.country);
        let Some(row) = state.users.get_mut(&id) else { return Ok(None) };
        row.user = user.clone();
        if let Some(NewPassword { hash, keep }) = change.password {
            row.hash = Some(hash);
            self.bus.announce(Notice::SessionsEnded(state.end_sessions(id, keep)));
        }
        if is_seen {
            self.bus.announce(Notice::UserChanged(Box::new(user.clone())));
        }
        Ok(Some(user))
    }

    async fn delete(&self, id: UserId, at: Timestamp) -> Result<Deletion, StoreError> {
        let deletion = self.state().erase(id, at);
        if deletion == Deletion::Done {
            self.bus.announce(Notice::UserDeleted(id));
        }
        Ok(deletion)
    }

    async fn free_names(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut state = self.state();
        let State { claims, reserved, .. } = &mut *state;
        let is_over = |holder: &UserId| reserved.get(holder).is_some_and(|end| *end < now);
        let over: Vec<Look> =
            claims.iter().filter(|(_, holder)| is_over(holder)).map(|(look, _)| look.clone()).collect();
        Ok(over.iter().take(limit).filter(|look| claims.remove(look).is_some()).count())
    }

    async fn forget_guests(
        &self,
        made_before: Timestamp,
        now: Timestamp,
        after: UserId,
        limit: usize,
    ) -> Result<(usize, Option<UserId>), StoreError> {
        let mut state = self.state();
        let old =
            |row: &&UserRow| row.user.rank == Rank::Guest && row.user.created_at < made_before && row.user.id > after;
        let seen: Vec<(UserId, bool)> =
            state.users.values().filter(old).map(|row| (row.user.id, row.deleted)).take(limit).collect();
        let mut erased = 0;
        for (id, was_erased) in &seen {
            if state.left_something(*id, now) {
                continue;
            }
            if *was_erased {
                state.users.remove(id);
            } else if state.erase(*id, now) == Deletion::Done {
                state.guests.retain(|_, guest| guest != id);
                self.bus.announce(Notice::UserDeleted(*id));
                erased += 1;
            }
        }
        Ok((erased, seen.last().map(|(id, _)| *id).filter(|_| seen.len() == limit)))
    }

    async fn open_session(&self, user: UserId, _now: Timestamp, expires_at: Timestamp) -> Result<Session, StoreError> {
        let mut state = self.state();
        if state.live(user).is_none() {
            return Err(StoreError::Failed(format!("no user {user}")));
        }
        let session = Session { id: SessionId(state.next_id()), user, expires_at };
        state.sessions.insert(session.id, session.clone());
        Ok(session)
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<(Session, User)>, StoreError> {
        let state = self.state();
        let Some(session) = state.sessions.get(&id).filter(|session| now <= session.expires_at) else {
            return Ok(None);
        };
        Ok(state.live(session.user).map(|user| (session.clone(), user.clone())))
    }

    async fn alive(&self, sessions: &[SessionId], now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let state = self.state();
        let is_alive = |id: &&SessionId| state.sessions.get(id).is_some_and(|session| now <= session.expires_at);
        Ok(sessions.iter().filter(is_alive).copied().collect())
    }

    async fn slide_session(&self, id: SessionId, expires_at: Timestamp) -> Result<(), StoreError> {
        if let Some(session) = self.state().sessions.get_mut(&id) {
            session.expires_at = expires_at;
        }
        Ok(())
    }

    async fn end_session(&self, id: SessionId) -> Result<bool, StoreError> {
        let ended = self.state().sessions.remove(&id).is_some();
        if ended {
            self.bus.announce(Notice::SessionsEnded(vec![id]));
        }
        Ok(ended)
    }

    async fn keep_ticket(
        &self,
        fingerprint: &str,
        session: SessionId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        state.tickets.retain(|_, (_, end)| now <= *end);
        state.tickets.insert(fingerprint.to_owned(), (session, expires_at));
        Ok(())
    }

    async fn take_ticket(&self, fingerprint: &str, now: Timestamp) -> Result<Option<SessionId>, StoreError> {
        let ticket = self.state().tickets.remove(fingerprint);
        Ok(ticket.filter(|(_, end)| now <= *end).map(|(session, _)| session))
    }
}
