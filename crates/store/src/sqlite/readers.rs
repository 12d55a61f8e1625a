//! Threads that read: each owns a read-only connection and sees the last committed state. They never wait for the
//! writer, and no async runtime waits for them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ports::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot};

/// Most reads that may wait; a caller beyond that waits for its place.
const QUEUE: usize = 1_024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    places: Semaphore,
    jobs: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts one thread per connection.
    pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(connections.len());
        for (number, connection) in connections.into_iter().enumerate() {
            let queue = Arc::clone(&queue);
            let name = format!("store-read-{number}");
            threads.push(
                std::thread::Builder::new()
                    .name(name)
                    .spawn(move || serve(&queue, connection))?,
            );
        }
        Ok(Self {
            places: Semaphore::new(QUEUE),
            jobs: Mutex::new(Some(jobs)),
            threads: Mutex::new(threads),
        })
    }

    /// Runs `read` within one read transaction.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError("the store is closed".to_owned());
        let _place = self.places.acquire().await.map_err(|_| closed())?;
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection
                .transaction_with_behavior(TransactionBehavior::Deferred)
                .map_err(failed)
                .and_then(|transaction| read(&transaction));
            // A caller that no longer listens needs no answer.
            drop(answer.send(result));
        });
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        jobs.ok_or_else(closed)?.send(job).map_err(|_| closed())?;
        result
            .await
            .map_err(|_| StoreError("the read ended without an answer".to_owned()))?
    }

    /// Finishes the reads under way and ends the threads.
    pub(super) fn stop(&self) {
        self.places.close();
        drop(
            self.jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has told so already.
            drop(thread.join());
        }
    }
}

fn serve(queue: &Mutex<Receiver<Job>>, mut connection: Connection) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut connection);
    }
}

/// A read that the database refused.
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    StoreError(error.to_string())
}
