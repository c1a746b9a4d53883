//! The metrics in OpenMetrics text, read from the host's own counters when
//! they are asked for.
//!
//! Labels are bounded by what is loaded: capsules, their actions, and words of
//! this program. No principal, no topic and no id is ever one.

use std::{fmt, sync::Arc};

use capsule_core::{
    broker::Broker,
    dispatch::{BUCKETS_US, Dispatcher, HistogramSnapshot},
    hook::ErrorKind,
    mailbox::{Losses, Stats},
};
use capsule_engine::Engine;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

/// Where the numbers are.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) engine: Engine,
}

type Encoded = Result<(), fmt::Error>;

/// Labels of one action of one capsule, and one more.
type Labels<'a> = [(&'static str, &'a str); 3];

// === impl Metrics ===

impl Metrics {
    /// All of them, in OpenMetrics text.
    pub(crate) fn encode(&self) -> String {
        let mut registry = Registry::with_prefix("capsule");
        registry.register_collector(Box::new(self.clone()));
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &registry);
        out
    }

    fn events(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let counted = self.dispatcher.counters();
        let ends = [
            ("admitted", counted.admitted),
            ("answered", counted.answered),
            ("denied", counted.denied),
            ("cancelled", counted.cancelled),
        ];
        counter(to, "events_published", "Events taken in", counted.published)?;
        family(to, "events", "Events by what became of them", "end", &ends)?;
        let refused = "Events not taken in because there was no room";
        counter(to, "events_refused", refused, counted.refused)?;
        let triggered = "Events scattered to gather replies";
        counter(to, "triggers", triggered, counted.triggered)?;
        let own = "Events that the host published about itself";
        counter(to, "own_events", own, counted.own)?;
        let shared = "Events that visited a lane which principals share";
        counter(to, "events_in_shared_lanes", shared, counted.shared_lanes)?;
        let changes = [("out", counted.quarantined), ("back", counted.recovered)];
        let quarantine = "Capsules taken out for a principal, and brought back";
        family(to, "quarantine_changes", quarantine, "change", &changes)?;
        let duration = "How long chains took, waiting included";
        let mut chains = to.encode_descriptor(
            "chain_duration_seconds",
            duration,
            None,
            MetricType::Histogram,
        )?;
        let (sum, buckets) = histogram(&counted.durations);
        let count = counted.durations.count();
        chains.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn steps(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let meters: Vec<_> = self
            .dispatcher
            .plan()
            .meters()
            .into_iter()
            .map(|(interceptor, meter)| (interceptor, meter.snapshot()))
            .collect();
        let help = "Steps of chains by what the interceptor said";
        let mut steps = to.encode_descriptor("steps", help, None, MetricType::Counter)?;
        for (interceptor, counted) in &meters {
            let verdicts = [
                ("continue", counted.continued),
                ("change", counted.changed),
                ("final", counted.answered),
                ("deny", counted.denied),
                ("skip", counted.skipped),
            ];
            for (verdict, count) in verdicts {
                let labels: Labels<'_> = [
                    ("capsule", &interceptor.capsule),
                    ("action", &interceptor.action),
                    ("verdict", verdict),
                ];
                let mut one = steps.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "Steps of chains that failed, by family of failure";
        let mut errors = to.encode_descriptor("step_errors", help, None, MetricType::Counter)?;
        for (interceptor, counted) in &meters {
            for (kind, count) in ErrorKind::ALL.iter().zip(counted.errors) {
                let labels: Labels<'_> = [
                    ("capsule", &interceptor.capsule),
                    ("action", &interceptor.action),
                    ("kind", kind.as_str()),
                ];
                let mut one = errors.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "How long the calls of interceptors took";
        let name = "step_duration_seconds";
        let mut durations = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (interceptor, counted) in &meters {
            let labels = [
                ("capsule", &*interceptor.capsule),
                ("action", &*interceptor.action),
            ];
            let (sum, buckets) = histogram(&counted.durations);
            let mut one = durations.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(sum, counted.durations.count(), &buckets, None)?;
        }
        Ok(())
    }

    fn under_way(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let used = self.dispatcher.in_flight();
        gauge(to, "in_flight_events", "Events under way", used.events)?;
        gauge(
            to,
            "in_flight_bytes",
            "Bytes of events under way",
            used.bytes,
        )?;
        let lanes = self.dispatcher.lanes() as u64;
        gauge(to, "lanes", "Lanes that exist", lanes)?;
        let principals = self.dispatcher.principals() as u64;
        let help = "Principals with events under way";
        gauge(to, "active_principals", help, principals)?;
        let help = "Principals that wait because the whole host is full";
        let waiting = self.dispatcher.waiting() as u64;
        gauge(to, "waiting_principals", help, waiting)
    }

    fn consumers(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let stats: Vec<_> = self
            .dispatcher
            .subscribers()
            .iter()
            .map(|subscriber| subscriber.stats())
            .collect();
        let sum = |of: fn(&Stats) -> u64| stats.iter().map(of).sum::<u64>();
        let counted = self.dispatcher.counters();
        gauge(to, "subscriptions", "Subscriptions", stats.len() as u64)?;
        let observers = self.dispatcher.observers().count() as u64;
        gauge(to, "observers", "Observers", observers)?;
        let help = "Times that an event was handed to a subscription";
        counter(to, "deliveries", help, counted.handed_out)?;
        let lost = "Events and records that consumers lost, by cause";
        let by_cause: Vec<_> = Losses::CAUSES
            .into_iter()
            .zip(counted.lost_by_cause)
            .collect();
        family(to, "lost", lost, "cause", &by_cause)?;
        counter(to, "lost_bytes", "What they counted", counted.lost_bytes)?;
        let help = "Events that wait for subscribers";
        gauge(to, "queued_events", help, sum(|s| s.queued.items))?;
        let help = "Bytes that wait for subscribers";
        gauge(to, "queued_bytes", help, sum(|s| s.queued.bytes))?;
        let help = "Publishers that wait for subscribers";
        gauge(to, "waiting_publishers", help, sum(|s| s.waiting as u64))?;
        let help = "Turns of principals in the queues there are that delivered nothing";
        gauge(to, "starved_rounds", help, sum(|s| s.starved_rounds))
    }

    fn hooks(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let asked = self.broker.waiting() as u64;
        gauge(
            to,
            "hook_questions",
            "External hooks being waited for",
            asked,
        )?;
        let subscribers = self.broker.subscribers() as u64;
        let help = "Subscribers to external hooks";
        gauge(to, "hook_subscribers", help, subscribers)?;
        let help = "Subscribers to external hooks disconnected for falling behind";
        counter(to, "hook_subscribers_lagged", help, self.broker.lagged())
    }

    fn kept(&self, to: &mut DescriptorEncoder<'_>) -> Encoded {
        let sessions = self.dispatcher.sessions();
        gauge(to, "sessions", "Sessions registered", sessions.len() as u64)?;
        let evicted = [
            ("session", sessions.evicted()),
            ("instance", self.engine.evicted()),
        ];
        let help = "What was given up for others, unused for longest first";
        family(to, "evictions", help, "what", &evicted)?;
        let memory = self.engine.memory_used() as u64;
        let help = "Memories and tables of all live instances";
        gauge(to, "instance_memory_bytes", help, memory)
    }
}

impl Collector for Metrics {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Encoded {
        self.events(&mut to)?;
        self.steps(&mut to)?;
        self.under_way(&mut to)?;
        self.consumers(&mut to)?;
        self.hooks(&mut to)?;
        self.kept(&mut to)
    }
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Encoded {
    let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Encoded {
    let mut metric = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    metric.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
}

/// A counter for each value of one label.
fn family(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    values: &[(&'static str, u64)],
) -> Encoded {
    let mut metric = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value, count) in values {
        let labels = [(label, *value)];
        let mut one = metric.encode_family(&labels)?;
        one.encode_counter::<NoLabelSet, _, u64>(count, None)?;
    }
    Ok(())
}

/// The sum in seconds, and each bucket's end in seconds with what is in it.
fn histogram(counted: &HistogramSnapshot) -> (f64, Vec<(f64, u64)>) {
    let seconds = |us: u64| us as f64 / 1e6;
    let ends = BUCKETS_US.into_iter().map(seconds).chain([f64::MAX]);
    (seconds(counted.sum_us), ends.zip(counted.buckets).collect())
}
