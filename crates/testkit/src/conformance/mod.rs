//! What every store must do, as one suite for all of them.
//!
//! Each case is a claim about a [`Subject`]: `pub async fn two_posts_take_two_seqs(subject: Subject)`. A store runs them
//! all with one line, [`conformance_suite!`](crate::conformance_suite), and gets a test for each.
//!
//! A case makes what it needs through the ports and names no store. Cases share nothing: each gets a fresh store.

pub mod accounts;
pub mod authority;
pub mod history;
pub mod leaving;
pub mod log;
pub mod pins;
pub mod quotas;
pub mod races;
pub mod rooms;
pub mod sanctions;
pub mod sessions;
pub mod site_users;
pub mod sites;

use crate::builders::{self, NOON};
use crate::bus::RecordingBus;
use domain::model::event::Event;
use domain::model::id::{RoomId, Seq};
use domain::model::log::EventRange;
use domain::model::message::{Draft, Message};
use domain::model::room::Room;
use domain::model::time::Timestamp;
use domain::model::user::{Member, User};
use domain::ports::log::{AppendError, AppendResult, Log, LogCommand, LogEntry};
use domain::ports::readers::{AccessReader, EventReader, MessageReader, Position, SanctionReader};
use domain::ports::store::{AccountStore, Health, QuotaStore, RoomStore, SiteStore};
use std::sync::Arc;

/// All that is read of the logs.
pub trait History: MessageReader + EventReader + SanctionReader + AccessReader {}

impl<S: MessageReader + EventReader + SanctionReader + AccessReader> History for S {}

/// A fresh, empty store under test: its ports, and the bus it publishes to.
#[derive(Clone)]
pub struct Subject {
    /// Users and logins.
    pub accounts: Arc<dyn AccountStore>,
    /// Rooms and ranks.
    pub rooms: Arc<dyn RoomStore>,
    /// Sites and their keys.
    pub sites: Arc<dyn SiteStore>,
    /// Shared quotas.
    pub quotas: Arc<dyn QuotaStore>,
    /// Appending.
    pub log: Arc<dyn Log>,
    /// Reading.
    pub history: Arc<dyn History>,
    /// Whether it is there.
    pub health: Arc<dyn Health>,
    /// What the store publishes to, and nobody else.
    pub bus: Arc<RecordingBus>,
}

impl Subject {
    /// A registered user of that name.
    pub async fn user(&self, name: &str) -> User {
        builders::user(name).create(&*self.accounts).await
    }

    /// A guest of that name.
    pub async fn guest(&self, name: &str) -> User {
        builders::user(name).guest().create(&*self.accounts).await
    }

    /// A room of that name and its maker, called `owner`.
    pub async fn room(&self, name: &str, owner: &str) -> (Room, User) {
        let owner = self.user(owner).await;
        (builders::room(name).create(&*self.rooms, &owner).await, owner)
    }

    /// `user` with the rank held in `room` now.
    pub async fn member(&self, room: RoomId, user: &User) -> Member {
        let mut members = self.rooms.members(room, &[user.id]).await.expect("a store that works");
        members.pop().expect("the user is there")
    }

    /// Appends `act` by `user` at [`NOON`].
    pub async fn act(&self, room: RoomId, user: &User, command: LogCommand) -> Result<AppendResult, AppendError> {
        self.act_at(NOON, room, user, command).await
    }

    /// Appends `act` by `user` at that time.
    pub async fn act_at(
        &self,
        at: Timestamp,
        room: RoomId,
        user: &User,
        command: LogCommand,
    ) -> Result<AppendResult, AppendError> {
        let actor = self.member(room, user).await;
        self.log.append(LogEntry { room, actor, at, command }).await
    }

    /// Appends something else than a post, which must succeed.
    pub async fn done(&self, room: RoomId, user: &User, command: LogCommand) -> Event {
        match self.act(room, user, command).await.expect("it is allowed") {
            AppendResult::Done(event) => event,
            posted => panic!("not a post: {posted:?}"),
        }
    }

