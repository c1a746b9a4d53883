//! One principal at fifty times the rate of the others.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use capsule_core::{
    dispatch::{DispatchConfig, Dispatcher, PublishError, Subscription},
    mailbox::{MailboxConfig, Quantum, Received},
    subscribe::SubscribeOptions,
    types::{ENVELOPE_BYTES, Principal, Topic},
};
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::task::TaskTracker;

use crate::{
    Findings, StressError,
    fixture::{Dice, Service, Stamp, draft, interceptor, micros_since, on, principals},
    runtime::in_virtual_time,
};

/// Where everybody publishes.
const TOPIC: &str = "noisy.work";
/// How often the noisy one publishes while a quiet one does once.
const NOISE: f64 = 50.0;
/// Capsules that every event meets.
const CAPSULES: usize = 3;
/// Most that the others' latency may grow by.
const MAX_GROWTH: f64 = 2.0;
/// Least of Jain's index: 1 where all are served the same.
const MIN_FAIRNESS: f64 = 0.99;
/// How much of what the quiet ones publish the subscription's reader takes
/// where it is to keep up with them: they alone keep it busy for three
/// quarters of the time.
const KEEPS_UP: f64 = 4.0 / 3.0;
/// The same where it is to keep up with the noisy one as well.
const HAS_ROOM: f64 = 2.0;
/// The same where everybody is to have something queued all the time: even the
/// one whose events are smallest publishes more than an equal share of that.
const FALLS_BEHIND: f64 = 0.3;

/// The payload of an event that counts as much as one turn serves.
const A_TURN: usize = Quantum::MIN.get() - ENVELOPE_BYTES - TOPIC.len();

/// How large the neighbourhoods are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Where latency is looked at.
    latency: Crowd,
    /// Where fairness is, with everybody having something queued.
    fairness: Crowd,
}

#[derive(Clone, Copy, Debug)]
struct Crowd {
    /// Principals beside the noisy one.
    quiet: usize,
    /// How long they publish.
    span: Duration,
}

pub(crate) const FULL: Scale = Scale {
    latency: Crowd {
        quiet: 99,
        span: Duration::from_secs(60),
    },
    fairness: Crowd {
        quiet: 99,
        span: Duration::from_secs(60),
    },
};

pub(crate) const SHORT: Scale = Scale {
    latency: Crowd {
        quiet: 99,
        span: Duration::from_secs(15),
    },
    fairness: Crowd {
        quiet: 9,
        span: Duration::from_secs(60),
    },
};

/// One run.
#[derive(Clone, Copy, Debug)]
struct Load {
    crowd: Crowd,
    has_noise: bool,
    /// Events a second of each quiet principal, on average.
    rate: f64,
    /// Smallest and largest payload; each principal has one of eight sizes.
    payload: (usize, usize),
    /// What each capsule takes.
    service: Duration,
    /// What the reader takes, as a part of what the quiet ones publish.
    reader: f64,
    mailbox: MailboxConfig,
}

/// What one run came to.
#[derive(Debug)]
struct Seen {
    /// Of the quiet ones' events, from being published to the outcome.
    outcome_us: Histogram<u64>,
    /// Of the quiet ones' events, from being published to the reader.
    delivery_us: Histogram<u64>,
    /// Events that the quiet ones wanted to publish.
    quiet_published: u64,
    /// Bytes that the reader got of each, the noisy one last.
    bytes: Vec<u64>,
    /// The same, counted only while all had something queued.
    bytes_while_backlogged: Vec<u64>,
}

/// One that publishes at a load's rate.
#[derive(Debug)]
struct Publisher {
    load: Load,
    dispatcher: Arc<Dispatcher>,
    epoch: Instant,
    index: usize,
    seen: Arc<Mutex<Seen>>,
}

/// The one who reads at a load's pace.
#[derive(Debug)]
struct Reader {
    load: Load,
    epoch: Instant,
    seen: Arc<Mutex<Seen>>,
}

/// Runs the scenario.
pub(crate) fn run(scale: Scale) -> Result<Findings, StressError> {
    let mut findings = Findings::new();
    let calm = Load {
        crowd: scale.latency,
        has_noise: false,
        rate: 2.0,
        payload: (A_TURN, A_TURN),
        service: Duration::from_millis(5),
        reader: KEEPS_UP,
        mailbox: MailboxConfig::default(),
    };
    latency(&mut findings, calm)?;
    let saturated = Load {
        crowd: scale.fairness,
        has_noise: true,
        rate: 5.0,
        payload: (256, 2048),
        service: Duration::from_millis(2),
        reader: FALLS_BEHIND,
        mailbox: MailboxConfig {
            max_bytes: NonZeroUsize::MAX,
            max_items: NonZeroUsize::MAX,
            ..MailboxConfig::default()
        },
    };
    fairness(&mut findings, saturated)?;
    Ok(findings)
}

