//! Where records of calls go: a bounded queue, then one writer for the log and the store.
//!
//! A call only pushes. It must never wait for the disk, and a record must never vanish uncounted.

use std::sync::Arc;
use std::time::Duration;

use bastion_store::{Charged, Settled, Store, StoreError};
use bastion_types::CallRecord;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::call_line::{json_line, text_line};
use crate::log::{LogFormat, LogSink};
use crate::metrics::Metrics;

/// Records that wait to be written; a call waits for a place beyond that.
const QUEUE_RECORDS: usize = 16_384;

/// Most records of one transaction.
const BATCH_RECORDS: usize = 1024;

/// How long records are gathered before they are written: a wake-up of the writer and a sync of
/// the disk for each of them would cost more than the call.
const GATHER: Duration = Duration::from_millis(50);

/// The same while many calls end: then it saves more.
const GATHER_WHEN_BUSY: Duration = Duration::from_millis(250);

/// Records of a batch from which on it is busy.
const BUSY_RECORDS: usize = 32;

/// Pause before a batch that the store did not take is tried again.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// Tries for a batch that the store refuses, or that is written while the process ends; then its
/// records are counted as unwritten. Else a batch is tried as long as the store is away: what waits
/// behind it has a bound of its own.
const STORE_TRIES: u32 = 5;

/// How long a batch waits for its calls' charges: who finds a call's record finds its charge, unless
/// the ledger's database is away.
const CHARGED_WITHIN: Duration = Duration::from_secs(1);

/// The end that calls push into; cheap to clone.
#[derive(Clone)]
pub struct CallSink {
    queue: mpsc::Sender<Ended>,
}

/// A call that is over.
struct Ended {
    record: CallRecord,
    settled: Option<Settled>,
}

/// The end that writes; runs on the runtime of the store.
pub struct CallSinkWriter {
    queue: mpsc::Receiver<Ended>,
    store: Store,
    log: LogSink,
    format: LogFormat,
    metrics: Arc<Metrics>,
}

/// Both ends of the queue.
pub fn call_sink(
    store: Store,
    (log, format): (LogSink, LogFormat),
    metrics: Arc<Metrics>,
) -> (CallSink, CallSinkWriter) {
    let (push, queue) = mpsc::channel(QUEUE_RECORDS);
    (CallSink { queue: push }, CallSinkWriter { queue, store, log, format, metrics })
}

impl CallSink {
    /// Do so many records wait that a call would have to wait for a place, or does nobody write them?
    pub fn is_full(&self) -> bool {
        self.queue.capacity() == 0 || self.queue.is_closed()
    }

    /// Hands the record of a call over that was turned away. It waits for nothing: where there is no
    /// place, false is returned, and the record is not written.
    pub fn push_refused(&self, record: CallRecord) -> bool {
        self.queue.try_send(Ended { record, settled: None }).is_ok()
    }

    /// Hands a record over; waits while the queue is full.
    ///
    /// It is written once its charge is durable.
    pub async fn push(&self, record: CallRecord, settled: Option<Settled>) {
        let closed = match self.queue.try_send(Ended { record, settled }) {
            Ok(()) => false,
            Err(TrySendError::Closed(_)) => true,
            Err(TrySendError::Full(ended)) => Box::pin(self.queue.send(ended)).await.is_err(),
        };
        if closed {
            tracing::error!("a call ended after the records were closed");
        }
    }
}

impl CallSinkWriter {
    /// Writes until every [`CallSink`] is gone and the queue is empty.
    pub async fn run(mut self) {
        // Kept from batch to batch: given back, the system would have to find each anew.
        let (mut batch, mut records, mut lines) = (Vec::new(), Vec::new(), String::new());
        let mut pause = GATHER;
        while self.queue.recv_many(&mut batch, BATCH_RECORDS).await > 0 {
            self.gather(&mut batch, pause).await;
            pause = if batch.len() < BUSY_RECORDS { GATHER } else { GATHER_WHEN_BUSY };
            charged(&mut batch, &mut records).await;
            self.write_log(&records, &mut lines);
            self.write_store(&records).await;
            records.clear();
        }
    }

    /// Lets more records come, unless the last [`CallSink`] is gone or there are many already.
    async fn gather(&mut self, batch: &mut Vec<Ended>, pause: Duration) {
        if batch.len() < BATCH_RECORDS && !self.queue.is_closed() {
            tokio::time::sleep(pause).await;
            while batch.len() < BATCH_RECORDS
                && let Ok(ended) = self.queue.try_recv()
            {
                batch.push(ended);
            }
        }
    }

