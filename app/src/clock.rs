//! The real clock and the real entropy: the one place in Quell that asks the operating system for either.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::ids::Entropy;
use ports::{BoxFuture, Clock, EntropySource};

/// The machine's clock.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one true place of the monotonic clock"
    )]
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one true place of the wall clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The operating system's random numbers.
#[derive(Debug)]
pub(crate) struct SystemEntropy;

impl EntropySource for SystemEntropy {
    fn draw(&self) -> Entropy {
        let mut bytes = [0; 32];
        fill(&mut bytes);
        bytes
    }
}

/// Fills `bytes` with random numbers. A machine that has none must not go on: ids and codes would be guessable.
#[expect(
    clippy::disallowed_methods,
    reason = "the one true place of randomness"
)]
fn fill(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        tracing::error!(error = %error, "the operating system gives no random numbers");
        std::process::abort();
    }
}
