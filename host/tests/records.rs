//! The records' suite: each function runs on SQLite, as a test of its own, and on PostgreSQL, in a database of its own.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the whole crate is tests")]

#[path = "records/bindings.rs"]
mod bindings;
#[path = "records/changes.rs"]
mod changes;
#[path = "records/consents.rs"]
mod consents;
#[path = "records/credentials.rs"]
mod credentials;
#[path = "records/fixture.rs"]
mod fixture;
#[path = "records/importing.rs"]
mod importing;
#[path = "records/opening.rs"]
mod opening;
#[path = "records/people.rs"]
mod people;
#[path = "records/postgres.rs"]
mod postgres;
#[path = "records/resources.rs"]
mod resources;
#[path = "records/rotation.rs"]
mod rotation;
#[path = "records/schema.rs"]
mod schema;
#[path = "records/sessions.rs"]
mod sessions;

use fixture::Db;

macro_rules! run {
    ($cluster:ident, $failed:ident, $module:ident::$name:ident) => {
        let name = concat!(stringify!($module), "::", stringify!($name));
        let database = $cluster.database(stringify!($name));
        let run = std::panic::AssertUnwindSafe(|| {
            fixture::runtime().block_on(async { $module::$name(Db::postgres(&database).await).await });
        });
        if std::panic::catch_unwind(run).is_err() {
            $failed.push(name);
        }
    };
}

macro_rules! suite {
    (both [$($module:ident::$name:ident,)*] postgresql [$($only_module:ident::$only:ident,)*]) => {
        mod sqlite {
            $(
                #[test]
                fn $name() {
                    crate::fixture::runtime().block_on(async { crate::$module::$name(crate::Db::sqlite().await).await });
                }
            )*
        }

        /// One test, so that one cluster serves them all and is stopped whatever happens.
        #[test]
        fn on_postgresql() {
            let cluster = postgres::Cluster::start();
            let mut failed = Vec::new();
            $( run!(cluster, failed, $module::$name); )*
            $( run!(cluster, failed, $only_module::$only); )*
            assert!(failed.is_empty(), "on PostgreSQL failed: {failed:?}");
        }
    };
}

suite! {
    both [
    resources::details_come_back_as_they_were,
    resources::an_agent_has_one_session_at_a_time,
    resources::a_deleted_project_leaves_nothing_to_whoever_takes_its_name,
    resources::a_deleted_agent_is_forgotten_by_its_sessions,
    resources::a_binding_keeps_its_age_and_its_last_owner,
    resources::roles_of_ones_own,
    resources::people_have_an_id_that_stays,
    credentials::it_comes_with_its_secrets_and_its_owner,
    credentials::every_text_comes_back_as_it_was,
    credentials::a_taken_id_leaves_everything_as_it_was,
    credentials::a_person_connects_one_account_per_provider,
    credentials::new_secrets_raise_the_generation_and_end_the_old_token,
    credentials::another_place_clears_the_secrets,
    credentials::without_secrets_it_is_empty,
    credentials::what_decides_nothing_keeps_the_generation,
    credentials::a_change_based_on_old_secrets_is_refused,
    credentials::secrets_sealed_for_another_generation_are_refused,
    credentials::deleting_takes_everything_along,
    consents::a_consent_goes_its_way_once,
    consents::a_consent_is_over_after_its_time,
    consents::five_wrong_codes_end_a_consent,
    consents::a_person_has_eight_under_way,
    importing::an_import_is_taken_over_whole_with_its_ids_and_ages,
    importing::what_only_shares_an_id_is_left_alone,
    importing::an_import_that_cannot_be_leaves_nothing,
    bindings::the_built_in_roles_are_there_once,
    bindings::a_binding_of_the_same_tuple_is_told_with_its_id,
    bindings::a_level_has_one_credential_per_provider,
    bindings::what_says_who_may_read_takes_no_level,
    bindings::a_new_provider_moves_the_levels_or_is_refused,
    bindings::a_connected_account_cannot_be_bound,
    bindings::the_last_owner_stays,
    bindings::of_two_owners_who_delete_each_other_one_stays,
    bindings::of_many_who_take_a_level_one_wins,
    sessions::grants_come_with_the_start_and_go_with_the_end,
    sessions::a_start_that_fails_grants_nothing,
    sessions::phases_change_in_order,
    sessions::turns_need_a_live_session_and_end_with_it,
    sessions::turns_end_by_themselves,
    sessions::deleting_takes_everything_along_with_a_session,
    sessions::an_agent_of_another_project_is_refused,
    rotation::new_secrets_and_token_appear_together,
    rotation::of_many_flights_one_may_send,
    rotation::whoever_put_in_new_secrets_meanwhile_wins,
    rotation::of_two_commits_one_counts,
    rotation::what_was_not_sent_may_be_tried_again,
    rotation::what_was_not_answered_is_indeterminate_and_tried_once_more,
    rotation::a_crash_between_intent_and_outcome_is_indeterminate,
    rotation::a_dead_grant_is_marked_only_if_it_is_still_the_one,
    people::keys_are_found_by_hash_and_revoked_once,
    people::the_last_use_of_a_key_is_noted_and_followed_by_nobody,
    people::many_at_once_note_one_person,
    people::people_are_noted_once_and_can_be_deactivated,
    people::a_value_of_the_deployment_is_set_once,
    people::projects_come_with_their_owner,
    changes::a_follower_sees_what_changed,
    changes::a_session_that_is_gone_is_told_with_its_project,
    changes::thirty_two_writers_all_succeed_and_none_is_missed,
    changes::a_refused_write_leaves_no_number,
    schema::the_database_itself_refuses_nonsense,
    opening::opening_again_changes_nothing,
    opening::a_database_of_a_later_version_is_refused,
    opening::a_row_that_does_not_read_is_an_error_and_not_an_absence,
    ]
    // SQLite is opened by one process, which the lock on the data folder sees to.
    postgresql [
    opening::three_replicas_open_an_empty_database_at_once,
    ]
}
