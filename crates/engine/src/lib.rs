//! Runs turns: inbox, decide, commit, perform; timers, leases, recovery.
