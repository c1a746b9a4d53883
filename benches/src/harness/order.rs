//! Whose turn it is.

/// The order of `count` contestants in round number `round`: each begins in
/// turn, and every other time they go round the other way, so that nobody
/// always follows the same one.
pub(super) fn order(round: usize, count: usize) -> impl Iterator<Item = usize> {
    let first = (round / 2).checked_rem(count).unwrap_or(0);
    (0..count).map(move |turn| match round.is_multiple_of(2) {
        true => (first + turn) % count,
        false => (first + count - turn) % count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_everybody_once() {
        for count in 0..7 {
            for round in 0..20 {
                let mut seen: Vec<_> = order(round, count).collect();
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..count), "round {round} of {count}");
            }
        }
    }

    #[test]
    fn everybody_is_first_and_last_equally_often() {
        let count = 5;
        let mut first = vec![0; count];
        let mut last = vec![0; count];
        for round in 0..2 * count {
            let order: Vec<_> = order(round, count).collect();
            first[order[0]] += 1;
            last[order[count - 1]] += 1;
        }
        assert_eq!(first, vec![2; count]);
        assert_eq!(last, vec![2; count]);
    }

    #[test]
    fn nobody_always_follows_the_same_one() {
        let before = |round, who| {
            let order: Vec<_> = order(round, 3).collect();
            let place = order.iter().position(|other| *other == who).unwrap();
            place.checked_sub(1).map(|before| order[before])
        };
        let mut seen: Vec<_> = (0..6).filter_map(|round| before(round, 1)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 2]);
    }
}
