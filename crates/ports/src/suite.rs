//! The conformance suite: what the documentation of [`crate::Store`] promises, as one function per promise that any
//! store can be given.
//!
//! `store_suite!(make)` makes one `#[test]` of each, [`run`] runs them all. Every function wants an empty store.

mod aggregates;
mod archived;
mod bodies;
mod claims;
mod commits;
mod frames;
mod measured;
mod queues;
mod resources;
mod words;

pub use aggregates::*;
pub use archived::*;
pub use bodies::*;
pub use claims::*;
pub use commits::*;
pub use frames::*;
pub use measured::*;
pub use queues::*;
pub use resources::*;

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::Store;

/// Expands to one `#[test]` per promise. `make` is an async function or closure that answers `(store, guard)`: an
/// empty store, and whatever has to outlive it (a temporary directory, or `()`).
#[macro_export]
macro_rules! store_suite {
    (@all $then:ident $make:expr) => {
        $crate::store_suite! { @$then $make;
            a_new_aggregate_is_read_back
            an_aggregate_grows_by_one_revision_per_turn
            a_stale_turn_is_told_and_changes_nothing
            frames_are_put_replaced_and_deleted
            frames_are_chosen_by_key_and_prefix
            frames_are_chosen_by_range
            a_deleted_aggregate_leaves_only_its_history
            lists_are_newest_first
            pages_of_a_list_are_stable_when_instants_are_equal
            lists_know_whose_and_which
            index_entries_are_added_once
            the_journal_tells_each_turn
            instants_are_kept_to_the_microsecond
            a_claim_names_its_holder
            a_claim_lapses_at_its_instant
            a_claim_is_released_by_its_holder_only
            claims_know_tenant_and_account_but_no_region
            a_claim_lost_takes_the_whole_turn_with_it
            claims_within_one_turn_meet_each_other
            lasting_claims_are_listed_by_family
            the_inbox_keeps_its_order_until_done
            an_acceptance_needs_no_aggregate
            effects_pend_until_they_are_settled
            an_open_effect_id_is_given_once
            timers_are_replaced_and_cancelled
            timers_come_due_in_order
            resources_grow_and_go
            resources_expect_what_they_say
            a_resource_conflict_takes_the_whole_turn_with_it
            resources_of_one_turn_meet_each_other
            resources_are_listed_by_name
            resources_are_listed_by_prefix
            everybodys_resources_are_paged
            a_failing_turn_writes_nothing
            concurrent_turns_hold_or_fail_alone
            one_of_many_rivals_wins
            malformed_turns_are_refused
            finished_rows_are_pruned_in_batches
            pruning_leaves_what_is_not_finished
            numbers_are_never_given_twice
            archived_events_come_in_order
            archived_events_are_pruned_in_batches
            archived_events_belong_to_their_turn
            bodies_come_back_exactly
            large_bodies_come_back_exactly
            bodies_beyond_the_limits_are_refused
            minutes_add_up_in_order
            series_are_listed_by_owner
            old_minutes_are_pruned_with_their_series
            malformed_minutes_are_refused
        }
    };
    (@tests $make:expr; $($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                $crate::suite::block_on(async {
                    let (store, guard) = ($make)().await;
                    $crate::suite::$name(&store).await;
                    drop(store);
                    drop(guard);
                });
            }
        )+
    };
    (@run $make:expr; $($name:ident)+) => {
        $(
            let (store, guard) = ($make)().await;
            $crate::suite::$name(&store).await;
            drop(store);
            drop(guard);
        )+
    };
    ($make:expr) => {
        $crate::store_suite! { @all tests $make }
    };
}

/// Runs the whole suite, with a new store for each promise.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run<S: Store, G>(make: impl AsyncFn() -> (S, G)) {
    crate::store_suite! { @all run make }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, without a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}
