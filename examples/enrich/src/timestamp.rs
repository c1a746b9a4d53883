//! Milliseconds since the Unix epoch as people and databases read them.

/// In RFC 3339, UTC, with milliseconds: `1970-01-01T00:00:00.000Z`. Years
/// past 9999, which the format does not have, stay at its last millisecond.
pub(crate) fn rfc3339(time_ms: u64) -> String {
    const LAST: u64 = 253_402_300_799_999;
    const DAY: u64 = 86_400_000;
    let time_ms = time_ms.min(LAST);
    let (days, of_day) = (time_ms / DAY, time_ms % DAY);
    let (year, month, day) = date(days);
    let (seconds, ms) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Year, month and day of a day after 1970-01-01. Years are taken to begin in
/// March, so that the leap day is the last one and months have a formula.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097; // days in 400 years
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, of_era) = (shifted / ERA, shifted % ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153; // 0 is March
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ];
        for (time_ms, want) in cases {
            assert_eq!(rfc3339(time_ms), want, "time: {time_ms}");
        }
    }
}
