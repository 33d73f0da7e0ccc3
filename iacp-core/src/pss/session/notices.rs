//! Changes of the session that are not reported to the application yet.

/// A kind of change, in the order in which they are reported.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Notice {
    Established = 1 << 0,
    Proposed = 1 << 1,
    Contract = 1 << 2,
    Disconnected = 1 << 3,
    Reconciling = 1 << 4,
    Reconciled = 1 << 5,
    Moved = 1 << 6,
    Finished = 1 << 7,
    CloseRequested = 1 << 8,
    Delivered = 1 << 9,
    Writable = 1 << 10,
    Closed = 1 << 11,
    Released = 1 << 12,
}

impl Notice {
    const ALL: [Self; 13] = [
        Self::Established,
        Self::Proposed,
        Self::Contract,
        Self::Disconnected,
        Self::Reconciling,
        Self::Reconciled,
        Self::Moved,
        Self::Finished,
        Self::CloseRequested,
        Self::Delivered,
        Self::Writable,
        Self::Closed,
        Self::Released,
    ];
}

/// A set: a change that happens again before it is reported is reported once.
#[derive(Clone, Copy)]
pub(super) struct Notices(u16);

impl Notices {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn add(&mut self, notice: Notice) {
        // A loss cancels an unreported return before it, and a return cancels an unreported earlier one, so that the
        // last event matches the current state.
        match notice {
            Notice::Disconnected => self.0 &= !(Notice::Reconciling as u16 | Notice::Reconciled as u16),
            Notice::Reconciling => self.0 &= !(Notice::Reconciled as u16),
            _ => {}
        }
        self.0 |= notice as u16;
    }

    pub(super) fn next(&mut self) -> Option<Notice> {
        let next = Notice::ALL.into_iter().find(|notice| self.0 & *notice as u16 != 0)?;
        self.0 &= !(next as u16);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_reported_once_and_in_order() {
        let mut notices = Notices::NONE;
        assert!(notices.next().is_none());
        for (at, notice) in Notice::ALL.into_iter().enumerate() {
            assert_eq!(notice as u16, 1 << at);
            notices.add(notice);
            notices.add(notice);
            assert!(notices.next() == Some(notice) && notices.next().is_none());
        }
        for notice in [Notice::Released, Notice::Writable, Notice::Established, Notice::Moved] {
            notices.add(notice);
        }
        for notice in [Notice::Established, Notice::Moved, Notice::Writable, Notice::Released] {
            assert!(notices.next() == Some(notice));
        }
        assert!(notices.next().is_none());
    }

    #[test]
    fn the_last_one_told_of_the_link_is_its_state() {
        use Notice::{Closed, Disconnected, Reconciled, Reconciling};
        for (changes, told) in [
            ([Reconciling, Reconciled, Disconnected], [Disconnected, Closed, Closed]),
            ([Reconciled, Disconnected, Reconciling], [Disconnected, Reconciling, Closed]),
            ([Disconnected, Reconciling, Reconciled], [Disconnected, Reconciling, Reconciled]),
            ([Reconciled, Reconciling, Reconciling], [Reconciling, Closed, Closed]),
        ] {
            let mut notices = Notices::NONE;
            changes.into_iter().for_each(|change| notices.add(change));
            for expected in told {
                assert!(notices.next() == Some(expected).filter(|expected| *expected != Closed));
            }
        }
        let mut notices = Notices::NONE;
        [Closed, Disconnected].into_iter().for_each(|notice| notices.add(notice));
        assert!(notices.next() == Some(Disconnected) && notices.next() == Some(Closed), "others stay");
    }
}
