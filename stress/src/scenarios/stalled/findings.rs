//! What the two runs say.

use capsule_core::{
    broker::End,
    mailbox::{CloseReason, Overflow},
};

use super::{
    consumer::Read,
    publisher::Fates,
    scene::{Run, broker_config},
};
use crate::Findings;

/// Compares a run `with` stalled consumers to one `without`.
pub(super) fn findings(without: &Run, with: &Run) -> Findings {
    let mut findings = Findings::new();
    of_others(&mut findings, without, with);
    let events = with.fates.values().flatten().count() as u64;
    for read in &with.subscribers {
        tell(&mut findings, "subscription", read, events);
    }
    for read in &with.observers {
        tell(&mut findings, "observer", read, with.verdicts);
    }
    of_second_process(&mut findings, with);
    of_dead_process(&mut findings, &with.dead);
    findings.exact(
        "nothing left",
        format!("{} lanes and principals", with.left),
        with.left == 0,
    );
    findings
}

fn of_others(findings: &mut Findings, without: &Run, with: &Run) {
    let all = without.fates.len();
    let pairs = without.fates.iter().zip(&with.fates);
    let same = pairs.filter(|(a, b)| a == b && a.1.is_some()).count();
    findings.exact(
        "beside consumers that stall for a minute everybody else's outcomes are the same, \
         and take as long to the millisecond",
        format!("{same} of {all} events the same"),
        same == all && with.fates.len() == all && all > 0,
    );
    let sorted = |run: &Run| {
        let received = run.readers.iter().flat_map(|read| &read.received);
        let mut received: Vec<_> = received.copied().collect();
        received.sort_unstable();
        received
    };
    let (before, after) = (sorted(without), sorted(with));
    let lost: u64 = with.readers.iter().map(|read| read.counted_lost).sum();
    findings.exact(
        "whoever reads receives the same at the same time, and loses nothing",
        format!(
            "{} and {} events at the subscription, {lost} lost there or by the observer",
            before.len(),
            after.len()
        ),
        before == after && before.len() == all && lost == 0,
    );
}

/// What became of all that a stalled consumer was to have.
fn tell(findings: &mut Findings, what: &str, read: &Read, published: u64) {
    let Read {
        overflow,
        items,
        told_lost,
        counted_lost,
        queued,
        ended,
        ..
    } = read;
    let adds_up = told_lost == counted_lost && *queued == 0 && read.order.inversions == 0;
    let had = items + told_lost;
    if *overflow != Overflow::Close {
        findings.exact(
            format!("a stalled {what} that may `{overflow}`: published = received + told as lost"),
            format!("{published} = {items} + {told_lost}"),
            adds_up && published == had && *told_lost > 0 && ended.is_none(),
        );
        return;
    }
    findings.exact(
        format!("a stalled {what} that may `close`: its stream has no gap, and says that it ended"),
        format!(
            "{published} = {items} received without a gap, {told_lost} told as lost, {} after \
             its end",
            published - had
        ),
        adds_up && *told_lost == 1 && *ended == Some(CloseReason::Lagged) && read.order.gaps == 0,
    );
}

fn of_second_process(findings: &mut Findings, with: &Run) {
    let asked = with.second;
    let queue = broker_config().subscriber_queue.get();
    let end = match asked.end {
        Some(End::Lagged) => "then it was disconnected",
        _ => "it was not disconnected",
    };
    findings.exact(
        format!(
            "a process that stalls beside one that answers is disconnected once it has {queue} \
             questions queued"
        ),
        format!(
            "{} asked before, {} found queued, {end}; {} disconnected in all",
            asked.before, asked.after, with.disconnected
        ),
        asked.after == queue && asked.end == Some(End::Lagged) && with.disconnected == 1,
    );
}

fn of_dead_process(findings: &mut Findings, fates: &Fates) {
    let taken = || fates.values().flatten();
    let refused = fates.len() - taken().count();
    let late = taken().filter(|fate| fate.timed_out).count();
    let admitted = taken().filter(|fate| fate.is_admitted).count();
    findings.exact(
        "events of a hook whose only process stalls time out and go on, or are refused for a \
         full lane",
        format!(
            "{} published = {admitted} admitted ({late} after a time-out) + {refused} refused",
            fates.len()
        ),
        late > 0 && refused > 0 && admitted + refused == fates.len(),
    );
}