fn latency(findings: &mut Findings, calm: Load) -> Result<(), StressError> {
    let (without, with) = calm.with_and_without_noise()?;
    let Crowd { quiet, span } = calm.crowd;
    let (before, after) = (p99(&without.outcome_us), p99(&with.outcome_us));
    findings.exact(
        format!("{quiet} wait no longer for outcomes beside one at 50 times their rate, {span:?}"),
        format!("p99 {before} without it, {after} with it"),
        without.outcome_us == with.outcome_us,
    );
    let limit = |findings: &mut Findings, what: &str, without: &Seen, with: &Seen| {
        let missed = without.quiet_missed() + with.quiet_missed();
        findings.exact(
            format!("nor more than twice as long to reach a subscriber {what} (p99), none lost"),
            format!("{}; {missed} lost", growth_seen(without, with)),
            growth(without, with) <= MAX_GROWTH && missed == 0,
        );
    };
    let what = "that the noisy one saturates, events of 4 KiB";
    limit(findings, what, &without, &with);
    // A turn of the noisy one is worth a dozen of the others' events.
    let small = Load {
        payload: (64, 64),
        ..calm
    };
    let (without, with) = small.with_and_without_noise()?;
    let what = "that the noisy one saturates, events of 340 bytes";
    limit(findings, what, &without, &with);
    let roomy = Load {
        reader: HAS_ROOM,
        ..small
    };
    let (without, with) = roomy.with_and_without_noise()?;
    let what = "that has room for all, events of 340 bytes";
    limit(findings, what, &without, &with);
    Ok(())
}

fn fairness(findings: &mut Findings, saturated: Load) -> Result<(), StressError> {
    let all = saturated.crowd.quiet + 1;
    let limit = |findings: &mut Findings, what: &str, bytes: &[u64]| {
        let index = jain(bytes);
        let least = bytes.iter().min().copied();
        findings.exact(
            format!("Jain's index of bytes served to {all} {what}, at least {MIN_FAIRNESS}"),
            format!(
                "{index:.4}; the noisy one {}, the least served {}",
                kib(bytes.last().copied()),
                kib(least)
            ),
            index >= MIN_FAIRNESS && least > Some(0),
        );
    };
    let seen = saturated.run()?;
    limit(findings, "with a backlog", &seen.bytes_while_backlogged);
    // Most of what is published is lost then, and the noisy one's the most.
    let bounded = Load {
        mailbox: MailboxConfig::default(),
        ..saturated
    };
    let seen = bounded.run()?;
    let what = "from a queue of 1 MiB that drops the oldest";
    limit(findings, what, &seen.bytes);
    Ok(())
}

/// By what the quiet ones' latency at the subscription grows.
fn growth(without: &Seen, with: &Seen) -> f64 {
    let p99 = |seen: &Seen| seen.delivery_us.value_at_quantile(0.99) as f64;
    p99(with) / p99(without)
}

fn growth_seen(without: &Seen, with: &Seen) -> String {
    format!(
        "p99 {} without it, {} with it: {:.2} times",
        p99(&without.delivery_us),
        p99(&with.delivery_us),
        growth(without, with)
    )
}

/// Jain's fairness index (Jain, Chiu and Hawe, 1984): from 1/n, where one gets
/// all, to 1, where all get the same.
fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

fn p99(latency_us: &Histogram<u64>) -> String {
    format!("{:.1} ms", latency_us.value_at_quantile(0.99) as f64 / 1e3)
}

fn kib(bytes: Option<u64>) -> String {
    format!("{} KiB", bytes.unwrap_or_default() / 1024)
}

// === impl Load ===

impl Load {
    fn with_and_without_noise(self) -> Result<(Seen, Seen), StressError> {
        let with = Self {
            has_noise: true,
            ..self
        };
        Ok((self.run()?, with.run()?))
    }

    fn run(self) -> Result<Seen, StressError> {
        in_virtual_time(self.play())
    }

    async fn play(self) -> Result<Seen, StressError> {
        let dispatcher = Arc::new(Dispatcher::new(DispatchConfig::default()));
        let capsule =
            |index| interceptor(&format!("c{index}"), TOPIC, Arc::new(Service(self.service)));
        dispatcher.install((0..CAPSULES).map(capsule).collect::<Result<_, _>>()?);
        let options = SubscribeOptions::new("reader")
            .with_filter(on(TOPIC)?)
            .with_mailbox(self.mailbox);
        let subscription = dispatcher.subscribe(options);

        let epoch = Instant::now();
        let seen = Arc::new(Mutex::new(Seen::new(self.crowd.quiet + 1)));
        let reader = Reader {
            load: self,
            epoch,
            seen: seen.clone(),
        };
        let mut reading = JoinSet::new();
        reading.spawn(reader.read(subscription));
        let mut publishing = JoinSet::new();
        let publishers = self.crowd.quiet + usize::from(self.has_noise);
        for (index, principal) in (0..).zip(principals("p", publishers)?) {
            let publisher = Publisher {
                load: self,
                dispatcher: dispatcher.clone(),
                epoch,
                index,
                seen: seen.clone(),
            };
            publishing.spawn(publisher.publish(principal, Topic::new(TOPIC)?));
        }
        while let Some(published) = publishing.join_next().await {
            published??;
        }
        while let Some(read) = reading.join_next().await {
            read?;
        }
        // Both tasks have ended, and with them their part in it.
        let mut seen = seen.lock();
        Ok(std::mem::replace(&mut *seen, Seen::new(0)))
    }

