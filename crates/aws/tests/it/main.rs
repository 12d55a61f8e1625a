//! The crate's integration tests: conformance suites of third parties, and properties.
