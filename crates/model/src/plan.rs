//! Filled with the types of the response machines.