    /// Posts `draft`, which must succeed; the message, and whether it stood there already.
    pub async fn post_draft(&self, room: RoomId, user: &User, draft: Draft) -> (Message, bool) {
        match self.act(room, user, builders::post(draft)).await.expect("it is allowed") {
            AppendResult::Posted { message, repeated } => (*message, repeated),
            done => panic!("a post: {done:?}"),
        }
    }

    /// Posts `text`, which must succeed.
    pub async fn post(&self, room: RoomId, user: &User, text: &str) -> Message {
        self.post_draft(room, user, builders::draft(text)).await.0
    }

    /// Posts `1`, `2` … up to `count`.
    pub async fn post_many(&self, room: RoomId, user: &User, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        for number in 1..=count {
            messages.push(self.post(room, user, &number.to_string()).await);
        }
        messages
    }

    /// The texts that stand in a room, ascending.
    pub async fn texts(&self, room: RoomId) -> Vec<String> {
        let (messages, more) = self.history.messages(room, Position::End, 10_000).await.expect("a store that works");
        assert!(!more, "there are fewer than ten thousand");
        texts(&messages)
    }

    /// All that lies after `since`.
    pub async fn event_range(&self, room: RoomId, since: Seq) -> EventRange {
        let event_range = self.history.event_range(room, since, 10_000).await.expect("a store that works");
        let event_range = event_range.expect("the log is there");
        assert!(!event_range.cut, "there are fewer than ten thousand");
        event_range
    }
}

/// The texts of `messages`.
pub fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.text.to_string()).collect()
}

/// The seqs of `events`.
pub fn seqs(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.seq.0).collect()
}

/// Eight threads, so that what can race does.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_all().build().expect("a runtime starts")
}

