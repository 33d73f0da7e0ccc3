//! Interaction-scoped governance: one Interaction Identity, one coherent policy.
//!
//! The crate counts coordination surfaces (`IoE §3.2`); identity, policy, audit and degradation follow.
#![no_std]

/// The dimensions of an interaction whose contexts have to be coordinated (`IoE §3.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// Participants.
    pub participants: u32,
    /// Modalities.
    pub modalities: u32,
    /// Functions.
    pub functions: u32,
    /// Authorities.
    pub authorities: u32,
    /// Transports.
    pub transports: u32,
}

impl Dimensions {
    /// `C_int`: the binding points when everything is bound to one interaction (`IoE §3.2`).
    ///
    /// Five 32-bit numbers cannot overflow the sum.
    #[must_use]
    pub const fn interaction_scoped(self) -> u64 {
        self.participants as u64
            + self.modalities as u64
            + self.functions as u64
            + self.authorities as u64
            + self.transports as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Dimensions;

    #[test]
    fn the_drafts_video_conference_has_31_binding_points() {
        let conference = Dimensions { participants: 10, modalities: 6, functions: 8, authorities: 4, transports: 3 };
        assert_eq!(conference.interaction_scoped(), 31);
    }
}
