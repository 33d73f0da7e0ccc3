//! What a PSS_DATA_STREAM frame carries.

/// The kind of a frame's content. A heartbeat is not among them: it belongs to the session, not to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ContentKind {
    /// 0: the application's ANML data (`IACP §6.4.5`).
    Anml,
    /// 1: an update of an Ephemeral State Endpoint (`IACP §6.4.1`).
    EseUpdate,
    /// 2: a Dynamic Group Key (`IACP §6.4.4`).
    Dgk,
    /// 4: operations under the Session Federation Contract (`IACP §6.4.4`).
    Sfc,
    /// 5: a side's first frame in a session with RESUME.
    Resume,
    /// 6: which copies were missing or altered on each of three paths (`IACP §4.2.7.3`).
    PathReport,
}

words! {
    ContentKind {
        Self::Anml => "ANML",
        Self::EseUpdate => "endpoint update",
        Self::Dgk => "group key",
        Self::Sfc => "contract operation",
        Self::Resume => "resume record",
        Self::PathReport => "path report",
    }
}

impl ContentKind {
    /// The code of a heartbeat's plaintext.
    pub(crate) const HEARTBEAT: u8 = 3;

    /// The code in the plaintext.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Anml => 0,
            Self::EseUpdate => 1,
            Self::Dgk => 2,
            Self::Sfc => 4,
            Self::Resume => 5,
            Self::PathReport => 6,
        }
    }

    /// The kind of a code; `None` for that of a heartbeat and for unknown codes.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Anml),
            1 => Some(Self::EseUpdate),
            2 => Some(Self::Dgk),
            4 => Some(Self::Sfc),
            5 => Some(Self::Resume),
            6 => Some(Self::PathReport),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows: IACP-143 (§6.4.1)
    #[test]
    fn six_codes_are_kinds_of_content_and_3_is_the_heartbeats() {
        for code in 0..=u8::MAX {
            let is_kind = matches!(code, 0..=2 | 4..=6);
            assert_eq!(ContentKind::from_code(code).map(ContentKind::code), is_kind.then_some(code));
        }
        assert_eq!(ContentKind::HEARTBEAT, 3);
    }
}