    fn is_noisy(self, index: usize) -> bool {
        index == self.crowd.quiet
    }

    fn payload_of(self, index: usize) -> usize {
        let (least, most) = self.payload;
        least + (most - least) * (index % 8) / 7
    }

    /// What the reader takes in a second.
    fn bandwidth(self) -> f64 {
        let size = |index| (ENVELOPE_BYTES + TOPIC.len() + self.payload_of(index)) as f64;
        let published: f64 = (0..self.crowd.quiet).map(size).sum();
        published * self.rate * self.reader
    }
}

// === impl Publisher ===

impl Publisher {
    /// Publishes for as long as the run is, at random times.
    async fn publish(self, principal: Principal, topic: Topic) -> Result<(), StressError> {
        let Self { load, epoch, .. } = self;
        let is_noisy = load.is_noisy(self.index);
        let rate = load.rate * if is_noisy { NOISE } else { 1.0 };
        let mut dice = Dice::new(self.index as u64);
        let mut next = epoch + dice.pause(rate);
        let running = TaskTracker::new();
        for number in 0.. {
            if next > epoch + load.crowd.span {
                break;
            }
            sleep_until(next).await;
            next += dice.pause(rate);
            let stamp = Stamp {
                principal: self.index as u32,
                number,
                at_us: micros_since(epoch),
            };
            let draft = draft(&topic, &principal, stamp, load.payload_of(self.index));
            self.seen.lock().quiet_published += u64::from(!is_noisy);
            match self.dispatcher.try_submit(draft) {
                Ok(event) => {
                    let seen = self.seen.clone();
                    running.spawn(async move {
                        let took = event.run().await.duration;
                        if !is_noisy {
                            seen.lock().outcome_us.saturating_record(micros(took));
                        }
                    });
                }
                // It is missed by the reader then.
                Err(PublishError::Full { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        running.close();
        running.wait().await;
        Ok(())
    }
}

// === impl Reader ===

impl Reader {
    /// Reads at the load's pace until a second after the last was published.
    async fn read(self, mut subscription: Subscription) {
        let Self { load, epoch, seen } = self;
        let bandwidth = load.bandwidth();
        let end = epoch + load.crowd.span + Duration::from_secs(1);
        let mut free = epoch;
        while Instant::now() < end {
            let backlogged = subscription.stats().principals == load.crowd.quiet + 1;
            let Ok(Some(received)) = timeout_at(end, subscription.recv()).await else {
                return;
            };
            let Received::Item(message) = received else {
                continue;
            };
            let bytes = message.size();
            if let Some(stamp) = Stamp::of(&message.payload) {
                let mut seen = seen.lock();
                let index = stamp.principal as usize;
                if !load.is_noisy(index) {
                    let latency = micros_since(epoch) - stamp.at_us;
                    seen.delivery_us.saturating_record(latency);
                }
                seen.serve(index, bytes as u64, backlogged);
            }
            // Sleep ends up to a millisecond late, which is made up for;
            // idleness is not.
            let now = Instant::now();
            if now > free + Duration::from_millis(1) {
                free = now;
            }
            free += Duration::from_secs_f64(bytes as f64 / bandwidth);
            sleep_until(free).await;
        }
    }
}

// === impl Seen ===

impl Seen {
    fn new(principals: usize) -> Self {
        Self {
            outcome_us: histogram(),
            delivery_us: histogram(),
            quiet_published: 0,
            bytes: vec![0; principals],
            bytes_while_backlogged: vec![0; principals],
        }
    }

    /// How many events of quiet ones did not reach the reader.
    fn quiet_missed(&self) -> u64 {
        self.quiet_published - self.delivery_us.len()
    }

    fn serve(&mut self, index: usize, bytes: u64, backlogged: bool) {
        if let Some(served) = self.bytes.get_mut(index) {
            *served += bytes;
        }
        if let Some(served) = self.bytes_while_backlogged.get_mut(index)
            && backlogged
        {
            *served += bytes;
        }
    }
}

/// Of up to an hour in microseconds, to three digits.
fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "these bounds are always allowed")]
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("a histogram of an hour")
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}