    fn write_log(&self, batch: &[CallRecord], lines: &mut String) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        for record in batch {
            match self.format {
                LogFormat::Json => json_line(record, lines),
                LogFormat::Text | LogFormat::ColoredText => text_line(record, lines),
            }
        }
        self.log.write_lines(lines);
        lines.clear();
    }

    async fn write_store(&self, batch: &[CallRecord]) {
        let mut tried = 0;
        while let Err(cause) = self.store.calls().append(batch).await {
            tried += 1;
            tracing::error!(%cause, tried, records = batch.len(), "the store takes no records");
            let is_vain = matches!(cause, StoreError::RowRefused { .. }) || self.queue.is_closed();
            if is_vain && tried >= STORE_TRIES {
                self.metrics.unwritten(u64::try_from(batch.len()).unwrap_or(u64::MAX));
                return;
            }
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }
}

/// The records, each once its charge is on the disk.
async fn charged(batch: &mut Vec<Ended>, records: &mut Vec<CallRecord>) {
    let until = Instant::now() + CHARGED_WITHIN;
    for Ended { mut record, settled } in batch.drain(..) {
        if let Some(settled) = settled {
            correct(&mut record, timeout_at(until, settled.durable()).await);
        }
        records.push(record);
    }
}

/// What was charged is what the record says; while the database is away it says what will be.
fn correct(record: &mut CallRecord, told: Result<Result<Charged, StoreError>, Elapsed>) {
    match told {
        Ok(Ok(charged)) => record.cost = record.cost.map(|_| charged.amount),
        Ok(Err(cause)) => {
            tracing::error!(%cause, request_id = %record.id, "a call was not charged");
        }
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    use bastion_store::Marks;
    use bastion_types::Money;
    use tokio::sync::oneshot::{self, Sender};

    use super::*;
    use crate::call_line::tests::record;

    type Teller = Sender<Result<Charged, StoreError>>;

    /// A call that cost two, and where it is told what was charged.
    fn ended() -> (Ended, Teller) {
        let (teller, told) = oneshot::channel();
        let amount = Money::from_nanos(2);
        let record = CallRecord { cost: Some(amount), ..record() };
        (Ended { record, settled: Some(Settled::new(amount, told)) }, teller)
    }

    fn costs(records: &[CallRecord]) -> Vec<Option<i64>> {
        records.iter().map(|record| record.cost.map(Money::nanos)).collect()
    }

    fn tell(teller: Teller, nanos: i64) {
        let amount = Money::from_nanos(nanos);
        teller.send(Ok(Charged { amount, marks: Marks::NONE })).unwrap();
    }

    /// What it has come to, if it has ended by now.
    async fn by_now<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_waits_for_its_charge_and_says_what_was_charged() {
        let ((one, its), (other, others)) = (ended(), ended());
        let unpaid = Ended { record: CallRecord { cost: None, ..record() }, settled: None };
        let (mut batch, mut records) = (vec![one, unpaid, other], Vec::new());
        let mut waiting = Box::pin(charged(&mut batch, &mut records));
        tell(others, 1);
        assert!(by_now(waiting.as_mut()).await.is_none(), "the first is not charged yet");
        tell(its, 2);
        by_now(waiting.as_mut()).await.unwrap();
        drop(waiting);
        assert_eq!(costs(&records), [Some(2), None, Some(1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_ledger_is_away_a_batch_waits_once_and_says_what_will_be_charged() {
        let (all, tellers): (Vec<_>, Vec<_>) = (0..5).map(|_| ended()).unzip();
        let (mut batch, mut records, began) = (all, Vec::new(), Instant::now());
        charged(&mut batch, &mut records).await;
        assert_eq!(began.elapsed(), CHARGED_WITHIN);
        assert_eq!(costs(&records), [Some(2); 5]);
        drop(tellers);
    }

    #[tokio::test]
    async fn without_a_place_a_refused_call_waits_for_none() {
        let (push, mut queue) = mpsc::channel(1);
        let sink = CallSink { queue: push };
        assert!(!sink.is_full());
        assert!(sink.push_refused(record()));
        assert!(sink.is_full());
        assert!(!sink.push_refused(record()), "it is told, so that it can be counted");
        queue.recv().await.unwrap();
        assert!(!sink.is_full() && sink.push_refused(record()));
        queue.recv().await.unwrap();
        drop(queue);
        assert!(sink.is_full(), "nobody writes it");
    }

    #[tokio::test]
    async fn a_record_of_a_charge_that_failed_is_written_all_the_same() {
        let ((one, its), (other, others)) = (ended(), ended());
        its.send(Err(StoreError::Full)).unwrap();
        drop(others);
        let mut records = Vec::new();
        charged(&mut vec![one, other], &mut records).await;
        assert_eq!(costs(&records), [Some(2); 2]);
    }
}
