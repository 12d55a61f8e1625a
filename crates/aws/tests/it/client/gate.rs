//! So many exchanges at once, and no more.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws::HttpRequest;
use aws::client::{
    BoxFuture, Client, Clock, Concurrency, Doors, Request, SendLimits, Settings, Transport,
};
use jiff::Timestamp;

use super::{Keys, Reply, Tokens, good, policy, run_instances};

/// Counts how many exchanges go on at once, and lets each take some polls.
struct Crowd {
    now: Mutex<(usize, usize)>,
}

impl Transport for Crowd {
    fn send(&self, _: HttpRequest, _: SendLimits) -> BoxFuture<'_, Reply> {
        let mut polls = 0;
        Box::pin(std::future::poll_fn(move |_| {
            polls += 1;
            let mut now = self.now.lock().unwrap();
            match polls {
                1 => {
                    now.0 += 1;
                    now.1 = now.1.max(now.0);
                    Poll::Pending
                }
                2..5 => Poll::Pending,
                _ => {
                    now.0 -= 1;
                    Poll::Ready(good())
                }
            }
        }))
    }
}

/// A clock whose sleeps never end.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn no_more_exchanges_go_on_at_once_than_allowed() {
    for (each, overall, regions, most) in
        [(3, 64, 1, 3), (3, 64, 4, 12), (3, 5, 4, 5), (0, 64, 1, 1)]
    {
        let crowd = Arc::new(Crowd {
            now: Mutex::default(),
        });
        let doors = Doors {
            transport: Arc::<Crowd>::clone(&crowd),
            clock: Arc::new(Still),
            tokens: Arc::new(Tokens::default()),
            credentials: Arc::new(Keys::default()),
        };
        let concurrency = Concurrency {
            each,
            overall,
            ..Concurrency::default()
        };
        let client = Client::new(
            doors,
            Settings {
                concurrency,
                ..Settings::default()
            },
        );
        let mut calls: Vec<BoxFuture<'_, bool>> = (0..40)
            .map(|i| {
                let client = client.clone();
                let region = format!("eu-west-{}", i % regions);
                let request = Request {
                    region,
                    ..run_instances()
                };
                let call: BoxFuture<'_, bool> =
                    Box::pin(async move { client.call(&request, policy(false)).await.is_ok() });
                call
            })
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            calls.retain_mut(|call| match call.as_mut().poll(&mut context) {
                Poll::Ready(done) => {
                    assert!(done);
                    false
                }
                Poll::Pending => true,
            });
        }
        assert!(calls.is_empty(), "every call had its turn");
        assert_eq!(*crowd.now.lock().unwrap(), (0, most));
    }
}
