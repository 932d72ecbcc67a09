//! What must be known about a charge beside its amount.
//!
//! It must never change its numbers: they are stored.

/// A set of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Marks(i64);

impl Marks {
    /// Nothing to say.
    pub const NONE: Marks = Marks(0);
    /// A part of it is an estimate: an upstream did not report what it used.
    pub const ESTIMATED: Marks = Marks(1);
    /// Its process died: nothing can be known of the call.
    pub const UNKNOWN_OUTCOME: Marks = Marks(2);
    /// The upstream reported more than the call could use: it was charged at its hold.
    pub const AT_THE_HOLD: Marks = Marks(4);
    /// It came after its hold had ended.
    pub const LATE: Marks = Marks(8);
    /// The clock had jumped back: it counts on the latest day that was seen.
    pub const CLOCK_WENT_BACK: Marks = Marks(16);
    /// Usage was missing, negative or beyond all counting.
    pub const ABSURD_USAGE: Marks = Marks(32);

    const NAMES: [(Marks, &'static str); 6] = [
        (Marks::ESTIMATED, "estimated"),
        (Marks::UNKNOWN_OUTCOME, "unknown_outcome"),
        (Marks::AT_THE_HOLD, "at_the_hold"),
        (Marks::LATE, "late"),
        (Marks::CLOCK_WENT_BACK, "clock_went_back"),
        (Marks::ABSURD_USAGE, "absurd_usage"),
    ];

    /// As it is stored.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// From what is stored.
    pub const fn from_bits(bits: i64) -> Marks {
        Marks(bits)
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// These, if `so`.
    #[must_use]
    pub const fn when(self, so: bool) -> Marks {
        if so { self } else { Marks::NONE }
    }

    /// Is all of `other` among them?
    pub const fn has(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        let named = Marks::NAMES.iter().filter(|(mark, _)| self.has(*mark));
        named.map(|(_, name)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_add_up_and_are_named() {
        let both =
            Marks::ESTIMATED.with(Marks::LATE.when(true)).with(Marks::AT_THE_HOLD.when(false));
        assert_eq!(both.names(), ["estimated", "late"]);
        assert_eq!(Marks::from_bits(both.bits()), both);
    }
}
