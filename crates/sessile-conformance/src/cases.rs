//! The cases, each a function of its own.
//!
//! Their names say what the store must do. A failure says what it did instead.

pub mod cancellation;
pub mod clocks;
pub mod concurrency;
pub mod directory;
pub mod ended;
pub mod ending;
pub mod expiry;
pub mod hostile_keys;
pub mod hostile_moments;
pub mod operations;
pub mod payloads;
pub mod rotation;
pub mod scanning;
pub mod settings;
pub mod unreadable;

use crate::{Open, Report, Suite};

/// Calls the macro `$then` with every case as `module::name`. Not for use outside.
#[doc(hidden)]
#[macro_export]
macro_rules! every_case {
    ($then:ident ! ($($extra:tt)*)) => {
        $crate::$then! { ($($extra)*)
            operations::a_missing_key_loads_nothing
            operations::a_created_record_loads_back_whole
            operations::create_never_overwrites_a_live_entry
            operations::create_never_overwrites_an_expired_entry
            operations::create_never_overwrites_a_pointer
            operations::update_stores_the_whole_record
            operations::update_from_an_older_version_conflicts
            operations::a_version_of_another_kind_conflicts
            operations::an_emptied_session_stays_empty
            operations::deleting_the_missing_is_fine
            operations::many_sessions_stay_apart
            operations::two_handles_see_each_other
            ended::nothing_writes_to_a_key_that_never_was
            ended::a_logout_is_not_revived_by_a_late_save
            ended::nothing_writes_to_a_deleted_session
            ended::nothing_writes_to_a_moved_session
            ended::nothing_writes_to_a_swept_session
            ended::a_key_created_anew_is_another_entry
            ending::an_ended_session_is_gone
            ending::a_former_key_ends_the_session_where_it_is
            ending::an_end_among_writers_is_final
            ending::nothing_carries_off_a_session_that_is_ended
            concurrency::two_writers_lose_nothing
            concurrency::a_hundred_writers_lose_nothing
            concurrency::one_of_many_creates_wins
            concurrency::a_logout_among_writers_is_final
            concurrency::touch_does_not_disturb_an_update
            concurrency::touches_among_updates_lose_nothing
            rotation::a_moved_session_is_found_through_its_old_key
            rotation::without_grace_the_old_key_finds_nothing
            rotation::replace_from_an_older_version_changes_nothing
            rotation::replace_never_overwrites
            rotation::one_of_many_replaces_wins
            rotation::rotations_in_a_row_can_be_followed
            rotation::a_deleted_pointer_leaves_the_session
            expiry::deadlines_come_back_exactly
            expiry::touch_moves_forward_only
            expiry::a_touch_that_comes_too_late_revives_nothing
            expiry::touch_leaves_everything_else
            expiry::touch_invents_no_idle_deadline
            expiry::sweep_removes_only_what_has_passed
            expiry::sweep_removes_passed_pointers
            expiry::sweep_is_bounded
            clocks::s01_no_write_moves_the_last_activity_backward
            clocks::s01_a_renewal_goes_by_the_span_that_is_stored
            clocks::s01_two_clocks_in_turn_stretch_no_idle_limit
            clocks::s01_a_server_behind_shortens_nothing
            payloads::every_byte_value_survives
            payloads::empty_and_short_payloads_survive
            payloads::a_large_payload_survives
            directory::the_sessions_of_a_user_are_listed_newest_first
            directory::listing_follows_every_write
            directory::ending_a_users_sessions_keeps_the_named_one
            directory::ending_a_users_sessions_reaches_one_that_changes_its_id
            directory::subjects_may_be_long_and_foreign
            directory::scanning_finds_every_session
            hostile_keys::a_hostile_key_is_a_missing_one
            hostile_keys::no_key_finds_the_session_of_another
            hostile_moments::s14_records_with_hostile_moments_harm_nobody
            scanning::what_stays_is_found_while_others_go
            scanning::a_cursor_leads_on_though_its_page_is_gone
            cancellation::a_dropped_create_happened_or_not
            cancellation::a_dropped_update_happened_or_not
            cancellation::a_dropped_touch_happened_or_not
            cancellation::a_dropped_replace_loses_nothing
            cancellation::a_dropped_delete_happened_or_not
            cancellation::a_dropped_load_disturbs_no_other
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! run_cases {
    (($suite:ident $report:ident) $($module:ident :: $case:ident)*) => {
        $($report.add(
            concat!(stringify!($module), "::", stringify!($case)),
            $module::$case($suite).await,
        );)*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! test_cases {
    (($open:expr, $can:expr) $($module:ident :: $case:ident)*) => {
        $(#[test]
        fn $case() {
            let suite = $crate::Suite::new($open, $can);
            match $crate::block_on($crate::cases::$module::$case(&suite)) {
                Ok(Ok($crate::Verdict::Passed)) => {}
                Ok(Ok($crate::Verdict::Skipped(why))) => {
                    $crate::does_not_apply(concat!(module_path!(), "::", stringify!($case)), why);
                }
                Ok(Err(failure)) => panic!("{failure}"),
                Err(error) => panic!("no runtime: {error}"),
            }
        })*
    };
}

/// Makes one `#[test]` of every case.
///
/// The first argument is an expression that makes something to [`Open`]
/// stores with; every test evaluates it, so it may give each its own backend.
/// The second is the store's [`Capabilities`](crate::Capabilities).
#[macro_export]
macro_rules! store_tests {
    ($open:expr, $can:expr $(,)?) => {
        $crate::every_case! { test_cases!($open, $can) }
    };
}

pub(crate) async fn run<O: Open>(suite: &Suite<O>, report: &mut Report) {
    crate::every_case! { run_cases!(suite report) }
}
