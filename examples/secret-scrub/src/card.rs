//! Numbers of payment cards: digits of an issuer, in groups, with a checksum.

/// Lengths and leading digits of the issuers, as ranges of the first six.
const ISSUERS: &[(u32, u32, &[usize])] = &[
    (400_000, 499_999, &[13, 16, 19]), // Visa
    (510_000, 559_999, &[16]),         // Mastercard
    (222_100, 272_099, &[16]),
    (340_000, 349_999, &[15]), // American Express
    (370_000, 379_999, &[15]),
    (300_000, 305_999, &[14, 16]), // Diners Club
    (360_000, 369_999, &[14, 16]),
    (380_000, 399_999, &[14, 16]),
    (352_800, 358_999, &[16, 17, 18, 19]), // JCB
    (601_100, 601_199, &[16, 17, 18, 19]), // Discover
    (644_000, 659_999, &[16, 17, 18, 19]),
    (620_000, 629_999, &[16, 17, 18, 19]), // UnionPay
];
const MOST_DIGITS: usize = 19;

/// How many bytes of `text` are a card's number: digits alone, or in groups
/// with one and the same blank or dash between them. Digits behind it that
/// are a group of their own do not belong to it.
pub(crate) fn find(text: &[u8]) -> Option<usize> {
    let mut digits: Vec<u32> = Vec::new();
    let mut found = None;
    let mut separator = None;
    let mut at = 0;
    while digits.len() <= MOST_DIGITS {
        let group = text
            .iter()
            .skip(at)
            .take(MOST_DIGITS + 1)
            .take_while(|b| b.is_ascii_digit());
        let before = digits.len();
        digits.extend(group.map(|b| u32::from(b - b'0')));
        let size = digits.len() - before;
        at += size;
        let next = text.get(at).copied();
        let is_group = before == 0 && size == 4 || before > 0 && (3..=7).contains(&size);
        let is_end = !next.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_end && (is_group || before == 0) && is_card(&digits) {
            found = Some(at);
        }
        let more = matches!(next, Some(b' ' | b'-')) && separator.is_none_or(|s| Some(s) == next);
        if !is_group || !more || !text.get(at + 1).is_some_and(u8::is_ascii_digit) {
            break;
        }
        separator = next;
        at += 1;
    }
    found
}

fn is_card(digits: &[u32]) -> bool {
    let first = digits.iter().take(6).fold(0, |sum, digit| sum * 10 + digit);
    let issued = |(from, to, lengths): &(u32, u32, &[usize])| {
        (*from..=*to).contains(&first) && lengths.contains(&digits.len())
    };
    ISSUERS.iter().any(issued) && luhn(digits)
}

fn luhn(digits: &[u32]) -> bool {
    let weigh = |(i, digit): (usize, &u32)| match (i % 2, digit * 2) {
        (0, _) => *digit,
        (_, double) if double > 9 => double - 9,
        (_, double) => double,
    };
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}
