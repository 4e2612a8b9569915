//! The HTTP scripts every door must pass, on every store.
//!
//! A script is a browser or several against one small application
//! ([`app`]), over a store that counts and fails when told to ([`Watched`]),
//! with a clock that moves when told to ([`Clock`]) and handlers that stop
//! where told to ([`Gates`]). Nothing sleeps.
//!
//! A store's tests run them all with one line:
//!
//! ```
//! use sessile_conformance::{Capabilities, http_tests};
//! # use sessile_core::MemoryStore;
//! # fn memory() -> impl sessile_conformance::Open {
//! #     let store = MemoryStore::new();
//! #     move || { let store = store.clone(); async move { Ok(store) } }
//! # }
//!
//! http_tests!(memory(), Capabilities::all());
//! # fn main() {}
//! ```

pub mod app;
mod browser;
pub mod concurrent;
pub mod defects;
mod door;
mod gates;
pub mod invariants;
pub mod outage;
pub mod requirements;
mod socket;
mod stage;
mod watched;

pub use browser::{Browser, Reply, Site};
pub use door::{Axum, Door};
pub use gates::Gates;
pub use socket::{Socket, serve};
pub use stage::{Clock, Stage};
pub use watched::{CALLS, Call, Watched};

/// Calls the macro `$then` with every script as `module::name`. Not for use outside.
#[doc(hidden)]
#[macro_export]
macro_rules! every_script {
    ($then:ident ! ($($extra:tt)*)) => {
        $crate::$then! { ($($extra)*)
            invariants::inv01_an_untouched_route_costs_nothing_and_sends_nothing
            invariants::inv02_reading_is_one_load_and_changing_one_load_and_one_write
            invariants::inv02_activity_is_written_down_with_restraint
            concurrent::inv03_changes_of_different_keys_all_stay
            concurrent::inv03_of_one_key_the_later_write_wins_wholly
            concurrent::inv04_a_late_save_does_not_revive_an_ended_session
            concurrent::inv04_a_late_renewal_does_not_revive_an_ended_session
            concurrent::inv04_a_late_save_does_not_revive_the_id_before_a_login
            concurrent::inv04_a_logout_ends_the_session_that_moved_meanwhile
            concurrent::s07_a_logout_ends_the_session_that_moved_without_grace
            concurrent::inv05_a_rotation_that_fails_loses_nothing
            concurrent::inv05_a_request_in_flight_reaches_the_new_session
            concurrent::inv05_two_rotations_at_once_leave_one_successor
            invariants::s11_many_readers_at_once_make_one_renewal
            invariants::s11_a_renewal_that_fails_fails_no_reader
            invariants::inv06_an_id_we_did_not_issue_is_never_adopted
            invariants::inv07_both_limits_are_decided_when_the_record_is_read
            invariants::inv08_a_failing_store_is_503_and_the_cookie_stays
            invariants::inv08_readers_may_go_on_as_anonymous_when_told_so
            invariants::inv09_one_builder_makes_every_cookie
            invariants::inv12_what_is_too_large_is_refused_before_it_is_stored
            requirements::r02_an_unknown_id_is_never_adopted
            requirements::r03_every_rise_of_privilege_changes_the_id_and_kills_the_old_one
            requirements::r04_a_cookie_replayed_after_logout_is_anonymous
            requirements::r06_the_idle_limit_holds_to_the_second
            requirements::r07_activity_does_not_extend_the_absolute_limit
            requirements::r09_a_cookie_kept_too_long_is_refused
            requirements::r10_revoked_sessions_are_dead_on_the_next_request
            requirements::r11_others_are_ended_and_the_list_shows_no_ids
            requirements::r12_parallel_logins_never_exceed_the_limit
            requirements::r12_the_newest_login_stays_though_the_clock_went_back
            requirements::s06_the_login_being_made_stays_whatever_the_clocks_say
            requirements::r14_an_id_outside_of_the_cookie_is_ignored
            requirements::r15_the_id_rotates_after_the_renewal_timeout
            requirements::r18_visitors_without_a_session_leave_no_record
            requirements::r04_a_visit_over_a_socket_ends_with_its_logout
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! test_scripts {
    (($open:expr, $can:expr, $door:expr) $($module:ident :: $script:ident)*) => {
        $(#[test]
        fn $script() {
            let suite = $crate::Suite::new($open, $can).through($door);
            match $crate::block_on($crate::http::$module::$script(&suite)) {
                Ok(Ok($crate::Verdict::Passed)) => {}
                Ok(Ok($crate::Verdict::Skipped(why))) => {
                    $crate::does_not_apply(concat!(module_path!(), "::", stringify!($script)), why);
                }
                Ok(Err(failure)) => panic!("{failure}"),
                Err(error) => panic!("no runtime: {error}"),
            }
        })*
    };
}

/// Makes one `#[test]` of every HTTP script, as [`store_tests!`](crate::store_tests) does of
/// every case. The store's layout must be ours: it is used under the native profile. A third
/// argument is the framework to enter through, a [`Door`](crate::http::Door); axum unless named.
#[macro_export]
macro_rules! http_tests {
    ($open:expr, $can:expr $(,)?) => {
        $crate::http_tests!($open, $can, $crate::http::Axum);
    };
    ($open:expr, $can:expr, $door:expr $(,)?) => {
        $crate::every_script! { test_scripts!($open, $can, $door) }
    };
}
