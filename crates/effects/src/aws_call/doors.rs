//! The client's clock and tokens, from this process's ports.

use std::sync::Arc;
use std::time::Duration;

use aws::client::{Clock, TokenSource};
use jiff::Timestamp;
use ports::{BoxFuture, EntropySource};
use uuid::Builder;

/// The process's clock.
pub(crate) struct ProcessClock(pub(crate) Arc<dyn ports::Clock>);

impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

/// Random UUIDs from the process's entropy.
pub(crate) struct Tokens(pub(crate) Arc<dyn EntropySource>);

impl TokenSource for Tokens {
    fn token(&self) -> String {
        let [first, second] = halves(self.0.draw());
        Builder::from_u128(first ^ second)
            .with_variant(uuid::Variant::RFC4122)
            .with_version(uuid::Version::Random)
            .into_uuid()
            .to_string()
    }

    fn jitter(&self) -> f64 {
        let [first, _] = halves(self.0.draw());
        let bits = u32::try_from(first & 0xffff_ffff).unwrap_or_default();
        f64::from(bits) / f64::from(u32::MAX)
    }
}

fn halves(bytes: [u8; 32]) -> [u128; 2] {
    let mut halves = [0_u128; 2];
    for (half, chunk) in halves.iter_mut().zip(bytes.chunks(16)) {
        *half = chunk
            .iter()
            .fold(0, |so_far, byte| (so_far << 8) | u128::from(*byte));
    }
    halves
}

#[cfg(test)]
mod tests {
    use ports::SeededEntropy;

    use super::*;

    #[test]
    fn tokens_are_random_uuids_and_jitter_is_a_fraction() {
        let tokens = Tokens(Arc::new(SeededEntropy::new(7)));
        let made: std::collections::HashSet<String> = (0..100).map(|_| tokens.token()).collect();
        assert_eq!(made.len(), 100);
        for token in made {
            let token: uuid::Uuid = token.parse().unwrap();
            assert_eq!(token.get_version_num(), 4);
        }
        let spread: Vec<f64> = (0..100).map(|_| tokens.jitter()).collect();
        assert!(spread.iter().all(|jitter| (0.0..=1.0).contains(jitter)));
        assert!(
            spread.iter().any(|jitter| *jitter < 0.3) && spread.iter().any(|jitter| *jitter > 0.7)
        );
    }
}
