//! Days and months as an environment's people count them: caps end with theirs, not with UTC's.
//!
//! It must never take a day for 24 hours: where the clocks change, one has 23 or 25.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Timestamp;

/// A day of the calendar, written `2026-11-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDay(Date);

/// A month of the calendar, written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarMonth {
    /// The month's first day.
    first: Date,
}

/// The text is no day or month of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day such as 2026-11-25, nor a month such as 2026-11")]
pub struct CalendarError;

/// Where an environment's days end: a time zone of the tz database, which is in the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// No such time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the tz database, such as \"America/Toronto\" or \"UTC\"")]
pub struct ZoneError;

impl CalendarDay {
    /// # Errors
    /// When the text is not a day as `2026-11-25` writes it.
    pub fn parse(text: &str) -> Result<CalendarDay, CalendarError> {
        let day = text.parse().map(CalendarDay).map_err(|_| CalendarError)?;
        // One spelling a day: others would be other accounts.
        if day.to_string() == text { Ok(day) } else { Err(CalendarError) }
    }

    /// Its month.
    pub fn month(self) -> CalendarMonth {
        CalendarMonth { first: self.0.first_of_month() }
    }

    /// Whole days from `earlier` to here; negative when `earlier` is later.
    pub fn days_since(self, earlier: CalendarDay) -> i32 {
        earlier.0.until(self.0).map_or(0, |between| between.get_days())
    }
}

impl CalendarMonth {
    /// # Errors
    /// When the text is not a month as `2026-11` writes it.
    pub fn parse(text: &str) -> Result<CalendarMonth, CalendarError> {
        CalendarDay::parse(&format!("{text}-01")).map(CalendarDay::month)
    }
}

impl fmt::Display for CalendarDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CalendarMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

impl Zone {
    /// Universal time.
    pub const UTC: Zone = Zone(TimeZone::UTC);

    /// A zone by its name in the tz database.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn parse(name: &str) -> Result<Zone, ZoneError> {
        TimeZone::get(name).map(Zone).map_err(|_| ZoneError)
    }

    /// Every name there is, to suggest one.
    pub fn names() -> Vec<String> {
        jiff::tz::db().available().map(|name| name.to_string()).collect()
    }

    /// The zone's name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The day in which this moment lies.
    pub fn day_of(&self, at: Timestamp) -> CalendarDay {
        let moment = jiff::Timestamp::from_microsecond(at.micros());
        let moment = moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        CalendarDay(self.0.to_datetime(moment).date())
    }

    /// The first moment behind the day; none at the end of the calendar.
    pub fn end_of_day(&self, day: CalendarDay) -> Option<Timestamp> {
        self.begin_of(day.0.tomorrow().ok()?)
    }

    /// The first moment behind the month; none at the end of the calendar.
    pub fn end_of_month(&self, month: CalendarMonth) -> Option<Timestamp> {
        self.begin_of(month.first.last_of_month().tomorrow().ok()?)
    }

    /// The month's first moment; none at the beginning of the calendar.
    pub fn begin_of_month(&self, month: CalendarMonth) -> Option<Timestamp> {
        self.begin_of(month.first)
    }

    fn begin_of(&self, day: Date) -> Option<Timestamp> {
        let begin = day.to_zoned(self.0.clone()).ok()?.timestamp();
        Some(Timestamp::from_micros(begin.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_day_ends_where_the_environment_is() {
        let toronto = Zone::parse("America/Toronto").unwrap();
        let late = toronto.day_of(at("2026-12-01T04:59:59Z"));
        assert_eq!(late.to_string(), "2026-11-30");
        assert_eq!(toronto.end_of_day(late).unwrap(), at("2026-12-01T05:00:00Z"));
        assert_eq!(toronto.end_of_month(late.month()).unwrap(), at("2026-12-01T05:00:00Z"));
        assert_eq!(toronto.day_of(at("2026-12-01T05:00:00Z")).month().to_string(), "2026-12");
        assert_eq!(toronto.begin_of_month(late.month()).unwrap(), at("2026-11-01T04:00:00Z"));
        assert_eq!(Zone::UTC.day_of(at("2026-12-01T04:59:59Z")).to_string(), "2026-12-01");
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_not_24_hours() {
        let toronto = Zone::parse("America/Toronto").unwrap();
        let hours = |day: &str, before: &str| {
            let end = |day| toronto.end_of_day(CalendarDay::parse(day).unwrap()).unwrap();
            (end(day).seconds() - end(before).seconds()) / 3600
        };
        assert_eq!(hours("2026-03-08", "2026-03-07"), 23);
        assert_eq!(hours("2026-11-01", "2026-10-31"), 25);
    }

    #[test]
    fn names_read_back_and_nonsense_is_refused() {
        assert_eq!(Zone::parse("America/Toronto").unwrap().name(), "America/Toronto");
        assert_eq!(Zone::UTC.name(), "UTC");
        assert!(Zone::parse("America/Torronto").is_err());
        assert!(Zone::names().iter().any(|name| name == "America/Toronto"));
        assert_eq!(CalendarMonth::parse("2026-11").unwrap().to_string(), "2026-11");
        for text in ["2026-13", "2026-1", "2026", "x", "2026-11-01"] {
            assert!(CalendarMonth::parse(text).is_err(), "{text}");
        }
        assert!(CalendarDay::parse("20261125").is_err());
        let (early, late) = ("2026-11-30", "2026-12-02");
        let day = |text| CalendarDay::parse(text).unwrap();
        assert_eq!(day(late).days_since(day(early)), 2);
        assert_eq!(day(early).days_since(day(late)), -2);
    }
}
