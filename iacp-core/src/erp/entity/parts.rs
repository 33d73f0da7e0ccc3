//! Parts of an LL-Entity that can be left out.
//!
//! One that is left out has tables without places: what works on them is known to do nothing, and is not linked. It acts as one
//! that was given no table.

/// The feature `answers`.
pub(super) const ANSWERS: bool = cfg!(feature = "answers");
/// The feature `resume`.
pub(super) const RESUME: bool = cfg!(feature = "resume");
/// The feature `endpoints`.
pub(super) const ENDPOINTS: bool = cfg!(feature = "endpoints");
/// The feature `directory`.
pub(super) const DIRECTORY: bool = cfg!(feature = "directory");
/// The feature `roaming`.
pub(super) const ROAMING: bool = cfg!(feature = "roaming");

/// The caller's table, or none.
macro_rules! part {
    ($feature:tt, $table:expr) => {{
        #[cfg(feature = $feature)]
        {
            $table
        }
        #[cfg(not(feature = $feature))]
        {
            &mut []
        }
    }};
}
pub(super) use part;
