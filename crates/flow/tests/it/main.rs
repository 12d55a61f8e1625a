//! Whole documents through the machine, in memory.

mod actions;
mod calls;
mod children;
mod corpus;
mod diagnostics;
mod hostile;
mod playbooks;
mod properties;
mod review;
mod survey;
mod waiting_actions;
mod world;
