//! Scenarios of incidents and engagements, told to the machines with time in the tester's hand.

#![expect(
    clippy::too_many_lines,
    reason = "a scenario or a table of cases reads best in one piece"
)]

mod dedupe;
mod engagements;
mod incidents;
mod lists;
mod plans;
mod random;
mod world;
