//! How many exchanges go on at once: so many for each account, region and service, and so many in all.
//!
//! Who comes first goes first. A place is given back when it is dropped, and one that is waited for no more is passed
//! on. Only keys in use are kept. Needs no runtime.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Limits of concurrency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// Exchanges at once with one service in one region of one account; 0 counts as 1.
    pub each: usize,
    /// Other limits for services by their client names.
    pub services: BTreeMap<String, usize>,
    /// Exchanges at once in all; 0 counts as 1.
    pub overall: usize,
}

impl Default for Concurrency {
    /// 10 for each, 64 in all: what fits the connection pools of AWS's own clients and the services' request rates.
    fn default() -> Self {
        Self {
            each: 10,
            services: BTreeMap::new(),
            overall: 64,
        }
    }
}

impl Concurrency {
    fn limit(&self, key: &Key) -> usize {
        let limit = match key {
            Key::All => self.overall,
            Key::Of(scope) => *self.services.get(&scope.service).unwrap_or(&self.each),
        };
        limit.max(1)
    }
}

/// What limits and retry quotas are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) service: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    All,
    Of(Arc<Scope>),
}

/// All places.
#[derive(Debug)]
pub(super) struct Gates {
    limits: Concurrency,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    gates: HashMap<Key, Gate>,
    next_ticket: u64,
    /// Tickets whose place is kept for them until they are polled.
    granted: HashSet<u64>,
}

#[derive(Debug, Default)]
struct Gate {
    taken: usize,
    queue: VecDeque<(u64, Waker)>,
}

impl Gates {
    pub(super) fn new(limits: Concurrency) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
        })
    }

    /// Waits for a place. The one of the scope is waited for first: a crowded service keeps nobody else waiting.
    pub(super) async fn enter(self: &Arc<Self>, scope: &Arc<Scope>) -> Place {
        let own = self.wait(Key::Of(Arc::clone(scope))).await;
        let overall = self.wait(Key::All).await;
        Place {
            _own: own,
            _overall: overall,
        }
    }

    fn wait(self: &Arc<Self>, key: Key) -> Waiting {
        Waiting {
            gates: Arc::clone(self),
            key,
            ticket: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a place to the next in the queue, or frees it.
    fn leave(&self, key: &Key) {
        let next = {
            let mut state = self.lock();
            let Some(gate) = state.gates.get_mut(key) else {
                return;
            };
            let next = gate.queue.pop_front();
            if next.is_none() {
                gate.taken = gate.taken.saturating_sub(1);
                if gate.taken == 0 {
                    state.gates.remove(key);
                }
            }
            if let Some((ticket, _)) = &next {
                state.granted.insert(*ticket);
            }
            next
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        let state = self.lock();
        state.gates.len() + state.granted.len()
    }
}

/// A place; dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Place {
    _own: Held,
    _overall: Held,
}

#[derive(Debug)]
struct Held {
    gates: Arc<Gates>,
    key: Key,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gates.leave(&self.key);
    }
}

struct Waiting {
    gates: Arc<Gates>,
    key: Key,
    ticket: Option<u64>,
}

impl Waiting {
    fn held(&self) -> Held {
        Held {
            gates: Arc::clone(&self.gates),
            key: self.key.clone(),
        }
    }
}

impl Future for Waiting {
    type Output = Held;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Held> {
        let gates = Arc::clone(&self.gates);
        let mut state = gates.lock();
        if let Some(ticket) = self.ticket {
            if state.granted.remove(&ticket) {
                self.ticket = None;
                return Poll::Ready(self.held());
            }
            let waiting = state
                .gates
                .get_mut(&self.key)
                .and_then(|gate| gate.queue.iter_mut().find(|(have, _)| *have == ticket));
            if let Some((_, waker)) = waiting {
                waker.clone_from(context.waker());
            }
            return Poll::Pending;
        }
        let limit = gates.limits.limit(&self.key);
        let ticket = state.next_ticket;
        let gate = state.gates.entry(self.key.clone()).or_default();
        // Nobody queues while a place is free: a place that becomes free goes to the queue's head.
        if gate.taken < limit {
            gate.taken += 1;
            return Poll::Ready(self.held());
        }
        gate.queue.push_back((ticket, context.waker().clone()));
        state.next_ticket = ticket.wrapping_add(1);
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let granted = {
            let mut state = self.gates.lock();
            if let Some(gate) = state.gates.get_mut(&self.key) {
                gate.queue.retain(|(have, _)| *have != ticket);
            }
            state.granted.remove(&ticket)
        };
        if granted {
            self.gates.leave(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn scope(service: &str) -> Arc<Scope> {
        Arc::new(Scope {
            account: String::new(),
            region: "r".to_owned(),
            service: service.to_owned(),
        })
    }

    fn gates(each: usize, overall: usize) -> Arc<Gates> {
        Gates::new(Concurrency {
            each,
            overall,
            services: BTreeMap::from([("wide".to_owned(), 3)]),
        })
    }

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn places_are_given_in_order_and_kept_apart_by_scope() {
        let gates = gates(1, 10);
        let (narrow, wide) = (scope("narrow"), scope("wide"));
        let first = poll(pin!(gates.enter(&narrow))).expect("free");
        let mut second = pin!(gates.enter(&narrow));
        let mut third = pin!(gates.enter(&narrow));
        assert!(poll(second.as_mut()).is_none() && poll(third.as_mut()).is_none());
        let others: Vec<_> = (0..3).map(|_| poll(pin!(gates.enter(&wide)))).collect();
        assert!(others.iter().all(Option::is_some));
        assert!(poll(pin!(gates.enter(&wide))).is_none());
        drop(first);
        assert!(poll(third.as_mut()).is_none(), "the second was before");
        let held = poll(second.as_mut()).expect("its turn");
        drop(held);
        let held = poll(third.as_mut()).expect("its turn");
        drop((held, others));
        assert_eq!(gates.keys(), 0, "idle keys are dropped");
    }

    #[test]
    fn who_waits_no_more_passes_its_place_on() {
        let gates = gates(1, 10);
        let scope = scope("s");
        let first = poll(pin!(gates.enter(&scope))).expect("free");
        let mut gone = Box::pin(gates.enter(&scope));
        let mut patient = pin!(gates.enter(&scope));
        assert!(poll(gone.as_mut()).is_none() && poll(patient.as_mut()).is_none());
        drop(first);
        // Granted, but dropped before it could take it.
        drop(gone);
        let held = poll(patient.as_mut()).expect("passed on");
        let mut waiting = Box::pin(gates.enter(&scope));
        assert!(poll(waiting.as_mut()).is_none());
        drop(waiting);
        drop(held);
        assert_eq!(gates.keys(), 0);
    }

    #[test]
    fn the_overall_limit_holds_over_all_scopes() {
        let gates = gates(5, 2);
        let a = poll(pin!(gates.enter(&scope("a")))).expect("free");
        let b = poll(pin!(gates.enter(&scope("b")))).expect("free");
        let c_scope = scope("c");
        let mut c = pin!(gates.enter(&c_scope));
        assert!(poll(c.as_mut()).is_none());
        drop(a);
        let c = poll(c.as_mut()).expect("freed");
        drop((b, c));
        assert_eq!(gates.keys(), 0);
    }
}