/// Makes one `#[test]` of every case, in a module per part, so that a failure names its case.
///
/// `make` is an async function in scope that gives a fresh store and something to keep alive until the case is over:
/// `async fn make() -> Option<(Subject, Guard)>`. `None` says that the store cannot be had on this machine; the case is
/// skipped then. It runs inside a multi-threaded tokio runtime.
#[macro_export]
macro_rules! conformance_suite {
    ($make:ident) => {
        $crate::conformance_cases! { $make
            accounts {
                a_store_that_is_there_is_healthy,
                a_user_is_found_by_id_and_by_uid_as_it_was_made,
                nobody_is_none,
                a_uid_in_another_case_is_another_uid,
                credentials_are_found_in_any_case,
                a_name_that_looks_like_anothers_is_taken,
                a_refused_user_claims_no_name,
                a_rename_frees_the_old_name,
                a_name_may_change_into_its_own_look_alike,
                a_refused_rename_changes_nothing,
                a_change_leaves_the_rest_alone,
                the_same_key_is_the_same_guest,
                a_new_guest_cannot_take_a_name,
                a_deleted_user_is_gone,
                a_deleted_users_messages_stay_without_the_name,
                many_users_may_be_deleted,
                a_deleted_guest_is_made_anew,
                users_are_listed_by_id_in_pages,
                a_search_finds_parts_of_names_literally,
                a_full_name_is_found_without_being_in_the_room,
                a_full_name_wins_over_longer_ones,
                a_beginning_finds_those_around_in_the_room,
                a_beginning_is_taken_literally,
                whoever_is_behind_a_network_is_counted,
                instants_survive_to_the_millisecond,
            }
            sessions {
                a_login_is_found_with_its_user,
                a_login_ends_by_time,
                a_login_in_use_slides,
                a_login_is_ended_once,
                a_new_password_ends_all_logins_but_one,
                a_refused_change_keeps_the_password_and_the_logins,
                a_password_change_that_nobody_waits_for_is_whole,
                a_ban_everywhere_ends_the_logins,
                the_alive_of_many_logins_are_told,
                a_deleted_users_logins_are_over,
                a_ticket_is_taken_once,
                a_ticket_expires,
            }
            rooms {
                a_room_is_found_as_it_was_made,
                no_room_is_none,
                rooms_may_share_a_name,
                rooms_are_listed_by_id_in_pages,
                the_appointed_are_ordered_by_rank_and_name,
                a_rank_is_given_and_taken,
                members_are_told_with_their_ranks_by_id,
                a_deleted_moderator_is_not_listed,
                settings_change_and_the_rest_stays,
                a_closed_room_is_gone,
            }
            sites {
                a_site_is_found_as_it_was_made,
                sites_are_listed_by_id_in_pages,
                a_site_changes_and_the_rest_stays,
                a_key_is_kept_as_it_was_made,
                a_deleted_key_is_gone_and_what_it_signed_is_announced,
                a_site_has_no_more_keys_than_allowed,
                a_deleted_site_is_gone_with_its_keys_and_its_rooms_stay,
                a_site_outlives_its_owner,
            }
            site_users {
                a_site_and_its_keys_are_read_together,
                the_use_of_a_key_is_noted,
                a_subject_of_a_site_is_one_user_for_ever,
                a_user_is_as_the_newest_token_says,
                names_that_a_site_gives_are_nobodys,
                tokens_end_for_a_subject_before_and_after_it_came,
                an_ended_token_makes_and_changes_nobody,
                tokens_that_are_over_are_told,
                an_erased_user_is_made_anew_by_a_later_token,
                many_sign_in_at_once_and_each_is_made_once,
                a_rank_of_a_site_holds_in_all_its_rooms_and_in_no_other,
                the_users_of_a_deleted_site_stay_without_rights,
            }
            log {
                seqs_count_from_one_over_all_kinds_of_events,
                each_room_counts_for_itself,
                a_message_is_answered_stored_and_published_alike,
                every_event_is_published_as_it_is_read,
                texts_survive_as_they_are,
                a_nonce_names_one_message,
                a_nonce_is_one_authors_in_one_room,
                messages_without_a_nonce_are_never_the_same,
                a_message_is_found_by_its_nonce,
                a_repeated_nonce_resurrects_nothing,
                a_refused_message_uses_no_nonce_and_no_number,
                slow_mode_counts_from_the_last_message,
                a_repeat_is_answered_in_spite_of_slow_mode,
                an_answer_names_a_message_of_the_room,
                an_answer_outlives_the_question,
                a_message_is_deleted_once_in_its_room,
                a_purge_is_one_event,
                one_authors_messages_are_purged,
                a_purge_of_nothing_is_an_event,
                nothing_is_done_in_no_room,
            }
            pins {
                a_pinned_message_is_at_the_top_until_another_is,
                what_is_gone_is_pinned_no_more,
                only_what_stands_in_the_room_is_pinned,
                a_pinned_author_is_shown_as_they_are_now,
            }
            sanctions {
                access_is_told_with_what_is_in_force_there,
                a_sanction_is_kept_as_it_was_given,
                whoever_is_sanctioned_may_not_write,
                a_sanction_ends_by_time,
                the_sanctions_of_one_user_are_told_with_their_people,
                sanctions_that_are_over_are_forgotten_a_few_at_a_time,
                a_second_sanction_replaces_the_first_of_its_kind,
                a_sanction_is_lifted_once,
                a_ban_and_a_timeout_are_lifted_together_or_not_at_all,
                a_sanction_may_be_given_again,
                a_sanction_of_the_server_holds_in_every_room,
                a_network_covers_guests_and_newer_accounts_only,
                a_network_spares_whom_the_giver_could_not_have_sanctioned,
                what_holds_everywhere_is_told_by_user_and_network,
                sanctions_are_listed_latest_first_in_pages,
                a_repeat_is_answered_in_spite_of_a_ban,
                the_log_forgets_the_names_of_the_deleted,
                a_timeout_is_told_as_a_timeout,
            }
            history {
                pages_hold_the_nearest_messages_ascending,
                walking_back_meets_every_message_once,
                a_message_is_found_by_id,
                one_authors_messages_are_paged,
                the_log_about_one_user_leaves_out_the_others,
                authors_are_shown_as_they_are_now,
                a_snapshot_is_the_head_and_the_latest_messages,
                a_range_tells_what_stands_and_what_was_done,
                a_range_tells_a_purge_and_resurrects_nothing,
                a_cut_range_goes_on_where_it_ended,
                a_cut_counts_events_and_messages_together,
                heads_are_told_for_many_rooms,
                logs_are_told_in_which_something_else_than_messages_was_written,
                access_is_all_that_a_decision_needs,
                the_last_post_in_an_access_may_be_deleted,
                access_may_be_nobodys,
                the_log_of_moderators_is_read_latest_first_in_pages,
                an_old_appointment_tells_the_rank_of_then,
            }
            leaving {
                a_deleted_accounts_name_is_reserved,
                other_names_are_free_at_once,
                guests_of_whom_nothing_is_left_are_forgotten,
                unused_rooms_of_guests_are_told,
                a_room_is_handed_over_whole,
                a_room_is_handed_over_once,
                a_room_passes_to_nobody_who_is_banned_or_gone,
                an_owner_is_erased_after_the_last_room_only,
                no_room_is_left_to_somebody_who_is_gone,
                only_a_room_that_nobody_used_is_closed_as_unused,
            }
            authority {
                an_act_is_refused_when_its_actor_lost_the_authority_meanwhile,
                no_act_follows_the_demotion_of_its_actor,
                a_higher_ranks_sanction_stays,
                an_act_is_refused_when_its_subject_rose_meanwhile,
                a_moderator_timed_out_meanwhile_puts_nothing_before_everybody,
                no_kind_of_act_follows_the_end_of_its_authority,
                no_act_begins_after_a_rank_that_held_everywhere_was_taken,
                an_act_is_refused_when_its_actors_network_was_banned_meanwhile,
            }
            quotas {
                a_bucket_gives_its_burst_and_then_its_rate,
                buckets_of_other_quotas_keys_and_allowances_are_others,
                a_refused_charge_takes_nothing_from_any_bucket,
                what_costs_more_takes_more,
                a_clock_that_was_wrong_leaves_an_empty_bucket,
                full_buckets_are_forgotten_a_few_at_a_time,
                a_forgotten_bucket_is_full,
                charges_at_once_pass_as_often_as_the_bucket_holds,
                charges_of_the_same_buckets_at_once_pass_in_any_order,
                forgetting_loses_no_charge,
            }
            races {
                a_name_is_given_once,
                a_rename_is_won_once,
                a_guest_is_made_once,
                a_ticket_is_taken_by_one,
                a_nonce_sent_fifty_times_is_one_message,
                slow_mode_lets_one_of_many_through,
                nothing_is_said_after_a_ban,
                a_message_is_deleted_by_one,
                many_bans_at_once_leave_one,
                nothing_is_said_after_the_end_of_a_room,
                many_authors_in_many_rooms_leave_no_gap,
                a_snapshot_is_of_one_moment,
                an_answer_that_nobody_waits_for_leaves_all_or_nothing,
            }
        }
    };
}

/// The other half of [`conformance_suite!`](crate::conformance_suite).
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($make:ident $($part:ident { $($case:ident),+ $(,)? })+) => {$(
        mod $part {
            use super::*;

            $(
                #[test]
                fn $case() {
                    let runtime = $crate::conformance::runtime();
                    runtime.block_on(async {
                        let Some((subject, guard)) = $make().await else { return };
                        $crate::conformance::$part::$case(subject).await;
                        drop(guard);
                    });
                }
            )+
        }
    )+};
}
