//! Time, as given by the caller. The protocol never reads a clock.

/// One reading of both of the browser's clocks, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970. The user can change this clock, also backwards.
    pub wall: i64,
    /// Milliseconds since some start. This clock never goes backwards, and may stop while the device sleeps.
    pub monotonic: i64,
}

impl Now {
    /// Milliseconds since an earlier reading. Each clock can miss time (one can be set back, the other can stop during sleep),
    /// so the clock that measured more time is used. At worst, a token is renewed too early.
    pub fn since(self, earlier: Self) -> i64 {
        let wall = self.wall.saturating_sub(earlier.wall);
        let monotonic = self.monotonic.saturating_sub(earlier.monotonic);
        wall.max(monotonic).max(0)
    }

    /// Seconds since 1970, the unit of JWT claims (RFC 7519 §2, `NumericDate`).
    pub fn unix(self) -> i64 {
        self.wall.div_euclid(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::Now;

    #[test]
    fn the_clock_that_advanced_more_is_used() {
        let start = Now { wall: 1_000_000, monotonic: 50 };
        let rows = [
            ("both run", 1_005_000, 5_050, 5_000),
            ("the device slept", 1_905_000, 5_050, 905_000),
            ("the clock was set back", 0, 5_050, 5_000),
            ("both stand still", 1_000_000, 50, 0),
            ("the end of time", i64::MAX, 0, i64::MAX - 1_000_000),
        ];
        for (label, wall, monotonic, expected) in rows {
            assert_eq!(Now { wall, monotonic }.since(start), expected, "{label}");
        }
    }
}
