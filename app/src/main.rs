//! quell
fn main() {}
